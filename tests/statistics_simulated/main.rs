//! The statistics on simulated users of whom the truth is known: what is called 95 % sure is right 95 times of 100.
//!
//! Seeds are fixed. `cargo test --release` simulates ten times as many; both print their tables with `--nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    missing_docs
)]

mod chance;
mod coverage;
mod discoveries;
mod drift;
mod stability;

const fn times(n: usize) -> usize {
    if cfg!(debug_assertions) { n } else { 10 * n }
}
