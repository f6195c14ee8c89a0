//! Learns one user from a few film ratings through a model of your own, and answers for a new film.
//!
//! ```text
//! RPM_BASE_URL=http://127.0.0.1:8080/v1 RPM_MODEL=my-model cargo run --release --example custom_backend
//! ```
//!
//! Any server with an OpenAI-compatible `/v1/chat/completions` will do; `RPM_API_KEY` is sent if set, and `RPM_LOG` names
//! a directory that keeps replies for the next run. The backend itself is in `common/http_backend.rs`: the one method a
//! host has to write.
//!
//! It prints the report of learning (what became of each interaction, what was dropped, calls and tokens by stage), the
//! factors with their counts and intervals, and the answer for a new film with the path that led to it. Without
//! `RPM_BASE_URL` it says how to set it and ends.
#![allow(clippy::print_stdout, clippy::indexing_slicing, missing_docs, reason = "an example talks to its reader")]

#[path = "common/http_backend.rs"]
mod http_backend;
#[path = "common/progress.rs"]
mod progress;

use std::error::Error;

use http_backend::HttpBackend;
use pollster::block_on;
use rpm_core::{Beliefs, DataError, History, Interaction, Query, ResponseSpace, RpmPipeline, Task, UserModel};
use serde::Deserialize;

const NORA: &str = include_str!("data/nora.jsonl");
const INTERACTIONS: usize = 8;
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
    let Some(backend) = HttpBackend::from_env()? else {
        println!("RPM_BASE_URL is not set: there is no model to ask.");
        println!("  RPM_BASE_URL=http://127.0.0.1:8080/v1 RPM_MODEL=my-model \\");
        println!("    cargo run --release --example custom_backend");
        return Ok(());
    };
    println!("{backend:?}\n");

    let task = Task::new("How would this user rate the film with this description?", ResponseSpace::scale(1, 5)?)?
        .query_name("film")
        .response_name("rating");
    let history = read_history(&task)?;
    let pipeline = RpmPipeline::builder(task).backend(backend).progress(progress::bar).build()?;

    let learned = block_on(pipeline.learn(&history))?;
    println!("== learned\n{}\n", learned.report);
    print_factors(&learned.model);

    let query = Query::new(NEW_FILM)?;
    let answer = block_on(pipeline.personalize(&learned.model, &query))?;
    println!("\n== a new film\n{NEW_FILM}\n\n{}\n", answer.explain(&learned.model));
    println!("== calls and tokens of the answer\n{}", answer.usage);
    Ok(())
}

fn read_history(task: &Task) -> Result<History, Box<dyn Error>> {
    let mut interactions = Vec::new();
    for line in NORA.lines().filter(|line| !line.trim().is_empty()).take(INTERACTIONS) {
        interactions.push(serde_json::from_str::<Line>(line)?.interaction()?);
    }
    Ok(History::new(task, "nora", interactions)?)
}

/// Each factor with its coverage n and, for the rating it raises most, the propensity with its interval.
fn print_factors(model: &UserModel) {
    println!("== factors");
    for factor in Beliefs::of(model).summaries(None) {
        print!("{} (n = {} of {}", factor.label, factor.coverage, factor.total);
        if let Some(belief) = factor.strongest() {
            let (low, high) = (belief.interval.low, belief.interval.high);
            print!(": rating {} in {:.0} %", belief.response, 100.0 * belief.propensity);
            print!(", interval {:.0} to {:.0} %, base {:.0} %", 100.0 * low, 100.0 * high, 100.0 * belief.base);
        }
        println!(")");
    }
}
