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

impl Model {
    #[cfg(all(feature = "providers", feature = "response-log"))]
    pub(crate) fn from_env() -> Result<Option<Self>, Box<dyn Error>> {
        let Some(backend) = provider::from_env()? else { return Ok(None) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Some(Self { backend, runtime }))
    }

    #[cfg(not(all(feature = "providers", feature = "response-log")))]
    pub(crate) fn from_env() -> Result<Option<Self>, Box<dyn Error>> {
        match std::env::var_os("RPM_PROVIDER") {
            Some(_) => Err("a model is asked with --features providers only".into()),
            None => Ok(None),
        }
    }
}
