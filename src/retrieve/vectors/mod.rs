//! Packed vectors and their search: the matrix, the exact kernels, the one-byte screen, the selection of the
//! best. [`DenseIndex`](super::DenseIndex) and [`MaxSimIndex`](super::MaxSimIndex) are made of these.

mod copy;
mod kernel;
mod matrix;
mod scratch;
mod screen;
mod select;

pub use matrix::VectorError;

pub(super) use copy::Copied;
pub(super) use kernel::{Lanes, Late, late, scan};
pub(super) use matrix::Matrix;
pub(super) use scratch::with_scratch;
pub(super) use screen::{Screen, bounds, late_bound, late_scores};
pub(super) use select::Best;

/// The choice to keep a copy of an index's vectors in one byte a value and to look there first.
///
/// The answer is the same to the bit: the copy only shows which vectors cannot be among the best. It costs a quarter of
/// the vectors' memory and pays where the vectors no longer fit in the processor's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Screening {
    /// From the size on at which it pays, as measured, and from the 33rd query on: an index that is opened for one query is
    /// asked without.
    #[default]
    Auto,
    /// At any size.
    Always,
    /// At no size.
    Never,
}

impl Screening {
    /// True when vectors of `bytes` are screened, where screening pays from `pays` bytes on.
    pub(super) fn wanted(self, bytes: usize, pays: usize) -> bool {
        match self {
            Self::Auto => bytes >= pays,
            Self::Always => true,
            Self::Never => false,
        }
    }
}
