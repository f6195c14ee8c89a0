//! Asks a model: sends requests in batches, and asks again for what a reply lacks.
//!
//! A stage asks about *parts*, numbered from 0: texts whose features it wants, groups to name, a path or an answer to be
//! written. It says how its requests are put and how their replies are read ([`Inquiry`]); the loop does the rest:
//!
//! ```text
//! parts -> requests -> one batch -> for each part: Done(value)                    the part has its value
//!             ^                                    Again { problem, partial }     the part is still open
//!             '-------- what is open, with the problem, at most `reasks` times ---'
//! ```
//!
//! - Every part ends with exactly one outcome: its value, or an error.
//! - What was read stands. Only open parts are asked about again, each in a request of its own or together with the open
//!   parts of the same request ([`Rest`]). A request about a part sees what was wrong with the last reply and what earlier
//!   replies held of it ([`Ask`]).
//! - No part is in more than `1 + reasks` requests. One that is open after the last of them, or whose request fails, ends with
//!   what earlier replies held of it, or else with [`AskError`]. A failed request is not sent again: retries are the
//!   backend's.
//! - A failure of a request is the error of its first part; of the others it is said that there was no result, or which limit
//!   was reached.
//! - A request that would exceed the budget is not sent, and its parts are not asked about again.
//!
//! For parts that have one request of their own each, continued as a conversation, [`Asking::converse`] is the loop.

mod again;
mod conversation;
mod error;
mod note;
mod send;
mod shape;

use super::{Ledger, LlmBackend, Roles, Stage};

pub(crate) use again::{Ask, Inquiry, Plan, Rest, Verdict};
pub use error::AskError;
pub(crate) use note::{note, unless_cut};

/// The models that an operation asks, and the account that every request is entered in.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    backend: Option<&'a dyn LlmBackend>,
    roles: Option<&'a Roles>,
    ledger: &'a Ledger,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(backend: Option<&'a dyn LlmBackend>, ledger: &'a Ledger) -> Self {
        Self { backend, roles: None, ledger }
    }

    /// Asks other models for some stages.
    pub(crate) fn roles(self, roles: &'a Roles) -> Self {
        Self { roles: Some(roles), ..self }
    }

    pub(crate) fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    /// The model for stages that have none of their own.
    pub(crate) fn backend(&self) -> Option<&'a dyn LlmBackend> {
        self.backend
    }

    fn backend_of(&self, stage: Stage) -> Option<&'a dyn LlmBackend> {
        self.roles.and_then(|roles| roles.of(stage)).or(self.backend)
    }
}

#[cfg(test)]
mod tests;
