//! A personalizer by user id.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rpm_core::explain::ExplainOptions;
use rpm_core::personalizer::{PersonalizerError, Told as Answered};
use rpm_core::pipeline::{ObserveReport, StoredError};
use rpm_core::profile::ProfileOptions;
use rpm_core::{Budget, InMemoryStore, ItemId, Preset, Query, RpmPipeline, RpmPipelineBuilder, UserId};
use rpm_stores::RedbStore;

use crate::backend::Settings;
use crate::calls::{self, Stop};
use crate::errors::Failure;
use crate::frame::{self, Columns, UserRows};
use crate::population::{Catalog, Population};
use crate::tasks::Task;

/// The parts of a personalizer, as the package hands them over.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Parts {
    backend: Option<Settings>,
    preset: String,
    population: Option<Py<Population>>,
    catalog: Option<Py<Catalog>>,
    store: Option<PathBuf>,
    exemplars: Option<usize>,
    budget: Option<(Option<u64>, Option<u64>, Option<f64>)>,
    keep_open: Option<usize>,
}

/// How a frame is taken in.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Taking {
    at_once: usize,
    go_on: bool,
    progress: Option<Py<PyAny>>,
    stop: Option<Py<Stop>>,
}

/// Answers the way each user would, by user id.
#[pyclass(frozen, module = "rpm_core._native")]
#[derive(Debug)]
pub(crate) struct Personalizer(rpm_core::Personalizer);

/// An answer with the user as they were when it was given.
#[pyclass(frozen, module = "rpm_core._native")]
#[derive(Debug)]
pub(crate) struct Told(Answered);

fn budget(limits: (Option<u64>, Option<u64>, Option<f64>)) -> Result<Budget, Failure> {
    let (calls, tokens, seconds) = limits;
    let mut budget = Budget::default();
    if let Some(calls) = calls {
        budget = budget.calls(calls);
    }
    if let Some(tokens) = tokens {
        budget = budget.tokens(tokens);
    }
    let Some(seconds) = seconds else { return Ok(budget) };
    let time = std::time::Duration::try_from_secs_f64(seconds);
    Ok(budget.time(time.map_err(|_| Failure::new("ConfigError", "a budget's time is in seconds, from 0 on"))?))
}

fn preset(name: &str) -> Result<Preset, Failure> {
    match name {
        "paper" => Ok(Preset::Paper),
        "balanced" => Ok(Preset::Balanced),
        "frugal" => Ok(Preset::Frugal),
        "fused" => Ok(Preset::Fused),
        _ => Err(Failure::new("ConfigError", "a preset is \"paper\", \"balanced\", \"frugal\" or \"fused\"")),
    }
}

impl Parts {
    fn pipeline(self, task: &Task) -> PyResult<RpmPipeline> {
        let mut builder: RpmPipelineBuilder = match self.backend {
            None => RpmPipeline::offline_builder(task.0.clone()),
            Some(settings) => {
                let (backend, log) = settings.backend()?;
                let builder = RpmPipeline::builder(task.0.clone()).backend(backend).preset(preset(&self.preset)?);
                log.iter().fold(builder, RpmPipelineBuilder::forgets_in)
            }
        };
        if let Some(population) = &self.population {
            builder = builder.population(Arc::clone(&population.get().0));
        }
        if let Some(catalog) = &self.catalog {
            builder = builder.catalog(Arc::clone(&catalog.get().0));
        }
        if let Some(exemplars) = self.exemplars {
            builder = builder.exemplars(exemplars);
        }
        if let Some(limits) = self.budget {
            builder = builder.budget(budget(limits)?);
        }
        Ok(builder.build().map_err(Failure::from)?)
    }
}

