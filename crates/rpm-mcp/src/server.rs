//! What the sessions of a server share: whose data, which questions, and who is told of changes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::Tool;
use rpm_core::{DataError, Personalizer, Query, Task, UserId};
use tokio::sync::{broadcast, oneshot, watch};

use crate::error::ToolError;
use crate::last::LastAnswers;
use crate::limits;
use crate::places::Places;
use crate::session::Session;
use crate::tools;

/// An MCP server over a [`Personalizer`]. Cheap to clone; each client gets a [`Session`] of its own from it, for one user.
///
/// The personalizer may stand on any [`UserModelStore`](rpm_core::store::UserModelStore), ask a model or none, and be used beside this.
///
/// ```
/// use rpm_core::{Personalizer, ResponseSpace, Task};
/// use rpm_mcp::Server;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// let server = Server::new(Personalizer::offline(task));
/// let session = server.session("ana".try_into()?); // `rmcp::serve_server(session, transport)`
/// # drop(session);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) personalizer: Personalizer,
    pub(crate) questions: Vec<Query>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) last: LastAnswers,
    /// Those of calls.
    pub(crate) calls: Arc<Places>,
    changed: broadcast::Sender<UserId>,
    /// The number of tasks that write.
    writing: watch::Sender<usize>,
}

/// A task that writes, while it does.
struct Writing(Arc<Shared>);

impl Writing {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.writing.send_modify(|writing| *writing += 1);
        Self(Arc::clone(shared))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.writing.send_modify(|writing| *writing -= 1);
    }
}

/// Changes that a session may be behind before it is told of them as one.
const CHANGES_BEHIND: usize = 64;

impl Server {
    /// A server whose clients bring the candidates of `next_question` themselves.
    pub fn new(personalizer: impl Into<Personalizer>) -> Self {
        Self::of(personalizer.into(), Vec::new())
    }

    /// A server with questions of the host's, of which `next_question` chooses where the client brings none.
    ///
    /// # Errors
    /// [`DataError`] naming the first question that the task does not allow, by its place from 0, and for more than
    /// [`limits::CANDIDATES`].
    pub fn with_questions(
        personalizer: impl Into<Personalizer>,
        questions: impl IntoIterator<Item = Query>,
    ) -> Result<Self, DataError> {
        let (personalizer, questions) = (personalizer.into(), questions.into_iter().collect::<Vec<_>>());
        let (size, limit) = (questions.len(), limits::CANDIDATES);
        if size > limit {
            return Err(DataError::TooLarge { item: "questions".to_owned(), what: "their number", size, limit });
        }
        let task = personalizer.stored().pipeline().task();
        for (place, question) in questions.iter().enumerate() {
            task.check_query(&format!("question {place}"), question)?;
        }
        Ok(Self::of(personalizer, questions))
    }

    fn of(personalizer: Personalizer, questions: Vec<Query>) -> Self {
        let tools = tools::all(personalizer.stored().pipeline().task(), !questions.is_empty());
        let (last, changed) = (LastAnswers::default(), broadcast::Sender::new(CHANGES_BEHIND));
        let (calls, writing) = (Places::new(limits::CALLS), watch::Sender::new(0));
        Self { shared: Arc::new(Shared { personalizer, questions, tools, last, calls, changed, writing }) }
    }

    /// Waits until all that was begun to be written, such as a forgetting whose client went away, is written. For the end of a process: let it
    /// end after this, and after no more requests come.
    pub async fn finished(&self) {
        // It has no end while `self` is there.
        let _ = self.shared.writing.subscribe().wait_for(|writing| *writing == 0).await;
    }

    /// A session for this user, to be served over a transport of rmcp's. Whoever is at the other end speaks for this user, and for nobody
    /// else.
    pub fn session(&self, user: UserId) -> Session {
        Session::of_user(Arc::clone(&self.shared), user)
    }
}

impl Shared {
    pub(crate) fn task(&self) -> &Task {
        self.personalizer.stored().pipeline().task()
    }

    /// Tells the sessions of this user that what is known of them changed.
    pub(crate) fn tell_changed(&self, user: &UserId) {
        // Nobody need listen.
        let _ = self.changed.send(user.clone());
    }

    /// Does what writes in a task of its own, which goes on when the call is cancelled: to its end, or for so long. What was broken off then may
    /// have been saved, and is told as a change.
    pub(crate) async fn finish<T: Send + 'static>(
        self: &Arc<Self>,
        user: &UserId,
        grace: Option<Duration>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ToolError> {
        let (writing, user) = (Writing::new(self), user.clone());
        // Dropped with the call.
        let (_called, call) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let given_up = async {
                let _ = call.await;
                match grace {
                    Some(grace) => tokio::time::sleep(grace).await,
                    None => std::future::pending().await,
                }
            };
            let done = tokio::select! {
                biased;
                done = work => Some(done),
                () = given_up => None,
            };
            if done.is_none() {
                writing.0.tell_changed(&user);
            }
            done
        });
        let broke_off = || ToolError::new("it broke off: look at what is there, and call again");
        task.await.ok().flatten().ok_or_else(broke_off)
    }

    /// The changes from now on.
    pub(crate) fn changes(&self) -> Changes {
        Changes { received: self.changed.subscribe() }
    }
}

/// The changes of all users, of which a session waits for those of its own.
pub(crate) struct Changes {
    received: broadcast::Receiver<UserId>,
}

impl Changes {
    /// Waits for a change of this user, or of what may have been one; false when there will be none.
    pub(crate) async fn of(&mut self, user: &UserId) -> bool {
        loop {
            match self.received.recv().await {
                Ok(changed) if changed == *user => return true,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return true,
                Err(broadcast::error::RecvError::Closed) => return false,
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let questions = self.shared.questions.len();
        let shared = &self.shared;
        f.debug_struct("Server").field("personalizer", &shared.personalizer).field("questions", &questions).finish()
    }
}
