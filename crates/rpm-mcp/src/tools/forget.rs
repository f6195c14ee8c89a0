//! `forget`: takes out what the user takes back, for good.

use std::collections::BTreeSet;
use std::sync::Arc;

use rmcp::model::{InputRequiredResult, Tool};
use rpm_core::model::Receipt;
use rpm_core::{Forget, ItemId, UserId};
use serde_json::json;

use super::{Call, Outcome, schemas};
use crate::asking::Asked;
use crate::error::ToolError;
use crate::limits;
use crate::results::ForgetResult;
use crate::server::Shared;

/// What has to be said to forget everything, and to forget many answers.
const EVERYTHING: &str = "forget everything";
const MANY: &str = "forget these";

/// Answers that may go at once without a confirmation, unless they are all that there are.
const FEW: usize = 8;

pub(super) fn tool() -> Tool {
    let id = json!({"type": "string", "minLength": 1, "maxLength": limits::NAME_BYTES});
    let properties = json!({
        "interactions": {"type": "array", "minItems": 1, "maxItems": limits::FORGOTTEN, "items": id,
            "description": "Recorded answers, by the ids that `record` and `explain` give. More than 8, or all that there are, need `confirm`."},
        "factor": {"type": "string", "minLength": 1, "maxLength": limits::NAME_BYTES,
            "description": "A factor, by its id, or by a label or word that fits no other: it goes out of all answers, the answers stay. To keep it \
                            from being found again, `set_factor` it to `not_me`."},
        "everything": {"type": "boolean", "description": "True: everything of this user. Needs `confirm`."},
        "confirm": {"type": "string", "enum": [EVERYTHING, MANY],
            "description": "`forget everything` for everything and for all answers that there are, `forget these` for more than 8 answers: only after \
                            the user has said in so many words that this is to go."},
    });
    let what = "Deletes what this user takes back, for good: recorded answers, a factor, or everything. Give one of `interactions`, `factor` and \
                `everything`. It cannot be undone; to have something only not count, use `set_factor`.";
    Tool::new("forget", what, schemas::object(properties, &[]))
        .with_output_schema::<ForgetResult>()
        .with_annotations(schemas::annotations("Forget", false, true, true))
}

/// What is to go.
enum Wanted {
    Items(Vec<ItemId>),
    Factor(String),
    Everything,
}

pub(super) async fn call(call: &Call<'_>) -> Result<Outcome, ToolError> {
    let (wanted, confirm) = wanted(call)?;
    let mut said = None;
    if let Some(words) = to_confirm(call, &wanted).await? {
        if confirm != Some(words) {
            let problem = format!("has to be `{words}`: ask the user whether all of it is to go, and nothing less");
            return Err(ToolError::of("confirm", problem));
        }
        match confirmed(call, &wanted, words).await? {
            Confirmed::Unasked => {}
            Confirmed::Yes => said = Some("accept".to_owned()),
            Confirmed::No(how) => {
                return Outcome::done("The user did not confirm it: nothing was forgotten.", &nothing(how));
            }
            Confirmed::Later(form) => return Ok(Outcome::Ask(form)),
        }
    }
    let (shared, user) = (Arc::clone(call.shared), call.user.clone());
    // Finished also when the call is cancelled, so that nothing is left half erased.
    let forgetting = async move {
        let done = forget(&shared, &user, wanted).await;
        shared.last.drop_of(&user);
        shared.tell_changed(&user);
        done
    };
    let (words, result) = call.shared.finish(call.user, None, forgetting).await??;
    Outcome::done(words, &ForgetResult { user_said: said, ..result })
}

fn wanted<'a>(call: &'a Call<'_>) -> Result<(Wanted, Option<&'a str>), ToolError> {
    let arguments = call.arguments(&["interactions", "factor", "everything", "confirm"])?;
    let items = arguments.texts("interactions", limits::FORGOTTEN, limits::NAME_BYTES)?;
    let factor = arguments.text("factor", limits::NAME_BYTES)?;
    let everything = arguments.flag("everything")?.unwrap_or_default();
    let confirm = arguments.text("confirm", limits::NAME_BYTES)?;
    let wanted = match (items, factor, everything) {
        (Some(items), None, false) => {
            let id = |(place, id): (usize, String)| {
                ItemId::new(id).map_err(|_| ToolError::of(format!("interactions[{place}]"), "is no id of an answer"))
            };
            Wanted::Items(items.into_iter().enumerate().map(id).collect::<Result<_, _>>()?)
        }
        (None, Some(factor), false) => Wanted::Factor(factor.to_owned()),
        (None, None, true) => Wanted::Everything,
        _ => return Err(ToolError::new("give exactly one of `interactions`, `factor` and `everything`")),
    };
    Ok((wanted, confirm))
}

