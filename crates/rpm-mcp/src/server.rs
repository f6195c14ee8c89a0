//! What the sessions of a server share: whose data, which questions, and who is told of changes.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::Tool;
use rpm_core::personalizer::Told;
use rpm_core::{DataError, Personalizer, Query, Task, UserId};
use tokio::sync::broadcast;

use crate::limits;
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
    changed: broadcast::Sender<UserId>,
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
        Self { shared: Arc::new(Shared { personalizer, questions, tools, last, changed }) }
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

/// The last question of each user and its answer, of those who asked last: for all of a user's sessions, since the newer protocol has none that
/// could keep them.
#[derive(Default)]
pub(crate) struct LastAnswers {
    kept: Mutex<VecDeque<LastAnswer>>,
}

struct LastAnswer {
    user: UserId,
    query: Query,
    told: Option<Told>,
}

/// Users whose last question is kept, and the latest of them whose answer is kept too: it holds their open model.
const QUESTIONS: usize = 4_096;
const ANSWERS: usize = 64;

impl LastAnswers {
    fn held(&self) -> MutexGuard<'_, VecDeque<LastAnswer>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn keep(&self, user: &UserId, query: Query, told: Told) {
        let mut kept = self.held();
        kept.retain(|last| last.user != *user);
        kept.push_back(LastAnswer { user: user.clone(), query, told: Some(told) });
        if kept.len() > QUESTIONS {
            kept.pop_front();
        }
        if let Some(older) = kept.len().checked_sub(ANSWERS + 1).and_then(|place| kept.get_mut(place)) {
            older.told = None;
        }
    }

    /// The last question, with its answer where that is still kept.
    pub(crate) fn of(&self, user: &UserId) -> Option<(Query, Option<Told>)> {
        self.held().iter().find(|last| last.user == *user).map(|last| (last.query.clone(), last.told.clone()))
    }

    /// Lets go of what quotes the user, after something was forgotten.
    pub(crate) fn drop_of(&self, user: &UserId) {
        self.held().retain(|last| last.user != *user);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let questions = self.shared.questions.len();
        let shared = &self.shared;
        f.debug_struct("Server").field("personalizer", &shared.personalizer).field("questions", &questions).finish()
    }
}
