//! Asks of an answer what it depended on: for one invented film viewer, or over data sets of real users.
//!
//! ```text
//! cargo run --release -p rpm-eval --example explain
//! cargo run --release -p rpm-eval --example explain -- PATH... [--limit-test N] [--limit-users N] [--limit-history N]
//! ```
//!
//! Without a path it learns Nora (`examples/data/nora.jsonl`) offline, answers for a new film, and prints the answer
//! with the reasons as they were given, then what the answer depended on by counterfactuals.
//!
//! With paths, folders as `rpm-eval` reads them, it explains N answers per set (default 50), one test item of
//! each user in turn, and prints a line per set:
//!
//! - `first is top`: of the answers whose first cited factor was tried, the share where no factor has a larger effect;
//! - `tau`: mean agreement of the order of citation with the order of the effects, where it is defined;
//! - `as claimed`: mean share of the cited factors with an effect in the direction claimed;
//! - `score`: mean of the three in one;
//! - `flips`: the share of the counterfactuals with another response, and of the answers with at least one.
//!
//! With `--features providers` and the variables of `rpm_providers::from_env`, a model gives the answers and the
//! counterfactuals; set `RPM_LOG` to go on where a run was interrupted. Learning stays offline. To be kind to a slow
//! model, a request shows at most six features of the new text, all of known factors, and `RPM_EXEMPLARS` past
//! interactions (default 3), and only factors are taken away, `RPM_COUNTERFACTUALS` of them (default 3).
#![allow(clippy::print_stdout, clippy::indexing_slicing, missing_docs, reason = "an example talks to its reader")]

#[allow(dead_code, reason = "shared with the example living, which uses all of it")]
#[path = "../../../examples/common/args.rs"]
mod args;
#[allow(dead_code, reason = "shared with the example living, which uses all of it")]
#[path = "../../../examples/common/data.rs"]
mod data;
#[path = "../src/bin/rpm-eval/model.rs"]
mod model;

use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use args::Args;
use data::Set;
use model::Model;
use rpm_core::answer::PromptedAnswerer;
use rpm_core::context::StageContext;
use rpm_core::data::FeatureKey;
use rpm_core::explain::{ExplainOptions, WhatIf};
use rpm_core::extract::{ExtractError, Extraction, ExtractionRequest, LexicalExtractor};
use rpm_core::llm::{ResponseLog, UsageReport};
use rpm_core::{FeatureExtractor, History, Interaction, Preset, Query, ResponseSpace, RpmPipeline, Task, async_trait};
use serde::Deserialize;

const NEW_FILM: &str = "A slow, quiet film about two sisters who restore an organ. The music is beautiful, and there is one \
    loud chase.";

#[derive(Deserialize)]
struct Line {
    id: String,
    query: String,
    response: String,
    time: i64,
}

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().len() < 2 {
        return pollster::block_on(one());
    }
    let args = Args::parse(std::env::args().skip(1))?;
    let model = logged()?;
    for path in &args.paths {
        match data::load(path, &args)? {
            Some(set) => many(&set, args.limit_test.unwrap_or(50), model.as_ref())?,
            None => println!("{}: no users.jsonl there, passed over", path.display()),
        }
    }
    Ok(())
}

/// The model that the environment names, with the log of `RPM_LOG`.
fn logged() -> Result<Option<Model>, Box<dyn Error>> {
    let Some(mut model) = Model::from_env(None)? else { return Ok(None) };
    if let Some(file) = std::env::var_os("RPM_LOG") {
        model.backend = Arc::new(ResponseLog::open(file)?.wrap(model.backend));
    }
    Ok(Some(model))
}

/// One answer in full.
async fn one() -> Result<(), Box<dyn Error>> {
    let space = ResponseSpace::scale(1, 5)?;
    let task = Task::new("How would this person rate the film described, from 1 (poor) to 5 (excellent)?", space)?;
    let task = task.query_name("film")?.response_name("rating")?;
    let mut past = Vec::new();
    for line in include_str!("../../../examples/data/nora.jsonl").lines() {
        let line: Line = serde_json::from_str(line)?;
        past.push(Interaction::new(line.id, Query::new(line.query)?, line.response)?.at(line.time));
    }
    let pipeline = RpmPipeline::offline(task.clone());
    let nora = pipeline.open(pipeline.learn(&History::new(&task, "nora", past)?).await?.model).await?;
    let answer = pipeline.personalize(&nora, &Query::new(NEW_FILM)?).await?;
    println!("New film: {NEW_FILM}\n\n{}", answer.reasons(&nora));
    println!("{}", pipeline.explain(&nora, &answer).await?);
    Ok(())
}

