//! One map over a slice, on all cores where the `parallel` feature is on. Results are in input order either way.

#[cfg(feature = "parallel")]
pub(crate) fn map<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    use rayon::prelude::*;

    // Below this, waking the pool costs more than it saves.
    const WORTH: usize = 32;
    if items.len() < WORTH { items.iter().map(f).collect() } else { items.par_iter().map(f).collect() }
}

#[cfg(not(feature = "parallel"))]
pub(crate) fn map<T, R>(items: &[T], f: impl Fn(&T) -> R) -> Vec<R> {
    items.iter().map(f).collect()
}
