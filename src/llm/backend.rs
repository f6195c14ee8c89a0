//! The seam to a host's client: one request in, one completion out.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;

use super::{BackendError, Completion, CompletionRequest, Endpoint, ReplyForm};

/// Answers completion requests: the host's LLM client.
///
/// # What to implement
/// [`complete`](Self::complete). Override [`complete_batch`](Self::complete_batch) to send requests concurrently or through
/// a provider's batch API.
///
/// # Contract
/// - A reply is returned as the model gave it; the crate reads it tolerantly and asks again where it must. What each request wants in reply, with an
///   example of each, is in [`prompt`](crate::prompt#replies).
/// - A failure is an error, never an empty reply.
/// - `complete_batch` returns one result per request, in the order of the requests.
/// - Dropping the future cancels; nothing may go on in the background.
///
/// # Errors
/// - [`BackendError::transient`] when the same request may be answered later: a time-out, a dropped connection, a rate limit,
///   overload, a status of 429 or 5xx. `Resilient` sends it again; set `retry_after` where the provider says when.
/// - [`BackendError::permanent`] when it never will be: a bad key, an unknown model, a request that the provider refuses.
///   Nothing sends it again. When in doubt this one, since it costs nothing.
/// - [`BackendError::unsupported`] when only the [form](CompletionRequest::form) was refused: no JSON schemas, or no JSON mode.
///   The request comes again in a looser form, and the stage asks for no more than that from then on.
/// - [`BackendError::prompt_too_long`] when the prompt is over the model's context.
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
/// # async fn ask_my_provider(_: &[rpm_core::llm::Message]) -> Result<String, std::io::Error> { Ok(String::new()) }
/// ```
#[async_trait]
pub trait LlmBackend: Send + Sync {
    /// Answers one request.
    ///
    /// # Errors
    /// [`BackendError`], which says whether asking again can help.
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError>;

    /// Answers several requests, one result each, in their order. The default asks one after another, and none after the
    /// operation's [time](CompletionRequest::time_left).
    async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
        let mut results = Vec::with_capacity(requests.len());
        for request in requests {
            results.push(match request.in_time() {
                Ok(()) => self.complete(request).await,
                Err(late) => Err(late),
            });
        }
        results
    }

    /// Returns the forms that the provider can hold a reply to. Default: all; a backend that cannot know them answers
    /// with [`BackendError::Unsupported`] when it is refused, and is asked for less from then on.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Identifies what is asked: the model's name with everything about it that shapes replies and is not in the
    /// request. Part of the identity of a logged reply. Default: [`name`](Self::name).
    fn model(&self) -> &str {
        self.name()
    }

    /// True when it calls [`CompletionRequest::begin`] for each attempt itself, because one request may take several
    /// attempts or none. Default: false, each request is one attempt.
    fn meters(&self) -> bool {
        false
    }

    /// Names the provider, the model and the server for spans and metrics. Default: not known, so that a span has
    /// [`name`](Self::name) for its provider and [`model`](Self::model) for its model.
    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint::default()
    }

    /// A name for logs and reports.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

/// The forms that a provider can hold a reply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The strictest form it can hold a reply to.
    pub form: ReplyForm,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { form: ReplyForm::Schema }
    }
}

impl Capabilities {
    /// A provider that holds replies to this form at most.
    pub fn up_to(form: ReplyForm) -> Self {
        Self { form }
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
            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }
            fn model(&self) -> &str {
                (**self).model()
            }
            fn meters(&self) -> bool {
                (**self).meters()
            }
            fn endpoint(&self) -> Endpoint<'_> {
                (**self).endpoint()
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
