//! A model named by the environment, for the examples that can do without one.

use std::error::Error;
use std::sync::Arc;

use rpm_core::LlmBackend;

#[cfg(all(feature = "providers", feature = "response-log"))]
#[path = "provider.rs"]
mod provider;

/// A model and the runtime its client needs.
pub(crate) struct Model {
    pub(crate) backend: Arc<dyn LlmBackend>,
    pub(crate) runtime: tokio::runtime::Runtime,
}

#[allow(dead_code, reason = "some examples keep the log themselves")]
#[cfg(all(feature = "providers", feature = "response-log"))]
impl Model {
    /// With the log of `RPM_LOG`.
    pub(crate) fn from_env() -> Result<Option<Self>, Box<dyn Error>> {
        Self::around(provider::from_env()?)
    }

    /// Without a log; `name` goes before `RPM_MODEL`.
    pub(crate) fn unlogged(name: Option<String>) -> Result<Option<Self>, Box<dyn Error>> {
        Self::around(provider::model_from_env(name)?)
    }

    fn around(backend: Option<Arc<dyn LlmBackend>>) -> Result<Option<Self>, Box<dyn Error>> {
        let Some(backend) = backend else { return Ok(None) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Some(Self { backend, runtime }))
    }
}

#[allow(dead_code, reason = "some examples keep the log themselves")]
#[cfg(not(all(feature = "providers", feature = "response-log")))]
impl Model {
    pub(crate) fn from_env() -> Result<Option<Self>, Box<dyn Error>> {
        Self::unlogged(None)
    }

    pub(crate) fn unlogged(_: Option<String>) -> Result<Option<Self>, Box<dyn Error>> {
        match std::env::var_os("RPM_PROVIDER") {
            Some(_) => Err("a model is asked with --features providers only".into()),
            None => Ok(None),
        }
    }
}
