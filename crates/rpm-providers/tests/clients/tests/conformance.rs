//! The suite of backends over each client. What a client cannot do stands here, check by check: a limit that goes or comes fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use genai::adapter::AdapterKind;
use rpm_clients::{BedrockMock, bedrock, genai, rig_anthropic, rig_gemini, rig_openai};
use rpm_core::LlmBackend;
use rpm_core::testing::{
    AnthropicMock, ConformanceError, GeminiMock, MockDialect, OpenAiMock, Setup, backend_conformance,
};

/// The number of checks, and those that failed.
async fn checked<B: LlmBackend>(make: impl Fn(&Setup) -> B, dialect: &dyn MockDialect) -> (usize, Vec<String>) {
    match backend_conformance(make, dialect).await {
        Ok(checks) => (checks, Vec::new()),
        Err(ConformanceError::Broken { checks, failed }) => (checks, failed),
        Err(other) => panic!("{other}"),
    }
}

const NO_JSON_MODE: &str = "- a request in JSON mode: the form of the reply";

#[tokio::test]
async fn rig_keeps_the_contract_on_openais_api_but_has_no_json_mode() {
    assert_eq!(checked(rig_openai, &OpenAiMock).await, (123, vec![NO_JSON_MODE.to_owned()]));
}

#[tokio::test]
async fn rig_keeps_the_contract_on_anthropics_api() {
    assert_eq!(checked(rig_anthropic, &AnthropicMock).await, (119, vec![]));
}

#[tokio::test]
async fn rig_sends_geminis_key_in_the_url_and_counts_no_tokens_of_a_blocked_prompt() {
    let key = |of: &str| format!("- {of}: the key is in a header and only there");
    let failed = vec![
        key("a request with a schema"),
        key("a request in JSON mode"),
        NO_JSON_MODE.to_owned(),
        key("a request for text"),
        key("a request without a schema"),
        "- a refused request: the tokens".to_owned(),
    ];
    assert_eq!(checked(rig_gemini, &GeminiMock).await, (115, failed));
}

#[tokio::test]
async fn genai_keeps_the_contract_on_openais_api_but_trims_replies() {
    let text = |of: &str| format!("- {of}: the exact text");
    let failed = vec![text("a reply that ended by itself"), text("a reply cut at the length limit")];
    assert_eq!(checked(|setup: &Setup| genai(setup, AdapterKind::OpenAI, "/"), &OpenAiMock).await, (123, failed));
}

#[tokio::test]
async fn genai_keeps_the_contract_on_anthropics_api() {
    assert_eq!(
        checked(|setup: &Setup| genai(setup, AdapterKind::Anthropic, "/v1/"), &AnthropicMock).await,
        (119, vec![])
    );
}

#[tokio::test]
async fn genai_keeps_the_contract_on_geminis_api_but_has_no_json_mode_for_it() {
    let failed = vec![NO_JSON_MODE.to_owned()];
    assert_eq!(
        checked(|setup: &Setup| genai(setup, AdapterKind::Gemini, "/v1beta/"), &GeminiMock).await,
        (115, failed)
    );
}

#[tokio::test]
async fn bedrock_keeps_the_contract() {
    assert_eq!(checked(bedrock, &BedrockMock).await, (123, vec![]));
}
