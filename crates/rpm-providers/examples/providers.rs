//! Learns one user from a few film ratings through a ready-made provider, answers for a new film, and shows what it
//! took.
//!
//! ```text
//! RPM_PROVIDER=openai RPM_MODEL=my-model OPENAI_BASE_URL=http://127.0.0.1:8080/v1 \
//!   cargo run --release -p rpm-providers --example providers
//! RPM_PROVIDER=anthropic RPM_MODEL=claude-haiku-4-5 ANTHROPIC_API_KEY=... \
//!   cargo run --release -p rpm-providers --features tls --example providers
//! ```
//!
//! | variable | meaning |
//! |---|---|
//! | `RPM_INTERACTIONS` | how many of the 48 ratings to learn; default 8 |
//! | `RPM_MAX_CALLS` | the most calls that learning may take; default 60 |
//! | `RPM_LOG` | optional file that keeps every reply, and with it the user's texts, so that an interrupted run goes on |
//!
//! The variables of [`rpm_providers::from_env`] name the model and the key.
//!
//! It prints what became of each rating, the answer for a new film with its path, and calls and tokens by stage.
//! Without `RPM_PROVIDER` it explains how to set it and ends.
#![allow(clippy::print_stdout, missing_docs, reason = "an example talks to its reader")]

#[path = "../../../examples/common/progress.rs"]
mod progress;

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rpm_core::llm::{Resilient, ResponseLog};
use rpm_core::{Budget, DataError, History, Interaction, LlmBackend, Query, ResponseSpace, RpmPipeline, Task};
use serde::Deserialize;

const NORA: &str = include_str!("../../../examples/data/nora.jsonl");
const NEW_FILM: &str = "A quiet drama about two sisters who restore an organ in a mountain village. It takes its time, the \
    music is beautiful, and the ending leaves one plot hole open.";

#[derive(Deserialize)]
struct Line {
    id: String,
    query: String,
    response: String,
    time: i64,
}

impl Line {
    fn interaction(self) -> Result<Interaction, DataError> {
        Ok(Interaction::new(self.id, Query::new(self.query)?, self.response)?.at(self.time))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(backend) = backend()? else {
        println!("RPM_PROVIDER is not set: there is no model to ask.");
        println!("  RPM_PROVIDER=openai RPM_MODEL=my-model OPENAI_BASE_URL=http://127.0.0.1:8080/v1 \\");
        println!("    cargo run --release -p rpm-providers --example providers");
        return Ok(());
    };
    // The providers need tokio; the pipeline takes any runtime.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(backend))
}

/// The model that the environment names, asked again where that may help, with the log of `RPM_LOG`.
fn backend() -> Result<Option<Arc<dyn LlmBackend>>, Box<dyn Error>> {
    let Some(backend) = rpm_providers::from_env(None)? else { return Ok(None) };
    let backend: Arc<dyn LlmBackend> = Arc::new(Resilient::new(backend).deadline(Duration::from_secs(600)));
    Ok(Some(match env::var_os("RPM_LOG") {
        Some(file) => Arc::new(ResponseLog::open(file)?.wrap(backend)),
        None => backend,
    }))
}

/// A number by a variable, or the default.
fn number(name: &str, default: usize) -> Result<usize, Box<dyn Error>> {
    match env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name} must be a number").into()),
        Err(_) => Ok(default),
    }
}

async fn run(backend: Arc<dyn LlmBackend>) -> Result<(), Box<dyn Error>> {
    println!("== {}\n", backend.model());
    let task = Task::new("How would this user rate the film with this description?", ResponseSpace::scale(1, 5)?)?
        .query_name("film")?
        .response_name("rating")?;
    let history = History::new(&task, "nora", read(number("RPM_INTERACTIONS", 8)?)?)?;
    let budget = Budget::default().calls(number("RPM_MAX_CALLS", 60)? as u64);
    let pipeline = RpmPipeline::builder(task).backend(backend).budget(budget).progress(progress::bar).build()?;

    let learned = pipeline.learn(&history).await?;
    println!("== learned\n{}\n", learned.report);

    let nora = pipeline.open(learned.model).await?;
    let answer = pipeline.personalize(&nora, &Query::new(NEW_FILM)?).await?;
    println!("== a new film\n{NEW_FILM}\n\n{}\n", answer.reasons(&nora));

    let mut usage = learned.report.usage.clone();
    usage.add(&answer.usage);
    println!("== calls and tokens of both\n{usage}");
    Ok(())
}

fn read(interactions: usize) -> Result<Vec<Interaction>, Box<dyn Error>> {
    let lines = NORA.lines().filter(|line| !line.trim().is_empty()).take(interactions);
    lines.map(|line| Ok(serde_json::from_str::<Line>(line)?.interaction()?)).collect()
}
