//! What many users have in common, and the factors that they share.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rpm_core::RpmPipeline;
use rpm_core::data::MemoryItem;
use rpm_core::stats::population::Noise;

use crate::calls::{self, Stop};
use crate::errors::Failure;
use crate::frame::{self, Columns};
use crate::tasks::Task;

/// What many users of a task have in common. Holds no text and no id.
#[pyclass(frozen, module = "rpm_core._native")]
#[derive(Debug)]
pub(crate) struct Population(pub(crate) Arc<rpm_core::stats::population::Population>);

/// How it is learned.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Learning {
    k: usize,
    catalog: Option<Py<Catalog>>,
    epsilon: Option<f64>,
    delta: Option<f64>,
    seed: [u8; 32],
    stop: Option<Py<Stop>>,
}

#[pymethods]
impl Population {
    /// Learns it of the users of a frame, without a model.
    #[staticmethod]
    fn learn(py: Python<'_>, task: &Task, columns: &Bound<'_, PyDict>, how: Learning) -> PyResult<Self> {
        let users = frame::users(&task.0, &Columns::read(columns)?)?;
        let mut builder = RpmPipeline::offline_builder(task.0.clone());
        if let Some(catalog) = &how.catalog {
            builder = builder.catalog(Arc::clone(&catalog.get().0));
        }
        let pipeline = builder.build().map_err(Failure::from)?;
        let work = async {
            let mut memories: Vec<Vec<MemoryItem>> = Vec::with_capacity(users.len());
            for user in users {
                let history = user.history(&task.0)?;
                let model = pipeline.learn(&history).await?.model;
                memories.push(model.memory().items().to_vec());
            }
            Ok::<_, Failure>(memories)
        };
        let memories = calls::wait(py, how.stop.as_ref().map(Py::get), work)??;
        Self::of(py, task, &memories, &how)
    }

    /// Reads what `to_json` wrote.
    #[staticmethod]
    fn from_json(json: &str) -> PyResult<Self> {
        let read = rpm_core::stats::population::Population::from_json(json).map_err(Failure::from)?;
        Ok(Self(Arc::new(read)))
    }

    fn to_json(&self) -> String {
        self.0.to_json()
    }

    #[getter]
    fn users(&self) -> u64 {
        self.0.users()
    }

    #[getter]
    fn interactions(&self) -> u64 {
        self.0.interactions()
    }

    #[getter]
    fn k(&self) -> usize {
        self.0.k()
    }

    #[getter]
    fn epsilon(&self) -> Option<f64> {
        self.0.epsilon()
    }

    #[getter]
    fn digest(&self) -> &str {
        self.0.digest()
    }
}

impl Population {
    fn of(py: Python<'_>, task: &Task, memories: &[Vec<MemoryItem>], how: &Learning) -> PyResult<Self> {
        let noise = match how.epsilon {
            None => None,
            Some(epsilon) => {
                let noise = Noise::new(epsilon, how.seed).map_err(Failure::from)?;
                Some(match how.delta {
                    None => noise,
                    Some(delta) => noise.delta(delta).map_err(Failure::from)?,
                })
            }
        };
        let k = how.k;
        let learned = calls::compute(py, || match &noise {
            None => rpm_core::stats::population::Population::learn(&task.0, memories, k),
            Some(noise) => rpm_core::stats::population::Population::learn_private(&task.0, memories, k, noise),
        })?;
        Ok(Self(Arc::new(learned.map_err(Failure::from)?)))
    }
}

/// The factors that users of a task share.
#[pyclass(frozen, module = "rpm_core._native")]
#[derive(Debug)]
pub(crate) struct Catalog(pub(crate) Arc<rpm_core::catalog::Catalog>);

#[pymethods]
impl Catalog {
    /// Reads what `to_json` wrote, or what was written by hand.
    #[staticmethod]
    fn from_json(json: &str) -> PyResult<Self> {
        Ok(Self(Arc::new(rpm_core::catalog::Catalog::from_json(json).map_err(Failure::from)?)))
    }

    /// Finds the factors that recur in texts.
    #[staticmethod]
    fn build(py: Python<'_>, texts: Vec<String>) -> PyResult<Self> {
        let built = calls::compute(py, || rpm_core::catalog::Catalog::build(texts))?;
        Ok(Self(Arc::new(built.map_err(Failure::from)?)))
    }

    fn to_json(&self) -> String {
        self.0.to_json()
    }

    /// The labels of its factors.
    fn labels(&self) -> Vec<&str> {
        self.0.factors().iter().map(rpm_core::catalog::CatalogFactor::label).collect()
    }

    /// The labels of the factors that stand in a text.
    fn assign(&self, text: &str) -> Vec<&str> {
        self.0.assign(text).into_iter().map(|found| found.factor.label()).collect()
    }

    #[getter]
    fn version(&self) -> u32 {
        self.0.version()
    }

    #[getter]
    fn digest(&self) -> &str {
        self.0.digest()
    }
}
