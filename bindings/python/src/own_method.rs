//! A method written in Python.

use async_trait::async_trait;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rpm_core::data::{History, Query, Task};
use rpm_core::llm::UsageReport;
use rpm_eval::method::{Bench, Method, MethodError, Prediction, Session};

use crate::calls;
use crate::errors::Raised;

/// A function that is given a history and gives a function that is given a query.
pub(crate) struct PythonMethod {
    pub(crate) name: String,
    pub(crate) learn: Py<PyAny>,
}

struct PythonSession(Py<PyAny>);

fn failed(py: Python<'_>, exception: PyErr) -> MethodError {
    if !exception.is_instance_of::<PyException>(py) {
        calls::interrupt(exception.clone_ref(py));
    }
    MethodError::Other(Raised::new(py, exception).into())
}

#[async_trait]
impl Method for PythonMethod {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn asks_model(&self) -> bool {
        false
    }

    async fn learn(&self, history: &History, _bench: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        calls::unless_interrupted().await;
        let learned = Python::attach(|py| {
            let rows = past(py, history).and_then(|rows| self.learn.call1(py, (rows,)));
            rows.map_err(|exception| failed(py, exception))
        });
        Ok(Box::new(PythonSession(learned?)))
    }
}

/// The interactions as a list of `dict`s, oldest first.
fn past<'py>(py: Python<'py>, history: &History) -> PyResult<Bound<'py, PyList>> {
    let rows = PyList::empty(py);
    for it in history.interactions() {
        let row = PyDict::new(py);
        row.set_item("query", it.query().text())?;
        row.set_item("options", it.query().options())?;
        row.set_item("response", it.response())?;
        row.set_item("time", it.time())?;
        rows.append(row)?;
    }
    Ok(rows)
}

/// What it gives for a query: text, a number, or nothing.
fn predicted(py: Python<'_>, session: &Py<PyAny>, task: &Task, query: &Query) -> PyResult<Prediction> {
    let given = session.call1(py, (query.text(), query.options()))?;
    // As a cell of a frame is read: of numpy too, and a whole number where a float holds one.
    let given = py.import("rpm_core._frame")?.getattr("cell_of")?.call1((given,))?;
    if given.is_none() {
        return Ok(Prediction::default());
    }
    Ok(Prediction::said(given.str()?.to_cow()?.into_owned(), task, query))
}

#[async_trait]
impl Session for PythonSession {
    async fn answer(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Prediction, MethodError> {
        calls::unless_interrupted().await;
        Python::attach(|py| predicted(py, &self.0, bench.task, query).map_err(|exception| failed(py, exception)))
    }

    fn usage(&mut self) -> UsageReport {
        UsageReport::default()
    }
}
