//! Methods compared on a frame or a published data set, with the doubt of every figure.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rpm_eval::dataset::{self, Dataset, Limits, ReadOptions};
use rpm_eval::method::{Method, named};
use rpm_eval::metric::Metric;
use rpm_eval::report::{Report, ReportOptions};
use rpm_eval::run::{Runner, Step};
use rpm_eval::{Answered, Record};

use crate::backend::Settings;
use crate::calls::{self, Stop};
use crate::dataset::{Rule, Split, split};
use crate::errors::Failure;
use crate::frame::{self, Columns};
use crate::own_method::PythonMethod;
use crate::tasks::Task;

/// What is compared, and how.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Comparing {
    name: String,
    methods: Vec<(String, Option<Py<PyAny>>)>,
    bases: Vec<String>,
    backend: Option<Settings>,
    tests: Option<usize>,
    users: Option<usize>,
    seed: u64,
    at_once: usize,
    folder: Option<PathBuf>,
    resume: bool,
    texts: bool,
    progress: Option<Py<PyAny>>,
    stop: Option<Py<Stop>>,
}

/// What came of a comparison.
#[pyclass(frozen, module = "rpm_core._native")]
#[derive(Debug)]
pub(crate) struct Evaluation {
    report: Report,
    answered: Vec<Answered>,
    task: rpm_core::Task,
    /// What users are called in the frame; empty for a data set of files.
    names: Vec<String>,
    stopped: bool,
}

/// Compares methods on the rows of a frame.
#[pyfunction]
pub(crate) fn evaluate_frame(
    py: Python<'_>,
    task: &Task,
    columns: &Bound<'_, PyDict>,
    how: Comparing,
) -> PyResult<Evaluation> {
    let columns = Columns::read(columns)?;
    let rule = Rule { tests: how.tests, seed: how.seed, named: columns.has("test") };
    let users = frame::users(&task.0, &columns)?;
    let Split { set, names } = split(&task.0, how.name.clone(), users, rule)?;
    compare(py, set, names, how)
}

/// Compares methods on a data set of files, as `rpm-eval run --data` reads it.
#[pyfunction]
pub(crate) fn evaluate_files(py: Python<'_>, path: PathBuf, how: Comparing) -> PyResult<Evaluation> {
    let mut reading = ReadOptions::default();
    reading.seed = how.seed;
    let set = calls::compute(py, || dataset::read(&path, None, &reading))?.map_err(Failure::from)?;
    let set = set.limited(Limits { tests: how.tests, ..Limits::default() });
    compare(py, set, Vec::new(), how)
}

/// The names of all methods.
#[pyfunction]
pub(crate) fn method_names() -> Vec<&'static str> {
    rpm_eval::method::names().to_vec()
}

fn compare(py: Python<'_>, set: Dataset, names: Vec<String>, how: Comparing) -> PyResult<Evaluation> {
    let Comparing { methods, bases, backend, users, seed, at_once, folder, resume, texts, progress, stop, .. } = how;
    let limits = Limits { users, ..set.limits };
    let set = set.limited(limits);
    let methods = methods.into_iter().map(|(name, own)| method(name, own)).collect::<Result<Vec<_>, Failure>>()?;
    let mut runner = Runner::new().seed(seed).at_once(at_once);
    if let Some(settings) = backend {
        let (backend, _log) = settings.backend()?;
        runner = runner.backend(backend);
    }
    if let Some(folder) = folder {
        runner = if resume { runner.resume(folder) } else { runner.folder(folder) };
    }
    if let Some(progress) = progress {
        runner = runner.progress(move |step: &Step| {
            Python::attach(|py| {
                if let Err(raised) = progress.call1(py, ("users under methods", step.done, step.total)) {
                    calls::interrupt(raised);
                }
            });
        });
    }
    let sets = [set];
    let run =
        calls::wait_for(py, stop.as_ref().map(Py::get), || runner.run(&sets, &methods))?.map_err(Failure::from)?;
    let options = bases.into_iter().fold(ReportOptions::default(), ReportOptions::base);
    let options = if texts { options.texts() } else { options };
    let report = calls::compute(py, || Report::of(&run, &sets, &options))?;
    let stopped = run.stopped.is_some();
    let answered = answers(run.records);
    let [set] = sets;
    Ok(Evaluation { report, answered, task: set.task, names, stopped })
}

/// The answers, each with the error of learning its user where there was one.
fn answers(records: Vec<Record>) -> Vec<Answered> {
    let (mut answers, mut unlearned) = (Vec::new(), None);
    for record in records {
        match record {
            // A user's answers follow it.
            Record::Learned(learned) => unlearned = learned.error,
            Record::Answered(answered) => {
                let error = answered.error.clone().or_else(|| unlearned.clone());
                answers.push(Answered { error, ..answered });
            }
            _ => {}
        }
    }
    answers
}

fn method(name: String, own: Option<Py<PyAny>>) -> Result<Arc<dyn Method>, Failure> {
    Ok(match own {
        Some(learn) => Arc::new(PythonMethod { name, learn }),
        None => named(&name.parse()?)?,
    })
}

#[pymethods]
impl Evaluation {
    /// All figures, as data.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(pythonize::pythonize(py, &self.report)?)
    }

    /// True when a budget ended it before all was done.
    #[getter]
    fn stopped(&self) -> bool {
        self.stopped
    }

    /// Every answer of every method: set, method, user, item, the user's own response, the reply, the response that it states, and the
    /// error where there was none.
    fn records<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for it in &self.answered {
            let record = PyDict::new(py);
            record.set_item("set", &it.set)?;
            record.set_item("method", &it.method)?;
            record.set_item("user", self.name_of(&it.user))?;
            record.set_item("item", &it.item)?;
            record.set_item("gold", &it.gold)?;
            record.set_item("raw", it.raw.as_deref())?;
            record.set_item("response", it.response.as_deref())?;
            record.set_item("value", it.value)?;
            record.set_item("confidence", it.confidence)?;
            record.set_item("probabilities", &it.probabilities)?;
            record.set_item("error", it.error.as_deref())?;
            list.append(record)?;
        }
        Ok(list)
    }

    /// The values of the metrics of one method over all its answers, by name, as they are before any rounding.
    fn metrics<'py>(&self, py: Python<'py>, method: &str) -> PyResult<Bound<'py, PyDict>> {
        let of = PyDict::new(py);
        for metric in Metric::of(&self.task) {
            let answers = self.answered.iter().filter(|it| it.method == method);
            of.set_item(metric.name(), metric.of_items(&self.task, answers))?;
        }
        Ok(of)
    }

    fn html(&self, py: Python<'_>) -> PyResult<String> {
        Ok(calls::compute(py, || self.report.to_html())?.map_err(Failure::from)?)
    }

    fn markdown(&self) -> String {
        self.report.to_markdown()
    }

    /// Writes `report.md`, `report.html` and `report.json` into a folder.
    fn write(&self, py: Python<'_>, folder: PathBuf) -> PyResult<()> {
        Ok(calls::compute(py, || self.report.write(&folder))?.map_err(Failure::from)?)
    }
}

impl Evaluation {
    /// What a user is called in the frame.
    fn name_of<'a>(&'a self, user: &'a str) -> &'a str {
        let place = user.strip_prefix("user ").and_then(|place| place.parse::<usize>().ok());
        let name = place.and_then(|place| self.names.get(place.checked_sub(1)?));
        name.map_or(user, String::as_str)
    }
}
