//! Fields of a JSON row. Problems are worded without the row's text, which a parser's own errors quote.

use std::borrow::Cow;

use serde_json::Value;

/// A row's value, or where it stops being JSON.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| match error.line() {
        0 | 1 => format!("is not JSON from column {} on", error.column()),
        line => format!("is not JSON from its line {line}, column {} on", error.column()),
    })
}

/// A field that is text or a number.
pub(super) fn text<'a>(row: &'a Value, name: &str) -> Result<Cow<'a, str>, String> {
    optional_text(row, name)?.ok_or_else(|| format!("has no field {name}"))
}

/// A field that is text or a number; `None` where it is missing or null.
pub(super) fn optional_text<'a>(row: &'a Value, name: &str) -> Result<Option<Cow<'a, str>>, String> {
    match row.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => scalar(value).map(Some).ok_or_else(|| format!("has a field {name} that is not text")),
    }
}

/// Text or a number as text.
pub(crate) fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// A field that is a list.
pub(super) fn list<'a>(row: &'a Value, name: &str) -> Result<&'a [Value], String> {
    match row.get(name) {
        Some(Value::Array(values)) => Ok(values),
        None | Some(Value::Null) => Err(format!("has no field {name}")),
        Some(_) => Err(format!("has a field {name} that is not a list")),
    }
}
