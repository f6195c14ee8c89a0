//! Compares methods on data sets, with the uncertainty of every difference.

use std::collections::BTreeSet;
use std::error::Error;
use std::future::Future;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex};

use rpm_eval::Need;
use rpm_eval::dataset::{self, Dataset, ReadOptions};
use rpm_eval::method::Method;
use rpm_eval::report::{Report, ReportOptions};
use rpm_eval::run::{Runner, Step};

use crate::args::Args;
use crate::methods;
use crate::model::Model;
use rpm_core::llm::{ResponseLog, Usage};

/// Reads the data sets, runs the methods and writes the report.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    for (folder, flag) in [(&args.out, "--out"), (&args.report, "--report")] {
        if let Some(path) = folder.as_ref().filter(|path| path.is_file()) {
            return Err(format!("{}: is a file, and {flag} takes a folder", path.display()).into());
        }
    }
    let model = Model::from_env(None)?;
    let mut reading = ReadOptions::default();
    reading.seed = args.seed;
    let specs = methods::specs(args)?;
    let mut sets = Vec::new();
    for (place, path) in args.data.iter().enumerate() {
        if !path.exists() {
            eprintln!("{}: not there, passed over", path.display());
            continue;
        }
        let mut set = dataset::read(path, args.format, &reading)?.limited(args.limits());
        if let Some(others) = args.others.get(place) {
            set = set.beside(&dataset::read(others, args.format, &reading)?)?;
        }
        methods::check_enough(&specs, &set)?;
        sets.push(set);
    }
    if sets.is_empty() {
        let paths: Vec<String> = args.data.iter().map(|path| path.display().to_string()).collect();
        return Err(format!("there is no data set at {}, so nothing was run", paths.join(", ")).into());
    }
    let methods = methods::of(args, specs, model.is_some() || args.estimate)?;
    let bases: Vec<String> = args.base.iter().map(|base| methods::preset(args, base.clone()).to_string()).collect();
    if let Some(base) = bases.iter().find(|base| methods.iter().all(|method| method.name() != **base)) {
        let names: Vec<String> = methods.iter().map(|method| method.name()).collect();
        return Err(format!("--base {base} is none of the methods: name one of {}", names.join(", ")).into());
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
    options.texts = args.show_texts;
    options.user_pages = args.user_pages;
    let report = Report::of(&run, &sets, &options);
    println!("{}", report.to_markdown());
    if let Some(folder) = &args.report {
        report.write(folder)?;
        run.write_timings(folder)?;
        let pages = if args.user_pages { ", and a page of each user in users" } else { "" };
        eprintln!("report.md, report.html, report.json and timings.json are in {}{pages}", folder.display());
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

/// Shows the progress: a bar on a terminal, elsewhere a line for each method on each set, when its first job is done.
pub(crate) fn show(step: &Step) {
    const WIDTH: usize = 24;
    static SHOWN: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());
    let Step { done, total, calls, money, .. } = step;
    let job = format!("{} on {}, {}; {calls} calls, {money:.4} spent", step.method, step.set, step.user);
    if std::io::stderr().is_terminal() {
        let full = WIDTH * done / total.max(&1);
        let end = if done == total { "\n" } else { "" };
        eprint!("\r\x1b[K[{}{}] {done} of {total}: {job}{end}", "#".repeat(full), ".".repeat(WIDTH - full));
    } else if let Ok(mut shown) = SHOWN.lock()
        && shown.insert((step.set.clone(), step.method.clone()))
    {
        eprintln!("{done} of {total}: {} on {}", step.method, step.set);
    }
}

fn wait<T>(model: Option<&Model>, future: impl Future<Output = T>) -> T {
    match model {
        Some(model) => model.wait(future),
        None => pollster::block_on(future),
    }
}
