//! The key of a request in a response log: its identity, from which an equal request is known again.

use std::fmt;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::data::text::hex;
use crate::llm::{CompletionRequest, ReplyForm};

/// The identity of a request: SHA-256 over all that shapes its reply. Collisions are out of reach, so equal keys stand
/// for equal requests and a hit needs no further check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(super) [u8; 32]);

impl Key {
    /// The key of a request to this model.
    ///
    /// The stage counts too: a host may send stages to different models, and no two stages send equal messages, so it
    /// costs no hit. `about` and the account do not count, since they are not sent.
    pub fn of(model: &str, request: &CompletionRequest) -> Self {
        let mut hash = Hasher(Sha256::new());
        hash.text("rpm-core response key 1");
        hash.text(model);
        hash.text(request.stage.as_str());
        hash.count(request.messages.len());
        for message in &request.messages {
            hash.text(message.role.as_str());
            hash.text(&message.content);
        }
        hash.flag(request.schema.is_some());
        if let Some(schema) = &request.schema {
            hash.text(schema.name);
            hash.value(&schema.schema);
        }
        hash.text(form_name(request.form));
        hash.bytes(&request.max_tokens.to_le_bytes());
        hash.bytes(&request.temperature.to_bits().to_le_bytes());
        hash.flag(request.seed.is_some());
        hash.bytes(&request.seed.unwrap_or_default().to_le_bytes());
        // Only where they are asked for: the keys of other requests are older.
        if request.logprobs > 0 {
            hash.text("logprobs");
            hash.bytes(&[request.logprobs]);
        }
        Self(hash.0.finalize().into())
    }

    /// The key's bytes, for a log of the host's own.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key as 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    pub(super) fn from_hex(hex: &str) -> Option<Self> {
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (digit(*high)? << 4) | digit(*low)?;
        }
        Some(Self(bytes))
    }
}

/// The value of a lower-case hex digit.
fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

fn form_name(form: ReplyForm) -> &'static str {
    match form {
        ReplyForm::Text => "text",
        ReplyForm::Json => "json",
        ReplyForm::Schema => "schema",
    }
}

/// Every part goes in with its length or count before it, so that no two requests give the same bytes.
struct Hasher(Sha256);

impl Hasher {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn count(&mut self, count: usize) {
        self.bytes(&(count as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes(text.as_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.bytes(&[u8::from(flag)]);
    }

    /// JSON with its keys sorted: their order depends on a feature of the JSON library that any crate may turn on.
    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.text("null"),
            Value::Bool(value) => self.text(if *value { "true" } else { "false" }),
            Value::Number(number) => {
                self.text("number");
                self.text(&number.to_string());
            }
            Value::String(text) => {
                self.text("string");
                self.text(text);
            }
            Value::Array(values) => {
                self.text("array");
                self.count(values.len());
                for value in values {
                    self.value(value);
                }
            }
            Value::Object(map) => {
                self.text("object");
                self.count(map.len());
                let mut entries: Vec<(&String, &Value)> = map.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                for (key, value) in entries {
                    self.text(key);
                    self.value(value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::llm::{Message, ReplySchema, Stage};

    fn request() -> CompletionRequest {
        let messages = vec![Message::system("Be brief."), Message::user("How slow is it?")];
        let schema = ReplySchema { name: "reply", schema: json!({ "type": "object", "required": ["a"] }) };
        let mut request = CompletionRequest::new(Stage::Extract, messages, 300).schema(schema);
        request.seed = Some(7);
        request
    }

    fn changed(change: impl FnOnce(&mut CompletionRequest)) -> CompletionRequest {
        let mut request = request();
        change(&mut request);
        request
    }

    #[test]
    fn each_field_that_shapes_a_reply_changes_the_key() {
        let variants = [
            request(),
            changed(|r| r.stage = Stage::Judge),
            changed(|r| r.messages[1].content.push('?')),
            changed(|r| r.messages[1].role = crate::llm::Role::Assistant),
            changed(|r| r.messages.swap(0, 1)),
            changed(|r| drop(r.messages.pop())),
            changed(|r| r.messages = vec![Message::system("Be brief.How slow is it?")]),
            changed(|r| r.schema = None),
            changed(|r| r.schema.as_mut().unwrap().name = "other"),
            changed(|r| r.schema.as_mut().unwrap().schema = json!({ "type": "object", "required": ["b"] })),
            changed(|r| r.form = ReplyForm::Json),
            changed(|r| r.form = ReplyForm::Text),
            changed(|r| r.max_tokens = 301),
            changed(|r| r.temperature = 0.5),
            changed(|r| r.temperature = -0.0),
            changed(|r| r.seed = None),
            changed(|r| r.seed = Some(0)),
            changed(|r| r.logprobs = 1),
            changed(|r| r.logprobs = 2),
        ];
        let mut keys: Vec<Key> = variants.iter().map(|request| Key::of("a model", request)).collect();
        keys.push(Key::of("another model", &request()));
        let different: std::collections::BTreeSet<Key> = keys.iter().copied().collect();
        assert_eq!((keys.len(), different.len()), (20, 20));
    }

    #[test]
    fn a_key_stays_the_same_over_versions_and_platforms() {
        let hex = "04412573f9c6b3264400bb03b5b064e579b72dd65036b25c06fe6a7316f71ebb";
        assert_eq!(Key::of("a model", &request()).to_hex(), hex);
        assert_eq!(Key::of("a model", &request().about(["a", "b"])).to_hex(), hex, "what is not sent does not count");
        assert_eq!(Key::from_hex(hex), Some(Key::of("a model", &request())));
    }

    #[test]
    fn only_64_lower_case_hex_digits_are_a_key() {
        let good = Key([0xab; 32]).to_hex();
        assert!(Key::from_hex(&good).is_some());
        let bad = [String::new(), good[1..].into(), good[2..].into(), format!("{good}ab"), good.to_uppercase()];
        for bad in bad.into_iter().chain([good.replacen('a', "g", 1), good.replacen('a', "é", 1)]) {
            assert_eq!(Key::from_hex(&bad), None, "{bad}");
        }
    }

    #[test]
    fn the_order_of_a_schemas_keys_does_not_count() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":{"c":[1,2],"d":null}}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"b":{"d":null,"c":[1,2]},"a":1}"#).unwrap();
        let key = |schema| Key::of("m", &changed(|r| r.schema.as_mut().unwrap().schema = schema));
        assert_eq!(key(one), key(two.clone()));
        assert_ne!(key(two), key(json!({ "a": 1, "b": { "c": [2, 1], "d": null } })));
    }

    proptest! {
        #[test]
        fn keys_are_equal_exactly_when_the_messages_are(
            one in prop::collection::vec("[ab]{0,3}", 0..4),
            two in prop::collection::vec("[ab]{0,3}", 0..4),
        ) {
            let key = |texts: &[String]| {
                let messages = texts.iter().map(Message::user).collect();
                Key::of("m", &CompletionRequest::new(Stage::Answer, messages, 1))
            };
            prop_assert_eq!(key(&one) == key(&two), one == two);
        }
    }
}
