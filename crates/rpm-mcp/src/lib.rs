//! An MCP server over rpm-core, on the official `rmcp`.
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod arguments;
mod asking;
mod error;
#[cfg(feature = "http")]
pub mod http;
mod last;
pub mod limits;
mod places;
mod resources;
mod results;
mod server;
mod session;
mod tools;

pub use rmcp;

pub use crate::server::Server;
pub use crate::session::Session;
