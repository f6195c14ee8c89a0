//! A backend over any completion model of rig.

use std::fmt;

use async_trait::async_trait;
use rig_core::DynModel;
use rig_core::completion::{
    CompletionRequest as RigRequest, CompletionResponse, FinishReason as RigFinish, OnUnsupported,
};
use rig_core::message::Message as RigMessage;
use rig_core::operation::Completion as Completing;
use rig_core::schemars::Schema;
use serde_json::json;

use super::failed::failed;
use super::{RIG, asked};
use crate::asking::{CONCURRENCY, decimal, held, in_order, short, without};
use crate::failure::{Fault, ProviderError, Wanted};
use crate::raw::Raw;
use rpm_core::llm::{
    BackendError, Capabilities, Completion, CompletionRequest, Endpoint, FinishReason, LlmBackend, Message, ReplyForm,
    Role, Usage,
};

/// Any completion model of rig: its provider's wire with the host's HTTP client. Feature `rig`.
///
/// ```
/// use rig_core::http_client::DynHttpClient;
/// use rig_core::providers::openai::OpenAIConfig;
/// use rpm_providers::RigBackend;
///
/// fn backend(http: DynHttpClient, key: &str) -> RigBackend {
///     RigBackend::new(OpenAIConfig::new(key).connect(http).chat("my-model"))
/// }
/// ```
///
/// # What goes out
/// Messages, temperature, length limit, seed and schema, the last without bounds on numbers and lengths, which some providers refuse. A seed that the provider's wire does not know is left out. rig has no JSON mode:
/// where a schema is refused, the wording alone asks for JSON.
///
/// # What comes back
/// Text, tokens with those that were cached, and the end. The probabilities of tokens only after [`logprobs`](Self::logprobs).
///
/// # Errors
/// Those of [`LlmBackend`]; their source is a [`ProviderError`], which holds a status and a known code at most, since rig's own error holds
/// the provider's answer.
///
/// # Time and cancellation
/// The time for an answer is the HTTP client's; that of a whole operation is kept by rpm-core's layer `Resilient`. Dropping the future drops
/// rig's.
pub struct RigBackend {
    model: DynModel<Completing>,
    identity: String,
    concurrency: usize,
    form: ReplyForm,
    logprobs: bool,
}

impl RigBackend {
    /// A model of rig. Its [`model`](LlmBackend::model) is `rig/`, the provider's name and the model's, such as `rig/openai/my-model`.
    pub fn new(model: impl Into<DynModel<Completing>>) -> Self {
        let model = model.into();
        let identity = format!("{RIG}/{}/{}", model.name(), model.id().unwrap_or_default());
        Self { model, identity, concurrency: CONCURRENCY, form: ReplyForm::Schema, logprobs: false }
    }

    /// Adds to the identity by which replies are logged, such as the base URL, which rig does not tell. It must hold no secret.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        self.identity = format!("{}@{place}", self.identity);
        self
    }

    /// Sends at most this many requests of a batch at once, from 1. Default: 4.
    #[must_use]
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests;
        self
    }

    /// The strictest form to hold replies to. Default: [`ReplyForm::Schema`].
    #[must_use]
    pub fn form(mut self, strictest: ReplyForm) -> Self {
        self.form = strictest;
        self
    }

    /// Asks for the probabilities of tokens in the fields `logprobs` and `top_logprobs` and reads them where `OpenAI`'s chat API has them.
    /// For models behind that API; without this a request that wants them is told that there are none.
    #[must_use]
    pub fn logprobs(mut self) -> Self {
        self.logprobs = true;
        self
    }

    fn request(request: &CompletionRequest) -> Result<RigRequest, BackendError> {
        let unsent = || ProviderError::new(RIG, Fault::NotSent);
        let (last, before) = request.messages.split_last().ok_or_else(unsent)?;
        let mut asked = RigRequest::new(message(last))
            .messages(before.iter().map(message))
            .temperature(decimal(request.temperature))
            .max_tokens(u64::from(request.max_tokens));
        if let Some(seed) = request.seed {
            asked = asked.seed(short(seed)).on_unsupported(OnUnsupported::Ignore);
        }
        if let Some((ReplyForm::Schema, schema)) = held(request) {
            let schema = Schema::try_from(without(&schema.schema, &|_, _| true)).map_err(|_| unsent())?;
            asked = asked.output_schema(schema);
        }
        if request.logprobs > 0 {
            asked = asked.additional_params(json!({ "logprobs": true, "top_logprobs": request.logprobs }));
        }
        Ok(asked)
    }
}

fn message(message: &Message) -> RigMessage {
    match message.role {
        Role::System => RigMessage::system(&*message.content),
        Role::User => RigMessage::user(&*message.content),
        Role::Assistant => RigMessage::assistant(&*message.content),
    }
}

/// The reply, unless it holds nothing.
fn completion(response: &CompletionResponse, with_tokens: bool) -> Result<Completion, BackendError> {
    let raw = Raw::of(&response.raw);
    let text = response.text();
    let finish = match response.finish_reason() {
        _ if response.error.is_some() || raw.is_refused => FinishReason::Filtered,
        Some(RigFinish::Length) => FinishReason::Length,
        Some(RigFinish::ContentFilter) => FinishReason::Filtered,
        _ => FinishReason::Stop,
    };
    if text.trim().is_empty() && finish == FinishReason::Stop {
        return Err(ProviderError::new(RIG, Fault::Empty).into());
    }
    let mut completion = Completion::new(text).finish(finish).tokens(if with_tokens { raw.tokens } else { Vec::new() });
    let used = &response.usage;
    completion.reasoning_tokens = used.reasoning_tokens;
    // No prompt is empty: where none are told some wires say 0.
    Ok(match used.input_tokens.filter(|tokens| *tokens > 0) {
        Some(input_tokens) => completion.usage(Usage {
            input_tokens,
            output_tokens: used.output_tokens.unwrap_or_default(),
            cached_tokens: used.cached_input_tokens.unwrap_or_default(),
        }),
        None => completion,
    })
}

#[async_trait]
impl LlmBackend for RigBackend {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        request.in_time()?;
        if request.logprobs > 0 && !self.logprobs {
            return Err(BackendError::no_logprobs(ProviderError::new(RIG, Fault::NotSent)));
        }
        let form = held(request).map(|(form, _)| form).filter(|form| *form == ReplyForm::Schema);
        let wanted = Wanted { form, logprobs: request.logprobs > 0 };
        let response = match self.model.call(Self::request(request)?).await {
            Ok(response) => response,
            // A prompt that the provider blocked is answered, if with nothing.
            Err(error) if error.provider_response().is_some_and(|response| response.refusal) => {
                return Ok(Completion::new("").finish(FinishReason::Filtered));
            }
            Err(error) => return Err(failed(&error, wanted)),
        };
        completion(&response, request.logprobs > 0)
    }

    async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
        in_order(requests.iter().map(|request| self.complete(request)), self.concurrency).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::up_to(self.form)
    }

    fn model(&self) -> &str {
        &self.identity
    }

    fn endpoint(&self) -> Endpoint<'_> {
        asked(&self.model)
    }

    fn name(&self) -> &str {
        RIG
    }
}

impl fmt::Debug for RigBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RigBackend")
            .field(&format!("{RIG}/{}/{}", self.model.name(), self.model.id().unwrap_or_default()))
            .finish()
    }
}
