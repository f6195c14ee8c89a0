//! A provider's answer over the wire, as each adapter reads it.

use std::cell::RefCell;
use std::rc::Rc;

use rpm_core::embed::Embedder;
use rpm_core::llm::{Message, ReplySchema, Stage};
use rpm_core::{BackendError, Completion, CompletionRequest, LlmBackend, Prepared, Preset, RpmPipeline};
use rpm_providers::{Anthropic, Gemini, OpenAiCompatible, OpenAiEmbedder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use crate::made::{model, query, task};
use crate::steps::counted;
use crate::{first, is_discreet};

/// Status lines by number; most answers are good ones.
const STATUS: [&str; 8] = [
    "200 OK",
    "200 OK",
    "200 OK",
    "400 Bad Request",
    "401 Unauthorized",
    "404 Not Found",
    "429 Too Many Requests",
    "529 Overloaded",
];

/// One server for all inputs of a thread, which answers with what is put here.
struct World {
    runtime: Runtime,
    local: LocalSet,
    answer: Rc<RefCell<Vec<u8>>>,
    backends: [Box<dyn LlmBackend>; 3],
    streaming: [(RpmPipeline, Prepared); 2],
    embedder: OpenAiEmbedder,
}

thread_local! {
    static WORLD: World = World::begin();
}

impl World {
    fn begin() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (local, answer) = (LocalSet::new(), Rc::new(RefCell::new(Vec::new())));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let served = Rc::clone(&answer);
        local.spawn_local(async move {
            let mut asked = vec![0; 1 << 20];
            loop {
                let Ok((mut stream, _)) = listener.accept().await else { continue };
                let _ = stream.read(&mut asked).await;
                let answer = served.borrow().clone();
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        });
        let streaming = |pipeline: rpm_core::RpmPipelineBuilder| {
            let pipeline = pipeline.preset(Preset::Frugal).build().unwrap();
            let prepared = crate::steps::run(pipeline.open(model(0).clone())).unwrap();
            (pipeline, prepared)
        };
        let begin = || RpmPipeline::builder(task(0));
        Self {
            runtime,
            local,
            answer,
            streaming: [
                streaming(begin().backend(OpenAiCompatible::new(&base, "m").unwrap())),
                streaming(begin().backend(Anthropic::at(&base, "m").unwrap())),
            ],
            backends: [
                Box::new(OpenAiCompatible::new(&base, "m").unwrap()),
                Box::new(Anthropic::at(&base, "m").unwrap()),
                Box::new(Gemini::at(&base, "m").unwrap()),
            ],
            embedder: OpenAiEmbedder::new(&base, "m", 4).unwrap(),
        }
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.local.block_on(&self.runtime, counted(future))
    }
}

/// The first byte chooses the adapter and whether it streams, the second the status; the rest is the body.
pub fn providers(data: &[u8]) {
    let (way, rest) = first(data);
    let (status, body) = first(rest);
    let status = STATUS[usize::from(status % 8)];
    WORLD.with(|world| {
        let kind = if matches!(way % 6, 3 | 4) { "text/event-stream" } else { "application/json" };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
        *world.answer.borrow_mut() = [head.as_bytes(), body].concat();
        match way % 6 {
            plain @ 0..=2 => {
                let backend = &world.backends[usize::from(plain)];
                let ask = || world.run(backend.complete(&request(way >= 128)));
                completed(ask(), ask());
            }
            stream @ 3..=4 => streams(world, usize::from(stream) - 3),
            _ => embeds(world),
        }
    });
}

fn request(logprobs: bool) -> CompletionRequest {
    let schema = ReplySchema { name: "shape", schema: serde_json::json!({ "type": "object" }) };
    let mut request = CompletionRequest::new(Stage::Answer, vec![Message::user("What?")], 50).schema(schema);
    request.logprobs = if logprobs { 5 } else { 0 };
    request
}

fn completed(one: Result<Completion, BackendError>, other: Result<Completion, BackendError>) {
    match (one, other) {
        (Ok(one), Ok(other)) => {
            assert!(one == other, "the same answer is read in two ways");
            assert!(one.tokens.iter().all(|place| place.likeliest.iter().all(|token| !token.logprob.is_nan())));
        }
        (Err(one), Err(other)) => {
            is_discreet(&one);
            assert_eq!(crate::told(&one), crate::told(&other));
            assert_eq!(one.is_transient(), other.is_transient());
        }
        _ => panic!("the same answer succeeds and fails"),
    }
}

fn streams(world: &World, which: usize) {
    let (pipeline, prepared) = &world.streaming[which];
    let query = query(0, "A slow dance with a zebra.").unwrap();
    let heard = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&heard);
    let tell = move |_| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    match world.run(pipeline.personalize_streaming(prepared, &query, tell)) {
        Ok(answer) => {
            assert!((1..=5).any(|point| point.to_string() == answer.response), "a response outside of the task");
            let total = answer.usage.total();
            let _ = total.input_tokens.checked_add(total.output_tokens);
        }
        Err(error) => is_discreet(&error),
    }
}

fn embeds(world: &World) {
    let texts = ["one".to_owned(), "two".to_owned()];
    match world.run(world.embedder.embed(&texts)) {
        Ok(vectors) => {
            assert!(vectors.len() == 2 && vectors.iter().all(|vector| vector.len() == 4));
        }
        Err(error) => is_discreet(&error),
    }
}
