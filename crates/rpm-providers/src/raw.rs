//! What clients of many providers leave out of their replies, read from the raw answer: as `OpenAI`'s chat API has it, and that Gemini blocked a
//! prompt.

use serde::Deserialize;
use serde_json::Value;

use crate::reading::{First, Present, Record};
use crate::tokens::Logprobs;
use rpm_core::llm::TokenChoices;

/// What is looked for; nothing of it in an answer of another API.
#[derive(Default)]
pub(crate) struct Raw {
    /// True when the model refused, or was not shown the prompt.
    pub(crate) is_refused: bool,
    /// The places of the reply with their likeliest tokens; empty where they are not told.
    pub(crate) tokens: Vec<TokenChoices>,
}

impl Raw {
    pub(crate) fn of(answer: &Value) -> Self {
        let body = Record::<Body>::deserialize(answer).ok().and_then(|body| body.0);
        let body = body.unwrap_or_default();
        let is_blocked = body.prompt_feedback.0.is_some_and(|feedback| feedback.block_reason.0);
        let choice = body.choices.0.and_then(|choice| choice.0).unwrap_or_default();
        Self {
            is_refused: is_blocked || choice.message.0.is_some_and(|message| message.refusal.0),
            tokens: choice.logprobs.0.map(Logprobs::choices).unwrap_or_default(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    choices: First<Record<Choice>>,
    #[serde(rename = "promptFeedback")]
    prompt_feedback: Record<Feedback>,
}

/// What Gemini says of a prompt that it did not answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Feedback {
    #[serde(rename = "blockReason")]
    block_reason: Present,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice {
    message: Record<Message>,
    logprobs: Record<Logprobs>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    refusal: Present,
}
