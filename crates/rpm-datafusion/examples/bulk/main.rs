//! What many users take in SQL: users made from those of a data set are learned, each one's part is made and merged, and a population is fitted, in
//! this process, and on clusters of one executor, of two, and of two of which one is killed at work. All must give the same bytes.
//!
//! ```text
//! cargo run --release -p rpm-datafusion --features codec --example bulk -- \
//!     --data FOLDER [--users 1000] [--interactions 20] [--own-words 0] [--tables FOLDER]
//! ```
//!
//! FOLDER has `users.jsonl` and `labels.json`. Users are made the same in every run. Tables are Parquet, in a folder that is deleted at the end unless one is named.
#![allow(clippy::print_stdout, missing_docs, reason = "an example talks to its reader")]

mod args;
#[path = "../../../../examples/common/chance.rs"]
#[allow(dead_code)]
mod chance;
#[path = "../../tests/common/cluster.rs"]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "it is for tests")]
mod cluster;
#[path = "../../../rpm-stores/examples/scale/made.rs"]
#[allow(dead_code)]
mod made;
mod meter;
mod tables;

use std::error::Error;
use std::path::Path;

use datafusion::prelude::{DataFrame, ParquetReadOptions, SessionConfig, SessionContext};
use futures_util::TryStreamExt as _;
use rpm_core::data::MemoryItem;
use rpm_core::stats::population::{Census, Population, USERS_SHARED};
use rpm_core::{Task, UserModel};
use rpm_datafusion::Fitting;

use args::Args;
use cluster::{Cluster, executor_if_told};
use made::Made;
use meter::Meter;

pub(crate) type Failed = Box<dyn Error + Send + Sync>;

/// The users with whom a population begins.
const SAMPLE: usize = 2_048;
const LEARN: &str = "SELECT user, rpm_learn(user, id, query, response, time) AS model FROM interactions GROUP BY user";
const PARTS: &str = "SELECT user, rpm_census(model) AS part FROM models GROUP BY user";

/// What must come out the same everywhere.
#[derive(PartialEq, Eq)]
struct Results {
    merged: String,
    population: String,
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    if executor_if_told().await {
        return Ok(());
    }
    let args = Args::parse(std::env::args().skip(1))?;
    let made = Made::read(&args.data, args.interactions, args.own_words)?;
    std::fs::create_dir_all(&args.tables)?;
    let cores = std::thread::available_parallelism()?.get();
    let mut meter = Meter::new(args.users);
    println!(
        "{} users of {} people, at most {} interactions, {cores} cores\n",
        args.users,
        made.people(),
        args.interactions
    );

    tables::interactions(&args, &made)?;
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(cores));
    register(&context, &args.tables, &made.task, &["interactions"]).await?;
    copied(&mut meter, "learn", &context, LEARN, &args.tables.join("models")).await?;
    register(&context, &args.tables, &made.task, &["models"]).await?;
    copied(&mut meter, "each one's part", &context, PARTS, &args.tables.join("parts")).await?;
    register(&context, &args.tables, &made.task, &["parts"]).await?;

    let by_library = library(&mut meter, &context, &made.task).await?;
    let here = asked(&mut meter, &context, &made.task).await?;
    same("in this process", &here, &by_library)?;
    for (name, executors, killed) in
        [("1 executor", 1, false), ("2 executors", 2, false), ("2 executors, 1 killed", 2, true)]
    {
        meter.place(name);
        let work = args.tables.join("work");
        let mut cluster = Cluster::start(&work, executors, 8, &[]).await;
        let context = cluster.session();
        register(&context, &args.tables, &made.task, &["models", "parts"]).await?;
        let task = made.task.clone();
        let running = tokio::spawn(async move {
            let done = asked(&mut meter, &context, &task).await;
            (meter, done)
        });
        if killed {
            cluster.kill_at_work(1).await;
            println!("one executor was killed, the statements run on: {}", !running.is_finished());
        }
        let (returned, there) = running.await?;
        meter = returned;
        same(name, &there?, &by_library)?;
        println!("files of results by executor: {:?}", cluster.files());
        drop(cluster);
        std::fs::remove_dir_all(work)?;
    }
    args.done()
}

