#![allow(clippy::print_stdout, missing_docs, reason = "an example talks to its reader")]
//! Learns an invented film viewer with a model and answers for a new film, from replies that were written down beforehand: without a
//! key and without a network.
//!
//! Run it with `cargo run --example with_a_model`. It goes the paper's way (`Preset::Paper`): a model is asked for the features of each
//! film, for the names of the factors, for a path from factors to each rating, and for the answer. It prints
//!
//! - what was asked: requests, and tokens in and out, by stage;
//! - the factors that the model named, with the rating that each raises most;
//! - the path of one past film, as the model wrote it, with the factor of each step;
//! - the answer to a new film, with its reasons.
//!
//! The replies are in `data/nora.replies.jsonl`, one a line, found by stage and film. They were made up for this crate as a model
//! would give them. A real model takes the place of `ScriptedBackend`: see `custom_backend`. The output is the same on every run; a request that no
//! reply is recorded for, one that is asked again and a reply that is not used are errors.

use std::error::Error;
use std::fmt::Write as _;

use rpm_core::llm::UsageReport;
use rpm_core::testing::ScriptedBackend;
use rpm_core::{History, Interaction, Preset, Query, ResponseSpace, RpmPipeline, Task, UserModel};
use serde::Deserialize;

const FILMS: &str = include_str!("data/nora.jsonl");
const REPLIES: &str = include_str!("data/nora.replies.jsonl");
/// The films that replies are recorded for.
const RATED: [&str; 12] = ["01", "04", "05", "06", "07", "10", "15", "17", "19", "21", "22", "23"];
const NEW_FILM: &str = "Two lighthouse keepers wait out one winter. It moves at a slow pace, the performances are quiet, and the ending \
                        is left open; a short chase over the cliffs is the only noise in it.";

#[derive(Deserialize)]
struct Line {
    id: String,
    query: String,
    response: String,
    time: i64,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("{}", pollster::block_on(told())?);
    Ok(())
}

/// Everything that the example prints.
pub(crate) async fn told() -> Result<String, Box<dyn Error>> {
    let space = ResponseSpace::scale(1, 5)?;
    let task = Task::new("How would this person rate the film described, from 1 (poor) to 5 (excellent)?", space)?
        .query_name("film")?
        .response_name("rating")?;
    let history = History::new(&task, "nora", films()?)?;
    let model = ScriptedBackend::recorded(REPLIES)?;
    let pipeline = RpmPipeline::builder(task).backend(model.clone()).preset(Preset::Paper).build()?;

    let learned = pipeline.learn(&history).await?;
    let mut usage = learned.report.usage.clone();
    let nora = pipeline.open(learned.model).await?;
    let query = Query::new(NEW_FILM)?;
    let answer = pipeline.personalize(&nora, &query).await?;
    usage.add(&answer.usage);
    check(&usage, &model)?;

    let mut text = format!("== asked of the model (tokens are estimated)\n{usage}\n\n== factors of Nora\n");
    for factor in nora.beliefs().summaries(None) {
        write!(text, "{} (in {:.0} of {:.0} films)", factor.label, factor.coverage, factor.total)?;
        if let Some(belief) = factor.strongest() {
            let (low, high) = (100.0 * belief.interval.low, 100.0 * belief.interval.high);
            write!(text, ": rating {} in {:.0} %", belief.response, 100.0 * belief.propensity)?;
            write!(text, ", interval {low:.0} to {high:.0} %, of all films {:.0} %", 100.0 * belief.base)?;
        }
        text.push('\n');
    }
    text.push_str(&path_of(nora.model(), "nora-05"));
    write!(text, "\n== a new film\n{NEW_FILM}\n\n{}", answer.reasons(&nora))?;
    Ok(text)
}

/// The rated films, oldest first.
fn films() -> Result<Vec<Interaction>, Box<dyn Error>> {
    let mut films = Vec::new();
    for line in FILMS.lines() {
        let line: Line = serde_json::from_str(line)?;
        if RATED.iter().any(|rated| line.id.ends_with(rated)) {
            films.push(Interaction::new(line.id, Query::new(line.query)?, line.response)?.at(line.time));
        }
    }
    Ok(films)
}

/// One past film with its rating and how the model says it came about.
fn path_of(model: &UserModel, id: &str) -> String {
    let mut text = String::new();
    let Some(item) = model.memory().items().iter().find(|item| item.id().as_str() == id) else { return text };
    let _ = writeln!(text, "\n== the path of a past film\n{}", item.query().text());
    for step in item.path().map(|path| path.steps().to_vec()).unwrap_or_default() {
        let feature = item.features().get(step.feature).map_or("", |feature| feature.name());
        let factor = step.factor.as_ref().and_then(|id| model.factors().get(id)).map_or("no factor", |f| f.label());
        let _ = writeln!(text, "- {feature} ({factor}): {}", step.text);
    }
    let _ = writeln!(text, "so she rated it {}", item.response());
    text
}

/// That the recorded replies are the right ones for what is asked today.
fn check(usage: &UsageReport, model: &ScriptedBackend) -> Result<(), Box<dyn Error>> {
    let total = usage.total();
    if total.reasks + total.repaired + total.failed_calls > 0 || model.replies_left() > 0 {
        return Err(format!("{} recorded replies were not used:\n{usage}", model.replies_left()).into());
    }
    Ok(())
}
