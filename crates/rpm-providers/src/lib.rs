//! Ready-made backends and an embedder for rpm-core.
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "http")]
mod api;
#[cfg(feature = "tower")]
mod tower;

#[cfg(feature = "http")]
pub use crate::api::{Anthropic, ApiKey, Gemini, OpenAiCompatible, OpenAiEmbedder, ProviderError, from_env};
#[cfg(feature = "tower")]
pub use crate::tower::TowerBackend;
