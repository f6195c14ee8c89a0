//! Learns one user from a few film ratings through a client of the host's own, and answers for a new film.
//!
//! ```text
//! RPM_BASE_URL=http://127.0.0.1:8080/v1 RPM_MODEL=my-model cargo run --release --example custom_backend
//! ```
//!
//! [`Http`] below is all a host has to write: one method that sends messages and returns text. Everything else is the
//! crate's: reading and asking again, the account, and the [`ResponseLog`], kept in the file that `RPM_LOG` names or else
//! in memory. (For this API there is a ready-made backend as well: `OpenAiCompatible` of the crate rpm-providers.)
//!
//! It prints the report of learning (what became of each interaction, what was dropped, calls and tokens by stage), the
//! factors with their counts and intervals, and the answer for a new film with the path that led to it. Without
//! `RPM_BASE_URL` it says how to set it and ends.
#![allow(clippy::print_stdout, clippy::indexing_slicing, missing_docs, reason = "an example talks to its reader")]

#[path = "common/progress.rs"]
mod progress;

use std::error::Error;
use std::time::Duration;

use pollster::block_on;
use rpm_core::llm::{FinishReason, ReplyCacheLimits, ResponseLog, Usage};
use rpm_core::{
    BackendError, Completion, CompletionRequest, DataError, History, Interaction, LlmBackend, Query, ResponseSpace,
    RpmPipeline, Task, UserModel, async_trait,
};
use serde::Deserialize;
use serde_json::{Value, json};

const NORA: &str = include_str!("data/nora.jsonl");
const INTERACTIONS: usize = 8;
const NEW_FILM: &str = "A quiet drama about two sisters who restore an organ in a mountain village. It takes its time, the \
    music is beautiful, and the ending leaves one plot hole open.";

/// A server with an OpenAI-compatible `/chat/completions`, asked over plain HTTP. The calls block, which suits a program
/// that drives one future at a time.
struct Http {
    agent: ureq::Agent,
    endpoint: String,
    model: String,
}

#[async_trait]
impl LlmBackend for Http {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let message = |m: &rpm_core::llm::Message| json!({ "role": m.role.as_str(), "content": m.content });
        let mut body = json!({
            "model": self.model,
            "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
        });
        if let Some(reply) = &request.schema {
            let schema = json!({ "name": reply.name, "schema": reply.schema });
            body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
        }
        let sent = self.agent.post(&self.endpoint).send_json(&body);
        let mut response = sent.map_err(|error| match error {
            // Worth another try; an HTTP status of 400 to 499 is not, but for a rate limit.
            ureq::Error::StatusCode(429 | 500..=599) | ureq::Error::Io(_) | ureq::Error::Timeout(_) => {
                BackendError::transient(error)
            }
            _ => BackendError::permanent(error),
        })?;
        let reply: Value = response.body_mut().read_json().map_err(BackendError::transient)?;
        let choice = &reply["choices"][0];
        let text = choice["message"]["content"].as_str().filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| BackendError::permanent("the reply holds no text"))?;
        let cut = choice["finish_reason"] == "length";
        let done = Completion::new(text).finish(if cut { FinishReason::Length } else { FinishReason::Stop });
        let tokens = |name: &str| reply["usage"][name].as_u64();
        Ok(match (tokens("prompt_tokens"), tokens("completion_tokens")) {
            (Some(input_tokens), Some(output_tokens)) => {
                done.usage(Usage { input_tokens, output_tokens, cached_tokens: 0 })
            }
            _ => done,
        })
    }

    fn name(&self) -> &str {
        &self.model
    }
}

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
    let (Ok(base), Ok(model)) = (std::env::var("RPM_BASE_URL"), std::env::var("RPM_MODEL")) else {
        println!("RPM_BASE_URL and RPM_MODEL are not set: there is no model to ask.");
        println!("  RPM_BASE_URL=http://127.0.0.1:8080/v1 RPM_MODEL=my-model \\");
        println!("    cargo run --release --example custom_backend");
        return Ok(());
    };
    let agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(600))).build().new_agent();
    let http = Http { agent, endpoint: format!("{}/chat/completions", base.trim_end_matches('/')), model };
    let log = match std::env::var_os("RPM_LOG") {
        Some(file) => ResponseLog::open(file)?,
        None => ResponseLog::in_memory(ReplyCacheLimits::default()),
    };

    let task = Task::new("How would this user rate the film with this description?", ResponseSpace::scale(1, 5)?)?
        .query_name("film")?
        .response_name("rating")?;
    let lines = NORA.lines().filter(|line| !line.trim().is_empty()).take(INTERACTIONS);
    let interactions: Result<Vec<Interaction>, Box<dyn Error>> =
        lines.map(|line| Ok(serde_json::from_str::<Line>(line)?.interaction()?)).collect();
    let history = History::new(&task, "nora", interactions?)?;
    let pipeline = RpmPipeline::builder(task).backend(log.wrap(http)).progress(progress::bar).build()?;

    let learned = block_on(pipeline.learn(&history))?;
    println!("== learned\n{}\n", learned.report);
    print_factors(&learned.model);

    let query = Query::new(NEW_FILM)?;
    let nora = block_on(pipeline.open(learned.model))?;
    let answer = block_on(pipeline.personalize(&nora, &query))?;
    println!("\n== a new film\n{NEW_FILM}\n\n{}\n", answer.reasons(&nora));
    println!("== calls and tokens of the answer\n{}", answer.usage);
    Ok(())
}

/// Each factor with its coverage n and, for the rating it raises most, the propensity with its interval.
fn print_factors(model: &UserModel) {
    println!("== factors");
    for factor in model.beliefs().summaries(None) {
        print!("{} (n = {} of {}", factor.label, factor.coverage, factor.total);
        if let Some(belief) = factor.strongest() {
            let (low, high) = (belief.interval.low, belief.interval.high);
            print!(": rating {} in {:.0} %", belief.response, 100.0 * belief.propensity);
            print!(", interval {:.0} to {:.0} %, base {:.0} %", 100.0 * low, 100.0 * high, 100.0 * belief.base);
        }
        println!(")");
    }
}
