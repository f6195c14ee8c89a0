//! The backends under test: each over its real client, which asks a mock server by plain HTTP.

use std::time::Duration;

use aws_sdk_bedrockruntime as sdk;
use genai::adapter::AdapterKind;
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use rig_core::providers::anthropic::AnthropicConfig;
use rig_core::providers::gemini::GeminiConfig;
use rig_core::providers::openai::OpenAIConfig;
use rig_reqwest::ReqwestClient;
use rpm_core::testing::Setup;
use rpm_providers::{BedrockBackend, GenaiBackend, RigBackend};

/// A client as a careful host makes it: it follows no redirect, by which a key would go along.
///
/// # Panics
/// When it cannot be made.
#[allow(clippy::expect_used, reason = "a test without a client is none")]
pub fn http(timeout: Duration) -> reqwest::Client {
    let made =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(timeout).build();
    made.expect("a client")
}

/// rig's client of `OpenAI`'s chat API.
pub fn rig_openai(setup: &Setup) -> RigBackend {
    let mut config = OpenAIConfig::new(setup.key.clone());
    config.base_url.clone_from(&setup.base_url);
    RigBackend::new(config.connect(ReqwestClient::from(http(setup.timeout))).chat(&setup.model))
}

/// rig's client of Anthropic's API.
pub fn rig_anthropic(setup: &Setup) -> RigBackend {
    let mut config = AnthropicConfig::new(setup.key.clone());
    config.base_url.clone_from(&setup.base_url);
    RigBackend::new(config.connect(ReqwestClient::from(http(setup.timeout))).completion(&setup.model))
}

/// rig's client of Gemini's API.
pub fn rig_gemini(setup: &Setup) -> RigBackend {
    let mut config = GeminiConfig::new(setup.key.clone());
    config.base_url.clone_from(&setup.base_url);
    RigBackend::new(config.connect(ReqwestClient::from(http(setup.timeout))).completion(&setup.model))
}

/// genai's client of one API, at a mock server.
///
/// # Panics
/// When it cannot be made.
#[allow(clippy::expect_used, reason = "a test without a client is none")]
pub fn genai_client(setup: &Setup, kind: AdapterKind, path: &str) -> Client {
    let (endpoint, key) = (format!("{}{path}", setup.base_url), setup.key.clone());
    let target = move |target: ServiceTarget| {
        let model = ModelIden::new(kind, target.model.model_name);
        Ok(ServiceTarget {
            endpoint: Endpoint::from_owned(endpoint.clone()),
            auth: AuthData::from_single(key.clone()),
            model,
        })
    };
    let client = Client::builder().with_reqwest(http(setup.timeout)).with_service_target_resolver_fn(target);
    client.build().expect("a client")
}

/// A backend over genai's client of one API.
pub fn genai(setup: &Setup, kind: AdapterKind, path: &str) -> GenaiBackend {
    GenaiBackend::new(genai_client(setup, kind, path), &*setup.model)
}

/// The SDK's client at a mock server, with an API key.
pub fn bedrock_client(setup: &Setup) -> sdk::Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = sdk::Config::builder()
        .behavior_version(sdk::config::BehaviorVersion::latest())
        .region(sdk::config::Region::new("eu-central-1"))
        .endpoint_url(&setup.base_url)
        .bearer_token(sdk::config::Token::new(&setup.key, None))
        .http_client(http);
    sdk::Client::from_conf(config.build())
}

/// Bedrock at a mock server.
pub fn bedrock(setup: &Setup) -> BedrockBackend {
    BedrockBackend::new(bedrock_client(setup), &*setup.model).timeout(setup.timeout)
}
