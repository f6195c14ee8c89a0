//! Learning users and fitting populations in SQL, on DataFusion.
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "codec")]
pub mod codec;
mod column;
mod drawn;
mod error;
mod fit;
mod function;
mod learned;
pub mod stored;
mod sums;

pub use error::BulkError;
pub use fit::Fitting;
pub use function::{census, counts, learn, merge, sample, try_learn, why_not};
