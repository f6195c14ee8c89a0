//! What the users of one task have in common: where a user begins who has said little, and whom they turn out to be like.
//!
//! ```text
//! users' interactions → Census   who uses which words and texts, how responses are spread      merge, take_out
//!                     → Population::begin: the words and texts that k users share
//!                     → Counts   what went with them, by kind of person                        merge, take_out
//!                     → Population::fitted, a few times: kinds of people and what sways each
//! ```
//!
//! Both sums are whole numbers, so the order in which users are merged, and the shape of the merging, changes no bit, and what a
//! user added can be taken out again. They are as private as the histories they are of: digests of words that one
//! user alone may have. A [`Population`] is what may be handed on: it has no text and no id, and nothing of a word or a text
//! that fewer than k users share.
//!
//! That k share it does not hide a user from somebody who knows all others. [`Population::learn_private`] does, with noise, as far
//! as their responses go; its file says how far.
//!
//! A user is told by how well each kind foretells their responses: a mixture whose shares are found from the
//! user's own interactions. One of the kinds is nobody's, under which words say nothing, so a user who
//! is unlike all others keeps to themselves.
//!
//! Guide: [the method](crate::guide::method), where the formulas are.

mod bounded;
mod census;
mod coins;
mod counts;
mod error;
mod file;
mod fit;
mod form;
mod held;
mod kind;
mod many;
mod membership;
mod noise;
mod private;
mod reading;
mod seeds;
mod sums_file;
mod upkeep;
mod user;

pub use census::Census;
pub use counts::Counts;
pub use error::PopulationError;
pub use file::{FORMAT_NAME, FORMAT_VERSION};
pub use held::Population;
pub(crate) use membership::Membership;
pub use noise::{Noise, Promise};
pub(crate) use reading::{SLOPE, TONE_MEAN, TONE_VARIANCE, tone};
pub use sums_file::{CENSUS_FORMAT_NAME, COUNTS_FORMAT_NAME, SUMS_FORMAT_VERSION};
pub use upkeep::Upkeep;
pub(crate) use user::even;

/// The number of users that must share a word, a text or a kind, unless another is asked for.
pub const USERS_SHARED: usize = 10;

/// The latest interactions of a user that are counted, so that no user counts for more than others.
pub const INTERACTIONS_COUNTED: usize = 256;

/// The most users of one sum, so that no number in it overflows.
const USERS_SUMMED: u64 = 1 << 32;

#[cfg(test)]
mod private_tests;
#[cfg(test)]
mod sums_tests;
#[cfg(test)]
mod tests;
