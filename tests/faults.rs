//! Learning from a provider on a bad day: a local server of which 30 % of the attempts meet one of 16 faults.
#![cfg(feature = "resilience")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::print_stdout, missing_docs)]

#[path = "common/bad_day.rs"]
mod bad_day;
mod common;
#[path = "common/fault_server.rs"]
mod fault_server;
#[path = "common/http.rs"]
mod http;

use fault_server::FaultServer;
use rpm_core::llm::Timer;

type Client = http::HttpBackend;
const HOLDS_CONNECTIONS: bool = false;

fn client(server: &FaultServer) -> Client {
    http::HttpBackend(server.address())
}

#[cfg(feature = "tokio")]
fn host_timer() -> impl Timer {
    rpm_core::llm::TokioTimer::default()
}

#[cfg(not(feature = "tokio"))]
fn host_timer() -> impl Timer {
    rpm_core::llm::ThreadTimer::default()
}
