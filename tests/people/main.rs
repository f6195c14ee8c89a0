//! What people see and say: a personalizer by user id, profiles, reasons that add up, edits, and forgetting.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;
#[allow(clippy::print_stdout, reason = "it is a program")]
#[path = "../../examples/wasm/src/main.rs"]
mod wasm;

mod begun_before_a_forget;
mod edits;
mod explain;
mod living;
mod personalizer;
mod profile;
mod reasons;