/// Registers tables and functions.
async fn register(context: &SessionContext, tables: &Path, task: &Task, names: &[&str]) -> Result<(), Failed> {
    for name in names {
        let path = tables.join(name);
        context
            .register_parquet(*name, path.to_str().ok_or("a path is not UTF-8")?, ParquetReadOptions::default())
            .await?;
    }
    context.register_udaf(rpm_datafusion::learn(task));
    context.register_udaf(rpm_datafusion::census(task)?);
    context.register_udaf(rpm_datafusion::merge());
    context.register_udaf(rpm_datafusion::sample(SAMPLE));
    Ok(())
}

/// Writes what a statement gives to a table.
async fn copied(
    meter: &mut Meter,
    step: &str,
    context: &SessionContext,
    statement: &str,
    to: &Path,
) -> Result<(), Failed> {
    let copy = format!("COPY ({statement}) TO '{}/' STORED AS PARQUET", to.display());
    meter.step(step, async { Ok::<_, Failed>(context.sql(&copy).await?.collect().await?) }).await?;
    println!("bytes of {}: {}", to.display(), tables::bytes(to)?);
    Ok(())
}

/// The statements: parts merged, a population fitted.
async fn asked(meter: &mut Meter, context: &SessionContext, task: &Task) -> Result<Results, Failed> {
    let merged = async { texts(context.sql("SELECT rpm_merge(part) FROM parts").await?).await };
    let merged = meter.step("merge parts", merged).await?.pop().ok_or("nothing was merged")?;
    let models = context.sql("SELECT model FROM models").await?;
    let fitting = Fitting::new(task, models).census_of(meter.users()).run();
    let population = meter.step("fit a population", fitting).await?.to_json();
    Ok(Results { merged, population })
}

/// The same by the library itself, with one user after the other merged, and pages counted.
async fn library(meter: &mut Meter, context: &SessionContext, task: &Task) -> Result<Results, Failed> {
    let merging = async {
        let mut sum = Census::new(task)?;
        let mut batches = context.sql("SELECT part FROM parts").await?.execute_stream().await?;
        while let Some(batch) = batches.try_next().await? {
            for part in tables::texts(&batch)? {
                sum.merge(&Census::from_json(&part)?)?;
            }
        }
        Ok::<_, Failed>(sum)
    };
    let census = meter.step("merge parts, by the library", merging).await?;
    let fitting = async {
        let sample = texts(context.sql("SELECT rpm_sample(model) FROM models").await?).await?.pop().unwrap_or_default();
        let sample = serde_json::from_str::<Vec<String>>(&sample)?;
        let read = |file: &String| Ok::<_, Failed>(Loaded(UserModel::from_json(file)?));
        let mut sample = sample.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        sample.sort_by(|a, b| a.0.user().cmp(b.0.user()));
        let mut population = Population::begin(&census, &sample, USERS_SHARED)?;
        for _ in 0..2 {
            let mut counts = population.nobody();
            let mut batches = context.sql("SELECT model FROM models").await?.execute_stream().await?;
            while let Some(batch) = batches.try_next().await? {
                let page = tables::texts(&batch)?;
                let page = page.iter().map(|file| Ok(Loaded(UserModel::from_json(file)?)));
                counts.merge(&population.count_all(&page.collect::<Result<Vec<_>, Failed>>()?)?)?;
            }
            population = population.fitted(&counts)?;
        }
        Ok::<_, Failed>(population)
    };
    let population = meter.step("fit a population, by the library", fitting).await?;
    println!(
        "words, texts, axes: {:?}; {} bytes; census of {} bytes",
        population.sizes(),
        population.to_json().len(),
        census.to_json().len()
    );
    Ok(Results { merged: census.to_json(), population: population.to_json() })
}

/// A model, as what a sum over users reads.
struct Loaded(UserModel);

impl AsRef<[MemoryItem]> for Loaded {
    fn as_ref(&self) -> &[MemoryItem] {
        self.0.memory().items()
    }
}

async fn texts(frame: DataFrame) -> Result<Vec<String>, Failed> {
    let mut all = Vec::new();
    for batch in frame.collect().await? {
        all.extend(tables::texts(&batch)?);
    }
    Ok(all)
}

fn same(place: &str, there: &Results, by_library: &Results) -> Result<(), Failed> {
    println!(
        "{place}: parts {}, population {}",
        if there.merged == by_library.merged { "the same to the byte" } else { "DIFFERENT" },
        if there.population == by_library.population { "the same to the byte" } else { "DIFFERENT" }
    );
    if there == by_library { Ok(()) } else { Err("the results differ".into()) }
}
