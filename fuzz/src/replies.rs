//! A model's reply, taken apart.

use std::collections::BTreeMap;

use rpm_core::prompt::{Reply, ReplyError, ReplyItems, read_items, read_reply};
use serde::{Deserialize, Serialize};

use crate::steps::sync;
use crate::{first, is_discreet, text};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Item {
    about: String,
    #[serde(default)]
    features: Vec<Feature>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Feature {
    name: String,
    #[serde(default)]
    quote: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Answer {
    #[serde(default)]
    reasons: Vec<Feature>,
    answer: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Named {
    factors: BTreeMap<String, String>,
}

/// Reads a reply as one value or as items of several forms. The first byte chooses the form.
pub fn replies(data: &[u8]) {
    let (form, rest) = first(data);
    let reply = text(rest);
    match form % 5 {
        0 => items::<Item>(&reply, "items"),
        1 => items::<String>(&reply, "proposals"),
        2 => one::<Answer>(&reply),
        3 => one::<Named>(&reply),
        _ => items::<Feature>(&reply, "reasons"),
    }
}

fn one<T>(reply: &str)
where
    T: serde::de::DeserializeOwned + Serialize + PartialEq + std::fmt::Debug,
{
    let read = sync(|| read_reply::<T>(reply));
    assert_eq!(read, read_reply::<T>(reply), "the same reply is read in two ways");
    match read {
        Err(error) => refused(&error, reply),
        Ok(Reply { value, repairs }) => {
            assert!(repairs.is_sorted_by(|a, b| a < b), "{repairs:?}");
            let again = serde_json::to_string(&value).unwrap();
            let again = read_reply::<T>(&again).unwrap();
            assert!(again.repairs.is_empty() && again.value == value, "what was read is read otherwise");
            assert!(!has_control(&serde_json::to_string(&value).unwrap()), "a control character was read");
        }
    }
}

fn items<T>(reply: &str, field: &'static str)
where
    T: serde::de::DeserializeOwned + Serialize + PartialEq + std::fmt::Debug,
{
    let read = sync(|| read_items::<T>(reply, field));
    assert_eq!(read, read_items::<T>(reply, field), "the same reply is read in two ways");
    match read {
        Err(error) => refused(&error, reply),
        Ok(ReplyItems { items, repairs, .. }) => {
            assert!(repairs.is_sorted_by(|a, b| a < b), "{repairs:?}");
            let written = serde_json::json!({ field: items }).to_string();
            assert!(!has_control(&written), "a control character was read");
            if written.len() > 1 << 18 {
                // Written out it may be longer than what is read.
                return;
            }
            let again = read_items::<T>(&written, field).unwrap();
            let whole = again.repairs.is_empty() && again.unreadable == 0 && !again.truncated;
            assert!(whole && again.items == items, "what was read is read otherwise");
        }
    }
}

/// True for escapes of characters that a terminal obeys; tabs and line ends stay.
fn has_control(json: &str) -> bool {
    ["\\b", "\\f", "\\u00", "\u{7f}", "\u{9b}"].iter().any(|sign| json.replace("\\\\", "").contains(sign))
}

fn refused(error: &ReplyError, reply: &str) {
    is_discreet(error);
    match error {
        ReplyError::Malformed { position } => assert!(*position <= reply.len(), "{position} of {}", reply.len()),
        ReplyError::TooLong { bytes } | ReplyError::TooTangled { bytes } => assert!(*bytes <= reply.len() * 2),
        _ => {}
    }
}
