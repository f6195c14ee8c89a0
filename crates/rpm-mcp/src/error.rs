//! Why a tool did not do what it was asked to, in words for a model and its user, which quote neither.

use std::fmt;

use rpm_core::data::DataError;
use rpm_core::personalizer::PersonalizerError;
use rpm_core::{Error, StoredError};

/// A failed call. It names the argument at fault and says what to do; no text of an argument and no user id is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToolError {
    argument: Option<String>,
    problem: String,
}

impl ToolError {
    /// A fault of one argument.
    pub(crate) fn of(argument: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { argument: Some(argument.into()), problem: problem.into() }
    }

    /// A fault of the call as a whole.
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { argument: None, problem: problem.into() }
    }

    /// A fault of data, which names the argument as its item. What repeats an id is told without it.
    pub(crate) fn of_data(error: &DataError) -> Self {
        match error {
            DataError::UnknownItem { .. } => Self::of(
                "interactions",
                "one of these is no answer of this user: `record` and `explain` give their ids",
            ),
            DataError::UnknownFactor { .. } => Self::of("factor", UNKNOWN_FACTOR),
            _ => Self::new(format!("{error}. Change that argument and call again")),
        }
    }

    /// This argument names no factor.
    pub(crate) fn unknown_factor(argument: &str) -> Self {
        Self::of(argument, UNKNOWN_FACTOR)
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.argument {
            Some(argument) => write!(f, "`{argument}`: {}.", self.problem),
            None => write!(f, "{}.", self.problem),
        }
    }
}

const NOBODY: &str = "nothing is recorded of this user yet: call `record` first";
const UNKNOWN_FACTOR: &str = "no factor of this user has this id, label or word: `profile` lists them with their ids";
const AGAIN: &str = "it failed for now: call again in a moment";

impl From<PersonalizerError> for ToolError {
    fn from(error: PersonalizerError) -> Self {
        match error {
            PersonalizerError::Data(error) => Self::of_data(&error),
            PersonalizerError::UnknownFactor { .. } => Self::of("factor", UNKNOWN_FACTOR),
            PersonalizerError::Stored(error) => error.into(),
            _ => Self::new(AGAIN),
        }
    }
}

impl From<StoredError> for ToolError {
    fn from(error: StoredError) -> Self {
        match error {
            StoredError::UnknownUser { .. } => Self::new(NOBODY),
            StoredError::Operation(error) => (&error).into(),
            error if error.is_transient() => Self::new(AGAIN),
            // What a store says may name a place or a user: that is the host's to read, not the model's.
            _ => Self::new("the store of user models failed: the host has to look at it"),
        }
    }
}

impl From<&Error> for ToolError {
    fn from(error: &Error) -> Self {
        match error {
            Error::Data(error) => Self::of_data(error),
            Error::Edit(error) => Self::new(format!("{error}: `profile` lists factors and edits")),
            Error::Budget { .. } => Self::new(format!("{error}: the host has to raise it, or ask less")),
            error if error.is_transient() => Self::new(AGAIN),
            error => Self::new(format!("{error}: the host has to look at it")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rpm_core::UserId;

    use super::*;

    #[test]
    fn no_user_id_is_in_an_error() {
        let user = UserId::new("nora@example.org").unwrap();
        for error in [
            ToolError::from(StoredError::UnknownUser { user: user.clone() }),
            ToolError::from(StoredError::Contended { user: user.clone(), attempts: 3 }),
            ToolError::from(StoredError::Deleted { user: user.clone() }),
            ToolError::from(PersonalizerError::UnknownFactor { user }),
        ] {
            assert!(!error.to_string().contains("nora"), "{error}");
        }
    }
}
