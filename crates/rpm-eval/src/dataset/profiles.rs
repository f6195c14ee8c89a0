//! Profiles that are part of others: one person at two times, where a file does not say who is who.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The fewest entries of a profile that is taken for part of another: one or two may be common to several people.
const LEAST: usize = 3;
/// The field that numbers an entry within its file.
const NUMBER: &str = "id";

/// The beginning of an entry's digest.
type Entry = [u8; 16];

/// The entries of users' profiles.
#[derive(Default)]
pub(super) struct Profiles {
    /// By user.
    entries: BTreeMap<usize, BTreeSet<Entry>>,
    /// By entry: the users that have it.
    users: BTreeMap<Entry, Vec<usize>>,
}

impl Profiles {
    pub(super) fn add(&mut self, user: usize, profile: &[Value]) {
        let entries: BTreeSet<Entry> = profile.iter().map(digest).collect();
        for entry in &entries {
            self.users.entry(*entry).or_default().push(user);
        }
        self.entries.insert(user, entries);
    }

    /// Users with a profile whose entries another's has all, each with the first such other; of two alike the later one.
    pub(super) fn parts(&self) -> Vec<(usize, usize)> {
        let holds = |part: usize, entries: &BTreeSet<Entry>, whole: usize| {
            let other = self.entries.get(&whole).filter(|_| whole != part)?;
            let larger = other.len() > entries.len() || other.len() == entries.len() && whole < part;
            (larger && entries.is_subset(other)).then_some((part, whole))
        };
        let part = |(user, entries): (&usize, &BTreeSet<Entry>)| {
            let with = |entry: &Entry| self.users.get(entry);
            // Who has all of them has the rarest.
            let candidates = entries.iter().filter_map(with).min_by_key(|users| users.len())?;
            candidates.iter().find_map(|whole| holds(*user, entries, *whole))
        };
        self.entries.iter().filter(|(_, entries)| entries.len() >= LEAST).filter_map(part).collect()
    }
}

fn digest(entry: &Value) -> Entry {
    let text = match entry {
        Value::Object(fields) => {
            // By name, whatever the order in the file.
            let fields: BTreeMap<&String, String> = fields
                .iter()
                .filter(|(name, _)| *name != NUMBER)
                .map(|(name, value)| (name, value.to_string()))
                .collect();
            format!("{fields:?}")
        }
        other => other.to_string(),
    };
    let whole: [u8; 32] = Sha256::digest(text).into();
    whole.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_profile_is_part_of_one_that_has_all_its_entries_whatever_their_numbers() {
        let profile = |texts: &str, from: usize| -> Vec<Value> {
            texts
                .chars()
                .enumerate()
                .map(|(n, text)| json!({"id": from + n, "text": text.to_string(), "score": 4}))
                .collect()
        };
        let mut profiles = Profiles::default();
        for (user, texts) in ["abc", "xabcy", "ab", "abcd", "cba", "ace"].into_iter().enumerate() {
            profiles.add(user, &profile(texts, 10 * user));
        }
        assert_eq!(profiles.parts(), [(0, 1), (4, 0)]);
    }
}
