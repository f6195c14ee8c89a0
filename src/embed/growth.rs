//! How much longer a tokenizer's own rules can make a text, told before any of them is run.
//!
//! A `tokenizer.json` may hold any number of replacements, each of which may make of a character a thousand: a chain of them grows a
//! word of three letters beyond all memory, when the file is loaded already, since tokens that were added are put through them.

use std::collections::BTreeMap;

use serde_json::Value;

/// The most characters that may come of one.
const MOST: f64 = 1024.0;
/// The most characters that may come of the added tokens, and of what is put before a text.
const MOST_IN_ALL: f64 = 16_777_216.0;
/// The most numbers that a text may be filled up to.
const LONGEST: u64 = 4096;
/// The characters that Unicode's compatibility forms make of one at most.
const COMPATIBLE: f64 = 18.0;

/// True when no text becomes much longer by this tokenizer's rules than it is.
pub(super) fn is_bounded(tokenizer: &Value) -> bool {
    let mut rules = Vec::new();
    flatten(tokenizer.get("normalizer").unwrap_or(&Value::Null), &mut rules);
    let mut lengths = Lengths { of: BTreeMap::new(), others: 1.0, before: 0.0, is_compatible: false };
    // From the last rule to the first: what a character comes to by the rules from there on.
    for rule in rules.into_iter().rev() {
        if !lengths.put_before(rule) || lengths.most() > MOST {
            return false;
        }
    }
    let added = tokenizer.get("added_tokens").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let added: f64 = added
        .iter()
        .filter_map(|token| token.get("content")?.as_str())
        .map(|text| lengths.of_text(text) + lengths.before)
        .sum();
    lengths.before <= MOST_IN_ALL && added <= MOST_IN_ALL && is_filled_up_little(tokenizer)
}

/// The rules in their order, those of lists within lists too.
fn flatten<'v>(rule: &'v Value, into: &mut Vec<&'v Value>) {
    match rule.get("normalizers").and_then(Value::as_array) {
        Some(rules) => rules.iter().for_each(|rule| flatten(rule, into)),
        None if rule.is_object() => into.push(rule),
        None => {}
    }
}

fn is_filled_up_little(tokenizer: &Value) -> bool {
    let padding = tokenizer.get("padding").unwrap_or(&Value::Null);
    let numbers = [padding.pointer("/strategy/Fixed"), padding.get("pad_to_multiple_of")];
    numbers
        .into_iter()
        .flatten()
        .all(|number| number.is_null() || number.as_u64().is_some_and(|number| number <= LONGEST))
}

/// The most characters that come of one by the rules from some place on, in the mean over a text.
struct Lengths {
    /// By character, of those that a rule names.
    of: BTreeMap<char, f64>,
    /// Of all others.
    others: f64,
    /// Of what is put before a text.
    before: f64,
    /// Whether a compatibility form is among them: a second one finds nothing to do.
    is_compatible: bool,
}

impl Lengths {
    fn of_char(&self, c: char) -> f64 {
        self.of.get(&c).copied().unwrap_or(self.others)
    }

    fn of_text(&self, text: &str) -> f64 {
        text.chars().map(|c| self.of_char(c)).sum()
    }

    fn most(&self) -> f64 {
        self.of.values().copied().fold(self.others, f64::max)
    }

    /// Goes one rule further to the front; false for one whose form is not known.
    fn put_before(&mut self, rule: &Value) -> bool {
        match rule.get("type").and_then(Value::as_str) {
            Some("Replace") => self.replace(rule).is_some(),
            Some("Prepend") => {
                self.before += rule.get("prepend").and_then(Value::as_str).map_or(0.0, |text| self.of_text(text));
                true
            }
            Some("NFKC" | "NFKD" | "Precompiled") if !self.is_compatible => {
                self.is_compatible = true;
                self.any_of_any(COMPATIBLE)
            }
            // Letters become others, one by one; spaces are put around some.
            Some("BertNormalizer") => self.any_of_any(3.0),
            Some("NFC" | "NFD" | "NFKC" | "NFKD" | "Precompiled" | "Lowercase" | "StripAccents" | "Nmt") => {
                self.any_of_any(1.0)
            }
            // A character for each byte.
            Some("ByteLevel") => self.any_of_any(4.0),
            Some("Strip") => true,
            _ => false,
        }
    }