#[pymethods]
impl Personalizer {
    #[new]
    fn new(py: Python<'_>, task: &Task, parts: Parts) -> PyResult<Self> {
        let (path, keep_open) = (parts.store.clone(), parts.keep_open);
        let pipeline = parts.pipeline(task)?;
        let stored = match path {
            None => pipeline.with_store(InMemoryStore::new()),
            // It reads the whole file.
            Some(path) => pipeline.with_store(calls::compute(py, || RedbStore::open(path))?.map_err(Failure::from)?),
        };
        Ok(Self(keep_open.map_or(stored.clone(), |models| stored.keep_open(models)).into()))
    }

    /// Learns each user of a frame anew; gives user, report and error of each.
    fn learn(&self, py: Python<'_>, columns: &Bound<'_, PyDict>, how: Taking) -> PyResult<Py<PyList>> {
        let stored = self.0.stored();
        let task = stored.pipeline().task();
        let users = frame::users(task, &Columns::read(columns)?)?;
        let learned = take_in(py, users, how, |rows: UserRows| async move {
            let history = rows.history(task)?;
            Ok(stored.learn(&history).await?.report)
        })?;
        outcomes(py, learned)
    }

    /// Takes the rows of a frame into the models of their users; gives user, report and error of each.
    fn observe(&self, py: Python<'_>, columns: &Bound<'_, PyDict>, how: Taking) -> PyResult<Py<PyList>> {
        let task = self.0.stored().pipeline().task();
        let users = frame::users(task, &Columns::read(columns)?)?;
        let taken = take_in(py, users, how, |rows: UserRows| self.observed(rows))?;
        outcomes(py, taken)
    }

    /// Records one response; gives the id of the interaction.
    fn record(
        &self,
        py: Python<'_>,
        user: &str,
        query: (String, Option<Vec<String>>),
        response: String,
        stop: Option<&Stop>,
    ) -> PyResult<String> {
        let query = asked(query)?;
        let id = calls::wait(py, stop, self.0.record(user, query, response))?.map_err(Failure::from)?;
        Ok(id.as_str().to_owned())
    }

    fn answer(
        &self,
        py: Python<'_>,
        user: &str,
        query: (String, Option<Vec<String>>),
        stop: Option<&Stop>,
    ) -> PyResult<Told> {
        let query = asked(query)?;
        Ok(Told(calls::wait(py, stop, self.0.answer(user, query))?.map_err(Failure::from)?))
    }

