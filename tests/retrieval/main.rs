//! Retrievers and embedders, each held to the same suite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod embedded_retrieval;
mod retriever_suite;
mod retrievers;
mod static_model;
