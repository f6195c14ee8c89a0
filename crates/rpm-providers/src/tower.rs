//! A backend from a tower service.

use std::fmt;
use std::future::poll_fn;

use async_trait::async_trait;
use tower_service::Service;

use rpm_core::llm::{BackendError, BoxError, Completion, CompletionRequest, LlmBackend};

/// A backend from a tower service: the host's own stack of layers around a provider. Feature `tower`.
///
/// The service is cloned for each request, as tower's own clients do; layers that limit share their limit among clones.
/// An error that is a [`BackendError`] is passed on, however layers have boxed it; any other, such as a layer's time-out, is
/// [transient](BackendError::Transient).
///
/// A request through the service is one attempt in the account. A service that retries inside makes more of them than the
/// budget knows of: retry around this backend instead, or call [`CompletionRequest::begin`] in the retry layer.
///
/// # Cancellation
/// Dropping the future drops the service's; what goes on then is up to its layers.
pub struct TowerBackend<S> {
    service: S,
    name: String,
}

impl<S> TowerBackend<S> {
    /// A backend of this name, for logs and reports, from a service.
    pub fn new(name: impl Into<String>, service: S) -> Self {
        Self { service, name: name.into() }
    }
}

#[async_trait]
impl<S> LlmBackend for TowerBackend<S>
where
    S: Service<CompletionRequest, Response = Completion> + Clone + Send + Sync,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let mut service = self.service.clone();
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(|error| passed_on(error.into()))?;
        service.call(request.clone()).await.map_err(|error| passed_on(error.into()))
    }

    fn name(&self) -> &str {
        &self.name
    }
}

fn passed_on(error: BoxError) -> BackendError {
    match error.downcast::<BackendError>() {
        Ok(error) => *error,
        Err(other) => BackendError::transient(other),
    }
}

impl<S> fmt::Debug for TowerBackend<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerBackend").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};
    use std::task::{Context, Poll};

    use rpm_core::llm::{Message, Stage};

    use super::*;

    /// Replies once it was asked whether it is ready; fails in a way the request's text names.
    #[derive(Clone, Default)]
    struct Stack {
        ready: bool,
    }

    impl Service<CompletionRequest> for Stack {
        type Response = Completion;
        type Error = BoxError;
        type Future = Ready<Result<Completion, BoxError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            self.ready = true;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: CompletionRequest) -> Self::Future {
            assert!(std::mem::take(&mut self.ready), "called before it was ready");
            ready(match request.messages[0].content.as_str() {
                "refuse" => Err(BackendError::permanent("no").into()),
                "time out" => Err("elapsed".into()),
                _ => Ok(Completion::new("{}")),
            })
        }
    }

    #[test]
    fn a_service_is_asked_when_ready_and_its_errors_keep_their_kind() {
        let backend = TowerBackend::new("stack", Stack::default());
        let ask = |text: &str| {
            let request = CompletionRequest::new(Stage::Answer, vec![Message::user(text)], 10);
            pollster::block_on(backend.complete(&request))
        };
        assert_eq!(ask("hello").unwrap().text, "{}");
        assert!(matches!(ask("refuse"), Err(BackendError::Permanent { .. })));
        assert!(ask("time out").unwrap_err().is_transient());
        assert_eq!(backend.name(), "stack");
    }
}
