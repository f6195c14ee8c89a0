//! What the suite does not look at: probabilities of tokens, vectors, what is left of an operation's time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use genai::adapter::AdapterKind;
use rig_core::providers::openai::OpenAIConfig;
use rig_reqwest::ReqwestClient;
use rpm_clients::{bedrock, bedrock_client, genai, genai_client, http, rig_openai};
use rpm_core::embed::{EmbedError, Embedder};
use rpm_core::llm::{Ledger, Message, Stage};
use rpm_core::testing::{Canned, MockDialect, MockServer, OpenAiMock, Recorded, Sent, Setup};
use rpm_core::{BackendError, Budget, CompletionRequest, LlmBackend};
use rpm_providers::{BedrockBackend, BedrockEmbedder, GenaiEmbedder, RigEmbedder};
use serde_json::{Value, json};

fn request() -> CompletionRequest {
    CompletionRequest::new(Stage::Answer, vec![Message::user("What?")], 10)
}

/// A server of `OpenAI`'s API that tells the probabilities of one token.
fn with_logprobs() -> MockServer {
    let mut body = OpenAiMock.reply(&Recorded::new("4"));
    let likeliest = json!([{ "token": "4", "logprob": -0.1 }, { "token": "5", "logprob": -2.4 }]);
    body["choices"][0]["logprobs"] =
        json!({ "content": [{ "token": "4", "logprob": -0.1, "top_logprobs": likeliest }] });
    let body = body.to_string();
    MockServer::start(move |_| Canned::new(200, body.clone())).unwrap()
}

#[tokio::test]
async fn probabilities_are_asked_for_and_read_where_the_host_says_that_there_are_some() {
    let server = with_logprobs();
    let setup = Setup::new(format!("{}/v1", server.url()));
    let rig = rig_openai(&setup).logprobs();
    let genai = genai(&setup, AdapterKind::OpenAI, "/").logprobs();
    for reply in
        [rig.complete(&request().logprobs(2)).await.unwrap(), genai.complete(&request().logprobs(2)).await.unwrap()]
    {
        assert_eq!(reply.tokens.len(), 1);
        assert_eq!(reply.tokens[0].token, "4");
        assert_eq!(reply.tokens[0].likeliest.iter().map(|token| &*token.token).collect::<Vec<_>>(), ["4", "5"]);
    }
    for sent in server.requests() {
        assert_eq!((&sent.body["logprobs"], &sent.body["top_logprobs"]), (&json!(true), &json!(2)));
    }
    // Not asked for, not told.
    assert!(rig.complete(&request()).await.unwrap().tokens.is_empty());
    assert_eq!(server.requests().last().unwrap().body.get("logprobs"), None);
}

