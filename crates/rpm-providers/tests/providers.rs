//! The ready-made providers against mock servers: the conformance suite, and what is each API's own.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../tests/common/mod.rs"]
mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::told;
use rpm_core::context::StageContext;
use rpm_core::embed::{EmbedError, Embedder};
use rpm_core::llm::{BudgetLimit, FinishReason, Ledger, Message, ReplyForm, ReplySchema, Stage, Usage};
use rpm_core::prompt::PromptSet;
use rpm_core::testing::{
    AnthropicMock, Canned, Ending, GeminiMock, MockDialect, MockServer, OpenAiMock, Recorded, Setup,
    backend_conformance,
};
use rpm_core::{BackendError, Budget, Completion, CompletionRequest, LlmBackend, async_trait};
use rpm_providers::{Anthropic, ApiKey, Gemini, OpenAiCompatible, OpenAiEmbedder, ProviderError};
use serde_json::{Value, json};

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
fn every_provider_keeps_the_contract() {
    assert_eq!(run(backend_conformance(openai, &OpenAiMock)).expect("conformance"), 123);
    assert_eq!(run(backend_conformance(anthropic, &AnthropicMock)).expect("conformance"), 119);
    assert_eq!(run(backend_conformance(gemini, &GeminiMock)).expect("conformance"), 115);
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    DropsTheSchema,
    LoosensTheSchema,
    DropsTheRules,
    RepeatsTheRequest,
    NeverTriesAgain,
    ForgetsTheWait,
    TrimsReplies,
    ForgetsTokens,
    TakesErrorsForReplies,
    ReversesBatches,
    GoesOnInTheBackground,
    NamesTheKey,
}

/// A provider with a fault.
struct Faulty(OpenAiCompatible, Fault, String);

#[async_trait]
impl LlmBackend for Faulty {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let mut changed = request.clone();
        match self.1 {
            Fault::DropsTheSchema => changed.schema = None,
            Fault::LoosensTheSchema => {
                if let Some(schema) = &mut changed.schema {
                    schema.schema["required"] = json!([]);
                }
            }
            Fault::DropsTheRules => drop(changed.messages.remove(0)),
            _ => {}
        }
        let result = if self.1 == Fault::GoesOnInTheBackground {
            let provider = self.0.clone();
            tokio::spawn(async move { provider.complete(&changed).await }).await.expect("a task")
        } else {
            self.0.complete(&changed).await
        };
        match (self.1, result) {
            (Fault::RepeatsTheRequest, Err(_)) => Err(BackendError::permanent(request.messages[1].content.clone())),
            (Fault::NeverTriesAgain, Err(error)) => Err(BackendError::permanent(error)),
            (Fault::ForgetsTheWait, Err(error)) => Err(BackendError::transient(error)),
            (Fault::TakesErrorsForReplies, Err(_)) => Ok(Completion::new("")),
            (Fault::TrimsReplies, Ok(mut reply)) => {
                reply.text = reply.text.trim().to_owned();
                Ok(reply)
            }
            (Fault::ForgetsTokens, Ok(reply)) => Ok(Completion::new(reply.text).finish(reply.finish)),
            (_, result) => result,
        }
    }

    async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
        let mut results = self.0.complete_batch(requests).await;
        if self.1 == Fault::ReversesBatches {
            results.reverse();
        }
        results
    }

    fn model(&self) -> &str {
        if self.1 == Fault::NamesTheKey { &self.2 } else { self.0.model() }
    }
}

#[test]
fn the_suite_finds_each_fault() {
    for (fault, found) in [
        (Fault::DropsTheSchema, "a request with a schema: the form of the reply"),
        (Fault::LoosensTheSchema, "a request with a schema: the schema, whole but for bounds"),
        (Fault::DropsTheRules, "a request for text: the messages, in their order"),
        (Fault::RepeatsTheRequest, "a wrong key: no key, prompt or reply in the error"),
        (Fault::NeverTriesAgain, "a rate limit: the right kind of error"),
        (Fault::ForgetsTheWait, "429 with a date to wait for: the right kind of error"),
        (Fault::TrimsReplies, "a reply that ended by itself: the exact text"),
        (Fault::ForgetsTokens, "a filtered reply: the tokens"),
        (Fault::TakesErrorsForReplies, "an empty body with status 200: the right kind of error"),
        (Fault::ReversesBatches, "a batch: each result in its request's place"),
        (Fault::GoesOnInTheBackground, "a dropped request: its connection is closed"),
        (Fault::NamesTheKey, "a request for text: the model's identity names it and holds no key"),
    ] {
        let make = |setup: &Setup| Faulty(openai(setup), fault, format!("{} {}", setup.model, setup.key));
        let error = run(backend_conformance(make, &OpenAiMock)).expect_err(found).to_string();
        assert!(error.contains(found), "{found} is not in {error}");
    }
}

