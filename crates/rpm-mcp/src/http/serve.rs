//! A small HTTP server for the service, for hosts without one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::HttpService;

/// Connections at a time; more wait.
const CONNECTIONS: usize = 1_024;
/// How long a client may take over the head of a request.
const HEAD: Duration = Duration::from_secs(30);
/// How long the server waits after it could not take a connection, which is for want of file handles as a rule.
const BREATH: Duration = Duration::from_millis(100);

/// Serves the service over HTTP/1.1 at every path, without TLS, until `until` is ready; connections that are open then are closed.
///
/// Let it listen on a loopback address, or behind a proxy that ends TLS and says who the user is.
pub async fn serve(listener: TcpListener, service: HttpService, until: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut open = JoinSet::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    tokio::pin!(until);
    loop {
        // Those that have ended.
        while open.try_join_next().is_some() {}
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut until => return,
            next = next => next,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone()));
        open.spawn(async move {
            let _place = place;
            // A client that went away.
            let _ = connection.await;
        });
    }
}
