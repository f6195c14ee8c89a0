//! `set_factor`: the user corrects what is known of them.

use std::sync::Arc;

use rmcp::model::Tool;
use rpm_core::{Edit, FactorId};
use serde_json::json;

use super::{Call, Outcome, schemas};
use crate::arguments::Arguments;
use crate::error::ToolError;
use crate::limits;
use crate::results::SetFactorResult;

const CHANGES: [&str; 7] = ["mute", "not_me", "pin", "boost", "rename", "merge", "undo"];

pub(super) fn tool() -> Tool {
    let name =
        |what: &str| json!({"type": "string", "minLength": 1, "maxLength": limits::NAME_BYTES, "description": what});
    let change = json!({"type": "string", "enum": CHANGES, "description":
        "`mute`: no answer goes by it. `not_me`: the same, and past answers that are about it alone are no examples. `pin`: show it with every answer. \
         `boost`: change its say by `by`. `rename`: call it `label`. `merge`: take it into `into`. `undo`: take back the change of number `edit`."});
    let properties = json!({
        "factor": name("The factor: its id, its label, or a word it was seen in. Not for `undo`."),
        "change": change,
        "by": {"type": "number", "minimum": 0.25, "maximum": 4, "description": "For `boost`: its say; 1 is as counted."},
        "label": name("For `rename`: the new label."),
        "into": name("For `merge`: the factor that takes its features."),
        "edit": {"type": "integer", "minimum": 1, "description": "For `undo`: the number that the change gave; `profile` lists them."},
    });
    let what = "Corrects what is known of this user, at their word. Nothing is deleted, and each change can be undone.";
    Tool::new("set_factor", what, schemas::object(properties, &["change"]))
        .with_output_schema::<SetFactorResult>()
        .with_annotations(schemas::annotations("Correct a factor", false, true, false))
}

pub(super) async fn call(call: &Call<'_>) -> Result<Outcome, ToolError> {
    let arguments = call.arguments(&["factor", "change", "by", "label", "into", "edit"])?;
    let change = arguments.needed("change", limits::NAME_BYTES)?;
    let change = CHANGES.into_iter().find(|known| *known == change);
    let change = change.ok_or_else(|| ToolError::of("change", format!("has to be one of {}", CHANGES.join(", "))))?;
    alone(&arguments, change)?;
    let edit = edit(call, &arguments, change).await?;
    let factor = match &edit {
        Edit::Merge { into, .. } => Some(into.to_string()),
        Edit::Mute { factor }
        | Edit::NotMe { factor }
        | Edit::Pin { factor }
        | Edit::Boost { factor, .. }
        | Edit::Rename { factor, .. } => Some(factor.to_string()),
        _ => None,
    };
    let (shared, user) = (Arc::clone(call.shared), call.user.clone());
    let editing = async move {
        let number = shared.personalizer.stored().edit(&user, edit).await?;
        shared.tell_changed(&user);
        Ok::<_, ToolError>(number)
    };
    let number = call.shared.finish(call.user, None, editing).await??;
    let words = format!("Done: {change}. To take it back: `undo` with edit {number}.");
    Outcome::done(words, &SetFactorResult { edit: number, change: change.to_owned(), factor })
}

/// Refuses arguments that this change has no use for: whoever gave them meant another one.
fn alone(arguments: &Arguments<'_>, change: &str) -> Result<(), ToolError> {
    for (name, of) in [("by", "boost"), ("label", "rename"), ("into", "merge"), ("edit", "undo")] {
        if change != of && arguments.has(name) {
            return Err(ToolError::of(name, format!("is for `{of}` alone: leave it out, or change `change`")));
        }
    }
    if change == "undo" && arguments.has("factor") {
        return Err(ToolError::of("factor", "is not for `undo`, which takes the number of a change as `edit`"));
    }
    Ok(())
}

async fn edit(call: &Call<'_>, arguments: &Arguments<'_>, change: &str) -> Result<Edit, ToolError> {
    if change == "undo" {
        let edit = arguments.count("edit")?.ok_or_else(|| ToolError::of("edit", "is missing: `profile` lists them"))?;
        return Ok(Edit::Undo { edit });
    }
    let factor = factor(call, arguments, "factor").await?;
    Ok(match change {
        "not_me" => Edit::NotMe { factor },
        "pin" => Edit::Pin { factor },
        "boost" => {
            let by = arguments.number("by")?.filter(|by| (0.25..=4.0).contains(by));
            Edit::Boost { factor, by: by.ok_or_else(|| ToolError::of("by", "has to be a number from 0.25 to 4"))? }
        }
        "rename" => Edit::Rename { factor, label: arguments.needed("label", limits::NAME_BYTES)?.to_owned() },
        "merge" => Edit::Merge { factor, into: self::factor(call, arguments, "into").await? },
        _ => Edit::Mute { factor },
    })
}

async fn factor(call: &Call<'_>, arguments: &Arguments<'_>, name: &str) -> Result<FactorId, ToolError> {
    let named = arguments.needed(name, limits::NAME_BYTES)?;
    super::factor::named(call.shared, call.user, named, &arguments.name(name)).await
}
