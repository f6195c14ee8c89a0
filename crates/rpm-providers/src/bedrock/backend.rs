//! A backend over Bedrock's Converse.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::error::BuildError;
use aws_sdk_bedrockruntime::operation::converse::ConverseOutput as Conversed;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, InferenceConfiguration, JsonSchemaDefinition, Message as Said, OutputConfig,
    OutputFormat, OutputFormatStructure, OutputFormatType, StopReason, SystemContentBlock, TokenUsage,
};

use super::failed::failed;
use super::one_attempt::{TIMEOUT, one_attempt};
use super::{BEDROCK, PROVIDER};
use crate::asking::{CONCURRENCY, held, in_order, without};
use crate::failure::{Fault, ProviderError, Wanted};
use rpm_core::llm::{
    BackendError, Capabilities, Completion, CompletionRequest, Endpoint, FinishReason, LlmBackend, Message, ReplyForm,
    ReplySchema, Role, Usage,
};

/// A model on Amazon Bedrock, by the official SDK's `Converse`, which is the same for every model there. Feature `bedrock`.
///
/// ```
/// use rpm_providers::BedrockBackend;
///
/// # fn example(client: aws_sdk_bedrockruntime::Client) -> BedrockBackend {
/// // The host's own client, with its region, credentials and TLS.
/// BedrockBackend::new(client, "anthropic.some-model-v1:0")
/// # }
/// ```
///
/// # What goes out
/// Messages, those of the system apart, temperature, length limit, and the schema (without bounds on numbers and lengths, which the service
/// refuses). Converse has no seed and no JSON mode. Neighbouring messages of one role go out as one, since roles have to alternate.
///
/// # What comes back
/// Text, tokens and the end. What was read from the cache counts as input, as everywhere here. Converse tells no probabilities of tokens.
///
/// # Errors
/// Those of [`LlmBackend`]; their source is a [`ProviderError`] with a status and the exception's name at most. Each request is one attempt:
/// the SDK's own retries are off here, since they would not be in the account. Put `Resilient` around it.
///
/// # Time and cancellation
/// Polled inside a tokio runtime, or whatever the client was built for. An answer may take the [`timeout`](Self::timeout), or what is left of
/// the operation's time. Dropping the future closes the connection.
#[derive(Clone)]
pub struct BedrockBackend {
    client: Client,
    model_id: String,
    identity: String,
    concurrency: usize,
    form: ReplyForm,
    timeout: Duration,
}

impl BedrockBackend {
    /// A model by its id, inference profile or ARN. Its [`model`](LlmBackend::model) is `bedrock/` and that.
    pub fn new(client: Client, model: impl Into<String>) -> Self {
        let model = model.into();
        let identity = format!("{BEDROCK}/{model}");
        Self { client, model_id: model, identity, concurrency: CONCURRENCY, form: ReplyForm::Schema, timeout: TIMEOUT }
    }

    /// Waits at most this long for each answer. Default: 120 s. What takes longer is [`BackendError::Transient`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends at most this many requests of a batch at once, from 1. Default: 4.
    #[must_use]
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests;
        self
    }

    /// The strictest form to hold replies to. Default: [`ReplyForm::Schema`]; a model that refuses it is asked for less by itself.
    #[must_use]
    pub fn form(mut self, strictest: ReplyForm) -> Self {
        self.form = strictest;
        self
    }

    fn fault(fault: Fault) -> BackendError {
        ProviderError::new(BEDROCK, fault).into()
    }
}

/// The rules and the conversation of a request.
fn conversation(messages: &[Message]) -> Result<(Vec<SystemContentBlock>, Vec<Said>), BuildError> {
    let (mut system, mut turns) = (Vec::new(), Vec::<(ConversationRole, Vec<ContentBlock>)>::new());
    for message in messages {
        let role = match message.role {
            Role::System => {
                system.push(SystemContentBlock::Text(message.content.clone()));
                continue;
            }
            Role::User => ConversationRole::User,
            Role::Assistant => ConversationRole::Assistant,
        };
        let block = ContentBlock::Text(message.content.clone());
        match turns.last_mut().filter(|(last, _)| *last == role) {
            Some((_, blocks)) => blocks.push(block),
            None => turns.push((role, vec![block])),
        }
    }
    let turns = turns.into_iter().map(|(role, blocks)| Said::builder().role(role).set_content(Some(blocks)).build());
    Ok((system, turns.collect::<Result<_, _>>()?))
}

