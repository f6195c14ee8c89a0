//! An answer that comes in pieces over the wire: told as it comes, whole in the end, and never half a reply taken for a whole one.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use rpm_core::answer::OneCallAnswerer;
use rpm_core::data::{History, Interaction, Query, ResponseSpace, Task};
use rpm_core::pipeline::Unchecked;
use rpm_core::stats::Fusion;
use rpm_core::{Answer, Error, Preset, RpmPipeline};
use rpm_providers::OpenAiCompatible;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// Reads one request, and gives its body.
async fn asked(stream: &mut TcpStream) -> Value {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap();
        bytes.extend_from_slice(&part[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if bytes.len() >= end + 4 + length.unwrap() {
            return serde_json::from_slice(&bytes[end + 4..]).unwrap();
        }
    }
}

/// A server that answers every request with these bytes, some at a time.
async fn serving(kind: &'static str, body: Vec<u8>, at_once: usize) -> (String, Arc<Mutex<Vec<Value>>>) {
    answering("200 OK", kind, body, at_once, false).await
}

/// The same with this status, and a connection that may stay open.
async fn answering(
    status: &'static str,
    kind: &'static str,
    body: Vec<u8>,
    at_once: usize,
    stays: bool,
) -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = asked(&mut stream).await;
            heard.lock().unwrap().push(request);
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            for part in body.chunks(at_once) {
                stream.write_all(part).await.unwrap();
                stream.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
            if stays {
                tokio::spawn(async move {
                    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
                    drop(stream);
                });
            }
        }
    });
    (base, requests)
}

const REPLY: &str = r#"{"answer":"4","reasons":[{"name":"slow","quote":"slow","why":"Très lent, so it pleases."}]}"#;

fn events(pieces: &[&str], end: &[Value]) -> Vec<u8> {
    let delta = |piece: &&str| {
        let top = [json!({ "token": piece, "logprob": -0.1 })];
        let told = json!({ "content": [{ "token": piece, "logprob": -0.1, "top_logprobs": top }] });
        json!({ "choices": [{ "index": 0, "delta": { "content": piece }, "logprobs": told, "finish_reason": null }] })
    };
    let mut text = ": a comment\r\n\r\n".to_owned();
    for event in pieces.iter().map(delta).chain(end.iter().cloned()) {
        let _ = write!(text, "data: {event}\r\n\r\n");
    }
    text.push_str("data: [DONE]\n\n");
    text.into_bytes()
}

fn ended() -> [Value; 2] {
    [
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
        json!({ "choices": [], "usage": { "prompt_tokens": 70, "completion_tokens": 30, "total_tokens": 100 } }),
    ]
}

fn pieces(text: &str, at_once: usize) -> Vec<String> {
    text.chars().collect::<Vec<char>>().chunks(at_once).map(|piece| piece.iter().collect()).collect()
}

async fn answered(base: &str) -> (Result<Answer, Error>, Vec<Unchecked>) {
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let past = ["A slow film.", "A loud film.", "A slow walk.", "A loud town.", "A slow song."];
    let past = past.iter().zip(["4", "1", "5", "2", "4"]).enumerate();
    let past =
        past.map(|(n, (text, rating))| Interaction::new(format!("i{n}"), Query::new(*text).unwrap(), rating).unwrap());
    let history = History::new(&task, "ana", past).unwrap();
    let backend = OpenAiCompatible::new(base, "m").unwrap();
    let builder = RpmPipeline::builder(task).backend(backend).preset(Preset::Frugal);
    let answerer = OneCallAnswerer::default().fusion(Fusion::default());
    let pipeline = builder.answerer(answerer).build().unwrap();
    let user = pipeline.open(pipeline.learn(&history).await.unwrap().model).await.unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let tell = move |piece| tell.lock().unwrap().push(piece);
    let answer = pipeline.personalize_streaming(&user, &Query::new("A slow dance.").unwrap(), tell).await;
    let told = told.lock().unwrap().clone();
    (answer, told)
}

