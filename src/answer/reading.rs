//! Asks for an answer, and reads the response out of the reply.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::context::StageContext;
use crate::data::text::fold;
use crate::data::{Query, ResponseSpace, Task};
use crate::llm::{Ask, AskError, Completion, CompletionRequest, Stage, Verdict};
use crate::prompt::read_reply;
use crate::reason::response_text;

use super::AnswerRequest;

/// A response that may be given: as it is shown to the model, and in the task's spelling.
#[derive(Clone)]
pub struct Allowed {
    shown: String,
    response: String,
}

impl Allowed {
    #[cfg(test)]
    pub(super) fn new(shown: &str, response: &str) -> Self {
        Self { shown: shown.to_owned(), response: response.to_owned() }
    }

    /// The response as the model is shown it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The response in the task's spelling.
    pub(super) fn response(&self) -> &str {
        &self.response
    }
}

impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowed").finish_non_exhaustive()
    }
}

/// Lists the responses open to the query; empty for free text. Options are the user's data, so they leave through the
/// hook.
pub fn allowed(task: &Task, query: &Query, ctx: &StageContext<'_>) -> Vec<Allowed> {
    let own = matches!(task.space(), ResponseSpace::Choices);
    let shown = |response: &String| if own { ctx.leaving(response) } else { response.clone() };
    task.responses(query).into_iter().map(|response| Allowed { shown: shown(&response), response }).collect()
}

/// The JSON schema of a response among these options, or of free text.
pub fn response_schema(task: &Task, options: &[Allowed]) -> Value {
    if let ResponseSpace::Text { max_chars } = task.space() {
        return json!({ "type": "string", "maxLength": max_chars });
    }
    // Two options that the hook made the same may stand in the list only once.
    let mut seen = BTreeSet::new();
    let values: Vec<&str> = options.iter().map(|o| o.shown.as_str()).filter(|o| seen.insert(*o)).collect();
    json!({ "type": "string", "enum": values })
}

/// The most tokens that a response can take, for the limit of a request.
pub fn response_tokens(task: &Task, options: &[Allowed]) -> u32 {
    let chars = match task.space() {
        ResponseSpace::Text { max_chars } => *max_chars,
        _ => options.iter().map(|option| option.shown.chars().count()).max().unwrap_or_default(),
    };
    // Scripts without spaces take up to about one token for a character.
    u32::try_from(chars).unwrap_or(4_096).min(4_096)
}

/// Reads the response that a reply states.
///
/// # Errors
/// The problem in words for the model, without text of the user.
pub fn read_response(task: &Task, query: &Query, options: &[Allowed], stated: &Value) -> Result<String, String> {
    let name = task.response_name_str();
    let stated = response_text(stated).ok_or_else(|| format!("it has no {name}"))?;
    if let ResponseSpace::Text { max_chars } = task.space() {
        let line = bare_line(&stated);
        let says = line.chars().any(char::is_alphanumeric) && fold(&line) != fold(&format!("<{name}>"));
        let fits = says.then(|| task.parse_response(query, &line)).flatten();
        return fits.ok_or_else(|| format!("the {name} is blank or longer than {max_chars} characters"));
    }
    let wanted = fold(&stated);
    let mut same = options.iter().filter(|option| fold(&option.shown) == wanted);
    let only = match (same.next(), same.next()) {
        (Some(option), None) => Some(option.response.clone()),
        _ => None,
    };
    only.or_else(|| task.parse_response(query, &stated))
        .ok_or_else(|| format!("the {name} is not one of those allowed"))
}

/// Free text on one line, without quotes around it and without the full stop of a sentence.
fn bare_line(text: &str) -> String {
    const QUOTES: [char; 7] = ['"', '\'', '`', '“', '”', '‘', '’'];
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let quoted = |line: &str| line.starts_with(QUOTES) && line.trim_end_matches('.').ends_with(QUOTES);
    let mut bare = line.as_str();
    if quoted(bare) {
        bare = bare.trim_end_matches('.').trim_matches(QUOTES).trim();
    }
    match bare.strip_suffix('.') {
        Some(before) if !before.ends_with('.') => before.trim_end().to_owned(),
        _ => bare.to_owned(),
    }
}

