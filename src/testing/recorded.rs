//! Recorded replies as lines of JSON, and the errors of a script.

use serde::Deserialize;
use serde_json::Value;

use crate::llm::{BackendError, Completion, CompletionRequest, Stage};

use super::ScriptedBackend;

/// A request for which a script has no reply. Names the stage and the item, and holds no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the script has no reply for a {stage} request about {about}: add one with `ScriptedBackend::reply(Stage::{stage:?}, ..)`, or \
     for every request of the stage with `always`"
)]
#[non_exhaustive]
pub struct NoReply {
    /// The stage that asked.
    pub stage: Stage,
    /// The first item that the request is about.
    pub about: String,
}

impl NoReply {
    pub(super) fn to(request: &CompletionRequest) -> Self {
        let about = request.about.first().cloned().unwrap_or_else(|| "no item".to_owned());
        Self { stage: request.stage, about }
    }
}

impl From<NoReply> for BackendError {
    fn from(error: NoReply) -> Self {
        Self::permanent(error)
    }
}

/// A line of recorded replies that is none. Holds nothing of the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line} is no recorded reply: write {{\"stage\":\"answer\",\"about\":\"query\",\"reply\":{{…}}}}, with a stage of extract, group, \
     judge, write_path or answer"
)]
#[non_exhaustive]
pub struct NotRecorded {
    /// The line's number, from 1.
    pub line: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    stage: Stage,
    about: Option<String>,
    reply: Value,
}

impl ScriptedBackend {
    /// A [strict](Self::strict) backend with the replies of a text of JSON lines, each given once:
    ///
    /// - `stage`: `extract`, `group`, `judge`, `write_path` or `answer`;
    /// - `about`: the first item that the request is about, `query` for a new query; left out, the reply is for the stage's next request;
    /// - `reply`: the reply's JSON, or a string that is the reply's text.
    ///
    /// Replies are found by stage and item and not by the wording of the request, so they outlast a change of a prompt. That they
    /// still fit shows in the account: nothing is asked again and nothing repaired. Blank lines are passed over.
    ///
    /// ```
    /// use rpm_core::testing::ScriptedBackend;
    ///
    /// let lines = r#"{"stage":"answer","about":"query","reply":{"response":"4"}}"#;
    /// assert_eq!(ScriptedBackend::recorded(lines)?.replies_left(), 1);
    /// # Ok::<(), rpm_core::testing::NotRecorded>(())
    /// ```
    ///
    /// # Errors
    /// [`NotRecorded`], which names the line.
    pub fn recorded(lines: &str) -> Result<Self, NotRecorded> {
        let mut backend = Self::new().strict();
        for (number, line) in (1..).zip(lines.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let line: Line = serde_json::from_str(line).map_err(|_| NotRecorded { line: number })?;
            let reply = match line.reply {
                Value::String(text) => Completion::new(text),
                json => Completion::from(json),
            };
            backend = match line.about {
                Some(item) => backend.reply_about(line.stage, item, reply),
                None => backend.reply(line.stage, reply),
            };
        }
        Ok(backend)
    }
}