fn said(told: &[Unchecked]) -> (String, String) {
    let (mut response, mut reason) = (String::new(), String::new());
    for piece in told {
        match piece {
            Unchecked::Response(text) => response.push_str(text),
            Unchecked::Reason { text, .. } => reason.push_str(text),
            _ => (response, reason) = Default::default(),
        }
    }
    (response, reason)
}

#[test]
fn a_stream_is_told_as_it_comes_however_the_wire_cuts_it() {
    for (tokens, at_once) in [(3, 1), (7, 13), (40, 4_096)] {
        run(async {
            let parts = pieces(REPLY, tokens);
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let (base, requests) = serving("text/event-stream; charset=utf-8", events(&parts, &ended()), at_once).await;
            let (answer, told) = answered(&base).await;
            let answer = answer.unwrap();
            assert_eq!(said(&told), ("4".to_owned(), "Très lent, so it pleases.".to_owned()));
            let total = answer.usage.total();
            assert_eq!((total.calls, total.input_tokens, total.output_tokens), (1, 70, 30));
            let asked = requests.lock().unwrap();
            assert_eq!(
                (&asked[0]["stream"], &asked[0]["stream_options"]["include_usage"]),
                (&json!(true), &json!(true))
            );
            assert!(answer.fused.is_some());
        });
    }
}

#[test]
fn a_server_that_does_not_stream_answers_as_ever() {
    run(async {
        let choice = json!({ "message": { "content": REPLY }, "finish_reason": "stop" });
        let body = json!({ "choices": [choice], "usage": { "prompt_tokens": 7, "completion_tokens": 3 } });
        let (base, _) = serving("application/json", body.to_string().into_bytes(), 4_096).await;
        let (answer, told) = answered(&base).await;
        assert_eq!((answer.unwrap().usage.total().input_tokens, told.len()), (7, 0));
    });
}

/// The causes of an error.
fn causes(error: &Error) -> String {
    let (mut text, mut cause) = (error.to_string(), std::error::Error::source(error));
    while let Some(next) = cause {
        let _ = write!(text, " / {next}");
        cause = next.source();
    }
    text
}

#[test]
fn a_stream_that_ends_before_its_end_or_has_a_hole_is_a_failure_that_may_pass() {
    run(async {
        let cut = events(&[r#"{"answer":"4","#], &[]);
        let mut hole = events(&pieces(REPLY, 9).iter().map(String::as_str).collect::<Vec<_>>(), &ended());
        let at = hole.windows(6).rposition(|window| window == b"data: ").unwrap();
        hole.splice(at..at, *b"data: {\"choices\": [\r\n\r\n");
        for body in [cut, hole] {
            let (base, requests) = serving("text/event-stream", body, 64).await;
            let (answer, told) = answered(&base).await;
            let error = answer.unwrap_err();
            assert!(causes(&error).contains("broke"), "{}", causes(&error));
            assert_eq!(said(&told).0, "4");
            assert_eq!(requests.lock().unwrap().len(), 1, "nothing sends it again by itself");
        }
    });
}

#[test]
fn an_error_in_a_stream_and_a_stream_with_another_status_are_what_they_say() {
    run(async {
        let failed = json!({ "error": { "code": 500, "message": "A slow dance broke it", "type": "server_error" } });
        let (base, _) = serving("text/event-stream", events(&["{"], &[failed]), 64).await;
        let error = answered(&base).await.0.unwrap_err();
        let told = causes(&error);
        assert!(!told.contains("slow dance") && !format!("{error:?}").contains("slow dance"), "{told}");
        let refused = json!({ "error": { "message": "wrong key", "type": "invalid_request_error" } }).to_string();
        let (base, _) = answering("401 Unauthorized", "text/event-stream", refused.into_bytes(), 64, false).await;
        let told = causes(&answered(&base).await.0.unwrap_err());
        assert!(told.contains("401"), "{told}");
    });
}

#[test]
fn a_stream_is_over_when_it_says_so_though_the_connection_stays_open() {
    run(async {
        let parts = pieces(REPLY, 9);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (base, _) = answering("200 OK", "text/event-stream", events(&parts, &ended()), 64, true).await;
        let answer = tokio::time::timeout(std::time::Duration::from_secs(20), answered(&base)).await;
        assert!(answer.unwrap().0.is_ok());
    });
}
