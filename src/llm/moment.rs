//! The order in which things happened in this process.

use std::sync::atomic::{AtomicU64, Ordering};

/// A point in the order in which things happen in this process. It is no time: it only tells what was before what, for a forgetting
/// to know what was begun before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// This moment, after all that were asked for before.
    pub(crate) fn now() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::SeqCst))
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self::now()
    }
}

/// When an operation began, as an erasure asks: what it works on was known at one moment, and it was called at another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun {
    /// When what it works on was known to be so: when the model that it was called with was the newest. A forgetting after that makes it late.
    pub(crate) known: Moment,
    /// When it was called. A purge after that makes it late.
    pub(crate) called: Moment,
}

impl Default for Begun {
    fn default() -> Self {
        let now = Moment::now();
        Self { known: now, called: now }
    }
}