    /// Finds what an answer depended on; gives that as data, in words and with all numbers.
    fn explain<'py>(
        &self,
        py: Python<'py>,
        told: &Told,
        extent: (usize, bool, usize),
        stop: Option<&Stop>,
    ) -> PyResult<(Bound<'py, PyAny>, String, String)> {
        let (counterfactuals, exemplars, evidence) = extent;
        let options = ExplainOptions::default().counterfactuals(counterfactuals).evidence(evidence);
        let options = if exemplars { options } else { options.factors_alone() };
        let pipeline = self.0.stored().pipeline();
        let found = calls::wait(py, stop, pipeline.explain_with(&told.0.user, &told.0.answer, &options))?;
        let found = found.map_err(Failure::from)?;
        Ok((pythonize::pythonize(py, &found)?, found.in_words(), found.to_string()))
    }

    /// What is known of a user: as data, as text and as a page.
    fn profile<'py>(
        &self,
        py: Python<'py>,
        user: &str,
        extent: (usize, usize, Option<String>),
    ) -> PyResult<(Bound<'py, PyAny>, String, String)> {
        let (factors, examples, note) = extent;
        let mut options = ProfileOptions::default().factors(factors).examples(examples);
        if let Some(note) = note {
            options = options.note(note);
        }
        let user = user_id(user)?;
        let stored = self.0.stored();
        let work = async {
            match stored.open(&user).await {
                Err(StoredError::UnknownUser { .. }) => {
                    let nobody = stored.pipeline().newcomer(user.clone()).await?;
                    Ok(stored.pipeline().open(nobody).await?)
                }
                found => found,
            }
            .map(|known| {
                let profile = known.profile_with(&options);
                let (text, page) = (profile.to_string(), profile.html());
                (profile, text, page)
            })
        };
        let (profile, text, page) = calls::wait(py, None, work)?.map_err(Failure::from)?;
        Ok((pythonize::pythonize(py, &profile)?, text, page))
    }

    fn ignore(&self, py: Python<'_>, user: &str, factor: &str) -> PyResult<u32> {
        Ok(calls::wait(py, None, self.0.ignore(user, factor))?.map_err(Failure::from)?)
    }

    fn undo(&self, py: Python<'_>, user: &str, edit: u32) -> PyResult<u32> {
        Ok(calls::wait(py, None, self.0.undo(user, edit))?.map_err(Failure::from)?)
    }

    /// Forgets interactions; gives the receipt as data and as text.
    fn forget<'py>(
        &self,
        py: Python<'py>,
        user: &str,
        interactions: Vec<String>,
    ) -> PyResult<(Bound<'py, PyAny>, String)> {
        let ids: Vec<ItemId> =
            interactions.into_iter().map(ItemId::new).collect::<Result<_, _>>().map_err(Failure::from)?;
        let receipt = calls::wait(py, None, self.0.forget(user, ids))?.map_err(Failure::from)?;
        Ok((pythonize::pythonize(py, &receipt)?, receipt.to_string()))
    }

    fn forget_user(&self, py: Python<'_>, user: &str) -> PyResult<bool> {
        Ok(calls::wait(py, None, self.0.forget_user(user))?.map_err(Failure::from)?)
    }

    fn learn_again(&self, py: Python<'_>, user: &str, stop: Option<&Stop>) -> PyResult<()> {
        Ok(calls::wait(py, stop, self.0.learn_again(user))?.map_err(Failure::from)?)
    }

    /// The place of the question to ask a user next, what it tells in bits, the part of it that is of others, and why in a sentence.
    fn next_question(
        &self,
        py: Python<'_>,
        user: &str,
        pool: Vec<(String, Option<Vec<String>>)>,
    ) -> PyResult<Option<(usize, f64, f64, String)>> {
        let user = user_id(user)?;
        let pool: Vec<Query> = pool.into_iter().map(asked).collect::<Result<_, _>>()?;
        let stored = self.0.stored();
        let work = async {
            match stored.open(&user).await {
                Err(StoredError::UnknownUser { .. }) => {
                    let nobody = stored.pipeline().newcomer(user.clone()).await?;
                    Ok(stored.pipeline().open(nobody).await?.next_question(&pool))
                }
                found => Ok::<_, StoredError>(found?.next_question(&pool)),
            }
        };
        let next = calls::wait(py, None, work)?.map_err(Failure::from)?;
        Ok(next.map(|next| (next.place, next.expected_bits, next.of_others, next.reason())))
    }

    /// The ids of the users after `after`, at most `limit`, in ascending order.
    fn users(&self, py: Python<'_>, after: Option<&str>, limit: usize) -> PyResult<Vec<String>> {
        let after = after.map(user_id).transpose()?;
        let listed = calls::wait(py, None, self.0.stored().store().list(after.as_ref(), limit))?;
        Ok(listed.map_err(Failure::from)?.iter().map(|user| user.as_str().to_owned()).collect())
    }

    /// The interactions of a user: id, query, options, response, time.
    #[expect(clippy::type_complexity, reason = "it is read once, in Python")]
    fn interactions(
        &self,
        py: Python<'_>,
        user: &str,
    ) -> PyResult<Vec<(String, String, Vec<String>, String, Option<i64>)>> {
        let user = user_id(user)?;
        let held = calls::wait(py, None, self.0.stored().load(&user))?.map_err(Failure::from)?;
        let items = held.model.memory().items().iter().map(|item| {
            let it = item.interaction();
            let (id, text) = (it.id().as_str().to_owned(), it.query().text().to_owned());
            (id, text, it.query().options().to_vec(), it.response().to_owned(), it.time())
        });
        Ok(items.collect())
    }

    /// The user model as the library's own JSON.
    fn user_model(&self, py: Python<'_>, user: &str) -> PyResult<String> {
        let user = user_id(user)?;
        let held = calls::wait(py, None, self.0.stored().load(&user))?.map_err(Failure::from)?;
        calls::compute(py, || held.model.to_json())
    }
}

