//! What many users take: users made from those of a data set are learned, saved, made a population of, and each asked a question.
//!
//! ```text
//! cargo run --release -p rpm-stores --features postgres --example scale -- \
//!     --data FOLDER [--users 1000] [--store memory|redb|postgres] [--interactions 20] [--own-words 0] [--open 1024] [--parts]
//! ```
//!
//! FOLDER has `users.jsonl` and `labels.json`. Users are made the same in every run, and go through the steps page by page, so that only
//! a store in memory grows with them. Processor time is of all threads, beside it that of the database server. `slowing` is what
//! the last quarter of a step's pages took over the first, which is about 1 where nothing grows with the users.
#![allow(clippy::print_stdout, missing_docs, reason = "an example talks to its reader")]

mod args;
#[path = "../../../../examples/common/chance.rs"]
#[allow(dead_code)]
mod chance;
mod kept;
mod made;
mod meter;
#[path = "../../../../tests/common/postgres.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "it is for tests")]
mod postgres;
mod work;

use std::error::Error;
use std::sync::Arc;

use rayon::prelude::*;
use rpm_core::stats::population::{Census, Counts, Population, USERS_SHARED};
use rpm_core::store::UserModelStore;
use rpm_core::{History, RpmPipeline, UserId, UserModel};
use tokio::runtime::{Builder, Runtime};

use args::Args;
use kept::Kept;
use made::{Made, name};
use meter::{Meter, memory};
use work::{Loaded, each, load};

pub(crate) type Failed = Box<dyn Error + Send + Sync>;

/// Users that are worked on before the next are looked at. From some thousands on, counting makes room for all sums at once.
const PAGE: usize = 4_096;
/// Users whose models are kept to begin a population with.
const SAMPLE: usize = 2_048;
/// Passes of counting.
const PASSES: usize = 2;

/// What all steps use.
struct Run {
    args: Args,
    made: Made,
    runtime: Runtime,
    kept: Kept,
    meter: Meter,
}

fn main() -> Result<(), Failed> {
    let args = Args::parse(std::env::args().skip(1))?;
    let made = Made::read(&args.data, args.interactions, args.own_words)?;
    let cores = std::thread::available_parallelism()?.get();
    let runtime = Builder::new_multi_thread().worker_threads(cores).enable_all().build()?;
    let task = made.task.clone();
    let census = move |model: &UserModel| {
        Census::of(&task, model.memory().items()).map(|census| census.to_json()).unwrap_or_default()
    };
    let kept = runtime.block_on(Kept::open(&args.store, args.parts.then(|| Arc::new(census) as Arc<_>)))?;
    let meter = Meter::new(kept.server());
    let mut run = Run { args, made, runtime, kept, meter };
    println!(
        "{} users of {} people, at most {} interactions, {} words of their own, in {}; {cores} cores, {} MB at first",
        run.args.users,
        run.made.people(),
        run.args.interactions,
        run.args.own_words,
        run.args.store,
        memory("VmRSS:") >> 20
    );
    run.fill()?;
    run.shown("saving");
    let population = run.population()?;
    run.shown("fitting a population");
    run.answer(population)?;
    run.shown("answering");
    run.delete()?;
    run.shown("deleting");
    Ok(())
}

impl Run {
    /// Makes, learns and saves all users.
    fn fill(&mut self) -> Result<(), Failed> {
        let pipeline = RpmPipeline::offline(self.made.task.clone());
        let pool = rayon::ThreadPoolBuilder::new().build()?;
        let (mut interactions, mut texts, mut json) = (0_usize, 0, 0);
        for from in (0..self.args.users).step_by(PAGE) {
            let users = from..self.args.users.min(from + PAGE);
            let made = &self.made;
            let make = || users.clone().into_par_iter().map(|user| made.history(user)).collect::<Result<Vec<_>, _>>();
            let histories = self.meter.step("make", || pool.install(make))?;
            for one in histories.iter().flat_map(History::interactions) {
                interactions += 1;
                texts += one.query().text().len() + one.response().len();
            }
            let learn = |history| Ok::<_, Failed>(pollster::block_on(pipeline.learn(history))?.model);
            let learn = || histories.par_iter().map(learn).collect::<Result<Vec<_>, _>>();
            let models = self.meter.step("learn", || pool.install(learn))?;
            drop(histories);
            let write = || models.par_iter().map(|model| model.to_json_line().len()).sum::<usize>();
            json += self.meter.step("write as JSON", || pool.install(write));
            let store = Arc::clone(&self.kept.store);
            let save = move |model: UserModel| {
                let store = Arc::clone(&store);
                async move { Ok(store.save(&model, None).await?) }
            };
            let runtime = &self.runtime;
            self.meter.step("save", || each(runtime, models, save))?;
        }
        self.told("interactions", interactions as u64);
        self.told("bytes of queries and responses", texts as u64);
        self.told("bytes of models as JSON on one line", json as u64);
        self.told_bytes("")
    }

