//! Reads the steps of a path, and the response it leads to, out of a model's reply.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::data::text::one_line;
use crate::data::{AssignedFeature, FeatureKey, PathStep};

/// The longest text of one step, in characters.
pub(crate) const STEP_CHARS: usize = 400;

#[derive(Deserialize)]
struct Step {
    feature: Value,
    #[serde(default, alias = "because")]
    why: String,
}

/// The shape of the steps over this many features.
pub(crate) fn steps_schema(features: usize, max_steps: usize) -> Value {
    let ids: Vec<String> = (1..=features).map(|place| format!("x{place}")).collect();
    let step = json!({
        "type": "object",
        "properties": {
            "feature": { "type": "string", "enum": ids },
            "why": { "type": "string", "maxLength": STEP_CHARS },
        },
        "required": ["feature", "why"],
        "additionalProperties": false,
    });
    json!({ "type": "array", "items": step, "minItems": 1, "maxItems": max_steps })
}

/// Reads the first `max_steps` steps of a reply and resolves the citation of each.
///
/// # Errors
/// The problem with them, in words for the model and without text of the user.
pub(crate) fn read_steps(
    steps: &Value,
    features: &[AssignedFeature],
    max_steps: usize,
) -> Result<Vec<PathStep>, String> {
    let steps = steps.as_array().map(Vec::as_slice).unwrap_or_default();
    if steps.is_empty() {
        return Err("it has no steps".to_owned());
    }
    let mut read = Vec::new();
    for (number, step) in (1..).zip(steps.iter().take(max_steps)) {
        let Ok(step) = Step::deserialize(step) else {
            return Err(format!("step {number} is not in the form asked for"));
        };
        let Some((feature, cited)) = cited(&step.feature, features) else {
            // Only an id is repeated: anything else may be the user's words.
            let id = step.feature.as_str().filter(|id| place(id).is_some());
            let id = id.map_or_else(|| "a feature".to_owned(), |id| id.trim().to_lowercase());
            return Err(format!("step {number} cites {id}, which is not listed"));
        };
        let Some(text) = read_why(&step.why) else { return Err(format!("step {number} says nothing")) };
        read.push(PathStep { feature, factor: cited.factor.clone(), text });
    }
    Ok(read)
}

/// Reads the text of a step; `None` when it says nothing, or ends in the middle: small models put a quotation mark inside a string, which
/// ends it behind the space.
pub(crate) fn read_why(why: &str) -> Option<String> {
    let text = one_line(why, STEP_CHARS);
    let says = !why.ends_with(' ') && text.chars().any(char::is_alphanumeric) && !text.starts_with("<one sentence");
    says.then_some(text)
}

/// Reads a response as models give it: text, or a bare number.
pub(crate) fn response_text(response: &Value) -> Option<String> {
    match response {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The feature that a citation means, by its alias or, as small models do, by its name.
fn cited<'f>(citation: &Value, features: &'f [AssignedFeature]) -> Option<(usize, &'f AssignedFeature)> {
    let citation = citation.as_str()?;
    let by_name = || {
        let key = FeatureKey::of(citation);
        features.iter().position(|assigned| assigned.feature.key() == key)
    };
    let position = place(citation).filter(|place| *place < features.len()).or_else(by_name)?;
    features.get(position).map(|feature| (position, feature))
}

/// The place that an alias such as `x2` stands for, from 0.
fn place(alias: &str) -> Option<usize> {
    let bare = alias.trim().trim_matches(['[', ']', '(', ')']).to_lowercase();
    let digits = bare.strip_prefix('x').filter(|digits| (1..=4).contains(&digits.len()))?;
    digits.parse::<usize>().ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Feature, Query, Span};

    fn features() -> Vec<AssignedFeature> {
        let query = Query::new("secret film").unwrap();
        let feature = |name| AssignedFeature::unknown(Feature::new(&query, name, Span { start: 0, end: 6 }).unwrap());
        vec![feature("slow pacing"), feature("warm acting")]
    }

    #[test]
    fn a_reason_that_ends_in_the_middle_is_none() {
        for (why, read) in [("It is slow. ", None), ("The text calls it ", None), ("\n ", None)] {
            assert_eq!(read_why(why), read, "{why}");
        }
        assert_eq!(read_why("It is\n slow.\n").as_deref(), Some("It is slow."));
    }

    #[test]
    fn citations_resolve_by_alias_or_name_and_nothing_else() {
        let steps = json!([
            { "feature": "X2", "why": " it  is\nwarm" },
            { "feature": "slow pacing", "why": "it drags" },
            { "feature": "x9", "why": "beyond the limit of steps" },
        ]);
        let read = read_steps(&steps, &features(), 2).unwrap();
        assert_eq!(read.iter().map(|step| step.feature).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(read[0].text, "it is warm");
        let problem = read_steps(&steps, &features(), 3).unwrap_err();
        assert_eq!(problem, "step 3 cites x9, which is not listed");
    }

    #[test]
    fn problems_repeat_only_our_own_ids() {
        for citation in [json!("the secret"), json!("x12345"), json!("x0"), json!(1)] {
            let steps = json!([{ "feature": citation, "why": "secret" }]);
            let problem = read_steps(&steps, &features(), 3).unwrap_err();
            assert_eq!(problem, "step 1 cites a feature, which is not listed");
        }
        for steps in [json!([]), json!("x1"), Value::Null] {
            assert_eq!(read_steps(&steps, &features(), 3).unwrap_err(), "it has no steps");
        }
        let echo = json!([{ "feature": "x1", "why": "<one sentence>" }]);
        assert_eq!(read_steps(&echo, &features(), 3).unwrap_err(), "step 1 says nothing");
    }
}
