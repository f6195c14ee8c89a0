//! Users × methods: each user under each method is one job, and jobs run side by side.
//!
//! ```text
//! job: learn the user's history → answer the test items in order → records → folder
//! model: Tap (counts what the job asks) → response log (what was paid for) → Capped (what the run may use) → backend
//! ```
//!
//! A job's records are written when it is whole. After a kill, running again with `resume` does the jobs that are
//! missing; their replies come from the response log as far as they were paid for.

mod folder;
mod job;
mod kinds;
mod manifest;
mod tap;
mod timings;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};

use rpm_core::llm::{Budget, BudgetLimit, Ledger, LlmBackend, LogMode, ResponseLog};
use rpm_core::pipeline::DryBackend;

use super::dataset::Dataset;
use super::method::Method;
use super::{EvalError, Need, Record};

pub(crate) use folder::write;
use folder::{Folder, Job, Start};
use job::Work;
pub(crate) use job::{Beside, before};
pub use manifest::{Manifest, SetManifest};
use tap::Capped;
pub use timings::Timing;

/// Runs methods on data sets.
#[derive(Clone, Default)]
#[must_use = "a runner does nothing until it runs"]
pub struct Runner {
    backend: Option<Arc<dyn LlmBackend>>,
    learner: Option<Arc<dyn LlmBackend>>,
    log: Option<ResponseLog>,
    replay: bool,
    budget: Budget,
    per_operation: Budget,
    seed: u64,
    at_once: usize,
    folder: Option<(PathBuf, Start)>,
    transcripts: bool,
    report: Option<Arc<Report>>,
}

type Report = dyn Fn(&Step) + Send + Sync;

/// The progress of a run after a job.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The data set.
    pub set: String,
    /// The method.
    pub method: String,
    /// The user.
    pub user: String,
    /// Jobs done, those of an earlier run included.
    pub done: usize,
    /// All jobs.
    pub total: usize,
    /// Requests sent in this run.
    pub calls: u64,
    /// Their cost, by the prices of the run's budget.
    pub money: f64,
    /// Items and users of this job that failed.
    pub errors: usize,
}

/// The outcome of a run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
    /// The settings and data of the run.
    pub manifest: Manifest,
    /// One for each user under each method and one for each test item, by set, method and user in the order they were
    /// given.
    pub records: Vec<Record>,
    /// The limit of the run's budget that ended it; jobs that are missing then are done when it is resumed.
    pub stopped: Option<BudgetLimit>,
    /// Jobs that an earlier run had done.
    pub resumed: usize,
}

impl Run {
    /// The time each method took on each set.
    pub fn timings(&self) -> Vec<Timing> {
        timings::of(&self.records)
    }

    /// Writes `timings.json` into a folder, which is made if there is none.
    ///
    /// # Errors
    /// [`EvalError::Io`].
    pub fn write_timings(&self, folder: &Path) -> Result<(), EvalError> {
        let json = timings::to_json(&self.timings())?;
        std::fs::create_dir_all(folder).map_err(|source| EvalError::Io { path: folder.to_owned(), source })?;
        folder::write(&folder.join("timings.json"), json.as_bytes())
    }
}

/// The requests and tokens of a method on a data set, as [`Runner::estimate`] finds them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Asking {
    /// The data set.
    pub set: String,
    /// The method.
    pub method: String,
    /// The need of learning all users.
    pub learning: Need,
    /// The need of answering all test items.
    pub answering: Need,
}

impl Runner {
    /// A runner without a model: methods that ask one fail.
    pub fn new() -> Self {
        Self { at_once: 1, ..Self::default() }
    }

    /// Sets the model to ask. Retries, rate limits and time-outs are its own; the log is not.
    pub fn backend(mut self, backend: impl LlmBackend + 'static) -> Self {
        self.backend = Some(Arc::new(backend));
        self
    }

    /// Sets another model to learn with: pipelines then answer with memories that it built.
    pub fn learner(mut self, learner: impl LlmBackend + 'static) -> Self {
        self.learner = Some(Arc::new(learner));
        self
    }

    /// Keeps every reply in this log and answers from it first.
    pub fn log(mut self, log: ResponseLog) -> Self {
        self.log = Some(log);
        self
    }

