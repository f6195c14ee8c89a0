//! A user's answers as a tool of rig's agents.

use std::fmt;

use rig_core::tool::{PortableTool, ToolExecutionError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use rpm_core::Personalizer;
use rpm_core::data::{Query, ResponseSpace, UserId};
use rpm_core::personalizer::PersonalizerError;
use rpm_core::stats::Tier;

/// Lets an agent of rig answer the way one user would: `AgentBuilder::new(model).tool(AnswerTool::new(personalizer, user))`. Feature
/// `rig`.
///
/// The user is fixed by the host and no argument, so that a model cannot ask as another one. The tool only reads: what the agent says is not
/// recorded as the user's. What it is told goes to the agent's provider: the response, and the reasons with the labels of the user's factors in
/// them, but not what the user had set aside. Where a model answers, each call of the tool is paid, so bound the agent's turns.
///
/// # Errors
/// A query that cannot be used and a store or a model that failed reach the agent by their kind alone, without text of the user.
#[derive(Clone)]
pub struct AnswerTool {
    personalizer: Personalizer,
    user: UserId,
    description: String,
}

/// What an agent asks an [`AnswerTool`].
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AnswerToolArgs {
    /// The question.
    pub query: String,
    /// The options that it may be answered with, for a task whose options come with the query; else empty.
    #[serde(default)]
    pub options: Vec<String>,
}

/// What an [`AnswerTool`] tells an agent.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AnswerToolOutput {
    /// The response that the user would give.
    pub response: String,
    /// Why, in sentences.
    pub because: String,
    /// The number of past answers of the user that there are.
    pub past_answers: usize,
    /// True when the answer goes by the user; false when too little is known and it is anyone's.
    pub personal: bool,
}

impl AnswerTool {
    /// Answers as this user.
    pub fn new(personalizer: Personalizer, user: UserId) -> Self {
        let instruction = personalizer.stored().pipeline().task().instruction();
        let description = format!(
            "Answers a question the way this user would, judged by what they answered before, and says why. Use it whenever the reply is to be \
             the user's own. The question is one of this kind: {instruction}"
        );
        Self { personalizer, user, description }
    }

    /// Tells the agent in these words what the tool is for and when to use it, in place of the default.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }
}

impl PortableTool for AnswerTool {
    const NAME: &'static str = "answer_as_user";
    type Args = AnswerToolArgs;
    type Output = Value;
    type Error = PersonalizerError;

    fn description(&self) -> String {
        self.description.clone()
    }

    fn parameters(&self) -> Value {
        let query =
            json!({ "type": "string", "description": "The question or the text that is to be judged, word for word." });
        let options = json!({
            "type": "array", "items": { "type": "string" }, "minItems": 2,
            "description": "What it may be answered with.",
        });
        let with_options = matches!(self.personalizer.stored().pipeline().task().space(), ResponseSpace::Choices);
        let (properties, required) = if with_options {
            (json!({ "query": query, "options": options }), json!(["query", "options"]))
        } else {
            (json!({ "query": query }), json!(["query"]))
        };
        json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
    }

    /// A fault of the arguments is told, so that the agent can mend them; anything else by its kind alone.
    fn map_error(&self, error: PersonalizerError) -> ToolExecutionError {
        match error {
            PersonalizerError::Data(fault) => ToolExecutionError::invalid_args(fault.to_string()),
            other => ToolExecutionError::from_error(other),
        }
    }

    async fn call(&self, asked: AnswerToolArgs) -> Result<Value, PersonalizerError> {
        let query = if asked.options.is_empty() {
            Query::new(asked.query)
        } else {
            Query::with_options(asked.query, asked.options)
        };
        let told = self.personalizer.answer(&self.user, &query?).await?;
        let mut reasons = told.reasons;
        // That something is set aside at the user's wish is between them and the host.
        reasons.set_aside.clear();
        let because = reasons.in_words();
        let output = AnswerToolOutput {
            response: told.response,
            because,
            past_answers: reasons.interactions,
            personal: reasons.support.tier != Tier::Generic,
        };
        Ok(json!(output))
    }
}

impl fmt::Debug for AnswerTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerTool").field("user", &self.user).finish_non_exhaustive()
    }
}

impl fmt::Debug for AnswerToolArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerToolArgs")
            .field("query_bytes", &self.query.len())
            .field("options", &self.options.len())
            .finish()
    }
}

impl fmt::Debug for AnswerToolOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerToolOutput")
            .field("past_answers", &self.past_answers)
            .field("personal", &self.personal)
            .finish_non_exhaustive()
    }
}
