//! What the users of one task have in common: where a user begins who has said little, and whom they turn out to be like.
//!
//! ```text
//! users' interactions → Census   who uses which words and texts, how responses are spread      merge, take_out
//!                     → Population::begin: the words and texts that k users share
//!                     → Counts   what went with them, by where users stand                      merge, take_out
//!                     → Population::fitted, a few times: what all have in common, and the axes on which they differ
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
//! What words say is linear: of all users in common, and on at most three axes. Where a user stands on these is found from their own
//! interactions in closed form, and so is how far they go with others at all: as far as others foretell their responses. A user who
//! is unlike all others keeps to themselves.
//!
//! Guide: [the method](crate::guide::method), where the formulas are.

mod axis;
mod bounded;
mod census;
mod coins;
mod counts;
mod error;
mod file;
mod fit;
mod form;
mod ground;
mod held;
mod many;
mod noise;
mod position;
mod private;
mod reading;
mod regression;
mod search;
mod sums_file;
mod upkeep;
mod user;

pub use census::Census;
pub use counts::Counts;
pub use error::PopulationError;
pub use file::{FORMAT_NAME, FORMAT_VERSION};
pub(crate) use ground::own_rate;
pub use held::Population;
pub use noise::{Noise, Promise};
pub(crate) use position::{Heard, Position, added};
pub(crate) use reading::{SLOPE, TONE_MEAN, TONE_VARIANCE, tone};
pub use sums_file::{CENSUS_FORMAT_NAME, COUNTS_FORMAT_NAME, SUMS_FORMAT_VERSION};
pub use upkeep::Upkeep;
pub(crate) use user::even;

/// The number of users that must share a word or a text, or stand apart on an axis, unless another is asked for.
pub const USERS_SHARED: usize = 10;

/// The latest interactions of a user that are counted, so that no user counts for more than others.
pub const INTERACTIONS_COUNTED: usize = 256;

/// The most users of one sum, so that no number in it overflows.
const USERS_SUMMED: u64 = 1 << 24;

#[cfg(test)]
mod private_tests;
#[cfg(test)]
mod sums_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod thinned_tests;
