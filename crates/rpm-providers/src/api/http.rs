//! Requests over HTTP to one provider's base URL.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use serde_json::Value;

use super::{ApiKey, gemini};
use crate::failure::{Fault, LONGEST_REFUSAL, ProviderError, Refused, wait};
use rpm_core::llm::Endpoint as Asked;

/// The most bytes of a chat model's answer, unless the host sets another number: no reply comes near this.
pub(super) const LONGEST_REPLY: usize = 4 << 20;
const CONNECT: Duration = Duration::from_secs(10);

/// One provider's base URL and the client that talks to it.
#[derive(Clone)]
pub(super) struct Endpoint {
    provider: &'static str,
    client: Client,
    base: Url,
    /// True where the host allows a key over plain HTTP to another machine.
    pub(super) insecure: bool,
    pub(super) timeout: Duration,
    /// The most bytes of an answer, of a stream's events together.
    pub(super) longest: usize,
}

/// A provider's answer, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
    /// True when it came as a stream of events, which is no body.
    pub(super) streamed: bool,
}

impl Answer {
    /// The answer as one that is no success.
    pub(super) fn refused(&self) -> Refused<'_> {
        Refused::new(self.status, self.retry_after, &self.body)
    }
}

/// Hears the events of an answer that comes in pieces; false for one that cannot be read.
pub(super) type OnEvent<'a> = &'a mut (dyn FnMut(&[u8]) -> bool + Send);

impl Endpoint {
    pub(super) fn new(provider: &'static str, base: &str, timeout: Duration) -> Result<Self, ProviderError> {
        let wrong = |what| ProviderError::new(provider, Fault::Setting(what));
        let base = Url::parse(base.trim()).map_err(|_| wrong("the base URL cannot be read"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong("the base URL must begin with http:// or https://"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("the base URL holds a password: give it as the key"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(wrong("the base URL must end with its path"));
        }
        let secure = base.scheme() == "https";
        if secure && !cfg!(any(feature = "tls", feature = "tls-native")) {
            return Err(wrong("https needs the crate feature `tls` or `tls-native`"));
        }
        let mut client = Client::builder().redirect(Policy::none()).connect_timeout(CONNECT);
        // Where both are built in, one of them has to be meant.
        #[cfg(feature = "tls")]
        {
            client = client.tls_backend_rustls();
        }
        if !secure {
            // A proxy would read the key.
            client = client.no_proxy();
            // Reading the platform's certificates takes longer than many a request.
            #[cfg(any(feature = "tls", feature = "tls-native"))]
            {
                client = client.tls_certs_only([]);
            }
        }
        let client = client.build().map_err(|_| wrong("the HTTP client cannot be made"))?;
        Ok(Self { provider, client, base, insecure: false, timeout, longest: LONGEST_REPLY })
    }

    pub(super) fn provider(&self) -> &'static str {
        self.provider
    }

    /// The provider and the server, by the names of OpenTelemetry's conventions.
    pub(super) fn asked(&self) -> Asked<'_> {
        let provider = if self.provider == gemini::NAME { "gcp.gemini" } else { self.provider };
        match self.base.port_or_known_default() {
            Some(port) => Asked::of(provider).server(self.host(), port),
            None => Asked::of(provider),
        }
    }

    pub(super) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// Scheme, host and port: what may be shown, since a path may hold a secret.
    pub(super) fn origin(&self) -> String {
        let port = self.base.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}", self.base.scheme(), self.host())
    }

    /// Refuses to send a key over plain HTTP to another machine, where everyone on the way could read it.
    pub(super) fn guards(&self, key: Option<&ApiKey>) -> Result<(), ProviderError> {
        if key.is_none() || self.insecure || self.base.scheme() == "https" || is_this_machine(self.host()) {
            return Ok(());
        }
        Err(self.fault(Fault::Insecure))
    }

    /// This endpoint with this time for an answer, if that is less.
    pub(super) fn within(&self, left: Option<Duration>) -> Self {
        Self { timeout: left.map_or(self.timeout, |left| left.min(self.timeout)), ..self.clone() }
    }

    /// This endpoint, taking answers of at most so many bytes.
    pub(super) fn taking(&self, longest: usize) -> Self {
        Self { longest, ..self.clone() }
    }

