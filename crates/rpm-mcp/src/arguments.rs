//! Reads the arguments of a call, and refuses what the tool's schema does not have.

use rmcp::model::JsonObject;
use rpm_core::{Query, Task};
use serde_json::Value;

use crate::error::ToolError;
use crate::limits;

/// The arguments of a call, or of one entry of a list in it.
pub(crate) struct Arguments<'a> {
    fields: &'a JsonObject,
    /// Where they stand, such as `records[2].`; empty for the call itself.
    place: String,
}

impl<'a> Arguments<'a> {
    /// The arguments of a call to a tool that knows these.
    ///
    /// # Errors
    /// An argument that the tool does not have. Its name is the caller's text, and is not repeated.
    pub(crate) fn new(fields: &'a JsonObject, known: &[&str]) -> Result<Self, ToolError> {
        Self::at(fields, String::new(), known)
    }

    fn at(fields: &'a JsonObject, place: String, known: &[&str]) -> Result<Self, ToolError> {
        let unknown = fields.keys().filter(|name| !known.contains(&name.as_str())).count();
        if unknown > 0 {
            let whose = if fields.keys().any(|name| name.contains("user")) {
                "; whose data it is was fixed by the host for this session, and no argument changes it"
            } else {
                ""
            };
            let at =
                if place.is_empty() { "the call".to_owned() } else { format!("`{}`", place.trim_end_matches('.')) };
            let known = if known.is_empty() { "none".to_owned() } else { format!("`{}`", known.join("`, `")) };
            let arguments = if unknown == 1 { "an argument" } else { "arguments" };
            return Err(ToolError::new(format!(
                "{at} has {arguments} that this tool does not know, and nothing was done: it takes only {known}{whose}"
            )));
        }
        Ok(Self { fields, place })
    }

    /// An argument, of which `null` is none.
    fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// True when the argument is given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The full name of an argument.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.place)
    }

    fn fault(&self, name: &str, problem: impl Into<String>) -> ToolError {
        ToolError::of(self.name(name), problem)
    }

    /// A text of at most so many bytes; `None` when it is not given.
    pub(crate) fn text(&self, name: &str, most: usize) -> Result<Option<&'a str>, ToolError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let Value::String(text) = value else { return Err(self.fault(name, "has to be a text")) };
        if text.len() > most {
            return Err(self.fault(name, format!("has {} bytes, and may have {most}: shorten it", text.len())));
        }
        Ok(Some(text))
    }

    /// A text that has to be there.
    pub(crate) fn needed(&self, name: &str, most: usize) -> Result<&'a str, ToolError> {
        self.text(name, most)?.ok_or_else(|| self.fault(name, "is missing: give it"))
    }

    /// A response: a text, or a number where the responses are numbers.
    pub(crate) fn response(&self, name: &str) -> Result<String, ToolError> {
        match self.value(name) {
            Some(Value::Number(number)) => Ok(number.to_string()),
            _ => Ok(self.needed(name, limits::RESPONSE_BYTES)?.to_owned()),
        }
    }

    /// A yes or no.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, ToolError> {
        let value = self.value(name);
        value.map(|value| value.as_bool().ok_or_else(|| self.fault(name, "has to be true or false"))).transpose()
    }

    /// A number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, ToolError> {
        let value = self.value(name);
        value.map(|value| value.as_f64().ok_or_else(|| self.fault(name, "has to be a number"))).transpose()
    }

    /// A whole number from 1.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u32>, ToolError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
        number.map(Some).ok_or_else(|| self.fault(name, "has to be a whole number from 1"))
    }

    /// A list of at most so many; `None` when it is not given.
    fn list(&self, name: &str, most: usize) -> Result<Option<&'a [Value]>, ToolError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let Value::Array(list) = value else { return Err(self.fault(name, "has to be a list")) };
        if list.is_empty() || list.len() > most {
            let problem = format!("has {} entries, and may have 1 to {most}: give it in parts", list.len());
            return Err(self.fault(name, problem));
        }
        Ok(Some(list))
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &str, most: usize, bytes: usize) -> Result<Option<Vec<String>>, ToolError> {
        let Some(list) = self.list(name, most)? else { return Ok(None) };
        let text = |(place, value): (usize, &Value)| match value.as_str() {
            Some(text) if text.len() <= bytes => Ok(text.to_owned()),
            Some(text) => {
                let problem = format!("has {} bytes, and may have {bytes}: shorten it", text.len());
                Err(self.fault(&format!("{name}[{place}]"), problem))
            }
            None => Err(self.fault(&format!("{name}[{place}]"), "has to be a text")),
        };
        list.iter().enumerate().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// A list of objects that know these arguments.
    pub(crate) fn entries(&self, name: &str, most: usize, known: &[&str]) -> Result<Option<Vec<Self>>, ToolError> {
        let Some(list) = self.list(name, most)? else { return Ok(None) };
        let entry = |(place, value): (usize, &'a Value)| {
            let at = format!("{}{name}[{place}]", self.place);
            let Value::Object(fields) = value else { return Err(ToolError::of(at, "has to be an object")) };
            Self::at(fields, format!("{at}."), known)
        };
        list.iter().enumerate().map(entry).collect::<Result<_, _>>().map(Some)
    }

    /// A query of the task, from `query` and, where they come with each query, `options`; `None` when no query is given.
    pub(crate) fn query(&self, task: &Task) -> Result<Option<Query>, ToolError> {
        let Some(text) = self.text("query", limits::QUERY_BYTES)? else { return Ok(None) };
        let options = self.texts("options", limits::OPTIONS, limits::RESPONSE_BYTES)?;
        let query = match options {
            Some(options) => Query::with_options(text, options),
            None => Query::new(text),
        };
        let named = |error: &_| match self.place.trim_end_matches('.') {
            "" => ToolError::of_data(error),
            place => ToolError::of(place, ToolError::of_data(error).to_string().trim_end_matches('.')),
        };
        let query = query.map_err(|error| named(&error))?;
        task.check_query(&self.name("query"), &query).map_err(|error| ToolError::of_data(&error))?;
        Ok(Some(query))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> JsonObject {
        match value {
            Value::Object(fields) => fields,
            _ => JsonObject::new(),
        }
    }

    #[test]
    fn the_name_of_an_unknown_argument_is_not_repeated() {
        let fields = object(json!({"query": "A quiet film.", "secret words": 1}));
        let error = Arguments::new(&fields, &["query"]).err().unwrap().to_string();
        assert!(error.contains("does not know") && error.contains("`query`") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn who_names_a_user_is_told_why_not() {
        let fields = object(json!({"user_id": "ana"}));
        let error = Arguments::new(&fields, &["query"]).err().unwrap().to_string();
        assert!(error.contains("fixed by the host"), "{error}");
    }

    #[test]
    fn a_fault_in_a_list_says_where_it_is() {
        let fields = object(json!({"records": [{"query": "a"}, {"query": 3}]}));
        let arguments = Arguments::new(&fields, &["records"]).unwrap();
        let entries = arguments.entries("records", 4, &["query"]).unwrap().unwrap();
        let error = entries[1].text("query", 9).unwrap_err();
        assert_eq!(error.to_string(), "`records[1].query`: has to be a text.");
    }
}
