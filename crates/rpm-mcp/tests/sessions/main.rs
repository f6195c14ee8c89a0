//! The server with real clients: over memory, over HTTP, and as a process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[cfg(feature = "cli")]
mod binary;
mod client;
mod forms;
#[cfg(feature = "http")]
mod http;
mod models;
mod people;
mod stores;
mod tools;
mod writing;
