//! The server with real clients: over memory, over HTTP, and as a process.

#[cfg(feature = "cli")]
mod binary;
mod client;
#[cfg(feature = "http")]
mod http;
mod people;
mod tools;
