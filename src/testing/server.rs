//! A server on 127.0.0.1 that gives canned answers.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

/// The interval at which a waiting connection checks that it is still wanted.
const TICK: Duration = Duration::from_millis(10);

/// A server on 127.0.0.1 that answers every request from a closure, one connection per request, and keeps what it was
/// sent. It ends, with all its threads, when it is dropped.
pub struct MockServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Box<dyn Fn(&Sent) -> Canned + Send + Sync>,
    sent: Mutex<Vec<Sent>>,
    abandoned: AtomicUsize,
    ended: AtomicBool,
}

/// A request as it came over the wire.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Sent {
    /// The path with its query.
    pub path: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// Null when it is not JSON or came without a length.
    pub body: Value,
}

impl Sent {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent").field("path", &self.path).field("headers", &self.headers.len()).finish_non_exhaustive()
    }
}

/// An answer of a mock server.
#[derive(Clone, PartialEq, Eq)]
pub struct Canned {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    delay: Duration,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Answer,
    Silence,
    Break,
}

impl Canned {
    /// An answer with a status and a body.
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        let (headers, delay) = (Vec::new(), Duration::ZERO);
        Self { status, headers, body: body.into(), delay, kind: Kind::Answer }
    }

    /// No answer until the client goes.
    pub fn silence() -> Self {
        Self { kind: Kind::Silence, ..Self::new(200, "") }
    }

    /// A body that breaks off half way.
    pub fn broken() -> Self {
        Self { kind: Kind::Break, ..Self::new(200, "{\"id\":") }
    }

    /// The answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The answer, after a delay.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl Canned {
    /// The kind of the body, unless a header says it: some clients read nothing without.
    fn content_type(&self) -> Option<&'static str> {
        let said = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        match self.body.trim_start().chars().next().filter(|_| !said)? {
            '{' | '[' => Some("application/json"),
            '<' => Some("text/html"),
            _ => Some("text/plain"),
        }
    }
}

impl MockServer {
    /// Starts a server on a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(answer: impl Fn(&Sent) -> Canned + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            sent: Mutex::default(),
            abandoned: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Self { address, shared, accepting: Some(accepting) })
    }

    /// Its base URL, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that it was sent so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Sent> {
        self.shared.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of clients that closed their connection before they had an answer.
    pub fn abandoned(&self) -> usize {
        self.shared.abandoned.load(Ordering::SeqCst)
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let woken = TcpStream::connect(self.address).is_ok();
        if let (true, Some(accepting)) = (woken, self.accepting.take()) {
            let _ = accepting.join();
        }
    }
}

impl fmt::Debug for MockServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockServer").field("address", &self.address).finish_non_exhaustive()
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut serving = Vec::new();
    for stream in listener.incoming() {
        if shared.ended.load(Ordering::SeqCst) {
            break;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // A client that goes away is nothing to the server.
        serving.push(thread::spawn(move || drop(shared.serve(stream))));
    }
    for connection in serving {
        let _ = connection.join();
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let sent = read(&mut BufReader::new(&stream))?;
        let canned = (self.answer)(&sent);
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        stream.set_read_timeout(Some(TICK))?;
        let mut waited = Duration::ZERO;
        while canned.kind == Kind::Silence || waited < canned.delay {
            if self.ended.load(Ordering::SeqCst) {
                return Ok(());
            }
            match stream.read(&mut [0; 16]) {
                Ok(1..) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => waited += TICK,
                Ok(0) | Err(_) => {
                    self.abandoned.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
            }
        }
        let length = canned.body.len() + if canned.kind == Kind::Break { 100 } else { 0 };
        write!(stream, "HTTP/1.1 {} Mock\r\nconnection: close\r\ncontent-length: {length}\r\n", canned.status)?;
        for (name, value) in &canned.headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        if let Some(kind) = canned.content_type() {
            write!(stream, "content-type: {kind}\r\n")?;
        }
        write!(stream, "\r\n{}", canned.body)
    }
}

fn read(stream: &mut BufReader<&TcpStream>) -> io::Result<Sent> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body)?;
    Ok(Sent { path, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

impl fmt::Debug for Canned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canned")
            .field("status", &self.status)
            .field("headers", &self.headers.len())
            .field("bytes", &self.body.len())
            .field("delay", &self.delay)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
