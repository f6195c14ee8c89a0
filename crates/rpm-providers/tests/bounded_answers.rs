//! What a server sends costs memory in proportion to what a reply may have, and what is too long is refused.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../tests/common/peak.rs"]
mod peak;

use peak::rise_of;
use rpm_core::answer::OneCallAnswerer;
use rpm_core::embed::Embedder;
use rpm_core::llm::{BackendError, Completion, CompletionRequest, LlmBackend, Message, ReplySchema, Stage};
use rpm_core::stats::Fusion;
use rpm_core::{History, Interaction, Preset, Query, ResponseSpace, RpmPipeline, Task};
use rpm_providers::{Anthropic, Gemini, OpenAiCompatible, OpenAiEmbedder};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const MIB: u64 = 1 << 20;

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// A server that answers every request with `head`, `part` repeated up to so many bytes, and `tail`.
async fn serving(
    kind: &'static str,
    head: &'static str,
    part: &'static str,
    bytes: usize,
    tail: &'static str,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 1 << 16];
            let _ = stream.read(&mut asked).await;
            let first = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n{head}");
            let block = part.repeat((64 << 10) / part.len());
            let mut left = bytes;
            if stream.write_all(first.as_bytes()).await.is_err() {
                continue;
            }
            while left > 0 && stream.write_all(block.as_bytes()).await.is_ok() {
                left = left.saturating_sub(block.len());
            }
            let _ = stream.write_all(tail.as_bytes()).await;
        }
    });
    base
}

fn request() -> CompletionRequest {
    let schema = ReplySchema { name: "shape", schema: json!({ "type": "object" }) };
    CompletionRequest::new(Stage::Answer, vec![Message::user("What?")], 50).schema(schema)
}

/// The three APIs, each behind a server that answers so.
async fn asked(
    head: &'static str,
    part: &'static str,
    bytes: usize,
    tail: &'static str,
) -> Vec<Result<Completion, BackendError>> {
    let base = serving("application/json", head, part, bytes, tail).await;
    let all: [Box<dyn LlmBackend>; 3] = [
        Box::new(OpenAiCompatible::new(&base, "m").unwrap()),
        Box::new(Anthropic::at(&base, "m").unwrap()),
        Box::new(Gemini::at(&base, "m").unwrap()),
    ];
    let mut results = Vec::new();
    for backend in all {
        results.push(backend.complete(&request()).await);
    }
    results
}

fn told(error: &BackendError) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

#[test]
fn an_answer_of_sixty_megabytes_is_refused_before_it_is_kept() {
    let (results, rise) = rise_of(|| run(asked("[", "{\"\":0},", 60 << 20, "{}]")));
    for error in results.into_iter().map(Result::unwrap_err) {
        assert!(!error.is_transient() && told(&error).contains("longer than 4194304 bytes"), "{error:?}");
    }
    assert!(rise.is_none_or(|rise| rise.used < 64 * MIB), "{rise:?}");
}

#[test]
fn an_answer_within_the_bound_takes_a_small_multiple_of_its_bytes_whatever_it_holds() {
    let hostile = [
        ("[", "{\"\":0},", "{}]"),
        ("{\"choices\":[{\"message\":{\"content\":[", "{\"\":0},", "{}]}}]}"),
        ("{\"choices\":[{\"message\":{},\"logprobs\":{\"content\":[", "{},", "{}]}}]}"),
        ("{\"content\":[", "{},", "{}]}"),
        ("{\"candidates\":[{\"content\":{\"parts\":[", "{},", "{}]}}]}"),
        ("{\"error\":[", "[[]],", "0]}"),
    ];
    for (head, part, tail) in hostile {
        let (_, rise) = rise_of(|| run(asked(head, part, 3_900 << 10, tail)));
        assert!(rise.is_none_or(|rise| rise.used < 64 * MIB), "{head}: {rise:?}");
    }
}

#[test]
fn the_host_says_how_long_an_answer_may_be() {
    let (head, tail) = ("{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"", "\"}}]}");
    let work = async {
        let base = serving("application/json", head, "x", 6 << 20, tail).await;
        let backend = OpenAiCompatible::new(&base, "m").unwrap();
        assert!(backend.complete(&request()).await.is_err());
        let reply = backend.clone().longest_answer(8 << 20).complete(&request()).await.unwrap();
        assert_eq!(reply.text.len(), 6 << 20);
        let error = backend.longest_answer(1 << 10).complete(&request()).await.unwrap_err();
        assert!(told(&error).contains("longer than 1024 bytes"), "{error:?}");
    };
    // Not beside a measurement.
    rise_of(|| run(work));
}

#[test]
fn a_stream_is_bounded_in_all_and_its_pieces_are_not_copied_again_and_again() {
    let piece = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
    let answer = |bytes: usize| {
        run(async move {
            let base = serving("text/event-stream", "", piece, bytes, "data: [DONE]\n\n").await;
            let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
            let history =
                [("slow film", "4"), ("loud film", "1"), ("slow walk", "5"), ("loud town", "2"), ("slow song", "4")];
            let history = history.map(|(text, rating)| {
                Interaction::new(text, Query::new(format!("A {text}.")).unwrap(), rating).unwrap()
            });
            let history = History::new(&task, "ana", history).unwrap();
            let backend = OpenAiCompatible::new(&base, "m").unwrap();
            let pipeline = RpmPipeline::builder(task).backend(backend).preset(Preset::Frugal);
            let answerer = OneCallAnswerer::default().fusion(Fusion::default());
            let pipeline = pipeline.answerer(answerer).build().unwrap();
            let user = pipeline.open(pipeline.learn(&history).await.unwrap().model).await.unwrap();
            let error = pipeline.personalize_streaming(&user, &Query::new("A slow dance.").unwrap(), drop).await;
            let (mut told, mut cause) =
                (String::new(), error.as_ref().err().map(|error| error as &dyn std::error::Error));
            while let Some(error) = cause {
                told = format!("{told} / {error}");
                cause = error.source();
            }
            told
        })
    };
    // What is made once in a process, such as the table that tokens are counted by, is no stream's.
    rise_of(|| answer(1 << 10));
    let (told, rise) = rise_of(|| answer(60 << 20));
    assert!(told.contains("longer than 4194304 bytes"), "{told}");
    assert!(rise.is_none_or(|rise| rise.used < 32 * MIB), "{rise:?}");
    // Without the event that ends it.
    let (told, _) = rise_of(|| answer(1 << 20));
    assert!(told.contains("broke"), "{told}");
}

#[test]
fn vectors_are_taken_in_proportion_to_what_was_asked() {
    let (error, rise) = rise_of(|| {
        run(async {
            let base = serving("application/json", "{\"data\":[", "{\"embedding\":[]},", 20 << 20, "{}]}").await;
            OpenAiEmbedder::new(&base, "m", 8).unwrap().embed(&["A text.".to_owned()]).await.unwrap_err()
        })
    });
    let told = format!("{error:?}");
    assert!(told.contains("TooLarge"), "{told}");
    assert!(rise.is_none_or(|rise| rise.used < 16 * MIB), "{rise:?}");
}
