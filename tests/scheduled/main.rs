//! What runs at once is tried in every order: tasks are polled by the test, which goes through the schedules one by one, and may
//! drop a task where an executor could.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;
mod explorer;

mod open_models;
#[cfg(feature = "response-log")]
mod single_flight;
mod writers;
