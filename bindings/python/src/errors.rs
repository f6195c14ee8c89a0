//! Errors of the library as exceptions of `rpm_core`, with its own messages.

use std::error::Error as StdError;
use std::fmt;

use pyo3::prelude::*;
use rpm_core::catalog::CatalogError;
use rpm_core::data::DataError;
use rpm_core::llm::LogError;
use rpm_core::personalizer::PersonalizerError;
use rpm_core::pipeline::{ConfigError, Error, StoredError};
use rpm_core::stats::population::PopulationError;
use rpm_core::store::StoreError;
use rpm_eval::EvalError;

type Boxed = Box<dyn StdError + Send + Sync>;

/// An exception of the host's own code, on its way through the library as a cause. Shows its type alone, since its message may hold
/// anything.
pub(crate) struct Raised {
    exception: PyErr,
    kind: String,
}

impl Raised {
    pub(crate) fn new(py: Python<'_>, exception: PyErr) -> Self {
        let kind = exception.get_type(py).name().map_or_else(|_| "an exception".to_owned(), |name| name.to_string());
        Self { exception, kind }
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Python raised {}", self.kind)
    }
}

impl fmt::Debug for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Raised").field(&self.kind).finish()
    }
}

impl StdError for Raised {}

/// An error on its way to Python.
#[derive(Debug)]
pub(crate) struct Failure {
    class: &'static str,
    error: Boxed,
    transient: bool,
    stage: Option<&'static str>,
    row: Option<usize>,
    column: Option<String>,
}

impl Failure {
    pub(crate) fn new(class: &'static str, error: impl Into<Boxed>) -> Self {
        Self { class, error: error.into(), transient: false, stage: None, row: None, column: None }
    }

    /// Data that cannot be used, in this row and column of a frame.
    pub(crate) fn cell(row: usize, column: &str, problem: impl fmt::Display) -> Self {
        let error = format!("row {row}, column {column}: {problem}");
        Self { row: Some(row), column: Some(column.to_owned()), ..Self::new("DataError", error) }
    }

    fn transient(self, transient: bool) -> Self {
        Self { transient, ..self }
    }

    /// The exception, whose cause is that of the host's own code, where there is one.
    fn exception(&self, py: Python<'_>) -> PyResult<PyErr> {
        let (mut message, mut cause) = (self.error.to_string(), None);
        let mut next = self.error.source();
        while let Some(error) = next {
            message.push_str(": ");
            message.push_str(&error.to_string());
            if let Some(raised) = error.downcast_ref::<Raised>() {
                cause = Some(raised.exception.clone_ref(py));
            }
            next = error.source();
        }
        let exception = py.import("rpm_core._errors")?.getattr(self.class)?.call1((message,))?;
        exception.setattr("is_transient", self.transient)?;
        if let Some(stage) = self.stage {
            exception.setattr("stage", stage)?;
        }
        if let Some(row) = self.row {
            exception.setattr("row", row)?;
            exception.setattr("column", self.column.as_deref())?;
        }
        let exception = PyErr::from_value(exception);
        if cause.is_some() {
            exception.set_cause(py, cause);
        }
        Ok(exception)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        Python::attach(|py| failure.exception(py).unwrap_or_else(|error| error))
    }
}

macro_rules! failures {
    ($($error:ty => $class:literal,)*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new($class, error)
            }
        }
    )*};
}

failures! {
    CatalogError => "CatalogError",
    ConfigError => "ConfigError",
    DataError => "DataError",
    EvalError => "EvaluationError",
    LogError => "StoreError",
    PopulationError => "PopulationError",
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let transient = error.is_transient();
        Self::new("StoreError", error).transient(transient)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (transient, stage) = (error.is_transient(), error.stage().map(rpm_core::llm::Stage::as_str));
        let class = match &error {
            Error::Data(_) => "DataError",
            Error::Budget { .. } => "BudgetError",
            _ => "OperationError",
        };
        Self { stage, ..Self::new(class, error).transient(transient) }
    }
}

impl From<StoredError> for Failure {
    fn from(error: StoredError) -> Self {
        let transient = error.is_transient();
        match error {
            StoredError::UnknownUser { .. } => Self::new("UnknownUserError", error),
            StoredError::Operation(error) => error.into(),
            StoredError::Store(error) => error.into(),
            other => Self::new("StoreError", other).transient(transient),
        }
    }
}

impl From<PersonalizerError> for Failure {
    fn from(error: PersonalizerError) -> Self {
        let transient = error.is_transient();
        match error {
            PersonalizerError::Data(error) => error.into(),
            PersonalizerError::Stored(error) => error.into(),
            PersonalizerError::UnknownFactor { .. } => Self::new("UnknownFactorError", error),
            other => Self::new("OperationError", other).transient(transient),
        }
    }
}
