//! Values of attributes, of which there are never more than a few.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use opentelemetry::Value;

/// The most values that all attributes together take whose values a host sets: models, providers and servers.
const MOST: usize = 200;
/// The longest value in bytes.
const LONGEST: usize = 200;
/// What stands for a value that is one too many, or too long.
pub(crate) const OTHER: &str = "_OTHER";

/// The values seen so far. A host that names a model for each user makes as many series as this allows, and no more.
#[derive(Debug, Default)]
pub(crate) struct Bounded(Mutex<BTreeSet<String>>);

/// Attributes whose values a host sets. Those of all others are of fixed lists.
const OF_THE_HOST: [&str; 3] = ["gen_ai.provider.name", "gen_ai.request.model", "server.address"];

impl Bounded {
    /// The value of this attribute, or what stands for it.
    pub(crate) fn value(&self, name: &str, value: &Value) -> Value {
        let Value::String(text) = value else { return value.clone() };
        if !OF_THE_HOST.contains(&name) {
            return value.clone();
        }
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(text.as_str()) {
            return value.clone();
        }
        if seen.len() >= MOST || text.as_str().len() > LONGEST {
            return Value::from(OTHER);
        }
        seen.insert(text.as_str().to_owned());
        value.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "gen_ai.request.model";

    #[test]
    fn the_first_values_stay_and_all_others_are_one() {
        let bounded = Bounded::default();
        for number in 0..1_000 {
            let value = Value::from(format!("model-{number}"));
            let wanted = if number < MOST { value.clone() } else { Value::from(OTHER) };
            assert_eq!(bounded.value(MODEL, &value), wanted, "{number}");
        }
        assert_eq!(bounded.value(MODEL, &Value::from("model-7")), Value::from("model-7"));
        assert_eq!(Bounded::default().value(MODEL, &Value::from("x".repeat(LONGEST + 1))), Value::from(OTHER));
        // What is of a fixed list always has its name.
        assert_eq!(bounded.value("error.type", &Value::from("budget")), Value::from("budget"));
        assert_eq!(bounded.value("server.port", &Value::from(8080)), Value::from(8080));
    }
}
