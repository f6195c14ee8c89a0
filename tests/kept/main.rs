//! What is kept: user models in files and stores, read back, packed, told apart and written to by many at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod doors;
mod identity;
mod loaded_models;
mod models_that_would_not_load;
mod old_files;
mod one_file_many_names;
mod packed;
mod persistence;
mod store;
mod store_writers;
mod stored_open_models;
mod stored_pipeline;
