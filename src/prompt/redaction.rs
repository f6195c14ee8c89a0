//! The hook that every text of the user leaves through.

use std::fmt;

/// A host's hook that sees, and may change, every text of the user before it goes into a prompt; or none.
#[derive(Clone, Copy, Default)]
pub struct Redaction<'a>(Option<&'a (dyn Fn(&str) -> String + Send + Sync)>);

impl<'a> Redaction<'a> {
    /// A hook through which text leaves.
    pub fn new(hook: &'a (dyn Fn(&str) -> String + Send + Sync)) -> Self {
        Self(Some(hook))
    }

    /// True when there is a hook.
    pub fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// The text as it may leave.
    pub fn apply(&self, text: &str) -> String {
        self.0.map_or_else(|| text.to_owned(), |hook| hook(text))
    }
}

impl fmt::Debug for Redaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redaction").field(&self.0.is_some()).finish()
    }
}
