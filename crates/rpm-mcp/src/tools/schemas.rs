//! The schemas of what tools take, which follow from the task, and their annotations.

use rmcp::model::{JsonObject, ToolAnnotations};
use rpm_core::{ResponseSpace, Task};
use serde_json::{Value, json};

use crate::limits;

/// The arguments that make a query of the task.
pub(super) fn query_fields(task: &Task) -> &'static [&'static str] {
    if matches!(task.space(), ResponseSpace::Choices) { &["query", "options"] } else { &["query"] }
}

/// An object of these properties and no others.
pub(super) fn object(properties: Value, required: &[&str]) -> JsonObject {
    let mut schema = JsonObject::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), properties);
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema.insert("additionalProperties".to_owned(), false.into());
    schema
}

/// The properties of a query of the task.
pub(super) fn query(task: &Task) -> JsonObject {
    let mut properties = JsonObject::new();
    let what = format!("The {}, in full: what is not in its words does not count.", task.query_name_str());
    let text = json!({"type": "string", "minLength": 1, "maxLength": limits::QUERY_BYTES, "description": what});
    properties.insert("query".to_owned(), text);
    if query_fields(task).contains(&"options") {
        let option = json!({"type": "string", "minLength": 1, "maxLength": limits::RESPONSE_BYTES});
        let options = json!({"type": "array", "minItems": 2, "maxItems": limits::OPTIONS, "items": option,
            "description": "The options to choose from."});
        properties.insert("options".to_owned(), options);
    }
    properties
}

/// A response of the task.
pub(super) fn response(task: &Task) -> Value {
    let what = format!("The user's own {}", task.response_name_str());
    match task.space() {
        ResponseSpace::Labels { labels } => json!({"type": "string", "enum": labels, "description": what}),
        ResponseSpace::Scale { min, max } => {
            let points: Vec<String> = (*min..=*max).map(|point| point.to_string()).collect();
            json!({"type": "string", "enum": points, "description": format!("{what}: a whole number from {min} to {max}")})
        }
        ResponseSpace::Choices => {
            json!({"type": "string", "maxLength": limits::RESPONSE_BYTES, "description": format!("{what}: one of the options")})
        }
        ResponseSpace::Text { max_chars } => {
            json!({"type": "string", "minLength": 1, "maxLength": max_chars, "description": what})
        }
        _ => json!({"type": "string", "description": what}),
    }
}

/// Annotations of a tool that works on what is stored of one user and on nothing else.
pub(super) fn annotations(title: &str, reads_only: bool, destroys: bool, twice_is_once: bool) -> ToolAnnotations {
    let hints = ToolAnnotations::with_title(title).read_only(reads_only).destructive(destroys);
    hints.idempotent(twice_is_once).open_world(false)
}
