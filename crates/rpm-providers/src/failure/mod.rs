//! Failures of every provider and client here, told apart in one place and in the same words.

mod classify;
mod error;
pub(crate) mod wait;

#[cfg(feature = "http")]
pub(crate) use classify::LONGEST as LONGEST_REFUSAL;
pub(crate) use classify::{Refused, Wanted, refusal};
pub(crate) use error::Fault;
pub use error::ProviderError;
