//! One user under one method: learn, then answer.

use std::sync::Arc;
use std::time::Instant;

use crate::dataset::{Dataset, EvalUser, TestItem, people};
use crate::method::{Bench, Method, Prediction, Session, Taught};
use crate::{Answered, EvalError, Learned, Record};
use rpm_core::data::{History, Interaction, Query, Task};
use rpm_core::llm::{BudgetLimit, Ledger, LlmBackend};

use super::Runner;
use super::folder::Job;
use super::kinds::{kinds, passing};
use super::tap::{Exchange, Meter};

/// A job with its records, and what was asked for each where texts are kept.
pub(super) type Done = (Job, Vec<Record>, Vec<(Option<String>, Vec<Exchange>)>);

/// What all jobs of a set share.
#[derive(Default)]
pub(crate) struct Beside {
    /// All histories.
    population: Vec<Vec<Interaction>>,
    people: Vec<usize>,
    /// By user: the times of their test items.
    asked: Vec<Vec<i64>>,
    taught: Arc<Taught>,
}

impl Beside {
    pub(crate) fn of(set: &Dataset) -> Self {
        let asked = |user: &EvalUser| user.tests.iter().filter_map(|item| before(user, Some(item))).collect();
        Self {
            population: set.users.iter().map(|user| user.history.clone()).collect(),
            people: people(&set.users),
            asked: set.users.iter().map(asked).collect(),
            taught: Arc::default(),
        }
    }

    /// The surroundings of a user while they are learned, without a model.
    pub(crate) fn bench<'a>(&'a self, set: &'a Dataset, place: usize, seed: u64) -> Bench<'a> {
        let mut bench = Bench::new(&set.task, &self.population);
        bench.user = Some(place);
        bench.people = &self.people;
        bench.asked = &self.asked;
        bench.teachers = set.teachers.as_ref().map(|teachers| teachers.histories.as_slice());
        bench.before = set.users.get(place).and_then(|user| before(user, None));
        bench.seed = seed;
        bench.taught = Arc::clone(&self.taught);
        bench
    }
}

/// The time before which others may teach: that of what is asked or, where this has none or it is about the whole of a user, of the
/// user's first test item; where only histories have times, just after the user's last interaction.
pub(crate) fn before(user: &EvalUser, item: Option<&TestItem>) -> Option<i64> {
    let first = || user.tests.iter().filter_map(|item| item.time).min();
    let last = || user.history.iter().filter_map(Interaction::time).max();
    item.and_then(|item| item.time).or_else(first).or_else(|| last().map(|last| last.saturating_add(1)))
}

/// One job with what it needs.
pub(super) struct Work<'a> {
    pub(super) set: &'a Dataset,
    pub(super) beside: &'a Beside,
    pub(super) user: &'a EvalUser,
    /// The user's place in the set.
    pub(super) place: usize,
    pub(super) method: &'a Arc<dyn Method>,
}

impl Runner {
    /// Does one job; the inner error is the limit of the run's budget that it met.
    pub(super) async fn job(
        &self,
        work: &Work<'_>,
        backend: Option<Arc<dyn LlmBackend>>,
        learner: Option<Arc<dyn LlmBackend>>,
        ledger: &Ledger,
    ) -> Result<Result<Done, BudgetLimit>, EvalError> {
        if let Some(limit) = ledger.budget_reached() {
            return Ok(Err(limit));
        }
        let history = work.set.history(work.user)?;
        let meter = Meter::new(self.transcripts);
        let tap = |backend: Arc<dyn LlmBackend>| Arc::new(meter.around(backend)) as Arc<dyn LlmBackend>;
        let mut bench = work.beside.bench(work.set, work.place, self.seed);
        bench.backend = backend.map(tap);
        bench.learner = learner.map(tap);
        bench.budget = self.per_operation.clone();
        let (mut learned, outcome) = work.learn(&history, &bench, &meter).await;
        let mut exchanges = vec![(None, meter.transcript())];
        let mut records = Vec::with_capacity(1 + work.user.tests.len());
        if let Some(mut session) = outcome {
            learned.usage = session.usage();
            for item in &work.user.tests {
                bench.before = before(work.user, Some(item));
                records.push(Record::Answered(work.answer(&mut *session, item, &bench, &meter).await));
                exchanges.push((Some(item.id.clone()), meter.transcript()));
            }
            learned.counts = session.counts().into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
        } else {
            records.extend(work.user.tests.iter().map(|item| Record::Answered(work.answered(item))));
        }
        // A request that was refused for the run's budget may have cost the job evidence or answers.
        if let Some(limit) = ledger.budget_reached().filter(|_| meter.refused()) {
            return Ok(Err(limit));
        }
        records.insert(0, Record::Learned(learned));
        Ok(Ok((work.job(), records, exchanges)))
    }
}

impl Work<'_> {
    pub(super) fn job(&self) -> Job {
        Job { set: self.set.name.clone(), method: self.method.name(), user: self.user.id.as_str().to_owned() }
    }

    /// Learns the user; without a session when that failed.
    async fn learn(&self, history: &History, bench: &Bench<'_>, meter: &Meter) -> (Learned, Option<Box<dyn Session>>) {
        let begin = Instant::now();
        let outcome = self.method.learn(history, bench).await;
        let mut learned = self.learned(history.len());
        (learned.need, learned.requests) = meter.take();
        learned.passing = meter.missed();
        learned.milliseconds = milliseconds(begin);
        match outcome {
            Ok(session) => (learned, Some(session)),
            Err(error) => {
                learned.error = Some(kinds(&error));
                learned.passing |= passing(&error);
                (learned, None)
            }
        }
    }

    /// Answers one test item.
    async fn answer(&self, session: &mut dyn Session, item: &TestItem, bench: &Bench<'_>, meter: &Meter) -> Answered {
        let begin = Instant::now();
        let outcome = session.answer(&item.query, bench).await;
        let mut answered = self.answered(item);
        (answered.need, answered.requests) = meter.take();
        answered.passing = meter.missed();
        answered.usage = session.usage();
        answered.milliseconds = milliseconds(begin);
        match outcome {
            Ok(prediction) => enter(&mut answered, prediction, &self.set.task, &item.query),
            Err(error) => {
                answered.error = Some(kinds(&error));
                answered.passing |= passing(&error);
            }
        }
        answered
    }

    fn learned(&self, history: usize) -> Learned {
        let Job { set, method, user } = self.job();
        Learned { set, method, user, history, ..Learned::default() }
    }

    fn answered(&self, item: &TestItem) -> Answered {
        let Job { set, method, user } = self.job();
        Answered {
            set,
            method,
            user,
            item: item.id.clone(),
            gold: item.gold.clone(),
            gold_shares: item.shares.clone(),
            seen: item.seen,
            ..Answered::default()
        }
    }
}

fn enter(answered: &mut Answered, prediction: Prediction, task: &Task, query: &Query) {
    let responses = task.responses(query);
    let place = |response: &String| responses.iter().position(|other| other == response);
    // What is no probability could not be read back.
    let sound = |p: &f64| p.is_finite() && *p >= 0.0;
    let checked = |list: Vec<f64>| if list.iter().all(sound) { list } else { Vec::new() };
    let probabilities = checked(prediction.probabilities);
    answered.confidence =
        prediction.response.as_ref().and_then(place).and_then(|place| probabilities.get(place).copied());
    answered.raw = prediction.raw;
    answered.response = prediction.response;
    answered.value = prediction.value.filter(|value| value.is_finite());
    answered.probabilities = probabilities;
    answered.estimate = checked(prediction.estimate);
    answered.support = prediction.support;
}

fn milliseconds(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1e3
}