    /// The base URL with more path segments, each encoded where it must be. A first segment that the base ends with
    /// already is not repeated.
    pub(super) fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        let last = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let repeated = segments.first().is_some_and(|first| *first == last);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments.iter().skip(usize::from(repeated)));
        }
        url
    }

    /// Sends a body and waits for the whole answer. Dropping the future closes the connection. The events of an answer that comes as a
    /// stream are heard one by one where someone listens.
    pub(super) async fn post(
        &self,
        url: Url,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: &Value,
        hear: Option<OnEvent<'_>>,
    ) -> Result<Answer, ProviderError> {
        // The client would panic.
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(self.fault(Fault::NoRuntime));
        }
        let body = serde_json::to_vec(body).map_err(|_| self.fault(Fault::NotSent))?;
        let mut request = self.client.post(url).timeout(self.timeout).body(body);
        request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request = request.headers(headers.into_iter().collect::<HeaderMap>());
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status().as_u16();
        if (300..400).contains(&status) {
            return Err(self.fault(Fault::Redirect(status)));
        }
        let asked = wait::retry_after(|name| response.headers().get(name)?.to_str().ok());
        if let Some(hear) = hear.filter(|_| status == 200 && is_stream(&response)) {
            self.read_events(response, hear).await?;
            return Ok(Answer { status, retry_after: asked, body: Vec::new(), streamed: true });
        }
        let body = if status == 200 { self.read(response).await? } else { self.read_refusal(response).await? };
        Ok(Answer { status, retry_after: asked, body, streamed: false })
    }

    /// Reads a stream of events (`text/event-stream`), the JSON of each line of data, up to the one that says that it is done.
    async fn read_events(&self, mut response: Response, hear: OnEvent<'_>) -> Result<(), ProviderError> {
        let (mut line, mut all) = (Vec::new(), 0);
        loop {
            let chunk = response.chunk().await.map_err(|error| self.failed(&error))?;
            let ended = chunk.is_none();
            let chunk = chunk.unwrap_or_default();
            all += chunk.len();
            if all > self.longest {
                return Err(self.fault(Fault::TooLarge(self.longest)));
            }
            for byte in chunk.iter().copied().chain(ended.then_some(b'\n')) {
                if byte != b'\n' {
                    line.push(byte);
                    continue;
                }
                match Line::of(&line) {
                    Line::Event(event) if hear(event) => {}
                    // A reply with a hole is none.
                    Line::Event(_) => return Err(self.fault(Fault::Broken)),
                    Line::Done => return Ok(()),
                    Line::Other => {}
                }
                line.clear();
            }
            if ended {
                return Ok(());
            }
        }
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, ProviderError> {
        let too_large = || self.fault(Fault::TooLarge(self.longest));
        if response.content_length().is_some_and(|bytes| bytes > self.longest as u64) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error))? {
            if bytes.len() + chunk.len() > self.longest {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// The beginning of a refusal.
    async fn read_refusal(&self, mut response: Response) -> Result<Vec<u8>, ProviderError> {
        let mut bytes = Vec::new();
        while bytes.len() < LONGEST_REFUSAL {
            let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error))? else { break };
            bytes.extend_from_slice(&chunk);
        }
        bytes.truncate(LONGEST_REFUSAL);
        Ok(bytes)
    }

    pub(super) fn fault(&self, fault: Fault) -> ProviderError {
        ProviderError::new(self.provider, fault)
    }

    /// The error by its kind alone: the client's own holds the URL and the texts of its layers.
    fn failed(&self, error: &reqwest::Error) -> ProviderError {
        self.fault(match () {
            () if error.is_timeout() => Fault::Timeout(self.timeout),
            () if error.is_connect() => Fault::Connect,
            () if error.is_builder() => Fault::NotSent,
            () => Fault::Broken,
        })
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("base", &self.origin()).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// True of the names and addresses that never leave the machine.
fn is_this_machine(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream"))
}

/// A line of a stream of events.
enum Line<'a> {
    Event(&'a [u8]),
    Done,
    /// A comment, a name, the end of an event.
    Other,
}

impl<'a> Line<'a> {
    fn of(line: &'a [u8]) -> Self {
        let Some(data) = line.strip_prefix(b"data:") else { return Self::Other };
        match data.trim_ascii() {
            b"" => Self::Other,
            b"[DONE]" => Self::Done,
            data => Self::Event(data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names_and_addresses() {
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "127.0.0.1",
            "127.8.9.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "localhost.example.com",
            "notlocalhost",
            "10.0.0.1",
            "0.0.0.0",
            "192.168.0.1",
            "[::]",
            "[fe80::1]",
            "127.0.0.1.example.com",
            "",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
