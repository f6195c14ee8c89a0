//! The columns of the index: by token, the items that have it and its weights in them.

use super::lists::Lists;

/// A token's column becomes dense when more than one in this many slots has the token: adding zeros by the vector is then
/// faster than adding weights one by one.
const DENSE_ABOVE: usize = 8;
/// A dense column becomes a list again below one in this many slots, so that an item that comes and goes does not move it
/// to and fro.
const SPARSE_BELOW: usize = 16;
/// The fewest slots with dense columns; below, every column is a list.
const SMALLEST_DENSE: usize = 64;
/// No dense column.
const NONE: u32 = u32::MAX;

/// An item that has a token.
#[derive(Debug, Clone, Copy, Default)]
struct Posting {
    slot: u32,
    weight: f32,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    /// The number of items that have the token.
    items: u32,
    /// Its place among the dense columns, if it is one.
    dense: u32,
}

/// The weights by token. Items are known by their slots here: numbers that do not change while the item is there.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    /// By token.
    tokens: Vec<Column>,
    sparse: Lists<Posting>,
    /// A weight for every slot, 0 where the token is not.
    dense: Vec<Vec<f32>>,
    /// Places of `dense` that no token uses.
    free: Vec<usize>,
    slots: usize,
    /// Tokens that no item has.
    idle: usize,
}

impl Columns {
    /// Columns for tokens that so many items have, with all their postings still to come by [`fill`](Self::fill).
    pub(super) fn with_counts(counts: &[u32], slots: usize) -> Self {
        let is_dense = |items: u32| slots >= SMALLEST_DENSE && items as usize * DENSE_ABOVE > slots;
        let mut dense = Vec::new();
        let columns = counts.iter().map(|&items| {
            if !is_dense(items) {
                return Column { items: 0, dense: NONE };
            }
            dense.push(vec![0.0; slots]);
            Column { items: 0, dense: u32::try_from(dense.len() - 1).unwrap_or(NONE) }
        });
        let tokens = columns.collect();
        let idle = counts.iter().filter(|&&items| items == 0).count();
        let lengths = counts.iter().map(|&items| if is_dense(items) { 0 } else { items });
        Self { tokens, sparse: Lists::with_lengths(lengths), dense, free: Vec::new(), slots, idle }
    }

    /// Enters the next posting of a token that [`with_counts`](Self::with_counts) has counted.
    pub(super) fn fill(&mut self, token: u32, slot: u32, weight: f32) {
        let Some(column) = self.tokens.get_mut(token as usize) else { return };
        let place = match self.dense.get_mut(column.dense as usize) {
            Some(weights) => weights.get_mut(slot as usize),
            None => self.sparse.get_mut(token).get_mut(column.items as usize).map(|posting| {
                posting.slot = slot;
                &mut posting.weight
            }),
        };
        if let Some(place) = place {
            *place = weight;
            column.items += 1;
        }
    }

    /// The number of items that have the token.
    pub(super) fn items(&self, token: u32) -> u32 {
        self.tokens.get(token as usize).map_or(0, |column| column.items)
    }

    /// The number of tokens that no item has.
    pub(super) fn idle(&self) -> usize {
        self.idle
    }

    /// One more slot, with no token.
    pub(super) fn add_slot(&mut self) {
        self.slots += 1;
        self.dense.iter_mut().for_each(|weights| weights.push(0.0));
    }

    /// Columns for so many tokens; those that are new are empty.
    pub(super) fn add_tokens(&mut self, count: usize) {
        while self.tokens.len() < count {
            self.tokens.push(Column { items: 0, dense: NONE });
            self.sparse.add();
            self.idle += 1;
        }
    }

    /// Enters a posting. The slot has no such posting.
    pub(super) fn insert(&mut self, token: u32, slot: u32, weight: f32) {
        let Some(column) = self.tokens.get_mut(token as usize) else { return };
        self.idle -= usize::from(column.items == 0);
        column.items += 1;
        match self.dense.get_mut(column.dense as usize) {
            Some(weights) => {
                if let Some(place) = weights.get_mut(slot as usize) {
                    *place = weight;
                }
            }
            None => {
                self.sparse.push(token, Posting { slot, weight });
                if self.slots >= SMALLEST_DENSE && self.items(token) as usize * DENSE_ABOVE > self.slots {
                    self.make_dense(token);
                }
            }
        }
    }

    /// Takes a posting out.
    pub(super) fn remove(&mut self, token: u32, slot: u32) {
        let Some(column) = self.tokens.get_mut(token as usize) else { return };
        column.items = column.items.saturating_sub(1);
        self.idle += usize::from(column.items == 0);
        match self.dense.get_mut(column.dense as usize) {
            Some(weights) => {
                if let Some(place) = weights.get_mut(slot as usize) {
                    *place = 0.0;
                }
                if (column.items as usize) * SPARSE_BELOW < self.slots {
                    self.make_sparse(token);
                }
            }
            None => {
                if let Some(at) = self.sparse.get(token).iter().position(|posting| posting.slot == slot) {
                    self.sparse.swap_remove(token, at);
                }
            }
        }
    }

    fn make_dense(&mut self, token: u32) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.dense.push(Vec::new());
            self.dense.len() - 1
        });
        let (Some(weights), Some(column)) = (self.dense.get_mut(place), self.tokens.get_mut(token as usize)) else {
            return;
        };
        weights.clear();
        weights.resize(self.slots, 0.0);
        for posting in self.sparse.get(token) {
            if let Some(place) = weights.get_mut(posting.slot as usize) {
                *place = posting.weight;
            }
        }
        self.sparse.set(token, &[]);
        column.dense = u32::try_from(place).unwrap_or(NONE);
    }

    fn make_sparse(&mut self, token: u32) {
        let Some(column) = self.tokens.get_mut(token as usize) else { return };
        let place = std::mem::replace(&mut column.dense, NONE) as usize;
        let weights = self.dense.get_mut(place).map(std::mem::take).unwrap_or_default();
        let postings: Vec<Posting> = (0..)
            .zip(&weights)
            .filter(|&(_, &weight)| weight > 0.0)
            .map(|(slot, &weight)| Posting { slot, weight })
            .collect();
        self.sparse.set(token, &postings);
        self.free.push(place);
    }

    /// Adds `factor` times the token's weights to the scores by slot.
    pub(super) fn add_to(&self, scores: &mut [f32], token: u32, factor: f32) {
        let Some(column) = self.tokens.get(token as usize) else { return };
        match self.dense.get(column.dense as usize) {
            Some(weights) => {
                for (score, weight) in scores.iter_mut().zip(weights) {
                    *score += factor * weight;
                }
            }
            None => {
                for posting in self.sparse.get(token) {
                    if let Some(score) = scores.get_mut(posting.slot as usize) {
                        *score += factor * posting.weight;
                    }
                }
            }
        }
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        let dense: usize = self.dense.iter().map(|weights| weights.capacity() * size_of::<f32>()).sum();
        dense + self.sparse.bytes() + self.tokens.capacity() * size_of::<Column>()
    }
}