    /// Sends nothing: a request whose reply the log does not hold fails. Needs a [`log`](Self::log).
    pub fn replay_only(mut self) -> Self {
        self.replay = true;
        self
    }

    /// Limits the whole run; replies from the log are free. A job that meets the limit is not recorded, and no
    /// job begins after it. Default: no limit.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Limits each operation: learning one user, answering one item. Default: no limit.
    pub fn budget_per_operation(mut self, budget: Budget) -> Self {
        self.per_operation = budget;
        self
    }

    /// Sets the seed of random choices. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs this many jobs side by side, at least 1, and so sends at most as many requests at once where there is a
    /// [`log`](Self::log). Default: 1. Records do not depend on it.
    pub fn at_once(mut self, jobs: usize) -> Self {
        self.at_once = jobs.max(1);
        self
    }

    /// Keeps the manifest and the records of a new run in this folder, which must hold no run. Default: nothing is
    /// kept.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some((folder.into(), Start::New));
        self
    }

    /// Goes on with the run in this folder, and keeps the manifest and the records there. A folder without a run begins
    /// one.
    pub fn resume(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some((folder.into(), Start::Resumed));
        self
    }

    /// Keeps every request and reply as text in the [`folder`](Self::folder) too, in `transcripts.jsonl`, to read cases
    /// by. It quotes all that the model was shown. Default: they are not kept.
    pub fn transcripts(mut self) -> Self {
        self.transcripts = true;
        self
    }

    /// Calls this after each job. It must not panic.
    pub fn progress(mut self, report: impl Fn(&Step) + Send + Sync + 'static) -> Self {
        self.report = Some(Arc::new(report));
        self
    }

    /// Runs every method on every data set that it applies to.
    ///
    /// A failed item or user is recorded and the run goes on.
    ///
    /// # Errors
    /// [`EvalError`] when two sets or two methods bear one name, when the folder cannot be used or holds another run,
    /// or when a history breaks the crate's rules.
    ///
    /// # Cancellation
    /// Dropping the future stops; whole jobs are in the folder.
    pub async fn run(&self, sets: &[Dataset], methods: &[Arc<dyn Method>]) -> Result<Run, EvalError> {
        let mut manifest = self.manifest(sets, methods)?;
        let beside: Vec<Beside> = sets.iter().map(Beside::of).collect();
        let mut work = Vec::new();
        for (set, beside) in sets.iter().zip(&beside) {
            for method in methods.iter().filter(|method| method.applies(&set.task)) {
                let users = set.users.iter().enumerate();
                work.extend(users.map(|(place, user)| Work { set, beside, user, place, method }));
            }
        }
        let (mut folder, mut done) = match &self.folder {
            Some((path, start)) => {
                let opened = Folder::open(path, manifest.clone(), sets, *start)?;
                // A run without a model may go on with what a model gave.
                manifest.model = opened.manifest.model;
                (Some(opened.folder), opened.done)
            }
            None => (None, BTreeMap::new()),
        };
        let total = work.len();
        let wanted: Vec<Job> = work.iter().map(Work::job).collect();
        let missing: Vec<&Work<'_>> = work.iter().filter(|work| !done.contains_key(&work.job())).collect();
        let resumed = total - missing.len();
        let ledger = Ledger::limited(self.budget.clone());
        let (backend, learner) = (self.lend(self.backend.as_ref(), &ledger), self.lend(self.learner.as_ref(), &ledger));
        let mut stopped = None;
        let mut finished = resumed;
        let jobs = missing.into_iter().map(|work| self.job(work, backend.clone(), learner.clone(), &ledger));
        let mut running = stream::iter(jobs).buffer_unordered(self.at_once.max(1));
        while let Some(outcome) = running.next().await {
            match outcome? {
                Ok((job, records, exchanges)) => {
                    if let Some(folder) = &mut folder {
                        folder.add_transcript(&job, &exchanges)?;
                        folder.add(&records)?;
                    }
                    finished += 1;
                    self.report(&job, &records, finished, total, &ledger);
                    done.insert(job, records);
                }
                Err(limit) => stopped = Some(limit),
            }
        }
        drop(running);
        let mut records = Vec::new();
        for job in &wanted {
            records.extend(done.remove(job).unwrap_or_default());
        }
        if let Some(folder) = folder {
            // Records of other runs in the folder stand after this run's.
            let others: Vec<Record> = done.into_values().flatten().collect();
            folder.finish(&[records.clone(), others].concat())?;
        }
        Ok(Run { manifest, records, stopped, resumed })
    }

    /// Estimates the requests of a [`run`](Self::run), by set and method, without sending any: every prompt is rendered
    /// as it would be, and replies are made up from the prompts. Prompts of first stages are counted as they would be
    /// sent (by [`estimate_tokens`](rpm_core::llm::estimate_tokens)); later ones depend on what a model finds, and
    /// replies are assumed to be as long as a small model's. Methods that ask none are left out. The log is not looked
    /// into: what it holds is not paid again.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn estimate(&self, sets: &[Dataset], methods: &[Arc<dyn Method>]) -> Result<Vec<Asking>, EvalError> {
        let dry: Arc<dyn LlmBackend> = Arc::new(DryBackend::new(Budget::default()));
        let runner = Self {
            backend: Some(dry),
            learner: None,
            log: None,
            folder: None,
            report: None,
            budget: Budget::default(),
            per_operation: Budget::default(),
            ..self.clone()
        };
        let methods: Vec<Arc<dyn Method>> = methods.iter().filter(|method| method.asks_model()).cloned().collect();
        let mut asking: Vec<Asking> = Vec::new();
        for record in runner.run(sets, &methods).await?.records {
            let (Job { set, method, .. }, learning) = (record.job(), matches!(record, Record::Learned(_)));
            if asking.last().is_none_or(|last| last.set != set || last.method != method) {
                asking.push(Asking { set, method, ..Asking::default() });
            }
            if let Some(sums) = asking.last_mut() {
                let part = if learning { &mut sums.learning } else { &mut sums.answering };
                part.add(record.need());
            }
        }
        Ok(asking)
    }

    fn manifest(&self, sets: &[Dataset], methods: &[Arc<dyn Method>]) -> Result<Manifest, EvalError> {
        let model = |backend: &Option<Arc<dyn LlmBackend>>| backend.as_ref().map(|it| it.model().to_owned());
        let mut manifest = Manifest::new(self.seed, model(&self.backend), model(&self.learner));
        manifest.per_operation = (self.per_operation != Budget::default()).then(|| format!("{:?}", self.per_operation));
        for set in sets {
            if manifest.sets.contains_key(&set.name) {
                return Err(EvalError::Twice { what: "data set", name: set.name.clone() });
            }
            manifest.enter(set);
        }
        for method in methods {
            let name = method.name();
            if manifest.methods.contains(&name) {
                return Err(EvalError::Twice { what: "method", name });
            }
            manifest.methods.push(name);
        }
        Ok(manifest)
    }

    /// The model as jobs are lent it.
    fn lend(&self, backend: Option<&Arc<dyn LlmBackend>>, ledger: &Ledger) -> Option<Arc<dyn LlmBackend>> {
        let capped: Arc<dyn LlmBackend> = Arc::new(Capped::new(Arc::clone(backend?), ledger.clone()));
        let mode = if self.replay { LogMode::ReplayOnly } else { LogMode::Record };
        Some(match &self.log {
            Some(log) => Arc::new(log.wrap(capped).mode(mode).in_flight(1)),
            None => capped,
        })
    }

    fn report(&self, job: &Job, records: &[Record], done: usize, total: usize, ledger: &Ledger) {
        let Some(report) = &self.report else { return };
        let failed = records.iter().filter(|record| match record {
            Record::Learned(it) => it.error.is_some(),
            Record::Answered(it) => it.error.is_some(),
        });
        report(&Step {
            set: job.set.clone(),
            method: job.method.clone(),
            user: job.user.clone(),
            done,
            total,
            calls: ledger.report().total().calls,
            money: ledger.money(),
            errors: failed.count(),
        });
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("backend", &self.backend.as_deref().map(LlmBackend::name))
            .field("replay", &self.replay)
            .field("seed", &self.seed)
            .field("at_once", &self.at_once)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}
