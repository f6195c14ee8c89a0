//! The wording of a request that asks a model again.

use crate::llm::control::break_control;
use crate::llm::{Completion, CompletionRequest, FinishReason, Message};

/// The longest part of an unusable reply that is shown to the model again, in characters: its end is rarely worth its tokens.
const KEPT: usize = 1_500;

/// Returns the note to a model whose reply could not be used, with the problem.
pub(crate) fn note(problem: &str) -> String {
    format!("Your reply could not be used: {problem}. Reply again, with JSON only, in the form asked for.")
}

/// Returns the problem of a reply, unless it was cut: then the cut is the problem.
pub(crate) fn unless_cut(problem: impl Into<String>, completion: &Completion) -> String {
    match completion.finish {
        FinishReason::Length => "it was cut off at the length limit, so be shorter".to_owned(),
        _ => problem.into(),
    }
}

/// Continues the conversation of a request: the reply it got, and what was wrong with that.
pub(super) fn continue_with(request: &mut CompletionRequest, reply: &str, problem: &str) {
    request.messages.push(Message::assistant(shortened(reply)));
    let asked = match request.schema {
        Some(_) => note(problem),
        None => format!("Your reply could not be used: {problem}. Reply again, in the form asked for."),
    };
    request.messages.push(Message::user(asked));
}

fn shortened(reply: &str) -> String {
    let kept = match reply.char_indices().nth(KEPT) {
        Some((end, _)) => format!("{} […]", reply.get(..end).unwrap_or_default()),
        None => reply.to_owned(),
    };
    // A model may have been led to write a sequence that ends its turn.
    break_control(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::{ReplySchema, Stage};

    #[test]
    fn who_was_asked_for_json_is_asked_for_it_again_and_nobody_else() {
        let bare = CompletionRequest::new(Stage::Answer, vec![Message::user("Which letter?")], 8);
        let held = bare.clone().schema(ReplySchema { name: "any", schema: serde_json::json!({}) });
        for (mut request, json) in [(held, true), (bare, false)] {
            continue_with(&mut request, "no", "it is wrong");
            let [_, reply, asked] = request.messages.as_slice() else { panic!("{request:?}") };
            assert_eq!(reply.content, "no");
            assert!(asked.content.starts_with("Your reply could not be used: it is wrong. Reply again, "));
            assert_eq!(asked.content.contains("with JSON only"), json);
        }
    }
}
