//! Tasks and the responses open to them.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rpm_core::data::Language;

use crate::errors::Failure;

/// The responses that a task allows.
#[pyclass(frozen, eq, module = "rpm_core")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResponseSpace(rpm_core::ResponseSpace);

#[pymethods]
impl ResponseSpace {
    /// A fixed list of labels.
    #[staticmethod]
    fn labels(labels: Vec<String>) -> PyResult<Self> {
        Ok(Self(rpm_core::ResponseSpace::labels(labels).map_err(Failure::from)?))
    }

    /// The whole numbers from `min` to `max`.
    #[staticmethod]
    fn scale(min: i64, max: i64) -> PyResult<Self> {
        Ok(Self(rpm_core::ResponseSpace::scale(min, max).map_err(Failure::from)?))
    }

    /// Options that come with each query.
    #[staticmethod]
    fn choices() -> Self {
        Self(rpm_core::ResponseSpace::choices())
    }

    /// Free text of at most `max_chars` characters.
    #[staticmethod]
    fn text(max_chars: usize) -> PyResult<Self> {
        Ok(Self(rpm_core::ResponseSpace::text(max_chars).map_err(Failure::from)?))
    }

    /// The responses that are the same for every query, lowest or first first; `None` for choices and text.
    fn fixed_responses(&self) -> Option<Vec<String>> {
        self.0.fixed_responses()
    }

    /// Pickles by way of the function that makes it.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let py = slf.py();
        let (name, arguments) = match &slf.get().0 {
            rpm_core::ResponseSpace::Labels { labels } => ("labels", (labels,).into_pyobject(py)?),
            rpm_core::ResponseSpace::Scale { min, max } => ("scale", (*min, *max).into_pyobject(py)?),
            rpm_core::ResponseSpace::Choices => ("choices", PyTuple::empty(py)),
            rpm_core::ResponseSpace::Text { max_chars } => ("text", (*max_chars,).into_pyobject(py)?),
            _ => return Err(Failure::new("DataError", "this space of responses cannot be pickled").into()),
        };
        Ok((slf.get_type().getattr(name)?, arguments))
    }

    fn __hash__(&self) -> u64 {
        hash_of(&serde_json::to_string(&self.0).unwrap_or_default())
    }

    fn __repr__(&self) -> String {
        match &self.0 {
            rpm_core::ResponseSpace::Labels { labels } => format!("ResponseSpace.labels({labels:?})"),
            rpm_core::ResponseSpace::Scale { min, max } => format!("ResponseSpace.scale({min}, {max})"),
            rpm_core::ResponseSpace::Choices => "ResponseSpace.choices()".to_owned(),
            rpm_core::ResponseSpace::Text { max_chars } => format!("ResponseSpace.text({max_chars})"),
            _ => "ResponseSpace(..)".to_owned(),
        }
    }
}

/// A question that users are asked, and the responses open to it.
#[pyclass(frozen, eq, module = "rpm_core")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task(pub(crate) rpm_core::Task);

#[pymethods]
impl Task {
    #[new]
    #[pyo3(signature = (instruction, space, *, query_name = None, response_name = None, language = None))]
    fn new(
        instruction: String,
        space: &ResponseSpace,
        query_name: Option<String>,
        response_name: Option<String>,
        language: Option<&str>,
    ) -> PyResult<Self> {
        let mut task = rpm_core::Task::new(instruction, space.0.clone()).map_err(Failure::from)?;
        if let Some(name) = query_name {
            task = task.query_name(name).map_err(Failure::from)?;
        }
        if let Some(name) = response_name {
            task = task.response_name(name).map_err(Failure::from)?;
        }
        match language {
            None => {}
            Some("en") => task = task.in_language(Language::English),
            Some("de") => task = task.in_language(Language::German),
            Some(_) => {
                return Err(Failure::new("DataError", "the task's language is \"en\" or \"de\", or not said").into());
            }
        }
        Ok(Self(task))
    }

    /// Reads what `to_json` wrote.
    #[staticmethod]
    fn from_json(json: &str) -> PyResult<Self> {
        let unread = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            Failure::new("DataError", format!("the text is no task (line {line}, column {column})"))
        };
        Ok(Self(serde_json::from_str(json).map_err(unread)?))
    }

    /// The task as JSON.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&self.0).map_err(|error| Failure::new("DataError", error.to_string()).into())
    }

    /// The question that users are asked.
    #[getter]
    fn instruction(&self) -> &str {
        self.0.instruction()
    }

    /// The word for a query.
    #[getter]
    fn query_name(&self) -> &str {
        self.0.query_name_str()
    }

    /// The word for a response.
    #[getter]
    fn response_name(&self) -> &str {
        self.0.response_name_str()
    }

    /// The responses that the task allows.
    #[getter]
    fn space(&self) -> ResponseSpace {
        ResponseSpace(self.0.space().clone())
    }

    /// Pickles by way of JSON.
    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<(Py<PyAny>, (String,))> {
        Ok((slf.get_type().getattr("from_json")?.unbind(), (slf.get().to_json()?,)))
    }

    fn __hash__(&self) -> u64 {
        hash_of(&serde_json::to_string(&self.0).unwrap_or_default())
    }

    fn __repr__(&self) -> String {
        format!("Task({:?}, {})", self.0.instruction(), self.space().__repr__())
    }
}

/// What is equal is written alike, so it has one hash.
fn hash_of(json: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    json.hash(&mut hasher);
    hasher.finish()
}
