//! A copy of vectors that is made when it pays.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The number of questions after which a copy has paid for itself: it costs about as much to make as it saves in so many.
const PATIENCE: u32 = 32;

/// A copy of an index's vectors that is made when it is asked often enough, or at once. An index that is opened for one
/// question goes without.
#[derive(Debug)]
pub(in crate::retrieve) struct Copied<T> {
    made: OnceLock<T>,
    asked: AtomicU32,
}

impl<T> Copied<T> {
    pub(in crate::retrieve) fn at_once(copy: T) -> Self {
        Self { made: OnceLock::from(copy), asked: AtomicU32::new(0) }
    }

    /// The copy, if there is one.
    pub(in crate::retrieve) fn get(&self) -> Option<&T> {
        self.made.get()
    }

    pub(in crate::retrieve) fn take(&mut self) -> Option<T> {
        self.made.take()
    }

    /// The copy for a question, made when it is time.
    pub(in crate::retrieve) fn ask(&self, make: impl FnOnce() -> T) -> Option<&T> {
        if self.made.get().is_none() && self.asked.fetch_add(1, Ordering::Relaxed) < PATIENCE {
            return None;
        }
        Some(self.made.get_or_init(make))
    }
}

impl<T> Default for Copied<T> {
    fn default() -> Self {
        Self { made: OnceLock::new(), asked: AtomicU32::new(0) }
    }
}

impl<T: Clone> Clone for Copied<T> {
    fn clone(&self) -> Self {
        Self { made: self.made.clone(), asked: AtomicU32::new(self.asked.load(Ordering::Relaxed)) }
    }
}

/// All copies are equal: a copy holds nothing that the vectors do not hold.
impl<T> PartialEq for Copied<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
