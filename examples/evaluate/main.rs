//! Compares methods on data sets, and says how sure the differences are.
//!
//! ```text
//! cargo run --release --features eval --example evaluate -- --data PATH... [--methods a,b] [--report FOLDER]
//! ```
//!
//! `--help` tells the options, `docs/evaluation.md` what they are for.
#![allow(clippy::print_stdout, clippy::indexing_slicing, missing_docs, reason = "an example talks to its reader")]

mod args;
#[path = "../common/model.rs"]
mod model;

use std::error::Error;
use std::future::Future;

use args::Args;
use clap::Parser;
use model::Model;
use rpm_core::ResponseLog;
use rpm_core::eval::dataset::{self, ReadOptions};
use rpm_core::eval::method::{Method, Spec, named, names};
use rpm_core::eval::run::{Runner, Step};

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let model = Model::unlogged(None)?;
    let mut sets = Vec::new();
    for path in &args.data {
        if !path.exists() {
            println!("{}: not there, passed over", path.display());
            continue;
        }
        sets.push(dataset::read(path, args.format, &ReadOptions::default())?.limited(args.limits()));
    }
    let methods = methods(&args, model.is_some())?;
    let mut runner = Runner::new().seed(args.seed).at_once(args.at_once).budget(args.budget()).progress(tell);
    if let Some(model) = &model {
        runner = runner.backend(model.backend.clone());
    }
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)?;
        runner = runner.folder(folder, args.resume || args.replay).transcripts(args.transcripts);
        runner = runner.log(ResponseLog::open(folder.join("replies.log"))?).replay_only(args.replay);
    }
    let run = wait(model.as_ref(), runner.run(&sets, &methods))?;
    println!("{} records, {} jobs of an earlier run, stopped: {:?}", run.records.len(), run.resumed, run.stopped);
    Ok(())
}

/// The methods to run: the named ones or all that can be, once for each value of what is varied.
fn methods(args: &Args, with_model: bool) -> Result<Vec<std::sync::Arc<dyn Method>>, Box<dyn Error>> {
    let all = || names().iter().filter_map(|name| name.parse::<Spec>().ok()).collect();
    let mut specs: Vec<Spec> = if args.methods.is_empty() { all() } else { args.methods.clone() };
    for varied in &args.vary {
        let (option, values) = varied.split_once('=').ok_or("--vary is written option=value,value")?;
        let takes = |spec: &Spec| named(&spec.clone().with(option, values.split(',').next().unwrap_or(""))).is_ok();
        let each = |spec: Spec| match takes(&spec) {
            true => values.split(',').map(|value| spec.clone().with(option, value)).collect(),
            false => vec![spec],
        };
        specs = specs.into_iter().flat_map(each).collect();
    }
    let mut methods = Vec::new();
    for spec in specs {
        let spec = match &args.preset {
            Some(preset) if spec.name == "rpm" && !spec.options.contains_key("preset") => spec.with("preset", preset),
            _ => spec,
        };
        let method = named(&spec)?;
        if method.asks_model() && !with_model {
            if args.methods.is_empty() {
                continue;
            }
            return Err(format!(
                "{} asks a model: set RPM_PROVIDER and RPM_MODEL, and build with --features eval,providers",
                method.name()
            )
            .into());
        }
        methods.push(method);
    }
    Ok(methods)
}

fn tell(step: &Step) {
    eprintln!(
        "{} of {}: {} on {}, {}; {} calls, {:.4} spent, {} errors",
        step.done, step.total, step.method, step.set, step.user, step.calls, step.money, step.errors
    );
}

fn wait<T>(model: Option<&Model>, future: impl Future<Output = T>) -> T {
    match model {
        Some(model) => model.runtime.block_on(future),
        None => pollster::block_on(future),
    }
}
