//! A stand-in for the model that replies as asked, so that later stages get what they would get, and counts what it was
//! asked. Nothing leaves.

mod replies;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use crate::llm::{
    BackendError, Budget, Completion, CompletionRequest, CostEstimate, Endpoint, LlmBackend, Stage, Usage,
};

/// A backend that sends nothing: it counts the requests of a dry run and replies to each with the least that passes its
/// checks, so that an estimate of costs sees what later stages would ask.
pub struct DryBackend {
    counted: Mutex<CostEstimate>,
    /// For its prices only.
    budget: Budget,
}

impl DryBackend {
    /// A backend that counts with the prices of this budget; nothing else of it is used.
    pub fn new(budget: Budget) -> Self {
        Self { counted: Mutex::default(), budget }
    }

    /// The cost of all that was asked until now.
    pub fn counted(&self) -> CostEstimate {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for DryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DryBackend").finish_non_exhaustive()
    }
}

/// The reply that a dry run gets to a request, but that each group has a name of its own.
#[cfg(feature = "testing")]
pub(crate) fn made_up(request: &CompletionRequest) -> String {
    replies::reply(request, 1)
}

#[async_trait]
impl LlmBackend for DryBackend {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let (low, expected) = reply_tokens(request);
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).enter(request, low, expected, &self.budget);
        let mut completion = Completion::new(replies::reply(request, replies::MERGED));
        completion.usage =
            Some(Usage { input_tokens: request.input_tokens(), output_tokens: expected, cached_tokens: 0 });
        Ok(completion)
    }

    /// Nothing is asked.
    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint::in_process()
    }

    fn name(&self) -> &'static str {
        "dry"
    }
}

/// The length of replies, low and to expect, in tokens. From the replies of a model of 1.5 billion parameters
/// (qwen2.5-coder-1.5b-instruct) to this crate's requests, except for the bare answer, which is assumed:
///
/// | reply | low | expected |
/// |---|---|---|
/// | features, per text | 55 | 95 |
/// | names of factors, per group | 6 | 8 |
/// | judgements, per text | 75 | 100 |
/// | a path | 98 | 123 |
/// | an answer with steps | 75 | 99 |
/// | an answer with features and steps | 110 | 160 |
/// | a bare answer | 8 | 12 |
/// | a proposal | 20 | 30 |
/// | a letter | 2 | 8 |
///
/// Text that a request wants first, or alone, is taken to fill a third of its room, or two thirds.
fn reply_tokens(request: &CompletionRequest) -> (u64, u64) {
    let schema = request.schema.as_ref().map_or(&Value::Null, |schema| &schema.schema);
    let most = |field: &str| schema.pointer(&format!("/properties/{field}/maxItems")).and_then(Value::as_u64);
    let room = |field: &str| schema.pointer(&format!("/properties/{field}/maxLength")).and_then(Value::as_u64);
    if let Some(chars) = room("first").or_else(|| room("text")) {
        return (chars / 12 + 8, chars / 6 + 12);
    }
    let steps = "/properties/reasons/items/properties";
    match request.stage {
        Stage::Extract => (55 * most("items").unwrap_or(1), 95 * most("items").unwrap_or(1)),
        Stage::Group => {
            let groups = schema.pointer("/properties/factors/required").and_then(Value::as_array).map_or(24, Vec::len);
            (6 * groups as u64, 8 * groups as u64)
        }
        Stage::Judge => (75 * most("items").unwrap_or(1), 100 * most("items").unwrap_or(1)),
        Stage::WritePath => (98, 123),
        Stage::Retrieve => (0, 0),
        Stage::Answer if schema.pointer(&format!("{steps}/quote")).is_some() => (110, 160),
        Stage::Answer if schema.pointer(steps).is_some() => (75, 99),
        Stage::Answer if most("proposals").is_some() => {
            let proposals = most("proposals").unwrap_or(1);
            (20 * proposals + 8, 30 * proposals + 8)
        }
        Stage::Answer if request.schema.is_none() => (2, 8),
        Stage::Answer => (8, 12),
    }
}