/// A model's answer: its response, and what it argues with.
pub(super) struct Argued<T> {
    /// The response and its reasons, as the answerer reads them.
    pub(super) value: T,
    /// The response in the model's own words.
    pub(super) stated: Option<String>,
}

/// The reading of a reply whose response may be given.
pub(super) struct Reading<T> {
    /// The response, with its reasons as far as they can be used.
    pub(super) value: T,
    /// Why its reasons cannot be used, in words for the model.
    pub(super) problem: Option<String>,
}

/// The question as it is put to the model.
pub(super) struct Question<'q> {
    pub(super) request: &'q AnswerRequest<'q>,
    pub(super) options: &'q [Allowed],
    pub(super) prompt: CompletionRequest,
    pub(super) reasks: u32,
}

impl Question<'_> {
    /// Asks until a reply has a response that may be given. One whose reasons cannot be used is asked for again once;
    /// then the response stands without them, so that a sound one is not lost.
    pub(super) async fn ask<W: DeserializeOwned, T>(
        self,
        ctx: &StageContext<'_>,
        response_of: impl Fn(&W) -> &Value,
        mut read: impl FnMut(W, String, &Completion) -> Reading<T>,
    ) -> Result<Argued<T>, AskError> {
        let (task, query, options) = (self.request.task, self.request.query, self.options);
        let mut read = |completion: &Completion| -> Result<(Argued<T>, Option<String>), String> {
            let reply = read_reply::<W>(&completion.text).map_err(|error| error.problem())?;
            let written = ctx.accept(Stage::Answer, reply);
            let response = read_response(task, query, options, response_of(&written))?;
            let stated = response_text(response_of(&written));
            let Reading { value, problem } = read(written, response, completion);
            Ok((Argued { value, stated }, problem))
        };
        let judge = |ask: &Ask<'_, Argued<T>>, completion: &Completion| match read(completion) {
            Ok((argued, problem @ Some(_))) if ask.is_first() => Verdict::Again { problem, partial: Some(argued) },
            Ok((argued, _)) => Verdict::Done(argued),
            Err(problem) => Verdict::Again { problem: Some(problem), partial: None },
        };
        ctx.ask(self.prompt, self.reasks, judge).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_text_loses_quotes_and_the_full_stop_only() {
        for (text, bare) in [
            ("\"A Fine Title.\"", "A Fine Title"),
            ("“A Fine\n Title”.", "A Fine Title"),
            ("Wait...", "Wait..."),
            ("'Big' and small", "'Big' and small"),
        ] {
            assert_eq!(bare_line(text), bare);
        }
    }

    #[test]
    fn responses_are_read_in_the_shown_spelling_or_the_tasks() {
        let task = Task::new("Choose", ResponseSpace::choices()).unwrap();
        let query = Query::with_options("Which?", ["Ask Ana", "Ask Bo"]).unwrap();
        let shown = |shown: &str, response: &str| Allowed { shown: shown.to_owned(), response: response.to_owned() };
        let options = [shown("Ask [name]", "Ask Ana"), shown("Ask Bo", "Ask Bo")];
        let read = |stated: Value| read_response(&task, &query, &options, &stated);
        assert_eq!(read(json!("ask [NAME]")).unwrap(), "Ask Ana");
        assert_eq!(read(json!("'Ask Bo'")).unwrap(), "Ask Bo");
        assert_eq!(read(json!("Ask Cy")).unwrap_err(), "the response is not one of those allowed");
        let task = Task::new("Rate", ResponseSpace::scale(1, 5).unwrap()).unwrap();
        assert_eq!(read_response(&task, &query, &[], &json!(4)).unwrap(), "4");
        assert!(read_response(&task, &query, &[], &json!(9)).is_err());
    }
}
