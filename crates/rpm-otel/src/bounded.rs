//! Values of attributes, of which there are never more than a few.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use opentelemetry::Value;

/// The most values that all attributes together take whose values a host sets: models, providers and servers.
const MOST: usize = 200;
/// The longest value in bytes.
const LONGEST: usize = 200;
/// What stands for a value that is one too many, or too long.
const OTHER: &str = "_OTHER";

/// The values seen so far. A host that names a model for each user makes as many series as this allows, and no more.
#[derive(Debug, Default)]
pub(crate) struct Bounded(Mutex<BTreeSet<String>>);

impl Bounded {
    /// The value, or what stands for it. Numbers and flags are few by their nature here.
    pub(crate) fn value(&self, value: &Value) -> Value {
        let Value::String(text) = value else { return value.clone() };
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

    #[test]
    fn the_first_values_stay_and_all_others_are_one() {
        let bounded = Bounded::default();
        for number in 0..1_000 {
            let value = Value::from(format!("model-{number}"));
            let wanted = if number < MOST { value.clone() } else { Value::from(OTHER) };
            assert_eq!(bounded.value(&value), wanted, "{number}");
        }
        assert_eq!(bounded.value(&Value::from("model-7")), Value::from("model-7"));
        assert_eq!(Bounded::default().value(&Value::from("x".repeat(LONGEST + 1))), Value::from(OTHER));
        assert_eq!(bounded.value(&Value::from(8080)), Value::from(8080));
    }
}