impl Personalizer {
    async fn observed(&self, rows: UserRows) -> Result<ObserveReport, Failure> {
        let stored = self.0.stored();
        let user = rows.user.clone();
        let revision = match stored.load(&user).await {
            Err(StoredError::UnknownUser { .. }) => 0,
            held => held?.model.revision(),
        };
        let new = rows.interactions(revision)?;
        Ok(self.0.record_all(user, new).await?)
    }
}

fn user_id(user: &str) -> Result<UserId, Failure> {
    UserId::new(user).map_err(Failure::from)
}

fn asked((text, options): (String, Option<Vec<String>>)) -> Result<Query, Failure> {
    let query = match options {
        None => Query::new(text),
        Some(options) => Query::with_options(text, options),
    };
    query.map_err(|error| Failure::from(PersonalizerError::from(error)))
}

type Outcome<R> = (UserId, Result<R, Failure>);

/// Takes in user after user, or several at once, and tells how far it has come. Without `go_on` the first failure ends it; what was done
/// before stands.
fn take_in<R: Send, F: Future<Output = Result<R, Failure>> + Send>(
    py: Python<'_>,
    users: Vec<UserRows>,
    how: Taking,
    take: impl Fn(UserRows) -> F + Send + Sync,
) -> PyResult<Vec<Outcome<R>>> {
    let Taking { at_once, go_on, progress, stop } = how;
    let total = users.len();
    calls::wait(py, stop.as_ref().map(Py::get), async {
        let mut outcomes = Vec::with_capacity(total);
        let each = users.into_iter().map(|rows| {
            let user = rows.user.clone();
            let taken = take(rows);
            async move { (user, taken.await) }
        });
        let mut under_way = stream::iter(each).buffered(at_once.max(1));
        while let Some((user, outcome)) = under_way.next().await {
            let outcome = match outcome {
                Err(failure) if !go_on => return Err(failure.into()),
                outcome => outcome,
            };
            outcomes.push((user, outcome));
            if let Some(progress) = &progress {
                Python::attach(|py| progress.call1(py, ("users", outcomes.len(), total)))?;
            }
        }
        Ok::<_, PyErr>(outcomes)
    })?
}

fn outcomes<R: serde::Serialize>(py: Python<'_>, outcomes: Vec<Outcome<R>>) -> PyResult<Py<PyList>> {
    let list = PyList::empty(py);
    for (user, outcome) in outcomes {
        let (report, error) = match outcome {
            Ok(report) => (Some(pythonize::pythonize(py, &report)?), None),
            Err(failure) => (None, Some(PyErr::from(failure).into_value(py))),
        };
        list.append((user.as_str(), report, error))?;
    }
    Ok(list.unbind())
}

#[pymethods]
impl Told {
    #[getter]
    fn response(&self) -> &str {
        &self.0.response
    }

    /// The reasons, as data.
    fn reasons<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(pythonize::pythonize(py, &self.0.reasons)?)
    }

    /// What the request took, by stage.
    fn usage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(pythonize::pythonize(py, &self.0.answer.usage)?)
    }

    /// The reasons in plain sentences.
    fn in_words(&self) -> String {
        self.0.reasons.in_words()
    }

    /// The answer as a sum, as a picture; `None` for free text.
    fn svg(&self) -> Option<String> {
        self.0.reasons.waterfall().map(|sum| sum.svg())
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }
}
