//! Compares methods on data sets, with the uncertainty of every difference.

use std::error::Error;
use std::future::Future;
use std::io::IsTerminal as _;
use std::sync::Arc;

use rpm_eval::Need;
use rpm_eval::dataset::{self, Dataset, ReadOptions};
use rpm_eval::method::{Method, Spec, named, names};
use rpm_eval::report::{Report, ReportOptions};
use rpm_eval::run::{Runner, Step};

use crate::args::Args;
use crate::model::Model;
use rpm_core::llm::{ResponseLog, Usage};

/// Reads the data sets, runs the methods and writes the report.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let model = Model::from_env(None)?;
    let mut reading = ReadOptions::default();
    reading.seed = args.seed;
    let mut sets = Vec::new();
    for path in &args.data {
        if !path.exists() {
            println!("{}: not there, passed over", path.display());
            continue;
        }
        sets.push(dataset::read(path, args.format, &reading)?.limited(args.limits()));
    }
    if sets.is_empty() {
        return Ok(());
    }
    let methods = methods(args, model.is_some() || args.estimate)?;
    let bases: Vec<String> = args.base.iter().map(|base| preset(args, base.clone()).to_string()).collect();
    if let Some(base) = bases.iter().find(|base| methods.iter().all(|method| method.name() != **base)) {
        return Err(format!("--base {base} is none of the methods").into());
    }
    let runner = runner(args, model.as_ref())?;
    if args.estimate {
        return estimate(args, model.as_ref(), &runner, &sets, &methods);
    }
    let run = wait(model.as_ref(), runner.run(&sets, &methods))?;
    if let Some(limit) = run.stopped {
        println!("The budget of {limit} is used up. Run again with --resume and a larger one to do the rest.\n");
    }
    let mut options = ReportOptions::default();
    for base in &bases {
        options = options.base(base);
    }
    if let Some(prices) = args.prices {
        options = options.prices(prices);
    }
    let report = Report::of(&run, &sets, &options);
    println!("{}", report.to_markdown());
    if let Some(folder) = &args.report {
        report.write(folder)?;
        run.write_timings(folder)?;
        eprintln!("report.md, report.html, report.json and timings.json are in {}", folder.display());
    }
    Ok(())
}

/// The runner with the models, the folder and the limits of the command line.
fn runner(args: &Args, model: Option<&Model>) -> Result<Runner, Box<dyn Error>> {
    let mut runner = Runner::new().seed(args.seed).at_once(args.at_once).budget(args.budget()).progress(show);
    if let Some(model) = model {
        runner = runner.backend(model.backend.clone());
    }
    if let Some(name) = &args.learner {
        let learner = Model::from_env(Some(name.clone()))?.ok_or("--learner needs RPM_PROVIDER")?;
        runner = runner.learner(learner.backend);
    }
    if let Some(folder) = args.out.as_ref().filter(|_| !args.estimate) {
        std::fs::create_dir_all(folder)?;
        runner = if args.resume || args.replay { runner.resume(folder) } else { runner.folder(folder) };
        runner = runner.log(ResponseLog::open(folder.join("replies.log"))?);
        if args.replay {
            runner = runner.replay_only();
        }
        if args.transcripts {
            runner = runner.transcripts();
        }
    }
    Ok(runner)
}

/// Prints the requests and the cost that the run would have.
fn estimate(
    args: &Args,
    model: Option<&Model>,
    runner: &Runner,
    sets: &[Dataset],
    methods: &[Arc<dyn Method>],
) -> Result<(), Box<dyn Error>> {
    println!("| set | method | requests | tokens in | tokens out | cost |\n|---|---|---:|---:|---:|---:|");
    let mut all = 0.0;
    for asking in wait(model, runner.estimate(sets, methods))? {
        let mut need = asking.learning;
        need.add(&asking.answering);
        let cost = args.prices.map(|prices| {
            let (input_tokens, output_tokens) = (need.input_tokens, need.output_tokens);
            prices.of(&Usage { input_tokens, output_tokens, cached_tokens: 0 })
        });
        all += cost.unwrap_or_default();
        let cost = cost.map_or_else(|| "give --prices".to_owned(), |cost| format!("{cost:.4}"));
        let Need { requests, input_tokens, output_tokens, .. } = need;
        println!("| {} | {} | {requests} | {input_tokens} | {output_tokens} | {cost} |", asking.set, asking.method);
    }
    if args.prices.is_some() {
        println!("\nIn all {all:.4}. Methods that learn the same learn it once, so with a log it is less.");
    }
    Ok(())
}

/// The methods to run: the named ones or all that can be, once for each value of what is varied.
fn methods(args: &Args, with_model: bool) -> Result<Vec<Arc<dyn Method>>, Box<dyn Error>> {
    let all = || names().iter().filter_map(|name| name.parse::<Spec>().ok()).collect();
    let mut specs: Vec<Spec> = if args.methods.is_empty() { all() } else { args.methods.clone() };
    for varied in &args.vary {
        let (option, values) = varied.split_once('=').ok_or("--vary is written option=value,value")?;
        let takes = |spec: &Spec| values.split(',').any(|value| named(&spec.clone().with(option, value)).is_ok());
        if !specs.iter().any(takes) {
            return Err(format!("--vary {option}: none of the methods has such an option and value").into());
        }
        let each = |spec: Spec| {
            let values: Vec<&str> = if takes(&spec) { values.split(',').collect() } else { Vec::new() };
            if values.is_empty() {
                return vec![spec];
            }
            values.into_iter().map(|value| spec.clone().with(option, value)).collect()
        };
        specs = specs.into_iter().flat_map(each).collect();
    }
    let mut methods = Vec::new();
    for spec in specs {
        let spec = preset(args, spec);
        let method = named(&spec)?;
        if method.asks_model() && !with_model {
            if args.methods.is_empty() {
                continue;
            }
            return Err(format!(
                "{} asks a model: set RPM_PROVIDER and RPM_MODEL, and build with --features providers",
                method.name()
            )
            .into());
        }
        methods.push(method);
    }
    Ok(methods)
}

/// The method with the preset of the command line, where it is to have one.
fn preset(args: &Args, spec: Spec) -> Spec {
    match &args.preset {
        Some(preset) if spec.name == "rpm" && !spec.options.contains_key("preset") => spec.with("preset", preset),
        _ => spec,
    }
}

/// Shows the progress: a bar on a terminal, a line for each job elsewhere.
fn show(step: &Step) {
    const WIDTH: usize = 24;
    let Step { done, total, calls, money, errors, .. } = step;
    let job = format!("{} on {}, {}; {calls} calls, {money:.4} spent", step.method, step.set, step.user);
    if std::io::stderr().is_terminal() {
        let full = WIDTH * done / total.max(&1);
        let end = if done == total { "\n" } else { "" };
        eprint!("\r\x1b[K[{}{}] {done} of {total}: {job}{end}", "#".repeat(full), ".".repeat(WIDTH - full));
    } else {
        eprintln!("{done} of {total}: {job}, {errors} errors");
    }
}

fn wait<T>(model: Option<&Model>, future: impl Future<Output = T>) -> T {
    match model {
        Some(model) => model.wait(future),
        None => pollster::block_on(future),
    }
}