/// What has to be said for it, if anything has to.
async fn to_confirm(call: &Call<'_>, wanted: &Wanted) -> Result<Option<&'static str>, ToolError> {
    let items: BTreeSet<&ItemId> = match wanted {
        Wanted::Everything => return Ok(Some(EVERYTHING)),
        Wanted::Factor(_) => return Ok(None),
        Wanted::Items(items) => items.iter().collect(),
    };
    let held = call.shared.personalizer.stored().load(call.user).await?;
    let mut there = held.model.memory().items().iter();
    if there.all(|item| items.contains(item.id())) {
        return Ok(Some(EVERYTHING));
    }
    Ok((items.len() > FEW).then_some(MANY))
}

/// What the user said of it.
enum Confirmed {
    /// The client shows no forms: the argument has to do.
    Unasked,
    Yes,
    No(&'static str),
    Later(InputRequiredResult),
}

async fn confirmed(call: &Call<'_>, wanted: &Wanted, words: &'static str) -> Result<Confirmed, ToolError> {
    let ids: Vec<&str> = match wanted {
        Wanted::Items(items) => items.iter().map(ItemId::as_str).collect(),
        _ => Vec::new(),
    };
    let (message, title) = match ids.len() {
        0 => (
            "Forget everything that was recorded and learned of you here? It cannot be undone.".to_owned(),
            "Yes, forget everything",
        ),
        many if words == MANY => {
            (format!("Forget {many} of your recorded answers? It cannot be undone."), "Yes, forget these")
        }
        _ => ("Forget all your recorded answers? It cannot be undone.".to_owned(), "Yes, forget all of them"),
    };
    let fields = json!({"type": "object", "required": ["confirm"], "properties": {
        "confirm": {"type": "boolean", "title": title, "default": false}}});
    let state = super::mark([call.user.as_str(), words].into_iter().chain(ids));
    Ok(match call.asking.ask(message, fields, &state).await {
        Asked::Cannot => Confirmed::Unasked,
        Asked::Failed => {
            let problem = "the client failed to ask its user, and nothing was forgotten: call again from the start, or at another client";
            return Err(ToolError::new(problem));
        }
        Asked::Later(form) => Confirmed::Later(form),
        Asked::Accepted(form) if form.get("confirm").and_then(serde_json::Value::as_bool) == Some(true) => {
            Confirmed::Yes
        }
        Asked::Accepted(_) => Confirmed::No("decline"),
        Asked::Refused(how) => Confirmed::No(how),
    })
}

async fn forget(shared: &Shared, user: &UserId, wanted: Wanted) -> Result<(String, ForgetResult), ToolError> {
    let personalizer = &shared.personalizer;
    let what = match wanted {
        Wanted::Everything => {
            let was_there = personalizer.forget_user(user).await?;
            let words =
                if was_there { "Everything of this user is forgotten." } else { "Nothing was known of this user." };
            return Ok((words.to_owned(), ForgetResult { forgotten: was_there, ..nothing_asked() }));
        }
        Wanted::Items(items) => Forget::Items(items),
        Wanted::Factor(name) => Forget::Factor(super::factor::named(shared, user, &name, "factor").await?),
    };
    let receipt = personalizer.stored().forget(user, &what).await?;
    Ok((receipt.to_string(), of(&receipt)))
}

fn of(receipt: &Receipt) -> ForgetResult {
    let ids = |ids: &[ItemId]| ids.iter().map(ToString::to_string).collect();
    ForgetResult {
        forgotten: true,
        user_said: None,
        interactions: ids(&receipt.items),
        stripped: ids(&receipt.stripped),
        factors: receipt.factors.iter().map(ToString::to_string).collect(),
    }
}

fn nothing_asked() -> ForgetResult {
    ForgetResult {
        forgotten: false,
        user_said: None,
        interactions: Vec::new(),
        stripped: Vec::new(),
        factors: Vec::new(),
    }
}

fn nothing(how: &str) -> ForgetResult {
    ForgetResult { user_said: Some(how.to_owned()), ..nothing_asked() }
}
