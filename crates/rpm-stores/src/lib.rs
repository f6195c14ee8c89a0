//! Durable stores of user models for rpm-core.
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "redb")]
mod offload;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redb")]
mod redb;

#[cfg(feature = "redb")]
pub use crate::offload::BlockingJob;
#[cfg(feature = "postgres")]
pub use crate::postgres::PostgresStore;
#[cfg(feature = "redb")]
pub use crate::redb::{Compacted, RedbStore};
