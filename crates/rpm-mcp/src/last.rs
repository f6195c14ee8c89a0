//! The last question of each user and its answer, for an `explain` without a question.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rpm_core::personalizer::Told;
use rpm_core::{Query, UserId};

/// The last questions of those who asked last: for all of a user's sessions, since the newer protocol has none that could keep them.
#[derive(Default)]
pub(crate) struct LastAnswers {
    kept: Mutex<Kept>,
}

struct Kept {
    all: VecDeque<LastAnswer>,
    /// The bytes of all questions.
    bytes: usize,
    /// How often something was forgotten of each of so many groups of users.
    forgotten: Box<[u64]>,
}

struct LastAnswer {
    user: UserId,
    bytes: usize,
    query: Query,
    told: Option<Told>,
}

/// How often something had been forgotten when an answer was begun.
#[derive(Clone, Copy)]
pub(crate) struct Began(u64);

/// Users whose last question is kept, and the latest of them whose answer is kept too: it holds their open model.
const QUESTIONS: usize = 4_096;
const ANSWERS: usize = 64;
/// Bytes of a question that is kept, and of all of them.
const BYTES: usize = 64 * 1024;
const ALL_BYTES: usize = 16 * 1024 * 1024;
/// Groups of users: one who forgets costs the others of their group an answer that is under way at that moment, and that is not kept then.
const GROUPS: usize = 1_024;

impl Default for Kept {
    fn default() -> Self {
        Self { all: VecDeque::new(), bytes: 0, forgotten: vec![0; GROUPS].into() }
    }
}

impl Kept {
    fn forgotten(&mut self, user: &UserId) -> Option<&mut u64> {
        let mut hasher = DefaultHasher::new();
        user.as_str().hash(&mut hasher);
        let group = usize::try_from(hasher.finish() % GROUPS as u64).unwrap_or_default();
        self.forgotten.get_mut(group)
    }

    fn drop_of(&mut self, user: &UserId) {
        self.all.retain(|last| last.user != *user);
        self.bytes = self.all.iter().map(|last| last.bytes).sum();
    }
}

impl LastAnswers {
    fn held(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called before an answer is begun that is to be kept.
    pub(crate) fn began(&self, user: &UserId) -> Began {
        Began(self.held().forgotten(user).map_or(0, |times| *times))
    }

    /// Keeps an answer, unless something was forgotten since it was begun, of which it may tell.
    pub(crate) fn keep(&self, user: &UserId, began: Began, query: Query, told: Told) {
        let bytes = query.text().len() + query.options().iter().map(String::len).sum::<usize>();
        let mut kept = self.held();
        if kept.forgotten(user).is_none_or(|times| *times != began.0) {
            return;
        }
        kept.drop_of(user);
        if bytes > BYTES {
            return;
        }
        kept.bytes += bytes;
        kept.all.push_back(LastAnswer { user: user.clone(), bytes, query, told: Some(told) });
        while kept.all.len() > QUESTIONS || kept.bytes > ALL_BYTES {
            let Some(oldest) = kept.all.pop_front() else { break };
            kept.bytes -= oldest.bytes;
        }
        let older = kept.all.len().checked_sub(ANSWERS + 1);
        if let Some(older) = older.and_then(|place| kept.all.get_mut(place)) {
            older.told = None;
        }
    }

    /// The last question, with its answer where that is still kept.
    pub(crate) fn of(&self, user: &UserId) -> Option<(Query, Option<Told>)> {
        self.held().all.iter().find(|last| last.user == *user).map(|last| (last.query.clone(), last.told.clone()))
    }

    /// Lets go of what quotes the user, after something was forgotten, and of what an answer that is under way would have kept.
    pub(crate) fn drop_of(&self, user: &UserId) {
        let mut kept = self.held();
        if let Some(times) = kept.forgotten(user) {
            *times += 1;
        }
        kept.drop_of(user);
    }
}

#[cfg(test)]
mod tests {
    use rpm_core::{Personalizer, ResponseSpace, Task};

    use super::*;

    async fn told(query: &Query) -> Told {
        let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
        Personalizer::offline(task).answer("ana", query).await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_was_begun_before_something_was_forgotten_is_not_kept() {
        let (last, user) = (LastAnswers::default(), UserId::new("ana").unwrap());
        let query = Query::new("A quiet film").unwrap();
        let began = last.began(&user);
        let told = told(&query).await;
        last.drop_of(&user);
        last.keep(&user, began, query.clone(), told.clone());
        assert!(last.of(&user).is_none());
        last.keep(&user, last.began(&user), query, told);
        assert!(last.of(&user).is_some());
    }

    #[tokio::test]
    async fn what_is_kept_has_a_most_of_bytes() {
        let last = LastAnswers::default();
        let user = |of: usize| UserId::new(format!("user-{of}")).unwrap();
        let long = Query::new("a".repeat(60_000)).unwrap();
        let told = told(&long).await;
        let users = ALL_BYTES / 60_000 + 10;
        for of in 0..users {
            last.keep(&user(of), last.began(&user(of)), long.clone(), told.clone());
        }
        assert!(last.of(&user(0)).is_none() && last.of(&user(9)).is_none() && last.of(&user(10)).is_some());
        assert!(last.held().bytes <= ALL_BYTES);
        let newest = user(users - 1);
        let too_long = Query::with_options("a".repeat(60_000), ["b".repeat(8_000), "c".into()]).unwrap();
        last.keep(&newest, last.began(&newest), too_long, told);
        assert!(last.of(&newest).is_none(), "nor is the question before it the last one any more");
    }
}