/// The figures of one set.
#[derive(Default)]
struct Found {
    answers: usize,
    first_is_top: Vec<f64>,
    tau: Vec<f64>,
    as_claimed: Vec<f64>,
    score: Vec<f64>,
    flips: Vec<f64>,
    any_flip: Vec<f64>,
    usage: UsageReport,
}

impl Found {
    fn add(&mut self, explained: &WhatIf) {
        let share = |yes: bool| f64::from(u8::from(yes));
        let faithful = &explained.faithfulness;
        self.answers += 1;
        self.first_is_top.extend(faithful.first_is_top.map(share));
        self.tau.extend(faithful.tau);
        self.as_claimed.extend(faithful.as_claimed);
        self.score.extend(faithful.score());
        let effects = explained.factors.iter().map(|factor| &factor.effect);
        let flips: Vec<bool> =
            effects.chain(explained.exemplars.iter().map(|e| &e.effect)).map(|effect| effect.flips).collect();
        self.any_flip.push(share(flips.contains(&true)));
        self.flips.extend(flips.into_iter().map(share));
        self.usage.add(&explained.usage);
    }
}

/// The answers of one set in figures.
fn many(set: &Set, answers: usize, model: Option<&Model>) -> Result<(), Box<dyn Error>> {
    let pipeline = match model {
        None => RpmPipeline::offline(set.task.clone()),
        Some(model) => RpmPipeline::builder(set.task.clone())
            .backend(Arc::clone(&model.backend))
            .preset(Preset::Frugal)
            .extractor(Familiar)
            .answerer(PromptedAnswerer::default().max_steps(2).factor_tokens(200).example_tokens(60))
            .exemplars(number("RPM_EXEMPLARS")?.unwrap_or(3))
            .build()?,
    };
    let learning = RpmPipeline::offline(set.task.clone());
    let tried = number("RPM_COUNTERFACTUALS")?.unwrap_or(3);
    let options = match model {
        None => ExplainOptions::default(),
        Some(_) => ExplainOptions::default().counterfactuals(tried).factors_alone(),
    };
    let mut models: Vec<Option<rpm_core::Prepared>> = set.users.iter().map(|_| None).collect();
    let mut found = Found::default();
    let rounds = set.users.iter().map(|user| user.test.len()).max().unwrap_or_default();
    for (round, position) in (0..rounds).flat_map(|round| (0..set.users.len()).map(move |user| (round, user))) {
        let Some(test) = set.users[position].test.get(round).filter(|_| found.answers < answers) else { continue };
        if models[position].is_none() {
            let history = set.history(position)?;
            let opened = async { pipeline.open(learning.learn(&history).await?.model).await };
            models[position] = Some(wait(model, opened)?);
        }
        let Some(user) = &models[position] else { continue };
        let explained = wait(model, async {
            let answer = pipeline.personalize(user, &test.query(set.kind)?).await?;
            pipeline.explain_with(user, &answer, &options).await
        });
        match explained {
            Ok(explained) => found.add(&explained),
            Err(error) => eprintln!("{}: user {}, item {}: {error}", set.name, position + 1, round + 1),
        }
        if model.is_some() {
            eprintln!("{}: {} of {answers}", set.name, found.answers);
        }
    }
    let percent = |values: &[f64]| format!("{:.0}% of {}", 100.0 * mean(values), values.len());
    println!(
        "{}: {} answers; first is top {}; tau {:.2} of {}; as claimed {:.2}; score {:.2}; flips {} counterfactuals, {} answers",
        set.name,
        found.answers,
        percent(&found.first_is_top),
        mean(&found.tau),
        found.tau.len(),
        mean(&found.as_claimed),
        mean(&found.score),
        percent(&found.flips),
        percent(&found.any_flip),
    );
    if model.is_some() {
        println!("{}", found.usage);
    }
    Ok(())
}

/// Reads at most six features of known factors off the words.
struct Familiar;

#[async_trait]
impl FeatureExtractor for Familiar {
    async fn extract(&self, seen: ExtractionRequest<'_>, _ctx: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        let mut found = LexicalExtractor::default().read(&seen);
        let known = |key: &FeatureKey| seen.known.is_none_or(|factors| factors.factor_of(key).is_some());
        found.features.retain(|assigned| known(&assigned.feature.key()));
        found.features.truncate(6);
        Ok(found)
    }
}

fn number(variable: &str) -> Result<Option<usize>, Box<dyn Error>> {
    match std::env::var(variable) {
        Ok(given) => Ok(Some(given.parse().map_err(|_| format!("{variable} must be a number"))?)),
        Err(_) => Ok(None),
    }
}

/// Drives a future, on the model's runtime if there is one.
fn wait<T>(model: Option<&Model>, future: impl Future<Output = T>) -> T {
    match model {
        Some(model) => model.wait(future),
        None => pollster::block_on(future),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