    /// Fits a population from what the store holds, page by page.
    fn population(&mut self) -> Result<Population, Failed> {
        let (mut census, mut sample) = (Census::new(&self.made.task)?, Vec::new());
        let every = (self.args.users / SAMPLE).max(1);
        self.pages(["census: load", "census: count"], |task, page, from| {
            census.merge(&Census::of_all(task, page)?)?;
            sample.extend((from..).zip(page).filter(|(number, _)| number % every == 0).map(|(_, user)| user.clone()));
            Ok(())
        })?;
        if self.args.parts {
            self.census_of_parts(&census)?;
        }
        println!("{} MB with the census", memory("VmRSS:") >> 20);
        self.told("bytes of the census's file", census.to_json().len() as u64);
        let begun = self.meter.step("begin", || Population::begin(&census, &sample, USERS_SHARED))?;
        drop((census, sample));
        let mut population = begun.clone();
        for _ in 0..PASSES {
            let mut counts = population.nobody();
            self.pages(
                ["counts: load", "counts: count"],
                |_, page, _| Ok(counts.merge(&population.count_all(page)?)?),
            )?;
            self.told("bytes of the counts' file", counts.to_json().len() as u64);
            population = self.meter.step("fit", || population.fitted(&counts))?;
        }
        self.told("bytes of the population's file", population.to_json().len() as u64);
        self.of_single_users(&population)?;
        println!("words, texts, axes: {:?}", population.sizes());
        Ok(population)
    }

    /// The same census, of the parts that are kept beside the models.
    fn census_of_parts(&mut self, census: &Census) -> Result<(), Failed> {
        let Some(store) = self.kept.database_store().cloned() else { return Ok(()) };
        let (mut sum, mut bytes) = (Census::new(&self.made.task)?, 0);
        let mut after: Option<UserId> = None;
        loop {
            let runtime = &self.runtime;
            let read = || runtime.block_on(store.parts("census", after.as_ref(), PAGE));
            let page = self.meter.step("census: load parts", read)?;
            self.meter.step("census: merge parts", || {
                page.iter().try_for_each(|(_, part)| {
                    bytes += part.len();
                    Ok::<_, Failed>(sum.merge(&Census::from_json(std::str::from_utf8(part)?)?)?)
                })
            })?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
        }
        assert!(sum == *census, "parts sum up to what the models do");
        self.told("bytes of parts of the census", bytes as u64);
        Ok(())
    }

    /// What the counts of single users take, if a host keeps them beside the models.
    fn of_single_users(&mut self, population: &Population) -> Result<(), Failed> {
        let first = pollster::block_on(self.kept.store.list(None, 200))?;
        let users = load(&self.runtime, &self.kept.store, first)?;
        let each: Vec<Counts> = users.iter().map(|user| population.count(user.as_ref())).collect();
        let bytes: usize = each.iter().map(|counts| counts.to_json().len()).sum();
        println!("{:<56} {:>14.0}", "bytes of a single user's counts' file, mean", bytes as f64 / each.len() as f64);
        Ok(())
    }

    /// Goes through all users of the store: what loads a page, and what works on it.
    fn pages(
        &mut self,
        [loading, working]: [&'static str; 2],
        mut work: impl FnMut(&rpm_core::Task, &[Loaded], usize) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        let (mut after, mut from) = (None, 0);
        loop {
            let (runtime, store) = (&self.runtime, &self.kept.store);
            let page = self.meter.step("list", || runtime.block_on(store.list(after.as_ref(), PAGE)))?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            let page = self.meter.step(loading, || load(runtime, store, page))?;
            self.meter.step(working, || work(&self.made.task, &page, from))?;
            from += page.len();
        }
    }

    /// Asks each user a question, and the same one again while the model is open.
    fn answer(&mut self, population: Population) -> Result<(), Failed> {
        let pipeline = RpmPipeline::offline_builder(self.made.task.clone()).population(population).build()?;
        let users = pipeline.with_store(Arc::clone(&self.kept.store)).keep_open(self.args.open);
        // As many as stay open, so that the second question finds them so.
        let page = self.args.open.clamp(1, PAGE);
        let mut sum = 0_u64;
        for from in (0..self.args.users).step_by(page) {
            let numbers = from..self.args.users.min(from + page);
            let asked = numbers.map(|user| Ok((UserId::new(name(user))?, self.made.question(user)?)));
            let asked = asked.collect::<Result<Vec<_>, Failed>>()?;
            let mut given = Vec::new();
            for step in ["answer", "answer again"] {
                let users = users.clone();
                let ask = move |(user, query): (UserId, rpm_core::Query)| {
                    let users = users.clone();
                    async move { Ok(users.personalize(&user, &query).await?.answer.response) }
                };
                let runtime = &self.runtime;
                given.push(self.meter.step(step, || each(runtime, asked.clone(), ask))?);
            }
            for byte in given.iter().flatten().flat_map(|response| response.bytes()) {
                sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        println!("sum over all answers: {sum:016x}");
        Ok(())
    }

    /// Deletes one user, and erases.
    fn delete(&mut self) -> Result<(), Failed> {
        let user = UserId::new(name(self.args.users / 2))?;
        let (runtime, kept) = (&self.runtime, &self.kept);
        self.meter.step("delete one user", || runtime.block_on(kept.store.delete(&user)))?;
        self.meter.step("erase what was deleted", || runtime.block_on(kept.erase()))?;
        self.told_bytes("once erased: ")
    }

    /// What the store takes.
    fn told_bytes(&self, when: &str) -> Result<(), Failed> {
        for (what, bytes) in self.kept.bytes()? {
            self.told(&format!("{when}{what}"), bytes);
        }
        Ok(())
    }

    /// What the steps since the last time took.
    fn shown(&mut self, after: &str) {
        println!("\n{}", self.meter.table(self.args.users));
        println!("{} MB in use after {after}", memory("VmRSS:") >> 20);
    }

    fn told(&self, what: &str, number: u64) {
        let each = number as f64 / self.args.users as f64;
        println!("{what:<56} {number:>14} {each:>12.1} a user");
    }
}