fn reply(text: &str) -> Recorded<'_> {
    Recorded::new(text)
}

/// A server that gives this answer to everything.
fn server(status: u16, body: &Value) -> MockServer {
    let body = body.to_string();
    MockServer::start(move |_| Canned::new(status, body.clone())).expect("a server")
}

fn chat(server: &MockServer) -> OpenAiCompatible {
    OpenAiCompatible::new(&format!("{}/v1", server.url()), "m").expect("a base URL")
}

fn request() -> CompletionRequest {
    CompletionRequest::new(Stage::Answer, vec![Message::system("Rules."), Message::user("What?")], 50)
}

fn with_schema(schema: Value) -> CompletionRequest {
    request().schema(ReplySchema { name: "shape", schema })
}

fn source(error: &BackendError) -> &ProviderError {
    std::error::Error::source(error).and_then(|source| source.downcast_ref()).expect("a provider error")
}

#[test]
fn a_schema_goes_out_unchanged_and_is_strict_only_where_it_meets_the_rules_as_it_is() {
    let server = server(200, &OpenAiMock.reply(&reply("{}")));
    let closed = json!({
        "type": "object", "additionalProperties": false, "required": ["a"],
        "properties": { "a": { "type": "array", "maxItems": 3, "items": { "type": "string", "maxLength": 9 } } },
    });
    let mut optional = closed.clone();
    optional["required"] = json!([]);
    let mut open = closed.clone();
    open["properties"]["a"]["items"] = json!({ "type": "object", "properties": {} });
    for (schema, strict) in [(closed, true), (optional, false), (open, false)] {
        run(chat(&server).complete(&with_schema(schema.clone()))).expect("a reply");
        let sent = server.requests().pop().expect("a request");
        let wanted =
            json!({ "type": "json_schema", "json_schema": { "name": "shape", "strict": strict, "schema": schema } });
        assert_eq!(sent.body["response_format"], wanted);
        assert_eq!(sent.body["temperature"], json!(0.0));
        assert_eq!(sent.header("authorization"), None, "no key was given");
    }
}

#[test]
fn anthropic_gets_no_bounds_that_it_refuses() {
    let server = server(200, &AnthropicMock.reply(&reply("{}")));
    let list = |least: u64| json!({ "type": "array", "minItems": least, "maxItems": 5, "items": { "maxLength": 9 } });
    let schema = json!({ "type": "object", "properties": { "maxLength": list(1), "b": list(2) } });
    let backend = Anthropic::at(&format!("{}/v1/", server.url()), "m").expect("a base URL");
    run(backend.complete(&with_schema(schema))).expect("a reply");
    let sent = server.requests().pop().expect("a request");
    assert_eq!(sent.path, "/v1/messages", "the base's own /v1 is not said twice");
    let kept = json!({ "type": "array", "minItems": 1, "items": {} });
    let wanted =
        json!({ "type": "object", "properties": { "maxLength": kept, "b": { "type": "array", "items": {} } } });
    assert_eq!(sent.body["output_config"]["format"]["schema"], wanted);
}

