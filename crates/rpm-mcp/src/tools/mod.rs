//! The tools: what each is called, takes, gives and does to what is stored.

mod answer;
mod explain;
mod factor;
mod forget;
mod next_question;
mod profile;
mod record;
mod schemas;
mod set_factor;

use std::sync::Arc;

use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, ErrorData, InputRequiredResult, JsonObject, Tool};
use rpm_core::{Task, UserId};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::arguments::Arguments;
use crate::asking::Asking;
use crate::error::ToolError;
use crate::server::Shared;

/// One call of a tool.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) user: &'a UserId,
    pub(crate) arguments: &'a JsonObject,
    pub(crate) asking: Asking<'a>,
}

/// How a call ended.
enum Outcome {
    /// With a result: in words, and as data in the tool's schema.
    Done { words: String, data: Value },
    /// The client has to ask its user first, and call again.
    Ask(InputRequiredResult),
}

impl Call<'_> {
    /// The arguments, of which the tool knows these.
    fn arguments(&self, known: &[&str]) -> Result<Arguments<'_>, ToolError> {
        Arguments::new(self.arguments, known)
    }

    /// The same of a tool that takes a query of the task besides.
    fn with_query(&self, known: &[&str]) -> Result<Arguments<'_>, ToolError> {
        let all: Vec<&str> = schemas::query_fields(self.shared.task()).iter().chain(known).copied().collect();
        self.arguments(&all)
    }
}

/// A mark of these texts, in hexadecimal: 64 digits, of which a part will do.
fn mark<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut content = Sha256::new();
    for text in texts {
        content.update((text.len() as u64).to_le_bytes());
        content.update(text);
    }
    content.finalize().iter().fold(String::new(), |mark, byte| format!("{mark}{byte:02x}"))
}

impl Outcome {
    fn done(words: impl Into<String>, data: &impl Serialize) -> Result<Self, ToolError> {
        let data = serde_json::to_value(data).map_err(|_| ToolError::new("the result cannot be written"))?;
        Ok(Self::Done { words: words.into(), data })
    }
}

/// All tools, for a task and a host with or without questions of its own.
pub(crate) fn all(task: &Task, has_questions: bool) -> Vec<Tool> {
    vec![
        record::tool(task),
        answer::tool(task),
        explain::tool(task),
        profile::tool(),
        set_factor::tool(),
        forget::tool(),
        next_question::tool(task, has_questions),
    ]
}

/// The refusal of a call that is one too many.
pub(crate) fn too_many() -> CallToolResponse {
    refused(&ToolError::new("this user has too many calls under way, and nothing was done: wait for one to end"))
}

fn refused(error: &ToolError) -> CallToolResponse {
    CallToolResult::error(vec![ContentBlock::text(error.to_string())]).into()
}

/// Calls the tool of this name.
///
/// # Errors
/// There is none. What goes wrong in a tool is a result that says so.
pub(crate) async fn call(name: &str, call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    let outcome = match name {
        "record" => record::call(call).await,
        "answer" => answer::call(call).await,
        "explain" => explain::call(call).await,
        "profile" => profile::call(call).await,
        "set_factor" => set_factor::call(call).await,
        "forget" => forget::call(call).await,
        "next_question" => next_question::call(call).await,
        _ => return Err(ErrorData::invalid_params("unknown tool: `tools/list` names them", None)),
    };
    Ok(match outcome {
        Ok(Outcome::Done { words, data }) => {
            let mut result = CallToolResult::success(vec![ContentBlock::text(words)]);
            result.structured_content = Some(data);
            result.into()
        }
        Ok(Outcome::Ask(form)) => form.into(),
        Err(error) => refused(&error),
    })
}
