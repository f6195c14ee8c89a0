//! Every call to a model: its budget, cost, retries and record.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod budget;
mod cost;
mod logged_embedder;
mod observability;
mod resilience;
mod response_log;
mod response_log_at_once;
mod response_log_faults;
