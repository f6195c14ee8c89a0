//! A change of a reasoning memory, by position.

use std::collections::BTreeSet;

use super::ReasoningMemory;

/// The items that went from a memory and those that came, by position. With it a
/// [`MemoryIndex`](crate::retrieve::MemoryIndex) is brought up to date instead of being computed anew.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryChange {
    removed: Vec<usize>,
    inserted: Vec<usize>,
}

impl MemoryChange {
    /// A change of these positions: of the items that went, in the old memory, and of those that came, in the new one.
    /// Without any the items are the same; the factors may be others.
    pub fn new(removed: impl IntoIterator<Item = usize>, inserted: impl IntoIterator<Item = usize>) -> Self {
        let ascending = |positions: BTreeSet<usize>| positions.into_iter().collect();
        Self { removed: ascending(removed.into_iter().collect()), inserted: ascending(inserted.into_iter().collect()) }
    }

    /// The positions in the old memory of the items that went, ascending.
    pub fn removed(&self) -> &[usize] {
        &self.removed
    }

    /// The positions in the new memory of the items that came, ascending. An index of the old memory becomes one of the
    /// new by removing all of [`removed`](Self::removed), the last first, and then inserting these, the first first.
    pub fn inserted(&self) -> &[usize] {
        &self.inserted
    }

    /// True when items only came, and all of them behind the others: what they add is all that is new.
    pub(crate) fn appends(&self, memory: &ReasoningMemory) -> bool {
        self.removed.is_empty() && self.inserted.first().is_none_or(|first| first + self.inserted.len() == memory.len())
    }
}
