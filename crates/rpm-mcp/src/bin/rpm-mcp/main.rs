//! The command `rpm-mcp`: the server over stdio, or over HTTP, with users in one file or in memory. It asks no model.
//!
//! `--help` lists the options, the README has configurations of clients. Nothing but the protocol goes to standard output.

mod options;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use rmcp::ServiceExt as _;
use rmcp::transport::stdio;
use rpm_core::{InMemoryStore, Personalizer, RpmPipeline, Task};
use rpm_mcp::{Server, http};
use rpm_stores::RedbStore;
use tokio::net::TcpListener;

use crate::options::{Options, Serving};

/// How long the process waits at its end for what was begun to be written.
const TO_FINISH: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("rpm-mcp: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let (task, serving) = (options.task()?, options.serving()?);
    let questions = options.questions()?;
    let server = Server::with_questions(personalizer(options, task)?, questions);
    let server = server.map_err(|error| format!("--questions: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let served = runtime.block_on(async {
        let served = serve(&server, serving).await;
        // A store that hangs does not keep the process for ever.
        let _ = tokio::time::timeout(TO_FINISH, server.finished()).await;
        served
    });
    // A read of standard input that is under way would keep the process.
    runtime.shutdown_background();
    served
}

fn personalizer(options: &Options, task: Task) -> Result<Personalizer, String> {
    let pipeline = RpmPipeline::offline(task);
    let Some(path) = &options.store else { return Ok(pipeline.with_store(InMemoryStore::new()).into()) };
    let store = RedbStore::open(path).map_err(|error| format!("--store: {error}"))?.blocking_on(|job| {
        tokio::task::spawn_blocking(job);
    });
    Ok(pipeline.with_store(store).into())
}

async fn serve(server: &Server, serving: Serving) -> Result<(), String> {
    match serving {
        Serving::Stdio(user) => {
            let session = Box::pin(server.session(user).serve(stdio())).await;
            let session = session.map_err(|_| "the client did not begin the protocol as it should".to_owned())?;
            tokio::select! {
                waited = session.waiting() => waited.map(drop).map_err(|_| "the session broke off".to_owned()),
                () = ended() => Ok(()),
            }
        }
        Serving::Http { address, who, hosts, origins } => {
            let listener = TcpListener::bind(address).await.map_err(|error| format!("--http: {error}"))?;
            let address = listener.local_addr().map_err(|error| format!("--http: {error}"))?;
            let service = server.http(who).allowed_hosts(hosts).map_err(|error| format!("--host: {error}"))?;
            let service = service.allowed_origins(origins).map_err(|error| format!("--origin: {error}"))?;
            eprintln!("rpm-mcp: listening on http://{address}/mcp");
            http::serve(listener, service, ended()).await;
            Ok(())
        }
    }
}

/// Waits until the process is asked to end.
async fn ended() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signals) => drop(signals.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        heard = interrupt => if heard.is_err() { std::future::pending().await },
        () = terminate => {}
    }
}