    /// Any character may have become so many of any others.
    fn any_of_any(&mut self, many: f64) -> bool {
        self.others = self.most() * many;
        self.of.clear();
        true
    }

    fn replace(&mut self, rule: &Value) -> Option<()> {
        let content = rule.get("content")?.as_str()?;
        let put = self.of_text(content);
        let pattern = rule.get("pattern")?;
        let Some(text) = pattern.get("String").map(|text| text.as_str()) else {
            // An expression may find any character, and nothing between any two.
            self.others = self.others.max(put) + put;
            self.of.values_mut().for_each(|length| *length = length.max(put) + put);
            return pattern.get("Regex")?.as_str().map(|_| ());
        };
        let text = text.filter(|text| !text.is_empty())?;
        let each = put / text.chars().count() as f64;
        let alone = text.chars().nth(1).is_none();
        for c in text.chars() {
            let length = if alone { put } else { self.of_char(c).max(each) };
            self.of.insert(c, length);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bounded(rules: &[Value]) -> bool {
        is_bounded(
            &json!({ "normalizer": { "type": "Sequence", "normalizers": rules }, "added_tokens": [{ "content": "aaa" }] }),
        )
    }

    fn replace(text: &str, content: &str) -> Value {
        json!({ "type": "Replace", "pattern": { "String": text }, "content": content })
    }

    fn replace_each(expression: &str, content: &str) -> Value {
        json!({ "type": "Replace", "pattern": { "Regex": expression }, "content": content })
    }

    #[test]
    fn rules_of_real_tokenizers_are_bounded() {
        assert!(is_bounded(&json!({})) && is_bounded(&json!({ "normalizer": null, "padding": null })));
        let named = |name: &str| json!({ "type": name });
        assert!(bounded(&[json!({ "type": "Prepend", "prepend": "▁" }), replace(" ", "▁")]));
        assert!(bounded(&[named("Precompiled"), named("NFKC"), replace_each(" {2,}", "▁"), named("Lowercase")]));
        // Spaces around each sign, then one space for many.
        let mut apart: Vec<Value> =
            "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".chars().map(|c| replace(&c.to_string(), &format!(" {c} "))).collect();
        apart.insert(0, named("BertNormalizer"));
        apart.extend([replace_each("\\s+", " "), json!({ "type": "Strip", "strip_left": true, "strip_right": true })]);
        assert!(bounded(&apart));
    }

    #[test]
    fn rules_that_grow_a_text_by_each_other_are_not() {
        let doubling = |n: usize| vec![replace("a", "aa"); n];
        assert!(bounded(&doubling(10)) && !bounded(&doubling(11)));
        assert!(!bounded(&[replace("a", &"b".repeat(40)), replace("b", &"a".repeat(40))]));
        assert!(!bounded(&vec![replace_each("", "xy"); 12]));
        assert!(!bounded(&vec![replace("ab", &"abab".repeat(9)); 12]));
        assert!(!bounded(&vec![json!({ "type": "Sequence", "normalizers": doubling(6) }); 2]));
        assert!(!bounded(&[replace("", "a")]) && !bounded(&[json!({ "type": "Unknown" })]));
        let lower = json!({ "type": "Lowercase" });
        assert!(!bounded(&[replace("A", &"A".repeat(40)), lower, replace("a", &"a".repeat(40))]));
    }

    #[test]
    fn a_text_is_not_filled_up_without_end() {
        let filled = |to: u64| json!({ "padding": { "strategy": { "Fixed": to }, "pad_to_multiple_of": null } });
        assert!(is_bounded(&filled(512)) && !is_bounded(&filled(4_000_000_000)));
        assert!(!is_bounded(&json!({ "padding": { "strategy": "BatchLongest", "pad_to_multiple_of": 1_u64 << 40 } })));
        let many: Vec<Value> = (0..40_000).map(|n| json!({ "content": format!("aaaaaaaaaa{n}") })).collect();
        let rules = vec![replace("a", "aa"); 8];
        assert!(!is_bounded(
            &json!({ "added_tokens": many, "normalizer": { "type": "Sequence", "normalizers": rules } })
        ));
    }
}
