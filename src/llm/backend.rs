use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;

use super::{BackendError, Completion, CompletionRequest};

/// Answers completion requests: the host's LLM client.
///
/// # What to implement
/// [`complete`](Self::complete). Override [`complete_batch`](Self::complete_batch) to send requests concurrently or through
/// a provider's batch API.
///
/// # Contract
/// - A reply is returned as the model gave it; the crate reads it tolerantly and asks again where it must.
/// - A failure is an error, never an empty reply.
/// - `complete_batch` returns one result per request, in the order of the requests.
/// - Dropping the future cancels; nothing may go on in the background.
///
/// # Example
/// ```
/// use rpm_core::{BackendError, Completion, CompletionRequest, LlmBackend, async_trait};
///
/// struct Gateway;
///
/// #[async_trait]
/// impl LlmBackend for Gateway {
///     async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
///         let reply = ask_my_provider(&request.messages).await.map_err(BackendError::transient)?;
///         Ok(Completion::new(reply))
///     }
/// }
/// # async fn ask_my_provider(_: &[rpm_core::Message]) -> Result<String, std::io::Error> { Ok(String::new()) }
/// ```
#[async_trait]
pub trait LlmBackend: Send + Sync {
    /// Answers one request.
    ///
    /// # Errors
    /// [`BackendError`], which says whether asking again can help.
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError>;

    /// Answers several requests, one result each, in their order. The default asks one after another.
    async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
        let mut results = Vec::with_capacity(requests.len());
        for request in requests {
            results.push(self.complete(request).await);
        }
        results
    }

    /// A name for logs and reports.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<B: LlmBackend + ?Sized> LlmBackend for $pointer {
            async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
                (**self).complete(request).await
            }
            async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
                (**self).complete_batch(requests).await
            }
            fn name(&self) -> &str {
                (**self).name()
            }
        }
    )*};
}

forward!(Box<B>, Arc<B>, &B);

/// A backend from a closure.
///
/// ```
/// let backend = rpm_core::backend_fn(|request: rpm_core::CompletionRequest| async move {
///     Ok(rpm_core::Completion::new(format!("{} messages", request.messages.len())))
/// });
/// # let _: &dyn rpm_core::LlmBackend = &backend;
/// ```
pub fn backend_fn<F, Fut>(complete: F) -> impl LlmBackend
where
    F: Fn(CompletionRequest) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Completion, BackendError>> + Send,
{
    BackendFn(complete)
}

struct BackendFn<F>(F);

#[async_trait]
impl<F, Fut> LlmBackend for BackendFn<F>
where
    F: Fn(CompletionRequest) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Completion, BackendError>> + Send,
{
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        (self.0)(request.clone()).await
    }

    fn name(&self) -> &'static str {
        "backend_fn"
    }
}

impl<F> fmt::Debug for BackendFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("backend_fn")
    }
}
