//! OpenTelemetry metrics of what rpm-core does.
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bounded;
mod catalog;
#[cfg(feature = "sdk")]
mod exporter;
mod instruments;
mod layer;
mod seen;

pub use crate::catalog::{Conventions, Instrument, Metric, metrics};
#[cfg(feature = "sdk")]
pub use crate::exporter::Conforming;
pub use crate::layer::{Metrics, MetricsLayer};
