//! The evaluation harness: data sets × methods → records → reports with the uncertainty of every figure.
//!
//! ```text
//! Dataset ─┐
//! Method  ─┼→ Runner → Record per item (JSONL) → metric → compare → Report → Markdown, HTML, JSON
//! backend ─┘      ↑
//!                 Manifest: the run's settings; resuming needs the same
//! ```
//!
//! - [`dataset`]: users with histories and test items, read from published formats; rows that could not be read are
//!   named.
//! - [`method`]: the methods that are compared. Each is one small file over the crate's public parts.
//! - [`run`]: users × methods with bounded concurrency, resumable, every request accounted for.
//! - [`metric`]: LaMP's metrics to the bit, and scores of distributions.
//! - [`compare`]: intervals and paired differences that allow for items of one user being alike.
//! - [`report`]: the same figures as Markdown, one HTML file and JSON.
//! - [`factors`]: how good the factors are that the offline pipeline learns.
//! - [`catalog`]: the factors that a data set's texts share.
//! - [`try_out`]: a table of one's own, one comparison and one sentence.
//!
//! Arrows point one way: `report → compare → metric → record ← run → method → dataset`; `factors` uses `compare` and
//! `method`, and `try_out` all of them. The same data, methods, seed
//! and replies give the same report to the byte; what a clock measured is kept apart.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod catalog;
mod chance;
pub mod compare;
pub mod dataset;
mod error;
pub mod factors;
pub mod method;
pub mod metric;
mod record;
pub mod report;
pub mod run;
pub mod try_out;

pub use chance::Chance;
pub use error::EvalError;
pub use record::{Answered, Learned, Need, Record};
