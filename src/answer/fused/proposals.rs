//! Free text: a model proposes several responses in one reply, and the user's habits choose among them.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::fusing::spared;
use crate::answer::reading::{read_response, response_schema, response_tokens};
use crate::answer::shown::shown_exemplars;
use crate::answer::statistical::{boosts_of, composed_title, title_of};
use crate::answer::{AnswerError, AnswerRequest, Answerer as _, Draft, StatisticalAnswerer};
use crate::context::StageContext;
use crate::data::Exemplar;
use crate::llm::{AskError, Completion, CompletionRequest, ReplySchema, Stage};
use crate::prompt::{self, ExampleStyle, Prompt, read_reply};
use crate::reason::response_text;
use crate::stats::{ProposedResponse, Titles};

use super::FusedAnswerer;

/// The most past interactions that are shown, and about how many tokens of each text.
const PAST: usize = 3;
const PAST_TOKENS: u64 = 80;

#[derive(Deserialize)]
struct Reply {
    proposals: Vec<Value>,
}

/// A response that may be given, and the words of the model where it is the model's.
struct Proposed {
    response: String,
    stated: Option<String>,
}

/// The answer that the user's habits choose among what a model proposes and what they make of the text themselves.
pub(super) async fn chosen(
    request: &AnswerRequest<'_>,
    answerer: &FusedAnswerer,
    ctx: &StageContext<'_>,
) -> Result<Draft, AnswerError> {
    let proposals = answerer.proposals;
    let read = |_: usize, completion: &Completion| read(request, completion, proposals, ctx);
    let asked = vec![ask(request, proposals, ctx)];
    let proposed = ctx.ask_all(asked, answerer.max_reasks, read).await.pop();
    let proposed = match proposed.unwrap_or(Err(AskError::NoResult)) {
        Ok(proposed) => proposed,
        Err(error) => {
            let error = AnswerError::Ask(error);
            let why = spared(&error, answerer.falls_back).ok_or(error)?;
            return Ok(StatisticalAnswerer.answer(*request, ctx).await?.unfused(why));
        }
    };
    let own = title_of(request).await.and_then(|title| request.task.parse_response(request.query, &title.text));
    let mut texts: Vec<Proposed> = own.map(|response| Proposed { response, stated: None }).into_iter().collect();
    // What is proposed twice is said twice.
    texts.extend(proposed.into_iter().take(proposals));
    let bare: Vec<String> = texts.iter().map(|text| text.response.clone()).collect();
    let unkept = Titles::default();
    let titles = request.titles.unwrap_or(&unkept);
    titles.fit_in_steps(request.memory.items()).await;
    let habits = titles.of(request.memory.items());
    let overlaps = habits.overlaps(request.query.text(), &boosts_of(request), &bare);
    let mut ranked: Vec<(Proposed, f64)> = texts.into_iter().zip(overlaps).collect();
    // Stable: of equals the one that was first.
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut once = BTreeSet::new();
    ranked.retain(|(proposed, _)| once.insert(proposed.response.clone()));
    let (first, _) = ranked.first().ok_or(AnswerError::NoBasis { missing: "a word in the query" })?;
    let path = composed_title(request, &first.response)?;
    let draft = Draft::new(first.response.clone(), path).stated(first.stated.clone());
    let offered = |(proposed, overlap): (Proposed, f64)| ProposedResponse {
        by_model: proposed.stated.is_some(),
        response: proposed.response,
        overlap,
    };
    Ok(draft.proposed(ranked.into_iter().map(offered).collect()))
}

fn ask(request: &AnswerRequest<'_>, proposals: usize, ctx: &StageContext<'_>) -> CompletionRequest {
    let task = request.task;
    let mut shown: Vec<Exemplar> = shown_exemplars(request).iter().take(PAST).cloned().collect();
    // The nearest stands last, beside the text.
    shown.reverse();
    let style = ExampleStyle { factors: &[], features: false, paths: false, tokens: Some(PAST_TOKENS) };
    let values = prompt::task_values(task)
        .set("responses", prompt::responses(task))
        .set("proposals", proposals.to_string())
        .set("exemplars", prompt::exemplars(task, &shown, &style, ctx.redaction()))
        .set("item", prompt::item(task, request.query, &[], &[], ctx.redaction()));
    let one = response_schema(task, &[]);
    let schema = json!({
        "type": "object",
        "properties": {
            "proposals": { "type": "array", "items": one, "minItems": proposals, "maxItems": proposals },
        },
        "required": ["proposals"],
        "additionalProperties": false,
    });
    let each = response_tokens(task, &[]).min(MOST_TOKENS);
    let tokens = 32 + each.saturating_mul(u32::try_from(proposals).unwrap_or(u32::MAX));
    let about = std::iter::once("query").chain(shown.iter().map(|past| past.item.id().as_str()));
    CompletionRequest::new(Stage::Answer, ctx.prompts().render(Prompt::Propose, &values), tokens)
        .schema(ReplySchema { name: "proposals", schema })
        .about(about)
}

/// A proposal is a line; few take more tokens.
const MOST_TOKENS: u32 = 120;

/// The first proposals of a reply that may be given, at most so many.
fn read(
    request: &AnswerRequest<'_>,
    completion: &Completion,
    most: usize,
    ctx: &StageContext<'_>,
) -> Result<Vec<Proposed>, String> {
    let reply = read_reply::<Reply>(&completion.text).map_err(|_| "it has no list \"proposals\" in JSON".to_owned())?;
    let proposed = ctx.accept(Stage::Answer, reply).proposals;
    let may = |stated: &Value| read_response(request.task, request.query, &[], stated);
    let (mut kept, mut problem) = (Vec::new(), "it has no proposal".to_owned());
    for stated in &proposed {
        // A reply may hold many more than were asked for.
        if kept.len() >= most.max(1) {
            break;
        }
        match may(stated) {
            Ok(response) => kept.push(Proposed { response, stated: response_text(stated) }),
            Err(why) => problem = why,
        }
    }
    if kept.is_empty() { Err(problem) } else { Ok(kept) }
}
