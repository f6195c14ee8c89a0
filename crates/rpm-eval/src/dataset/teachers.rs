//! The users of another set, who teach those of the set that is scored.

use std::collections::BTreeSet;

use rpm_core::data::Interaction;

use super::{Dataset, EvalUser, Mark};
use crate::EvalError;

/// The users of another set, from whom those of a set may learn. Only their histories teach; their test items are not read.
#[derive(Debug, Clone)]
pub struct Teachers {
    /// The other set's short name.
    pub name: String,
    /// SHA-256 of its files' bytes, in hexadecimal.
    pub sha256: String,
    /// The history of each user who teaches.
    pub histories: Vec<Vec<Interaction>>,
    /// Users of the other set who are in this one too, and so do not teach.
    pub left_out: usize,
}

impl Dataset {
    /// Puts the users of another set beside those of this one, to learn from. A user of the other set who has a
    /// [mark](Mark) of one of these, or the same history, does not teach.
    ///
    /// # Errors
    /// [`EvalError::OtherResponses`] when the sets are not of the same responses; [`EvalError::NoTeachers`] when nobody is left.
    pub fn beside(mut self, others: &Self) -> Result<Self, EvalError> {
        let names = || (self.name.clone(), others.name.clone());
        if self.task.space() != others.task.space() {
            let (set, others) = names();
            return Err(EvalError::OtherResponses { set, others });
        }
        let marks: BTreeSet<Mark> = self.users.iter().flat_map(|user| user.marks.iter().copied()).collect();
        let known: BTreeSet<Vec<(&str, &str)>> = self.users.iter().map(|user| said(user)).collect();
        let in_both =
            |user: &EvalUser| user.marks.iter().any(|mark| marks.contains(mark)) || known.contains(&said(user));
        let histories: Vec<Vec<Interaction>> =
            others.users.iter().filter(|user| !in_both(user)).map(|user| user.history.clone()).collect();
        if histories.is_empty() {
            let (set, others) = names();
            return Err(EvalError::NoTeachers { set, others });
        }
        let left_out = others.users.len() - histories.len();
        let (name, sha256) = (others.name.clone(), others.sha256.clone());
        self.teachers = Some(Teachers { name, sha256, histories, left_out });
        Ok(self)
    }
}

/// What a user said to what, in order.
fn said(user: &EvalUser) -> Vec<(&str, &str)> {
    user.history.iter().map(|past| (past.query().text(), past.response())).collect()
}
