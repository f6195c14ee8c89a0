//! Streamable HTTP: a tower service over many users' sessions, each of which is one user's.
//!
//! The host says whose each request is, from its headers or from what a layer before this one left in its extensions. A request of nobody is
//! refused (401). A session belongs to the user of the request that opened it; whoever else comes with its id, in whatever kind of request,
//! hears what they would of a session that never was (404).

mod allowed;
mod body;
mod serve;
mod sessions;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::header::HeaderName;
use ::http::request::Parts;
use ::http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use rmcp::model::Extensions;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rpm_core::UserId;

pub use self::allowed::AllowedError;
pub use self::serve::serve;

use self::body::{Placed, Timely};
use self::sessions::Sessions;
use crate::limits;
use crate::places::Places;
use crate::server::Server;
use crate::session::Session;

type Who = dyn Fn(&Parts) -> Option<UserId> + Send + Sync;

/// The header by which a client names its session.
const SESSION: &str = "mcp-session-id";

/// A server over streamable HTTP, as a tower service: mount it in a router of the host's, or [`serve`] it. From [`Server::http`].
///
/// Requests have to be for `localhost` or a loopback address unless [`allowed_hosts`](Self::allowed_hosts) says others, and none may come from a
/// web page unless [`allowed_origins`](Self::allowed_origins) does, so that no page that the user looks at can talk to a server on their machine.
#[derive(Clone)]
pub struct HttpService {
    shared: Arc<crate::server::Shared>,
    sessions: Arc<Sessions>,
    requests: Arc<Places>,
    body_time: Duration,
    who: Arc<Who>,
    config: StreamableHttpServerConfig,
    inner: StreamableHttpService<Session, Sessions>,
}

/// The user whom the host found in a request.
#[derive(Clone)]
struct Found(UserId);

impl Server {
    /// A service for many users. `who` says whose a request is; `None` for nobody's. It is asked for every request, so let it be quick: what has to be
    /// looked up belongs into a layer before this one, which leaves it in the request's extensions.
    ///
    /// ```
    /// use rpm_core::{Personalizer, ResponseSpace, Task, UserId};
    /// use rpm_mcp::Server;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
    /// let service = Server::new(Personalizer::offline(task)).http(|request| {
    ///     // What the host's own authentication found out.
    ///     request.extensions.get::<UserId>().cloned()
    /// });
    /// # drop(service);
    /// # Ok(())
    /// # }
    /// ```
    pub fn http(&self, who: impl Fn(&Parts) -> Option<UserId> + Send + Sync + 'static) -> HttpService {
        let config = StreamableHttpServerConfig::default()
            .enforce_origin_validation()
            .with_max_request_body_bytes(limits::BODY_BYTES);
        let (shared, sessions) = (Arc::clone(&self.shared), Arc::<Sessions>::default());
        let inner = HttpService::inner(&shared, &sessions, &config);
        let requests = Places::new(limits::REQUESTS);
        HttpService { shared, sessions, requests, body_time: limits::BODY_TIME, who: Arc::new(who), config, inner }
    }
}

/// Finds the user in a header that a proxy sets, such as `x-forwarded-user`. The proxy has to take out what clients send under this name, and
/// nobody may reach the server around it. A request with two of them is nobody's.
pub fn in_header(name: HeaderName) -> impl Fn(&Parts) -> Option<UserId> + Send + Sync + 'static {
    move |request| {
        let mut values = request.headers.get_all(&name).iter();
        let (first, more) = (values.next()?, values.next());
        UserId::new(first.to_str().ok().filter(|_| more.is_none())?).ok()
    }
}

impl HttpService {
    fn inner(
        shared: &Arc<crate::server::Shared>,
        sessions: &Arc<Sessions>,
        config: &StreamableHttpServerConfig,
    ) -> StreamableHttpService<Session, Sessions> {
        let of_session = Arc::clone(shared);
        let open = move || Ok(Session::of_requests(Arc::clone(&of_session)));
        StreamableHttpService::new(open, Arc::clone(sessions), config.clone())
    }

    fn with(self, config: StreamableHttpServerConfig) -> Self {
        let inner = Self::inner(&self.shared, &self.sessions, &config);
        Self { config, inner, ..self }
    }

    /// The names, or `name:port`, under which clients reach the server. Default, also for none: `localhost`, `127.0.0.1` and `::1`.
    ///
    /// # Errors
    /// [`AllowedError`] for what is no host, such as one with a scheme.
    pub fn allowed_hosts(self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, AllowedError> {
        let mut hosts = allowed::hosts(hosts)?;
        if hosts.is_empty() {
            // To rmcp none means all.
            hosts = StreamableHttpServerConfig::default().allowed_hosts;
        }
        let config = self.config.clone().with_allowed_hosts(hosts);
        Ok(self.with(config))
    }

    /// The web pages whose scripts may talk to the server, such as `https://app.example:443`. Default: none.
    ///
    /// # Errors
    /// [`AllowedError`] for what is no origin, such as one without a scheme.
    pub fn allowed_origins(self, origins: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, AllowedError> {
        let config = self.config.clone().with_allowed_origins(allowed::origins(origins)?);
        Ok(self.with(config))
    }

    /// How long a client may take over the body of a request, before it hears 408. Default: [`limits::BODY_TIME`].
    #[must_use]
    pub fn body_time(self, time: Duration) -> Self {
        Self { body_time: time, ..self }
    }

    /// Users who have a session open now. For a host's metrics.
    pub fn users_with_sessions(&self) -> usize {
        self.sessions.owners().into_iter().collect::<BTreeSet<_>>().len()
    }

    async fn answer<B>(self, request: Request<B>) -> Response<BoxBody<Bytes, Infallible>>
    where
        B: Body + Send + 'static,
        B::Error: fmt::Display,
        B::Data: Send,
    {
        let (mut parts, body) = request.into_parts();
        let Some(user) = (self.who)(&parts) else {
            return refusal(StatusCode::UNAUTHORIZED, "this request is of no user");
        };
        let named = parts.headers.get(SESSION).and_then(|id| id.to_str().ok());
        if named.is_some_and(|id| !self.sessions.is_of(id, &user)) {
            return refusal(StatusCode::NOT_FOUND, "Not Found: Session not found");
        }
        let Some(place) = self.requests.take(&user) else {
            return refusal(
                StatusCode::TOO_MANY_REQUESTS,
                "this user has too many requests under way: end one, or wait",
            );
        };
        parts.extensions.insert(Found(user.clone()));
        let (body, late) = Timely::new(body, self.body_time);
        let response = sessions::of_user(user, self.inner.handle(Request::from_parts(parts, body))).await;
        if late.load(Ordering::Relaxed) {
            return refusal(StatusCode::REQUEST_TIMEOUT, "the request did not come in time");
        }
        response.map(|body| Placed { body, _place: place }.boxed())
    }
}

/// The user of a request that came through the service.
pub(crate) fn user_of(extensions: &Extensions) -> Option<&UserId> {
    extensions.get::<Parts>()?.extensions.get::<Found>().map(|found| &found.0)
}

fn refusal(status: StatusCode, why: &'static str) -> Response<BoxBody<Bytes, Infallible>> {
    let mut response = Response::new(Full::new(Bytes::from_static(why.as_bytes())).boxed());
    *response.status_mut() = status;
    response
}

impl<B> tower_service::Service<Request<B>> for HttpService
where
    B: Body + Send + 'static,
    B::Error: fmt::Display,
    B::Data: Send,
{
    type Response = Response<BoxBody<Bytes, Infallible>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService").field("sessions", &self.sessions.owners().len()).finish_non_exhaustive()
    }
}
