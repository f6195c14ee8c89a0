//! The model and the sampling of each stage.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{CompletionRequest, LlmBackend, Stage};

/// The models of stages, where they are not the pipeline's own.
#[derive(Clone, Default)]
pub(crate) struct Roles {
    backends: BTreeMap<Stage, Arc<dyn LlmBackend>>,
    parameters: BTreeMap<Stage, Sampling>,
}

/// Temperature and seed by which a stage's model is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Sampling {
    /// Sampling temperature; `None` leaves it at 0.
    pub temperature: Option<f32>,
    /// Sampling seed, for providers that take one.
    pub seed: Option<u64>,
}

impl Sampling {
    /// Samples at this temperature, from 0.0.
    #[must_use]
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Samples with this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    pub(crate) fn apply(&self, request: &mut CompletionRequest) {
        // One of several samples stays a sample, and another than the others.
        if request.temperature <= 0.0 {
            request.temperature = self.temperature.unwrap_or(request.temperature);
        }
        request.seed = match (self.seed, request.seed) {
            (Some(seed), Some(sample)) => Some(seed.wrapping_add(sample)),
            (seed, sample) => seed.or(sample),
        };
    }
}

impl Roles {
    pub(crate) fn set(&mut self, stage: Stage, backend: Arc<dyn LlmBackend>) {
        self.backends.insert(stage, backend);
    }

    pub(crate) fn set_parameters(&mut self, stage: Stage, parameters: Sampling) {
        self.parameters.insert(stage, parameters);
    }

    /// Returns a copy with the same sampling and no backends: the pipeline's own model does all of it.
    pub(crate) fn without_backends(&self) -> Self {
        Self { backends: BTreeMap::new(), parameters: self.parameters.clone() }
    }

    pub(crate) fn of(&self, stage: Stage) -> Option<&dyn LlmBackend> {
        self.backends.get(&stage).map(|backend| &**backend)
    }

    pub(crate) fn parameters(&self, stage: Stage) -> Option<&Sampling> {
        self.parameters.get(&stage)
    }
}
