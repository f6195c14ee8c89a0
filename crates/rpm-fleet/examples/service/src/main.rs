//! A service that answers the way each user would: record, answer, explain, profile and forget over HTTP.
//!
//! ```sh
//! cargo run --release -p rpm-service-example                    # users in one file, users.redb
//! DATABASE="host=/run/postgresql user=app dbname=app" cargo run --release -p rpm-service-example
//!
//! curl -X POST localhost:8080/record -H 'x-user-id: ana' -H 'content-type: application/json' -d '{"id":"a","text":"A quiet drama.","response":"5"}'
//! curl -X POST localhost:8080/answer -H 'x-user-id: ana' -H 'content-type: application/json' -d '{"text":"A quiet film about a harbour."}'
//! ```
//!
//! Who somebody is, is the business of what stands before it: a gateway that checks them and sets `x-user-id`, and lets nobody else set it.
//! No other part of a request names a user ([`who`]).

mod doors;
mod failure;
mod told;
mod users;
mod who;

use std::env;
use std::error::Error;

use axum::Router;
use axum::routing::{delete, get, post};
use metrics_exporter_prometheus::PrometheusBuilder;
use rpm_core::{ResponseSpace, Task};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use users::Users;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).init();
    let metrics = PrometheusBuilder::new().install_recorder()?;

    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
    let users = match env::var("DATABASE") {
        Ok(address) => Users::in_postgres(task, &address).await?,
        Err(_) => Users::in_a_file(task, env::var("FILE").unwrap_or_else(|_| "users.redb".to_owned()).as_ref())?,
    };
    let doors = Router::new()
        .route("/record", post(doors::record))
        .route("/answer", post(doors::answer))
        .route("/explain", post(doors::explain))
        .route("/profile", get(doors::profile))
        .route("/forget", post(doors::forget))
        .route("/me", delete(doors::delete))
        .route("/health", get(doors::health))
        .route("/metrics", get(move || async move { metrics.render() }))
        .with_state(users);
    let listener = TcpListener::bind(env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned())).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    axum::serve(listener, doors).with_graceful_shutdown(asked_to_end()).await?;
    Ok(())
}

async fn asked_to_end() {
    // Without the signal it ends as every program does.
    let _ = tokio::signal::ctrl_c().await;
}
