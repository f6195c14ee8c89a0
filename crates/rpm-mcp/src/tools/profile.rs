//! `profile`: what is known of the user.

use rmcp::model::Tool;
use rpm_core::profile::{Profile, Sureness, Sway, SwayEffect};
use rpm_core::{Prepared, StoredError};
use serde_json::json;

use super::{Call, Outcome, schemas};
use crate::error::ToolError;
use crate::results::{HeldEdit, KnownFactor, ProfileResult, SetAsideFactor};

pub(super) fn tool() -> Tool {
    let what = "Tells what is known of this user, for them to read: what sways their answers, which way and how surely, what they set aside, and \
                the ids that `set_factor` and `forget` take.";
    Tool::new("profile", what, schemas::object(json!({}), &[]))
        .with_output_schema::<ProfileResult>()
        .with_annotations(schemas::annotations("What is known of this user", true, false, true))
}

pub(super) async fn call(call: &Call<'_>) -> Result<Outcome, ToolError> {
    call.arguments(&[])?;
    let held = match call.shared.personalizer.stored().open(call.user).await {
        Ok(held) => Some(held),
        Err(StoredError::UnknownUser { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let profile = match &held {
        Some(held) => held.profile(),
        None => call.shared.personalizer.profile(call.user).await?,
    };
    Outcome::done(profile.to_string(), &result_of(&profile, held.as_ref()))
}

fn result_of(profile: &Profile, held: Option<&Prepared>) -> ProfileResult {
    let model = held.map(Prepared::model);
    let aside = model.into_iter().flat_map(|model| model.set_aside().iter());
    let edits = model.into_iter().flat_map(rpm_core::UserModel::edits_in_force);
    ProfileResult {
        past_answers: profile.interactions,
        factors: profile.sways.iter().map(factor).collect(),
        other_labels: profile.others.clone(),
        set_aside: aside
            .map(|factor| SetAsideFactor { factor: factor.id().to_string(), label: factor.label().to_owned() })
            .collect(),
        edits: edits.map(|it| HeldEdit { edit: it.number(), change: it.edit().kind().to_owned() }).collect(),
    }
}

fn factor(sway: &Sway) -> KnownFactor {
    let (response, with, without) = match &sway.effect {
        SwayEffect::Points { with, without, .. } => (None, *with, Some(*without)),
        SwayEffect::Share { response, with, usual, .. } => (Some(response.clone()), *with, Some(*usual)),
        SwayEffect::TakenUp { share, .. } => (None, *share, None),
        _ => (None, 0.0, None),
    };
    let sureness = match sway.sureness {
        Sureness::Sure => "sure",
        Sureness::Likely => "likely",
        _ => "guess",
    };
    KnownFactor {
        factor: sway.factor.to_string(),
        label: sway.label.clone(),
        seen: sway.seen,
        sureness: sureness.to_owned(),
        response,
        with,
        without,
    }
}
