//! A backend over a client of genai.

use std::fmt;

use async_trait::async_trait;
use genai::chat::{ChatMessage, ChatOptions, ChatRequest, ChatResponse, ChatResponseFormat, JsonSpec, StopReason};
use genai::{Client, ModelSpec};
use serde_json::json;

use super::failed::failed;
use super::{Asked, GENAI};
use crate::asking::{CONCURRENCY, decimal, held, in_order, short, without};
use crate::failure::{Fault, ProviderError, Wanted};
use crate::raw::Raw;
use rpm_core::llm::{
    BackendError, Capabilities, Completion, CompletionRequest, Endpoint, FinishReason, LlmBackend, Message, ReplyForm,
    Role, Usage,
};

/// A model of any provider that the crate genai knows, by the host's client. Feature `genai`.
///
/// ```
/// use genai::Client;
/// use rpm_providers::GenaiBackend;
///
/// # fn example() -> Result<GenaiBackend, genai::Error> {
/// let client = Client::builder().build()?;
/// Ok(GenaiBackend::new(client, "my-model"))
/// # }
/// ```
///
/// # What goes out
/// Messages, temperature, length limit, seed, and the schema (without bounds on numbers and lengths, which some providers refuse) or JSON
/// mode. genai leaves out of it, without an error, what its adapter for a
/// provider does not know, and rewrites schemas to each provider's rules.
///
/// # What comes back
/// Text, tokens with those that were cached, and the end. The probabilities of tokens only after [`logprobs`](Self::logprobs).
///
/// # Errors
/// Those of [`LlmBackend`]; their source is a [`ProviderError`], which holds a status and a known code at most, since genai's own errors
/// print request and answer.
///
/// # Time and cancellation
/// It must be polled inside a tokio runtime. The time for an answer is the client's; that of a whole operation is kept by rpm-core's layer
/// `Resilient`. Dropping the future closes the connection.
pub struct GenaiBackend {
    client: Client,
    model: ModelSpec,
    asked: Asked,
    identity: String,
    concurrency: usize,
    form: ReplyForm,
    logprobs: bool,
}

impl GenaiBackend {
    /// A model by its name in genai, such as `openai::my-model`. Its [`model`](LlmBackend::model) is `genai/` and that name.
    pub fn new(client: Client, model: impl Into<String>) -> Self {
        let model = model.into();
        let identity = format!("{GENAI}/{model}");
        let asked = Asked::of(&client, &model);
        Self {
            asked,
            client,
            model: model.into(),
            identity,
            concurrency: CONCURRENCY,
            form: ReplyForm::Schema,
            logprobs: false,
        }
    }

    /// Adds to the identity by which replies are logged, such as a base URL that the client resolves to. It must hold no secret.
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

    fn options(request: &CompletionRequest) -> ChatOptions {
        // The raw answer is read for what genai does not tell, and by the reason of an error.
        let mut options = ChatOptions::default()
            .with_temperature(decimal(request.temperature))
            .with_max_tokens(request.max_tokens)
            .with_capture_raw_body(true);
        if let Some(seed) = request.seed {
            options = options.with_seed(short(seed));
        }
        if request.logprobs > 0 {
            options = options.with_extra_body(json!({ "logprobs": true, "top_logprobs": request.logprobs }));
        }
        match held(request) {
            Some((ReplyForm::Schema, schema)) => {
                options.with_response_format(JsonSpec::new(schema.name, without(&schema.schema, &|_, _| true)))
            }
            Some((ReplyForm::Json, _)) => options.with_response_format(ChatResponseFormat::JsonMode),
            _ => options,
        }
    }
}

fn message(message: &Message) -> ChatMessage {
    match message.role {
        Role::System => ChatMessage::system(&*message.content),
        Role::User => ChatMessage::user(&*message.content),
        Role::Assistant => ChatMessage::assistant(&*message.content),
    }
}

/// The reply, unless it holds nothing.
fn completion(response: ChatResponse, request: &CompletionRequest) -> Result<Completion, BackendError> {
    let raw = response.captured_raw_body.as_ref().map(Raw::of).unwrap_or_default();
    let finish = match &response.stop_reason {
        _ if raw.is_refused => FinishReason::Filtered,
        Some(StopReason::MaxTokens(_)) => FinishReason::Length,
        Some(StopReason::ContentFilter(_)) => FinishReason::Filtered,
        _ => FinishReason::Stop,
    };
    let (usage, reasoning) = usage(&response.usage);
    let text: String = response.into_texts().concat();
    if text.trim().is_empty() && finish == FinishReason::Stop {
        return Err(ProviderError::new(GENAI, Fault::Empty).into());
    }
    let mut completion =
        Completion::new(text).finish(finish).tokens(if request.logprobs > 0 { raw.tokens } else { Vec::new() });
    (completion.usage, completion.reasoning_tokens) = (usage, reasoning);
    Ok(completion)
}

/// The tokens, and those of the reply that were hidden reasoning.
fn usage(used: &genai::chat::Usage) -> (Option<Usage>, Option<u64>) {
    let count = |tokens: Option<i32>| tokens.and_then(|tokens| u64::try_from(tokens).ok());
    let cached = used.prompt_tokens_details.as_ref().and_then(|details| count(details.cached_tokens));
    // Where thinking used up the limit, some adapters tell that alone.
    let thoughts = used.completion_tokens_details.as_ref().and_then(|details| count(details.reasoning_tokens));
    // No prompt is empty: where none are told some adapters say 0.
    let input = count(used.prompt_tokens).filter(|tokens| *tokens > 0);
    let usage = input.map(|input_tokens| Usage {
        input_tokens,
        output_tokens: count(used.completion_tokens).or(thoughts).unwrap_or_default(),
        cached_tokens: cached.unwrap_or_default(),
    });
    (usage, thoughts)
}

#[async_trait]
impl LlmBackend for GenaiBackend {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        request.in_time()?;
        if request.logprobs > 0 && !self.logprobs {
            return Err(BackendError::no_logprobs(ProviderError::new(GENAI, Fault::NotSent)));
        }
        let wanted = Wanted { form: held(request).map(|(form, _)| form), logprobs: request.logprobs > 0 };
        let asked = ChatRequest::new(request.messages.iter().map(message).collect());
        let options = Self::options(request);
        let response = self.client.exec_chat(self.model.clone(), asked, Some(&options)).await;
        completion(response.map_err(|error| failed(&error, wanted))?, request)
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
        self.asked.endpoint()
    }

    fn name(&self) -> &str {
        GENAI
    }
}

impl fmt::Debug for GenaiBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GenaiBackend").field(&self.identity).finish()
    }
}
