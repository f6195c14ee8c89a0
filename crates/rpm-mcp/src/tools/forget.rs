//! `forget`: takes out what the user takes back, for good.

use std::sync::Arc;

use rmcp::model::{InputRequiredResult, Tool};
use rpm_core::model::Receipt;
use rpm_core::{Forget, ItemId, Personalizer, UserId};
use serde_json::json;

use super::{Call, Outcome, schemas};
use crate::asking::Asked;
use crate::error::ToolError;
use crate::limits;
use crate::results::ForgetResult;

/// What has to be said to forget everything.
const CONFIRMED: &str = "forget everything";

pub(super) fn tool() -> Tool {
    let id = json!({"type": "string", "minLength": 1, "maxLength": limits::NAME_BYTES});
    let properties = json!({
        "interactions": {"type": "array", "minItems": 1, "maxItems": limits::FORGOTTEN, "items": id,
            "description": "Recorded answers, by the ids that `record` and `explain` give."},
        "factor": {"type": "string", "minLength": 1, "maxLength": limits::NAME_BYTES,
            "description": "A factor, by its id, label, or a word it was seen in: it goes out of all answers, the answers stay. To keep it \
                            from being found again, `set_factor` it to `not_me`."},
        "everything": {"type": "boolean", "description": "True: everything of this user. Needs `confirm`."},
        "confirm": {"type": "string", "enum": [CONFIRMED],
            "description": "For `everything`: exactly this, and only after the user has said in so many words that all of it is to go."},
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
    let wanted = wanted(call)?;
    let mut said = None;
    if matches!(wanted, Wanted::Everything) {
        match confirmed(call).await {
            Confirmed::Unasked => {}
            Confirmed::Yes => said = Some("accept".to_owned()),
            Confirmed::No(how) => {
                return Outcome::done("The user did not confirm it: nothing was forgotten.", &nothing(how));
            }
            Confirmed::Later(form) => return Ok(Outcome::Ask(form)),
        }
    }
    let (shared, user) = (Arc::clone(call.shared), call.user.clone());
    // A task of its own: once begun it is finished, also when the call is cancelled, so that nothing is left half erased.
    let forgetting = async move {
        let done = forget(&shared.personalizer, &user, wanted).await;
        shared.last.drop_of(&user);
        shared.tell_changed(&user);
        done
    };
    let done = tokio::spawn(forgetting).await;
    let (words, result) = done.map_err(|_| ToolError::new("forgetting broke off: forget again"))??;
    Outcome::done(words, &ForgetResult { user_said: said, ..result })
}

fn wanted(call: &Call<'_>) -> Result<Wanted, ToolError> {
    let arguments = call.arguments(&["interactions", "factor", "everything", "confirm"])?;
    let items = arguments.texts("interactions", limits::FORGOTTEN, limits::NAME_BYTES)?;
    let factor = arguments.text("factor", limits::NAME_BYTES)?;
    let everything = arguments.flag("everything")?.unwrap_or_default();
    let confirm = arguments.text("confirm", limits::NAME_BYTES)?;
    match (items, factor, everything) {
        (Some(items), None, false) => {
            let id = |(place, id): (usize, String)| {
                ItemId::new(id).map_err(|_| ToolError::of(format!("interactions[{place}]"), "is no id of an answer"))
            };
            Ok(Wanted::Items(items.into_iter().enumerate().map(id).collect::<Result<_, _>>()?))
        }
        (None, Some(factor), false) => Ok(Wanted::Factor(factor.to_owned())),
        (None, None, true) if confirm == Some(CONFIRMED) => Ok(Wanted::Everything),
        (None, None, true) => {
            let problem = format!("has to be `{CONFIRMED}`: ask the user whether all of it is to go, and nothing less");
            Err(ToolError::of("confirm", problem))
        }
        _ => Err(ToolError::new("give exactly one of `interactions`, `factor` and `everything`")),
    }
}

/// What the user said of forgetting everything.
enum Confirmed {
    /// The client shows no forms: the argument has to do.
    Unasked,
    Yes,
    No(&'static str),
    Later(InputRequiredResult),
}

async fn confirmed(call: &Call<'_>) -> Confirmed {
    let message = "Forget everything that was recorded and learned of you here? It cannot be undone.";
    let fields = json!({"type": "object", "required": ["confirm"], "properties": {
        "confirm": {"type": "boolean", "title": "Yes, forget everything", "default": false}}});
    match call.asking.ask(message.to_owned(), fields, "everything").await {
        Asked::Cannot => Confirmed::Unasked,
        Asked::Failed => Confirmed::No("cancel"),
        Asked::Later(form) => Confirmed::Later(form),
        Asked::Accepted(form) if form.get("confirm").and_then(serde_json::Value::as_bool) == Some(true) => {
            Confirmed::Yes
        }
        Asked::Accepted(_) => Confirmed::No("decline"),
        Asked::Refused(how) => Confirmed::No(how),
    }
}

async fn forget(
    personalizer: &Personalizer,
    user: &UserId,
    wanted: Wanted,
) -> Result<(String, ForgetResult), ToolError> {
    let what = match wanted {
        Wanted::Everything => {
            let was_there = personalizer.forget_user(user).await?;
            let words =
                if was_there { "Everything of this user is forgotten." } else { "Nothing was known of this user." };
            return Ok((words.to_owned(), ForgetResult { forgotten: was_there, ..nothing_asked() }));
        }
        Wanted::Items(items) => Forget::Items(items),
        Wanted::Factor(name) => Forget::Factor(personalizer.factor(user, &name).await?),
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
