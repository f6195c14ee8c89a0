//! A model named by the environment, for a program that can do without one.

use std::error::Error;
use std::sync::Arc;

use rpm_core::llm::LlmBackend;

/// A model and the runtime its client needs.
pub(crate) struct Model {
    pub(crate) backend: Arc<dyn LlmBackend>,
    #[cfg(feature = "providers")]
    runtime: tokio::runtime::Runtime,
}

#[cfg(feature = "providers")]
impl Model {
    /// The model of this name, or else the one of `RPM_MODEL`; `None` when `RPM_PROVIDER` is not set.
    pub(crate) fn from_env(name: Option<String>) -> Result<Option<Self>, Box<dyn Error>> {
        let Some(backend) = rpm_providers::from_env(name)? else { return Ok(None) };
        let backend = Arc::new(rpm_core::llm::Resilient::new(backend).deadline(std::time::Duration::from_secs(600)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Some(Self { backend, runtime }))
    }

    /// Drives a future on the model's runtime.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

#[cfg(not(feature = "providers"))]
impl Model {
    pub(crate) fn from_env(_: Option<String>) -> Result<Option<Self>, Box<dyn Error>> {
        match std::env::var_os("RPM_PROVIDER") {
            Some(_) => Err("a model is asked with --features providers only".into()),
            None => Ok(None),
        }
    }

    #[expect(clippy::unused_self, reason = "there is a runtime with the feature only")]
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        pollster::block_on(future)
    }
}