#[test]
fn fields_are_set_nested_and_left_out() {
    let server = server(200, &GeminiMock.reply(&reply("{}")));
    let plain = Gemini::at(&server.url(), "m").expect("a base URL");
    let backend = plain.clone().set("generationConfig.thinkingConfig.thinkingBudget", 0);
    let backend = backend.set("generationConfig.temperature", Value::Null).set("labels", json!({ "a": "b" }));
    run(backend.complete(&request())).expect("a reply");
    let sent = server.requests().pop().expect("a request");
    let config = json!({ "maxOutputTokens": 50, "thinkingConfig": { "thinkingBudget": 0 } });
    assert_eq!(sent.body["generationConfig"], config);
    assert_eq!(sent.body["labels"], json!({ "a": "b" }));
    assert_eq!(plain.model(), format!("gemini/m@{}", server.url()));
    assert_eq!(
        backend.model(),
        format!(
            "gemini/m@{} generationConfig.temperature=null generationConfig.thinkingConfig.thinkingBudget=0 \
             labels={{\"a\":\"b\"}}",
            server.url()
        )
    );
}

#[test]
fn tokens_are_counted_however_a_server_tells_them() {
    for (usage, wanted) in [
        // Reasoning beside the reply, seen in the total only.
        (json!({ "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 16 }), Some((9, 7, 0))),
        (json!({ "prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 8 }), Some((9, 2, 8))),
        (json!({ "prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": null }), Some((9, 2, 0))),
        (Value::Null, None),
    ] {
        let mut body = OpenAiMock.reply(&reply("ok"));
        body["usage"] = usage;
        let completion = run(chat(&server(200, &body)).complete(&request())).expect("a reply");
        let wanted = wanted.map(|(input_tokens, output_tokens, cached_tokens)| Usage {
            input_tokens,
            output_tokens,
            cached_tokens,
        });
        assert_eq!(completion.usage, wanted);
    }
}

#[test]
fn the_probabilities_of_tokens_are_asked_for_and_read_where_the_api_tells_them() {
    let asked = request().logprobs(5);
    let place =
        |token: &str, top: Value| json!({ "token": token, "logprob": -0.1, "bytes": null, "top_logprobs": top });
    let mut body = OpenAiMock.reply(&reply("B"));
    body["choices"][0]["logprobs"] = json!({ "content": [
        place("B", json!([{ "token": "A", "logprob": -2.0 }, { "token": "B", "logprob": -0.1 }, { "token": "C" }])),
        place("!", Value::Null),
        { "logprob": -0.1 },
    ] });
    let server_ = server(200, &body);
    let completion = run(chat(&server_).complete(&asked)).expect("a reply");
    let sent = server_.requests().pop().expect("a request");
    assert_eq!((&sent.body["logprobs"], &sent.body["top_logprobs"]), (&json!(true), &json!(5)));
    let read: Vec<(&str, Vec<(&str, f64)>)> = completion
        .tokens
        .iter()
        .map(|place| (&*place.token, place.likeliest.iter().map(|token| (&*token.token, token.logprob)).collect()))
        .collect();
    assert_eq!(read, [("B", vec![("B", -0.1), ("A", -2.0)]), ("!", vec![("!", -0.1)])]);
    // Not asked for, they are not sent.
    run(chat(&server_).complete(&request())).expect("a reply");
    assert_eq!(server_.requests().pop().expect("a request").body.get("logprobs"), None);

    let mut body = GeminiMock.reply(&reply("B"));
    body["candidates"][0]["logprobsResult"] = json!({
        "chosenCandidates": [{ "token": "B", "logProbability": -0.1 }],
        "topCandidates": [{ "candidates": [{ "token": "B", "logProbability": -0.1 }, { "token": "A", "logProbability": -2.0 }] }],
    });
    let server_ = server(200, &body);
    let backend = Gemini::at(&server_.url(), "m").expect("a base URL");
    let completion = run(backend.complete(&asked)).expect("a reply");
    let config = server_.requests().pop().expect("a request").body["generationConfig"].clone();
    assert_eq!((&config["responseLogprobs"], &config["logprobs"]), (&json!(true), &json!(5)));
    assert_eq!((completion.tokens.len(), completion.tokens[0].likeliest.len()), (1, 2));
}

#[test]
fn a_provider_that_tells_no_probabilities_says_so_and_other_refusals_are_no_such() {
    let refused = |message: &str| {
        let error = json!({ "message": message, "type": "invalid_request_error", "param": null, "code": null });
        server(400, &json!({ "error": error }))
    };
    for message in ["'logprobs' is not supported with this model.", "Unsupported parameter: top_logprobs"] {
        let error = run(chat(&refused(message)).complete(&request().logprobs(5))).expect_err("refused");
        assert!(matches!(error, BackendError::NoLogprobs { .. }), "{error:?}");
        // Who did not ask for them cannot do without.
        let error = run(chat(&refused(message)).complete(&request())).expect_err("refused");
        assert!(matches!(error, BackendError::Permanent { .. }), "{error:?}");
    }
    let error = run(chat(&refused("'temperature' is not supported")).complete(&request().logprobs(5))).expect_err("no");
    assert!(matches!(error, BackendError::Permanent { .. }), "{error:?}");
    let refusing = refused("Logprobs is not enabled for models/m");
    let backend = Gemini::at(&refusing.url(), "m").expect("a base URL");
    let error = run(backend.complete(&request().logprobs(5))).expect_err("refused");
    assert!(matches!(error, BackendError::NoLogprobs { .. }), "{error:?}");
}

#[test]
fn a_reply_in_parts_is_one_text() {
    let mut body = OpenAiMock.reply(&reply(""));
    body["choices"][0]["message"]["content"] =
        json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]);
    assert_eq!(run(chat(&server(200, &body)).complete(&request())).expect("a reply").text, "ab");
}

#[test]
fn a_reply_cut_before_its_first_word_is_paid_for_and_not_an_error() {
    let cut = Recorded::new("").ending(Ending::Cut);
    let bodies = [OpenAiMock.reply(&cut)];
    for body in bodies {
        let completion = run(chat(&server(200, &body)).complete(&request())).expect("a reply");
        assert_eq!((completion.text.as_str(), completion.finish), ("", FinishReason::Length));
        assert_eq!(completion.usage.expect("tokens").output_tokens, 10);
    }
}

#[test]
fn a_wait_in_milliseconds_goes_before_one_in_seconds() {
    let answer = |_: &_| Canned::new(429, "").header("retry-after", "3").header("retry-after-ms", "2500");
    let server = MockServer::start(answer).expect("a server");
    let error = run(chat(&server).complete(&request())).expect_err("a refusal");
    let BackendError::Transient { retry_after, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*retry_after, Some(Duration::from_millis(2_500)));
    assert_eq!(told(source(&error)).split(" / ").next(), Some("openai: status 429"));
}

#[test]
fn an_error_tells_the_status_and_a_known_code_only() {
    let known = json!({ "error": { "code": "model_not_found", "message": "zqmark" } });
    let unknown = json!({ "error": { "code": "zqmark", "message": "zqmark" } });
    for (body, code) in [(known, Some("model_not_found")), (unknown, None)] {
        let error = run(chat(&server(404, &body)).complete(&request())).expect_err("a refusal");
        assert_eq!((source(&error).status(), source(&error).code()), (Some(404), code));
        assert!(!told(&error).contains("zqmark"));
    }
    let silent = MockServer::start(|_| Canned::silence()).expect("a server");
    let backend = chat(&silent).timeout(Duration::from_millis(50));
    assert!(source(&run(backend.complete(&request())).expect_err("no answer")).is_timeout());
}

#[test]
fn a_success_that_is_not_json_may_pass_and_other_json_does_not() {
    let cut = OpenAiMock.reply(&reply("zqmark")).to_string();
    for (body, passes) in [
        ("", true),
        ("<html><body>Gateway zqmark</body></html>", true),
        (&cut[..cut.len() / 2], true),
        (r#"{"ok":"zqmark"}"#, false),
        ("[]", false),
    ] {
        let body = body.to_owned();
        let server = MockServer::start(move |_| Canned::new(200, body.clone())).expect("a server");
        let error = run(chat(&server).complete(&request())).expect_err("no reply");
        assert_eq!(error.is_transient(), passes, "{error:?}");
        assert!(told(&error).contains("base URL") && !told(&error).contains("zqmark"));
        let error = run(embedder(&server).embed(&["a".to_owned()])).expect_err("no vectors");
        let EmbedError::Other(source) = &error else { panic!("{error:?}") };
        assert_eq!(source.downcast_ref().map(BackendError::is_transient), Some(passes), "{error:?}");
    }
}

#[test]
fn keys_are_trimmed_and_shown_nowhere() {
    let server = server(200, &OpenAiMock.reply(&reply("ok")));
    let backend = chat(&server).key(" zqkey\n".to_owned());
    run(backend.complete(&request())).expect("a reply");
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer zqkey"));
    let embedder = OpenAiEmbedder::new(&server.url(), "m", 2).expect("a base URL").key("zqkey");
    assert!(!format!("{backend:?} {backend:#?} {embedder:?} {:?}", ApiKey::from("zqkey")).contains("zqkey"));

    let error = run(chat(&server).key("zqkey\nx: y").complete(&request())).expect_err("no header");
    assert!(matches!(error, BackendError::Permanent { .. }) && !told(&error).contains("zqkey"));
    assert_eq!(server.requests().len(), 1, "it was not sent");
}

#[test]
fn outside_tokio_a_request_is_an_error_and_no_panic() {
    let server = server(200, &OpenAiMock.reply(&reply("ok")));
    let error = pollster::block_on(chat(&server).complete(&request())).expect_err("no reactor");
    assert!(matches!(error, BackendError::Permanent { .. }));
    assert!(told(&error).contains("tokio runtime"));
}

#[test]
fn a_base_url_is_checked_before_anything_is_sent() {
    let refused = |url: &str| OpenAiCompatible::new(url, "m").expect_err(url).to_string();
    assert_eq!(refused("127.0.0.1:80/v1"), "openai: the base URL cannot be read");
    assert_eq!(refused("ftp://host/v1"), "openai: the base URL must begin with http:// or https://");
    let password = refused("http://me:zqkey@host/v1");
    assert_eq!(password, "openai: the base URL holds a password: give it as the key");
    assert_eq!(refused("http://host/v1?key=zqkey"), "openai: the base URL must end with its path");
    let secure = Anthropic::new("m").map(|backend| backend.model().to_owned());
    if cfg!(any(feature = "tls", feature = "tls-native")) {
        assert_eq!(secure.expect("https"), "anthropic/m@https://api.anthropic.com");
    } else {
        let error = secure.expect_err("no https").to_string();
        assert_eq!(error, "anthropic: https needs the crate feature `tls` or `tls-native`");
    }
}

#[test]
fn a_batch_has_as_many_requests_under_way_as_it_may() {
    static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let body = OpenAiMock.reply(&reply("ok")).to_string();
    let server = MockServer::start(move |_| {
        MOST.fetch_max(UNDER_WAY.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(60));
        UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
        Canned::new(200, body.clone())
    })
    .expect("a server");
    let results = run(chat(&server).concurrency(3).complete_batch(&vec![request(); 7]));
    assert!(results.iter().all(Result::is_ok));
    assert_eq!((server.requests().len(), MOST.load(Ordering::SeqCst)), (7, 3));
}

#[test]
fn a_refused_schema_steps_down_to_json_mode() {
    let good = OpenAiMock.reply(&reply("{}")).to_string();
    let server = MockServer::start(move |sent| {
        if sent.body["response_format"]["type"] == "json_schema" {
            return Canned::new(400, r#"{"error":{"message":"response_format: json_schema is unknown","code":400}}"#);
        }
        Canned::new(200, good.clone())
    })
    .expect("a server");
    let (backend, prompts, ledger) = (chat(&server), PromptSet::default(), Ledger::default());
    let context = StageContext::new(&backend, &prompts, &ledger);
    let results = run(context.complete_all(&[with_schema(json!({ "type": "object" }))]));
    assert_eq!(results[0].as_ref().expect("a reply").text, "{}");
    let forms: Vec<Value> = server.requests().iter().map(|sent| sent.body["response_format"]["type"].clone()).collect();
    assert_eq!(forms, ["json_schema", "json_object"]);
    let used = ledger.report().stage(Stage::Answer);
    assert_eq!((used.calls, used.stepped_down, used.input_tokens, used.cached_tokens), (2, 1, 100, 40));
}

#[test]
fn a_request_waits_no_longer_than_its_operation_may_take_and_none_is_sent_after() {
    let server = MockServer::start(|_| {
        std::thread::sleep(Duration::from_secs(5));
        Canned::new(200, "{}")
    })
    .expect("a server");
    let (backend, prompts) = (chat(&server).concurrency(1), PromptSet::default());
    let ledger = Ledger::limited(Budget::default().time(Duration::from_millis(300)));
    let context = StageContext::new(&backend, &prompts, &ledger);
    let begun = Instant::now();
    let results = run(context.complete_all(&[request(), request()]));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let (first, second) = (results[0].as_ref().expect_err("late"), results[1].as_ref().expect_err("late"));
    assert!(first.is_transient(), "{first:?}");
    assert_eq!(second.budget_reached(), Some(BudgetLimit::Time));
    let used = ledger.report().stage(Stage::Answer);
    assert_eq!((used.calls, used.failed_calls, used.withheld), (1, 1, 1));
    assert_eq!(ledger.budget_reached(), Some(BudgetLimit::Time));
}

#[test]
fn a_form_that_the_host_rules_out_is_not_asked_for() {
    let good = OpenAiMock.reply(&reply("{}")).to_string();
    let server = MockServer::start(move |_| Canned::new(200, good.clone())).expect("a server");
    let prompts = PromptSet::default();
    for (form, sent) in [(ReplyForm::Json, json!("json_object")), (ReplyForm::Text, Value::Null)] {
        let (backend, ledger) = (chat(&server).form(form), Ledger::default());
        let context = StageContext::new(&backend, &prompts, &ledger);
        let results = run(context.complete_all(&[with_schema(json!({ "type": "object" }))]));
        assert!(results[0].is_ok());
        assert_eq!(server.requests().last().expect("a request").body["response_format"]["type"], sent);
        assert_eq!(ledger.report().total().stepped_down, 0);
    }
}

fn embedding(index: usize, vector: &[f32]) -> Value {
    json!({ "object": "embedding", "index": index, "embedding": vector })
}

fn embedder(server: &MockServer) -> OpenAiEmbedder {
    OpenAiEmbedder::new(&format!("{}/v1", server.url()), "e", 2).expect("a base URL").key("zqkey")
}

#[test]
fn vectors_come_back_in_the_order_of_their_texts() {
    let server = MockServer::start(|sent| {
        let texts = sent.body["input"].as_array().expect("texts").iter().enumerate();
        #[expect(clippy::cast_precision_loss, reason = "lengths of a few letters")]
        let vector = |text: &Value| [text.as_str().expect("a text").len() as f32, 0.5];
        let mut data: Vec<Value> = texts.map(|(index, text)| embedding(index, &vector(text))).collect();
        data.reverse();
        Canned::new(200, json!({ "data": data, "model": "e" }).to_string())
    })
    .expect("a server");
    let texts: Vec<String> = ["a", "bb", "ccc", "dddd", "eeeee"].map(String::from).to_vec();
    let vectors = run(embedder(&server).per_request(2).embed(&texts)).expect("vectors");
    assert_eq!(vectors, [1.0, 2.0, 3.0, 4.0, 5.0].map(|length| vec![length, 0.5]));
    let sent = server.requests();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|sent| sent.path == "/v1/embeddings" && sent.body.get("dimensions").is_none()));
    assert!(sent.iter().all(|sent| sent.header("authorization") == Some("Bearer zqkey")));
    assert_eq!(run(embedder(&server).embed(&[])).expect("nothing"), Vec::<Vec<f32>>::new());
    assert_eq!(server.requests().len(), 3, "nothing is sent for nothing");
    run(embedder(&server).shorten().embed(&texts[..1])).expect("a vector");
    assert_eq!(server.requests()[3].body["dimensions"], json!(2));
    let (plain, short) = (embedder(&server).fingerprint(), embedder(&server).shorten().fingerprint());
    assert_eq!(plain, format!("openai/e@{}/v1 of 2", server.url()));
    assert_ne!(plain, short);
}

#[test]
fn vectors_that_do_not_fit_their_texts_are_an_error() {
    let texts = ["zqmark".to_owned(), "b".to_owned()];
    let good = embedding(0, &[1.0, 2.0]);
    for (data, what) in [
        (json!([good]), "one is missing"),
        (json!([good, good]), "one is there twice"),
        (json!([good, embedding(2, &[1.0, 2.0])]), "one is of no text"),
        (json!([good, embedding(1, &[1.0])]), "one is short"),
        (json!([good, { "index": 1, "embedding": [1.0, null] }]), "one holds no number"),
        (json!([good, { "index": 1, "embedding": "AACAPw==" }]), "one is packed"),
    ] {
        let error = run(embedder(&server(200, &json!({ "data": data }))).embed(&texts)).expect_err(what);
        assert!(!told(&error).contains("zqmark") && !told(&error).contains("zqkey"), "{what}");
        let EmbedError::Other(source) = &error else { panic!("{what}") };
        assert!(matches!(source.downcast_ref(), Some(BackendError::Permanent { .. })), "{what}");
    }
    let limited = MockServer::start(|_| Canned::new(429, "zqmark zqkey").header("retry-after", "2")).expect("a server");
    let error = run(embedder(&limited).embed(&texts)).expect_err("a limit");
    assert!(!told(&error).contains("zqmark") && !told(&error).contains("zqkey"));
    let EmbedError::Other(source) = &error else { panic!("{error:?}") };
    let Some(BackendError::Transient { retry_after, .. }) = source.downcast_ref() else { panic!("{source:?}") };
    assert_eq!(*retry_after, Some(Duration::from_secs(2)));
}

#[test]
fn a_key_goes_over_plain_http_to_this_machine_only_unless_the_host_says_so() {
    // No such machine exists: a request that is not refused fails to connect.
    let base = "http://llm.invalid/v1";
    let request = CompletionRequest::new(Stage::Answer, vec![Message::user("What?")], 9);
    let refused = |error: BackendError| (told(&error).contains("insecure_http()"), error.is_transient());
    let open = OpenAiCompatible::new(base, "m").unwrap();
    let keyed = open.clone().key("zqkey");
    assert_eq!(refused(run(keyed.complete(&request)).unwrap_err()), (true, false));
    assert_eq!(refused(run(keyed.insecure_http().complete(&request)).unwrap_err()), (false, true));
    assert_eq!(refused(run(open.complete(&request)).unwrap_err()), (false, true), "nothing to protect");
    let claude = Anthropic::at(base, "m").unwrap().key("zqkey");
    assert!(refused(run(claude.complete(&request)).unwrap_err()).0);
    let gemini = Gemini::at(base, "m").unwrap().key("zqkey");
    assert!(refused(run(gemini.complete(&request)).unwrap_err()).0);
    let embedder = OpenAiEmbedder::new(base, "m", 3).unwrap().key("zqkey");
    let error = run(embedder.embed(&["a".to_owned()])).unwrap_err();
    assert!(told(&error).contains("insecure_http()"), "{}", told(&error));
}

#[test]
fn debug_shows_scheme_and_host_and_no_path_or_setting() {
    let base = "http://gateway.invalid:81/zqsecret/v1";
    let openai = OpenAiCompatible::new(base, "m").unwrap().key("zqkey").set("user", "zqset");
    let claude = Anthropic::at(base, "m").unwrap().key("zqkey");
    let gemini = Gemini::at(base, "m").unwrap().key("zqkey");
    let embedder = OpenAiEmbedder::new(base, "m", 3).unwrap().key("zqkey");
    for shown in [
        format!("{openai:?}"),
        format!("{claude:#?}"),
        format!("{gemini:?}"),
        format!("{embedder:?}"),
        format!("{:?}", rpm_core::retrieve::DenseRetriever::new(embedder.clone())),
    ] {
        assert!(!shown.contains("zq"), "{shown}");
        assert!(!shown.contains("Provider") || shown.contains("http://gateway.invalid:81"), "{shown}");
    }
    assert_eq!(format!("{openai:?}"), "OpenAiCompatible(\"openai/m@http://gateway.invalid:81\")");
}

#[test]
fn an_answer_whose_texts_cannot_be_read_may_be_asked_for_again() {
    for body in [r#"{"choices":[{"message":{"content":"\ud83d"}}]}"#, r#"{"other":"\ud83d"}"#] {
        let server = MockServer::start(move |_| Canned::new(200, body)).expect("a server");
        let backend = OpenAiCompatible::new(&server.url(), "m").expect("a base URL");
        let request = CompletionRequest::new(Stage::Answer, vec![Message::user("What?")], 10);
        let error = run(backend.complete(&request)).expect_err("no text can be read");
        assert!(error.is_transient(), "{body}: {error:?}");
    }
}
