//! Ready-made backends and an embedder for rpm-core.
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "http")]
mod api;
#[cfg(feature = "clients")]
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "some of it only the backends over HTTP need"))]
mod asking;
#[cfg(feature = "bedrock")]
mod bedrock;
#[cfg(feature = "clients")]
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "some of it only the backends over HTTP need"))]
mod failure;
#[cfg(feature = "genai")]
mod genai;
#[cfg(any(feature = "genai", feature = "rig"))]
mod raw;
#[cfg(feature = "clients")]
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "some of it only the backends over HTTP need"))]
mod reading;
#[cfg(feature = "rig")]
mod rig;
#[cfg(feature = "clients")]
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "some of it only the backends over HTTP need"))]
mod tokens;
#[cfg(feature = "tower")]
mod tower;

#[cfg(feature = "http")]
pub use crate::api::{Anthropic, ApiKey, Gemini, OpenAiCompatible, OpenAiEmbedder, from_env};
#[cfg(feature = "bedrock")]
pub use crate::bedrock::{BedrockBackend, BedrockEmbedder};
#[cfg(feature = "clients")]
pub use crate::failure::ProviderError;
#[cfg(feature = "genai")]
pub use crate::genai::{GenaiBackend, GenaiEmbedder};
#[cfg(feature = "rig")]
pub use crate::rig::{AnswerTool, AnswerToolArgs, AnswerToolOutput, RigBackend, RigEmbedder};
#[cfg(feature = "tower")]
pub use crate::tower::TowerBackend;