/// What holds a reply to a schema.
fn output(schema: &ReplySchema) -> Result<OutputConfig, BuildError> {
    let plain = without(&schema.schema, &|_, _| true);
    let definition = JsonSchemaDefinition::builder().name(schema.name).schema(plain.to_string()).build()?;
    let format = OutputFormat::builder()
        .r#type(OutputFormatType::JsonSchema)
        .structure(OutputFormatStructure::JsonSchema(definition));
    Ok(OutputConfig::builder().text_format(format.build()?).build())
}

fn usage(used: &TokenUsage) -> Usage {
    let count = |tokens: i32| u64::try_from(tokens).unwrap_or_default();
    let cached = used.cache_read_input_tokens.map_or(0, count);
    let written = used.cache_write_input_tokens.map_or(0, count);
    // Bedrock counts what the cache took and gave beside the input.
    Usage {
        input_tokens: count(used.input_tokens) + cached + written,
        output_tokens: count(used.output_tokens),
        cached_tokens: cached,
    }
}

/// The reply, unless it holds nothing.
fn completion(answer: &Conversed) -> Result<Completion, BackendError> {
    let message = answer.output.as_ref().and_then(|output| output.as_message().ok());
    let message = message.ok_or_else(|| BedrockBackend::fault(Fault::Unexpected))?;
    let text: String = message.content.iter().filter_map(|block| block.as_text().ok().map(String::as_str)).collect();
    let finish = match &answer.stop_reason {
        StopReason::MaxTokens | StopReason::ModelContextWindowExceeded => FinishReason::Length,
        StopReason::ContentFiltered | StopReason::GuardrailIntervened => FinishReason::Filtered,
        other if other.as_str() == "refusal" => FinishReason::Filtered,
        _ => FinishReason::Stop,
    };
    if text.trim().is_empty() && finish == FinishReason::Stop {
        return Err(BedrockBackend::fault(Fault::Empty));
    }
    let completion = Completion::new(text).finish(finish);
    // No prompt is empty: where none are told the SDK says 0.
    Ok(match answer.usage.as_ref().map(usage).filter(|used| used.input_tokens > 0) {
        Some(used) => completion.usage(used),
        None => completion,
    })
}

#[async_trait]
impl LlmBackend for BedrockBackend {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        request.in_time()?;
        if request.logprobs > 0 {
            return Err(BackendError::no_logprobs(ProviderError::new(BEDROCK, Fault::NotSent)));
        }
        let (system, turns) = conversation(&request.messages).map_err(|_| Self::fault(Fault::NotSent))?;
        let limit = i32::try_from(request.max_tokens).unwrap_or(i32::MAX);
        let sampling = InferenceConfiguration::builder().max_tokens(limit).temperature(request.temperature).build();
        let mut asked =
            self.client.converse().model_id(&self.model_id).set_messages(Some(turns)).inference_config(sampling);
        asked = asked.set_system(Some(system).filter(|rules| !rules.is_empty()));
        let schema = held(request).filter(|(form, _)| *form == ReplyForm::Schema).map(|(_, schema)| schema);
        if let Some(schema) = schema {
            asked = asked.output_config(output(schema).map_err(|_| Self::fault(Fault::NotSent))?);
        }
        let timeout = request.time_left().map_or(self.timeout, |left| left.min(self.timeout));
        let wanted = Wanted { form: schema.map(|_| ReplyForm::Schema), logprobs: false };
        let answer = asked.customize().config_override(one_attempt(timeout)).send().await;
        completion(&answer.map_err(|error| failed(&error, wanted, timeout))?)
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
        Endpoint::of(PROVIDER).model(&self.model_id)
    }

    fn name(&self) -> &str {
        BEDROCK
    }
}

impl fmt::Debug for BedrockBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BedrockBackend")
            .field("model", &self.identity)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
