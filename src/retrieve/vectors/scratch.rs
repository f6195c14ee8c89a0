//! Room that each thread keeps for its queries.

use std::cell::Cell;

use super::kernel::Lanes;
use super::matrix::{VectorError, push_unit};
use super::screen::LateScratch;

/// The intermediate values of a query, kept by each thread for its next query. They take as much as the largest index that
/// the thread has searched needs: about 8 bytes per item.
#[derive(Default)]
pub(in crate::retrieve) struct Scratch {
    pub(in crate::retrieve) query: Vec<Lanes>,
    pub(in crate::retrieve) scores: Vec<f32>,
    pub(in crate::retrieve) highs: Vec<f32>,
    pub(in crate::retrieve) words: Vec<i32>,
    pub(in crate::retrieve) best: Vec<f32>,
    pub(in crate::retrieve) late: LateScratch,
    pub(in crate::retrieve) candidates: Vec<(f32, usize)>,
}

impl Scratch {
    /// Sets the query's rows.
    pub(in crate::retrieve) fn set_query<V: AsRef<[f32]>>(
        &mut self,
        dimensions: usize,
        vectors: impl IntoIterator<Item = V>,
    ) -> Result<(), VectorError> {
        self.query.clear();
        let mut rows = vectors.into_iter().enumerate();
        rows.try_for_each(|(row, vector)| push_unit(dimensions, row, vector.as_ref(), &mut self.query))
    }
}

/// Lends this thread's scratch. A call within a call gets a fresh one.
pub(in crate::retrieve) fn with_scratch<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    thread_local!(static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) });

    // While a thread ends it has none.
    let mut scratch = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default();
    let result = f(&mut scratch);
    let _ = SCRATCH.try_with(|kept| kept.set(Some(scratch)));
    result
}