#[tokio::test]
async fn a_client_that_tells_no_probabilities_says_so_before_anything_is_paid() {
    let server = with_logprobs();
    let setup = Setup::new(format!("{}/v1", server.url()));
    let asked = request().logprobs(2);
    for error in [
        rig_openai(&setup).complete(&asked).await.unwrap_err(),
        genai(&setup, AdapterKind::OpenAI, "/").complete(&asked).await.unwrap_err(),
        bedrock(&setup).complete(&asked).await.unwrap_err(),
    ] {
        assert!(matches!(error, BackendError::NoLogprobs { .. }), "{error:?}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn nothing_is_sent_when_the_operations_time_is_over() {
    let server = with_logprobs();
    let setup = Setup::new(format!("{}/v1", server.url()));
    let late = request().entered(&Ledger::limited(Budget::default().time(std::time::Duration::ZERO)));
    for error in [
        rig_openai(&setup).complete(&late).await.unwrap_err(),
        genai(&setup, AdapterKind::OpenAI, "/").complete(&late).await.unwrap_err(),
        bedrock(&setup).complete(&late).await.unwrap_err(),
    ] {
        assert!(matches!(error, BackendError::Budget { .. }), "{error:?}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn no_model_or_key_can_be_read_from_what_is_printed_but_the_models_name() {
    let setup = Setup::new("http://127.0.0.1:9/v1");
    let shown = format!("{:?} {:?} {:?}", rig_openai(&setup), genai(&setup, AdapterKind::OpenAI, "/"), bedrock(&setup));
    assert!(shown.contains("conformance-model") && !shown.contains(&setup.key), "{shown}");
}

/// Vectors of two numbers, the length of each text first, in `OpenAI`'s form and the other way round.
fn openai_vectors(sent: &Sent) -> Canned {
    let input = sent.body["input"].as_array().cloned().unwrap_or_else(|| vec![sent.body["input"].clone()]);
    let vector = |(index, text): (usize, &Value)| {
        let length = text.as_str().map_or(0, str::len);
        json!({ "object": "embedding", "index": index, "embedding": [length, 1] })
    };
    let mut data: Vec<Value> = input.iter().enumerate().map(vector).collect();
    data.reverse();
    let usage = json!({ "prompt_tokens": 3, "total_tokens": 3 });
    Canned::new(200, json!({ "object": "list", "model": "m", "data": data, "usage": usage }).to_string())
}

#[tokio::test]
async fn vectors_come_in_the_order_of_their_texts_whatever_the_servers() {
    let server = MockServer::start(openai_vectors).unwrap();
    let setup = Setup::new(format!("{}/v1", server.url()));
    let texts: Vec<String> = ["a", "bb", "ccc", "dddd", "eeeee"].map(String::from).to_vec();
    let wanted: Vec<Vec<f32>> = vec![vec![1.0, 1.0], vec![2.0, 1.0], vec![3.0, 1.0], vec![4.0, 1.0], vec![5.0, 1.0]];
    let genai = GenaiEmbedder::new(genai_client(&setup, AdapterKind::OpenAI, "/"), "m", 2).per_request(2);
    assert_eq!(genai.embed(&texts).await.unwrap(), wanted);
    assert_eq!(server.requests().len(), 3);

    let mut config = OpenAIConfig::new(setup.key.clone());
    config.base_url.clone_from(&setup.base_url);
    let model = config.connect(ReqwestClient::from(http(setup.timeout))).embedding("m", None);
    let rig = RigEmbedder::new(model, 2).per_request(3);
    assert_eq!(rig.embed(&texts).await.unwrap(), wanted);
    assert_eq!(server.requests().len(), 5);
    assert_eq!((rig.dimensions(), rig.fingerprint()), (2, "rig/openai/m of 2".into()));
}

#[tokio::test]
async fn bedrocks_models_are_asked_in_their_own_bodies() {
    let server = MockServer::start(|sent| {
        let length = |text: &Value| text.as_str().map_or(0, str::len);
        Canned::new(
            200,
            match sent.body.get("texts").and_then(Value::as_array) {
                Some(texts) => {
                    let vectors: Vec<Value> = texts.iter().map(|text| json!([length(text), 1])).collect();
                    json!({ "id": "1", "embeddings": { "float": vectors }, "response_type": "embeddings_by_type" })
                        .to_string()
                }
                None => {
                    json!({ "embedding": [length(&sent.body["inputText"]), 1], "inputTextTokenCount": 1 }).to_string()
                }
            },
        )
    })
    .unwrap();
    let client = bedrock_client(&Setup::new(server.url()));
    let texts: Vec<String> = ["a", "bb", "ccc"].map(String::from).to_vec();
    let wanted: Vec<Vec<f32>> = vec![vec![1.0, 1.0], vec![2.0, 1.0], vec![3.0, 1.0]];
    let titan = BedrockEmbedder::new(client.clone(), "amazon.titan-embed-text-v2:0", 2);
    assert_eq!(titan.embed(&texts).await.unwrap(), wanted);
    assert_eq!(server.requests().len(), 3);
    let cohere = BedrockEmbedder::new(client, "cohere.embed-multilingual-v3", 2);
    assert_eq!(cohere.embed(&texts).await.unwrap(), wanted);
    assert_eq!(server.requests().len(), 4);
    assert_ne!(titan.fingerprint(), cohere.fingerprint());
}

#[tokio::test]
async fn an_embedders_failure_says_whether_asking_again_can_help_and_repeats_nothing() {
    let busy = "secret words of the text";
    let server = MockServer::start(move |_| {
        let body =
            json!({ "error": { "message": busy, "type": "requests", "code": "rate_limit_exceeded" }, "message": busy });
        Canned::new(429, body.to_string()).header("retry-after", "7")
    })
    .unwrap();
    let setup = Setup::new(format!("{}/v1", server.url()));
    let mut config = OpenAIConfig::new(setup.key.clone());
    config.base_url.clone_from(&setup.base_url);
    let model = config.connect(ReqwestClient::from(http(setup.timeout))).embedding("m", None);
    let embedders: [Box<dyn Embedder>; 3] = [
        Box::new(RigEmbedder::new(model, 2)),
        Box::new(GenaiEmbedder::new(genai_client(&setup, AdapterKind::OpenAI, "/"), "m", 2)),
        Box::new(BedrockEmbedder::new(bedrock_client(&setup), "amazon.titan-embed-text-v2:0", 2)),
    ];
    for embedder in embedders {
        let error = embedder.embed(&["a".into()]).await.unwrap_err();
        let EmbedError::Other(source) = &error else { panic!("{error}") };
        assert!(!format!("{error} {error:?} {source} {source:?}").contains("secret"));
        let source = source.downcast_ref::<BackendError>().expect("a backend's error");
        assert!(
            matches!(source, BackendError::Transient { retry_after: Some(wait), .. } if wait.as_secs() == 7),
            "{source:?}"
        );
    }
}

#[tokio::test]
async fn a_client_without_credentials_is_not_asked_again() {
    let config = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version(aws_sdk_bedrockruntime::config::BehaviorVersion::latest())
        .region(aws_sdk_bedrockruntime::config::Region::new("eu-central-1"))
        .endpoint_url("http://127.0.0.1:9")
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    let backend = BedrockBackend::new(aws_sdk_bedrockruntime::Client::from_conf(config.build()), "m");
    let error = backend.complete(&request()).await.unwrap_err();
    assert!(matches!(error, BackendError::Permanent { .. }), "{error:?}");
}

#[tokio::test]
async fn thoughts_that_used_up_the_limit_are_counted() {
    let usage = json!({ "promptTokenCount": 100, "thoughtsTokenCount": 90, "totalTokenCount": 190 });
    let candidate = json!({ "content": { "role": "model" }, "finishReason": "MAX_TOKENS", "index": 0 });
    let body = json!({ "candidates": [candidate], "usageMetadata": usage, "modelVersion": "m" }).to_string();
    let server = MockServer::start(move |_| Canned::new(200, body.clone())).unwrap();
    let reply = genai(&Setup::new(server.url()), AdapterKind::Gemini, "/v1beta/").complete(&request()).await.unwrap();
    assert_eq!(reply.usage.unwrap().output_tokens, 90);
}

#[tokio::test]
async fn a_long_seed_is_sent_as_every_provider_takes_it() {
    let server = with_logprobs();
    let setup = Setup::new(format!("{}/v1", server.url()));
    let mut asked = request();
    asked.seed = Some(u64::MAX);
    rig_openai(&setup).complete(&asked).await.unwrap();
    genai(&setup, AdapterKind::OpenAI, "/").complete(&asked).await.unwrap();
    for sent in server.requests() {
        assert_eq!(sent.body["seed"], json!(i32::MAX));
    }
}
