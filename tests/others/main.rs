//! What is learned of others, and what it tells of one of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod population;
mod population_under_noise;
