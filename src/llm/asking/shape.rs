//! The form of a reply in one line of JSON, for errors: from the schema of its request, with nothing of what was sent or replied.

use serde_json::Value;

/// Members shown of an object. A reply about many groups has one for each, and all are alike.
const MEMBERS: usize = 6;
/// Words of this crate that a schema lists. Other listed words may be a user's.
const OWN: [&str; 4] = ["positive", "neutral", "negative", "new"];

/// The reply that a schema wants, such as `{"reasons":[{"feature":"x1","why":"…"}],"response":"…"}`.
pub(super) fn shape(schema: &Value) -> String {
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => object(schema),
        Some("array") => format!("[{}]", schema.get("items").map_or_else(|| "…".to_owned(), shape)),
        Some("string") => {
            let listed = schema.pointer("/enum/0").and_then(Value::as_str);
            format!("\"{}\"", listed.filter(|word| is_own(word)).unwrap_or("…"))
        }
        Some("boolean") => "true".to_owned(),
        Some("integer" | "number") => "1".to_owned(),
        _ => "…".to_owned(),
    }
}

fn object(schema: &Value) -> String {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return "{…}".to_owned() };
    // In the order in which they are asked for.
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let members = required.iter().filter_map(|name| properties.get_key_value(name.as_str()?));
    let mut shown: Vec<String> = members.map(|(name, of)| format!("\"{name}\":{}", shape(of))).collect();
    if shown.len() > MEMBERS {
        shown.truncate(1);
        shown.push("…".to_owned());
    }
    format!("{{{}}}", shown.join(","))
}

/// True for an id that a request gives, such as `t1`, and for a word of the crate.
fn is_own(word: &str) -> bool {
    let digits = word.strip_prefix(['t', 'x', 'g', 'c']);
    OWN.contains(&word) || digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shape_has_the_members_in_their_order_and_no_listed_word_of_a_user() {
        let step = json!({
            "type": "object",
            "properties": { "why": { "type": "string" }, "feature": { "type": "string", "enum": ["x1", "x2"] } },
            "required": ["feature", "why"],
        });
        let schema = json!({
            "type": "object",
            "properties": {
                "response": { "type": "string", "enum": ["my secret option", "other"] },
                "reasons": { "type": "array", "items": step },
                "sure": { "type": "boolean" },
            },
            "required": ["reasons", "response", "sure"],
        });
        assert_eq!(shape(&schema), r#"{"reasons":[{"feature":"x1","why":"…"}],"response":"…","sure":true}"#);
    }

    #[test]
    fn of_many_members_the_first_is_shown() {
        let ids: Vec<String> = (1..=24).map(|id| format!("g{id}")).collect();
        let names: serde_json::Map<String, Value> =
            ids.iter().map(|id| (id.clone(), json!({ "type": "string" }))).collect();
        let schema = json!({ "type": "object", "properties": names, "required": ids });
        assert_eq!(shape(&schema), r#"{"g1":"…",…}"#);
        assert_eq!(shape(&json!({ "type": "object" })), "{…}");
        assert_eq!(shape(&Value::Null), "…");
    }
}
