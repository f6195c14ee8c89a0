//! Scores the crate's pipelines and simple baselines on data sets of real users.
//!
//! ```text
//! cargo run --release --example evaluate -- PATH... [--methods a,b] [--limit-users N] [--limit-history N]
//!     [--limit-test N] [--json FILE] [--unseen]
//! ```
//!
//! A PATH is a folder with `users.jsonl`: one user per line, `{"task":"rating|votes|opinion|title","history":[..],
//! "test":[..]}`, each entry with `query`, `response` and, if there are any, `options`, `timestamp` and `seen_text`;
//! `labels.json` beside it lists the labels of ratings and votes. A path that is absent is named and passed over.
//!
//! Methods: `offline` (no model), `rpm`, `zero-shot`, `balanced` and `frugal` (a model: build with `--features providers`
//! and set the variables of `common/provider.rs`), and the baselines of `baselines.rs`. `balanced` and `frugal` are the
//! crate's presets, `rpm` the builder's defaults with paths on first use, `rpm@N` the same with N texts in a request, and
//! `retrieve:NAME` the vote of what a retriever alone finds (`retrieval.rs`). All that apply but the presets and single
//! retrievers are run unless `--methods` names some. `--limit-history` keeps the latest interactions, `--unseen` the test
//! items marked `"seen_text": false`.
//!
//! It prints one table per set, then what the pipelines met: items, errors by kind, calls and tokens by stage, dropped
//! features, tiers, and the steps of paths that cite what does not exist (0 unless something is wrong). A test item that
//! got no answer counts as wrong, and is left out of MAE and RMSE. ECE is the expected calibration error of the estimate's
//! probability of the response that was given, over 10 bins of equal width.
#![allow(clippy::print_stdout, clippy::indexing_slicing, missing_docs, reason = "an example talks to its reader")]

mod account;
mod args;
mod baselines;
#[path = "../common/chance.rs"]
mod chance;
mod data;
mod metrics;
#[path = "../common/model.rs"]
mod model;
mod pipelines;
mod report;
mod retrieval;

use std::error::Error;

use args::Args;
use data::Set;
use model::Model;
use report::{Line, Report};

/// Pipelines that ask no model, and those that do.
const OFFLINE: &str = "offline";
const WITH_MODEL: [&str; 2] = ["rpm", "zero-shot"];
/// Presets of the crate, which ask a model too and run when they are named.
const PRESETS: [&str; 2] = ["balanced", "frugal"];

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse(std::env::args().skip(1))?;
    let model = Model::from_env()?;
    let methods = methods(&args, model.is_some())?;
    let mut reports = Vec::new();
    for path in &args.paths {
        let Some(set) = data::load(path, &args)? else {
            println!("{}: no users.jsonl there, passed over", path.display());
            continue;
        };
        let mut report = Report::new(&set, args.unseen);
        for method in &methods {
            if let Some(line) = evaluate(method, &set, model.as_ref())? {
                report.lines.push(line);
            }
        }
        println!("{report}");
        reports.push(report.to_json());
        if let Some(file) = &args.json {
            std::fs::write(file, format!("{}\n", serde_json::to_string_pretty(&reports)?))?;
        }
    }
    Ok(())
}

/// The methods to run: the named ones, or all that can be.
fn methods(args: &Args, with_model: bool) -> Result<Vec<String>, String> {
    if args.methods.is_empty() {
        let mut all = vec![OFFLINE];
        all.extend(WITH_MODEL.iter().filter(|_| with_model));
        all.extend(baselines::NAMES);
        return Ok(all.into_iter().map(str::to_owned).collect());
    }
    for method in &args.methods {
        let asks = asks(method);
        if asks && !with_model {
            return Err(format!(
                "{method} asks a model: set RPM_PROVIDER and RPM_MODEL, and build with --features providers"
            ));
        }
        let known = asks || method == OFFLINE || retrieval::named(method).is_some();
        if !known && !baselines::NAMES.contains(&method.as_str()) {
            let (baselines, retrievers) = (baselines::NAMES, retrieval::NAMES);
            return Err(format!(
                "no method {method}: {OFFLINE}, {WITH_MODEL:?}, {PRESETS:?}, {baselines:?}, {retrievers}"
            ));
        }
    }
    Ok(args.methods.clone())
}

/// True for the methods that ask a model; `rpm@N` is `rpm` with N queries in one extraction request.
fn asks(method: &str) -> bool {
    WITH_MODEL.contains(&method)
        || PRESETS.contains(&method)
        || method.starts_with("balanced@1")
        || method.strip_prefix("rpm@").is_some_and(|n| n.parse::<usize>().is_ok())
}

/// One method on one set; `None` when it does not apply to this kind of task.
fn evaluate(method: &str, set: &Set, model: Option<&Model>) -> Result<Option<Line>, Box<dyn Error>> {
    if let Some((retriever, k)) = retrieval::named(method) {
        let Some(run) = retrieval::run(&*retriever, k, set)? else { return Ok(None) };
        let mut line = Line::of(method, set, &run.guesses);
        line.learn_seconds = Some(run.learning.as_secs_f64());
        line.p50_ms = metrics::median(run.answering.iter().map(|time| 1e3 * time.as_secs_f64()));
        return Ok(Some(line));
    }
    if method != OFFLINE && !asks(method) {
        let guesses = baselines::predict(method, set);
        return Ok(guesses.map(|guesses| Line::of(method, set, &guesses)));
    }
    let pipeline = pipelines::build(method, set, model)?;
    let run = pipelines::run(method, &pipeline, set, model);
    let mut line = Line::of(method, set, &run.guesses);
    line.learn_seconds = Some(run.learning.as_secs_f64());
    line.p50_ms = metrics::median(run.answering.iter().map(|time| 1e3 * time.as_secs_f64()));
    line.account = Some(run.account);
    Ok(Some(line))
}
