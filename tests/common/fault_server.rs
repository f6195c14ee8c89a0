//! A provider on this machine that speaks `/v1/chat/completions`, does as asked, and has faults: which one an attempt meets
//! follows from the lines that are quoted and how often they were before. So every run meets the same faults, and a
//! prompt that is worded anew meets them too.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rpm_core::CompletionRequest;
use rpm_core::llm::{Message, ReplySchema, Role, Stage};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::common::obey;

/// What can go wrong with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    TooMany,
    TooManyRetryAfter,
    ServerError,
    Unavailable,
    Hang,
    ResetMidBody,
    SlowBody,
    Empty,
    Html,
    Refusal,
    Fenced,
    Truncated,
    WrongType,
    ExtraItems,
    WrongIds,
    DuplicateItems,
}

pub const FAULTS: [Fault; 16] = [
    Fault::TooMany,
    Fault::TooManyRetryAfter,
    Fault::ServerError,
    Fault::Unavailable,
    Fault::Hang,
    Fault::ResetMidBody,
    Fault::SlowBody,
    Fault::Empty,
    Fault::Html,
    Fault::Refusal,
    Fault::Fenced,
    Fault::Truncated,
    Fault::WrongType,
    Fault::ExtraItems,
    Fault::WrongIds,
    Fault::DuplicateItems,
];

/// Which draw of faults all servers have. In about every third draw the reply about some text is cut and no later one is whole, so
/// that the text is learned in part; `reasks.rs` tests that by itself. In this one it happens to none.
const DRAW: u64 = 2;

/// The server. It stops, with all connections, when it is dropped.
pub struct FaultServer {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    percent: u64,
    stopped: AtomicBool,
    connections: AtomicUsize,
    requests: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    attempts: Mutex<BTreeMap<u64, u64>>,
    met: Mutex<BTreeMap<Fault, usize>>,
}

