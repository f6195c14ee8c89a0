//! Learning by a ready-made backend on a bad day: a local server of which 30 % of the attempts meet one of 16 faults.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::print_stdout, missing_docs)]

#[path = "../../../tests/common/bad_day.rs"]
mod bad_day;
#[path = "../../../tests/common/mod.rs"]
mod common;
#[path = "../../../tests/common/fault_server.rs"]
mod fault_server;

use fault_server::FaultServer;
use rpm_core::llm::Timer;
use rpm_providers::OpenAiCompatible;

type Client = OpenAiCompatible;
const HOLDS_CONNECTIONS: bool = true;

fn client(server: &FaultServer) -> Client {
    OpenAiCompatible::new(&format!("http://{}/v1", server.address()), "obedient").expect("a base URL")
}

fn host_timer() -> impl Timer {
    rpm_core::llm::TokioTimer::default()
}
