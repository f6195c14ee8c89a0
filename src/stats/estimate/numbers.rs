//! Numbers for texts.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Numbers texts from 0 in the order they are first met, so that what is counted of them is a vector. No result may depend
/// on which number a text has.
#[derive(Debug, Clone)]
pub(super) struct Numbers<K>(HashMap<K, u32>);

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Numbers<K> {
    /// A number that no text has.
    pub(super) const UNKNOWN: u32 = u32::MAX;

    /// The number of a text, which is new if it has none.
    pub(super) fn number(&mut self, text: K) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(Self::UNKNOWN);
        *self.0.entry(text).or_insert(next)
    }

    /// The number that a text has, or [`UNKNOWN`](Self::UNKNOWN).
    pub(super) fn known<Q: Eq + Hash + ?Sized>(&self, text: &Q) -> u32
    where
        K: Borrow<Q>,
    {
        self.0.get(text).copied().unwrap_or(Self::UNKNOWN)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
