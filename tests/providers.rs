//! The ready-made providers against mock servers: the conformance suite, and what is each API's own.
#![cfg(all(feature = "providers", feature = "testing"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use rpm_core::testing::{AnthropicMock, GeminiMock, OpenAiMock, Setup, backend_conformance};
use rpm_core::{Anthropic, Gemini, OpenAiCompatible};

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

fn openai(setup: &Setup) -> OpenAiCompatible {
    let made = OpenAiCompatible::new(&setup.base_url, &*setup.model).expect("a base URL");
    made.key(&*setup.key).timeout(setup.timeout)
}

fn anthropic(setup: &Setup) -> Anthropic {
    let made = Anthropic::at(&setup.base_url, &*setup.model).expect("a base URL");
    made.key(&*setup.key).timeout(setup.timeout)
}

fn gemini(setup: &Setup) -> Gemini {
    let made = Gemini::at(&setup.base_url, &*setup.model).expect("a base URL");
    made.key(&*setup.key).timeout(setup.timeout)
}

#[test]
fn the_openai_dialect_conforms() {
    assert_eq!(run(backend_conformance(openai, &OpenAiMock)).expect("conformance"), 0);
}

#[test]
fn anthropic_conforms() {
    assert_eq!(run(backend_conformance(anthropic, &AnthropicMock)).expect("conformance"), 0);
}

#[test]
fn gemini_conforms() {
    assert_eq!(run(backend_conformance(gemini, &GeminiMock)).expect("conformance"), 0);
}
