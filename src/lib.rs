//! wip
mod data;
pub use data::*;