impl FaultServer {
    /// A server of which this share of attempts, in percent, meets a fault.
    pub fn start(percent: u64) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a socket");
        let state = Arc::new(State {
            percent,
            stopped: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            attempts: Mutex::default(),
            met: Mutex::default(),
        });
        let served = state.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                while let Ok((stream, _)) = listener.accept().await {
                    if served.stopped.load(Ordering::SeqCst) {
                        break;
                    }
                    tokio::spawn(serve(stream, served.clone()));
                }
            });
        });
        Self { address, state, thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections with at least one request whose body arrived.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Requests whose body arrived.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// The most connections with a request at a time, those that hang included.
    pub fn most_in_flight(&self) -> usize {
        self.state.most_in_flight.load(Ordering::SeqCst)
    }

    /// How often each fault was met.
    pub fn met(&self) -> BTreeMap<Fault, usize> {
        self.state.met.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        let _ = std::net::TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request after another, as long as the client keeps the connection and no fault ends it.
async fn serve(mut stream: TcpStream, state: Arc<State>) {
    // Else the second part of an answer waits for the first one's acknowledgement.
    let _ = stream.set_nodelay(true);
    let (mut kept, mut served) = (true, 0);
    while kept {
        let Some(asked) = read_request(&mut stream).await else { return };
        served += 1;
        state.connections.fetch_add(usize::from(served == 1), Ordering::SeqCst);
        state.requests.fetch_add(1, Ordering::SeqCst);
        let now = state.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_in_flight.fetch_max(now, Ordering::SeqCst);
        let fault = state.fault(&what_is_asked(&asked.body));
        if let Some(fault) = fault {
            *state.met.lock().unwrap_or_else(PoisonError::into_inner).entry(fault).or_default() += 1;
        }
        kept = answer(&mut stream, &asked, fault).await.is_ok() && asked.keep;
        state.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl State {
    fn fault(&self, asked: &str) -> Option<Fault> {
        let start = 0xcbf2_9ce4_8422_2325_u64 ^ DRAW.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let key = asked.bytes().fold(start, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let attempt = {
            let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
            let attempt = attempts.entry(key).or_default();
            *attempt += 1;
            *attempt
        };
        let mut hash = key.wrapping_add(attempt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for factor in [0xbf58_476d_1ce4_e5b9_u64, 0x94d0_49bb_1331_11eb] {
            hash = (hash ^ (hash >> 30)).wrapping_mul(factor);
        }
        hash ^= hash >> 31;
        let which = usize::try_from((hash / 100) % FAULTS.len() as u64).expect("small");
        (hash % 100 < self.percent).then(|| FAULTS[which])
    }
}

/// The stage, and the lines that are quoted for it, or the whole question where it quotes none.
fn what_is_asked(body: &[u8]) -> String {
    let request = request(&serde_json::from_slice(body).expect("JSON"));
    let question = request.messages.iter().find(|message| message.role == Role::User).map_or("", |m| &m.content);
    let quoted: Vec<&str> = question.lines().filter(|line| line.starts_with("| ")).collect();
    if quoted.is_empty() { format!("{} {question}", request.stage) } else { format!("{} {quoted:?}", request.stage) }
}

struct Asked {
    body: Vec<u8>,
    /// The client goes on with the connection.
    keep: bool,
}

async fn read_request(stream: &mut TcpStream) -> Option<Asked> {
    let mut seen = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        seen.extend_from_slice(&piece[..read]);
        let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&seen[..end]).to_lowercase();
        assert!(head.starts_with("post /v1/chat/completions "), "an unknown path");
        let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())?;
        if seen.len() >= end + 4 + length {
            let keep = !head.contains("\r\nconnection: close");
            return Some(Asked { body: seen[end + 4..end + 4 + length].to_vec(), keep });
        }
    }
}

/// Fails where the connection is over.
async fn answer(stream: &mut TcpStream, asked: &Asked, fault: Option<Fault>) -> std::io::Result<()> {
    let over = || Err(std::io::ErrorKind::ConnectionAborted.into());
    let sent: Value = serde_json::from_slice(&asked.body).expect("JSON");
    let done = || obey(&request(&sent));
    let error = |kind: &str| json!({ "error": { "message": kind, "type": kind } }).to_string();
    let json_type = "content-type: application/json";
    let (status, header, body) = match fault {
        Some(Fault::TooMany) => ("429 Too Many Requests", json_type, error("rate_limit")),
        Some(Fault::TooManyRetryAfter) => ("429 Too Many Requests", "retry-after: 1", error("rate_limit")),
        Some(Fault::ServerError) => ("500 Internal Server Error", json_type, error("server_error")),
        Some(Fault::Unavailable) => ("503 Service Unavailable", json_type, error("overloaded")),
        Some(Fault::Empty) => ("200 OK", json_type, String::new()),
        Some(Fault::Html) => ("200 OK", "content-type: text/html", "<html><body>Gateway</body></html>".to_owned()),
        Some(Fault::Hang) => {
            // Until the client leaves.
            let mut piece = [0; 16];
            while stream.read(&mut piece).await? > 0 {}
            return over();
        }
        Some(Fault::Refusal) => ("200 OK", json_type, chat("I'm sorry, but I can't help with that.", "stop")),
        Some(Fault::Fenced) => ("200 OK", json_type, chat(&format!("```json\n{}\n```", done()), "stop")),
        Some(Fault::Truncated) => {
            let text = done();
            let kept: String = text.chars().take(text.chars().count() * 6 / 10).collect();
            ("200 OK", json_type, chat(&kept, "length"))
        }
        Some(fault @ (Fault::WrongType | Fault::ExtraItems | Fault::WrongIds | Fault::DuplicateItems)) => {
            ("200 OK", json_type, chat(&spoilt(&done(), fault), "stop"))
        }
        Some(Fault::ResetMidBody | Fault::SlowBody) | None => ("200 OK", json_type, chat(&done(), "stop")),
    };
    let connection = if asked.keep { "keep-alive" } else { "close" };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{header}\r\ncontent-length: {length}\r\nconnection: {connection}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    match fault {
        Some(Fault::ResetMidBody) => {
            stream.write_all(&body.as_bytes()[..body.len() / 2]).await?;
            stream.set_zero_linger()?;
            return over();
        }
        Some(Fault::SlowBody) => {
            for piece in body.as_bytes().chunks(body.len() / 4 + 1) {
                tokio::time::sleep(Duration::from_millis(10)).await;
                stream.write_all(piece).await?;
                stream.flush().await?;
            }
        }
        _ => stream.write_all(body.as_bytes()).await?,
    }
    Ok(())
}

/// The request as the library made it, as far as a reply needs it.
fn request(asked: &Value) -> CompletionRequest {
    let said = |message: &Value| {
        let content = message["content"].as_str().unwrap_or_default();
        match message["role"].as_str() {
            Some("system") => Message::system(content),
            Some("assistant") => Message::assistant(content),
            _ => Message::user(content),
        }
    };
    let messages = asked["messages"].as_array().map(|all| all.iter().map(said).collect()).unwrap_or_default();
    let held = &asked["response_format"]["json_schema"];
    let (stage, name) = match held["name"].as_str() {
        Some("features") => (Stage::Extract, "features"),
        Some("factors") => (Stage::Group, "factors"),
        Some("judgements") => (Stage::Judge, "judgements"),
        Some("path") => (Stage::WritePath, "path"),
        _ => (Stage::Answer, "answer"),
    };
    CompletionRequest::new(stage, messages, 1_000).schema(ReplySchema { name, schema: held["schema"].clone() })
}

fn chat(text: &str, finish: &str) -> String {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "obedient",
        "choices": [{
            "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": finish,
        }],
        "usage": {
            "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110,
            "prompt_tokens_details": { "cached_tokens": 40 },
        },
    })
    .to_string()
}

/// A reply with something wrong in its list.
fn spoilt(reply: &str, fault: Fault) -> String {
    let mut reply: Value = serde_json::from_str(reply).expect("JSON");
    if let Some(list) = reply.get_mut("items").and_then(Value::as_array_mut) {
        match fault {
            Fault::WrongType => reply["items"] = json!("none"),
            Fault::ExtraItems => list.push(json!({
                "about": "t99", "features": [{ "name": "time travel", "quote": "nowhere in the text" }],
            })),
            Fault::WrongIds => list.iter_mut().for_each(|item| item["about"] = json!("zz")),
            _ => list.extend(list.clone()),
        }
    } else if let Some(names) = reply.get_mut("factors").and_then(Value::as_object_mut) {
        match fault {
            Fault::WrongType => reply["factors"] = json!("none"),
            Fault::ExtraItems => drop(names.insert("g999".to_owned(), json!("Time travel"))),
            Fault::WrongIds => {
                *names = std::mem::take(names).into_iter().map(|(id, n)| (format!("z{id}"), n)).collect();
            }
            // An object has each member once.
            _ => {}
        }
    }
    reply.to_string()
}
