//! Calls in which a model is asked: given up, slow, many, and not again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rmcp::model::{CallToolRequest, ClientRequest};
use rmcp::serve_server;
use rmcp::service::PeerRequestOptions;
use rpm_core::answer::PromptedAnswerer;
use rpm_core::extract::PromptedExtractor;
use rpm_core::pipeline::RpmPipelineBuilder;
use rpm_core::reason::PromptedPathWriter;
use rpm_core::testing::ScriptedBackend;
use rpm_core::{Personalizer, Preset, RpmPipeline, backend_fn};
use rpm_mcp::{Server, limits};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::Notify;

use crate::people::{Person, connect, done, films, params, refused, taught};

/// A model that answers as one does until it is told to hang, and notices when nobody waits for it any more.
struct Hanging {
    hangs: Arc<AtomicBool>,
    began: Arc<Notify>,
    dropped: Arc<Notify>,
    asked: Arc<AtomicUsize>,
}

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Hanging {
    fn server() -> (Self, Server) {
        Self::server_of(|pipeline| pipeline.extractor(PromptedExtractor::default()))
    }

    fn server_of(parts: impl FnOnce(RpmPipelineBuilder) -> RpmPipelineBuilder) -> (Self, Server) {
        let this =
            Self { hangs: Arc::default(), began: Arc::default(), dropped: Arc::default(), asked: Arc::default() };
        let (hangs, began, dropped) = (Arc::clone(&this.hangs), Arc::clone(&this.began), Arc::clone(&this.dropped));
        let asked = Arc::clone(&this.asked);
        let model = backend_fn(move |request| {
            asked.fetch_add(1, Ordering::SeqCst);
            let (hangs, began, dropped) = (hangs.load(Ordering::SeqCst), Arc::clone(&began), Arc::clone(&dropped));
            async move {
                if hangs {
                    let _noticed = OnDrop(dropped);
                    began.notify_one();
                    std::future::pending::<()>().await;
                }
                Ok(ScriptedBackend::made_up(&request))
            }
        });
        let pipeline = parts(RpmPipeline::builder(films()).backend(model).preset(Preset::Frugal)).build().unwrap();
        (this, Server::new(Personalizer::new(pipeline)))
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_stops_asking_and_leaves_the_user_as_they_were() {
    let (model, server) = Hanging::server();
    let client = taught(&server, "ana", Person::silent()).await;
    model.hangs.store(true, Ordering::SeqCst);
    let more = json!({"records": [{"query": "A quiet garden", "response": "5"}]});
    for (tool, arguments) in [("record", more), ("answer", json!({"query": "A quiet garden"}))] {
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params(tool, arguments)));
        let call = client.send_cancellable_request(request, PeerRequestOptions::no_options()).await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), model.began.notified()).await.expect("the model is asked");
        call.cancel(None).await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), model.dropped.notified())
            .await
            .expect("the model is not waited for");
    }
    model.hangs.store(false, Ordering::SeqCst);
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 12);
    done(&client, "record", json!({"records": [{"query": "A quiet garden", "response": "5"}]})).await;
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 13);
}

#[tokio::test]
async fn a_long_call_gives_signs_that_it_goes_on() {
    let (model, server) = Hanging::server();
    let client = taught(&server, "ana", Person::silent()).await;
    model.hangs.store(true, Ordering::SeqCst);
    let request =
        ClientRequest::CallToolRequest(CallToolRequest::new(params("answer", json!({"query": "A quiet garden"}))));
    let options = PeerRequestOptions::with_timeout(Duration::from_millis(2_500)).reset_timeout_on_progress();
    let call = client
        .send_cancellable_request(request, options.with_max_total_timeout(Duration::from_millis(5_500)))
        .await
        .unwrap();
    let began = std::time::Instant::now();
    let error = call.await_response().await.unwrap_err();
    assert!(began.elapsed() >= Duration::from_secs(4), "a sign resets the client's patience: {error}");
}

#[tokio::test]
async fn an_answer_for_which_paths_were_written_is_explained_without_another_one() {
    let (model, server) = Hanging::server_of(|pipeline| {
        pipeline.path_writer(PromptedPathWriter::default()).answerer(PromptedAnswerer::default())
    });
    let client = taught(&server, "ana", Person::silent()).await;
    let told = done(&client, "answer", json!({"query": "A quiet garden"})).await;
    let asked = model.asked.load(Ordering::SeqCst);
    let explained = done(&client, "explain", json!({})).await;
    assert_eq!(explained["answer"], told);
    assert_eq!(model.asked.load(Ordering::SeqCst), asked);
    done(&client, "record", json!({"records": [{"query": "A quiet garden", "response": "5"}]})).await;
    let asked = model.asked.load(Ordering::SeqCst);
    done(&client, "explain", json!({})).await;
    assert!(model.asked.load(Ordering::SeqCst) > asked, "the user has changed since");
}

#[tokio::test]
async fn a_user_has_so_many_calls_under_way() {
    let (model, server) = Hanging::server();
    let client = taught(&server, "ana", Person::silent()).await;
    model.hangs.store(true, Ordering::SeqCst);
    let mut calls = Vec::new();
    for _ in 0..limits::CALLS {
        let request = CallToolRequest::new(params("answer", json!({"query": "A quiet garden"})));
        let request = ClientRequest::CallToolRequest(request);
        calls.push(client.send_cancellable_request(request, PeerRequestOptions::no_options()).await.unwrap());
    }
    let other = connect(server.session("ana".try_into().unwrap()), Person::silent()).await;
    while model.asked.load(Ordering::SeqCst) < limits::CALLS {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let why = refused(&other, "profile", json!({})).await;
    assert!(why.contains("too many calls"), "{why}");
    let bob = connect(server.session("bob".try_into().unwrap()), Person::silent()).await;
    done(&bob, "profile", json!({})).await;
    calls.pop().unwrap().cancel(None).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), model.dropped.notified()).await.expect("its place is free");
    tokio::time::sleep(Duration::from_millis(50)).await;
    done(&other, "profile", json!({})).await;
}

#[tokio::test]
async fn a_sign_that_nobody_reads_does_not_hold_up_the_call() {
    let answered = Arc::new(Notify::new());
    let of_model = Arc::clone(&answered);
    let model = backend_fn(move |request| {
        let answered = Arc::clone(&of_model);
        async move {
            // Longer than to the first sign.
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            answered.notify_one();
            Ok(ScriptedBackend::made_up(&request))
        }
    });
    let pipeline = RpmPipeline::builder(films()).backend(model).preset(Preset::Frugal);
    let pipeline = pipeline.extractor(PromptedExtractor::default()).build().unwrap();
    let session = Server::new(Personalizer::new(pipeline)).session("ana".try_into().unwrap());
    let (here, there) = tokio::io::duplex(64);
    tokio::spawn(async move { Box::pin(serve_server(session, here)).await.unwrap().waiting().await });
    let (output, mut input) = tokio::io::split(there);
    let mut output = BufReader::with_capacity(1, output).lines();
    let lines = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "answer",
            "arguments": {"query": "A quiet garden"}, "_meta": {"progressToken": 1}}}),
    ];
    for (place, line) in lines.iter().enumerate() {
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        if place == 0 {
            output.next_line().await.unwrap().unwrap();
        }
    }
    // From here on the client reads nothing.
    tokio::time::timeout(Duration::from_secs(10), answered.notified()).await.expect("the model is waited for");
}
