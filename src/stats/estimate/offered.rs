//! The options of a question as they are read.

use std::collections::BTreeSet;

use crate::data::Query;
use crate::words::{stem, tokens};

/// One question's options.
#[derive(Debug, Clone)]
pub(super) struct Offered {
    pub(super) options: Vec<Descriptor>,
    /// Options that take a stand: all but the catch-alls, or all when there is nothing else.
    pub(super) real: Vec<usize>,
    pub(super) picked: Option<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Descriptor {
    pub(super) wording: u32,
    /// Its words, in order of their text.
    pub(super) words: Vec<u32>,
    pub(super) catch_all: bool,
}

impl Offered {
    /// The question of a query. `number` gives the numbers of a wording and of a word.
    pub(super) fn new(query: &Query, response: Option<&str>, mut number: impl FnMut(Wording) -> Descriptor) -> Self {
        let options: Vec<Descriptor> = query.options().iter().map(|option| number(Wording::new(option))).collect();
        let mut real: Vec<usize> =
            (0..options.len()).filter(|i| options.get(*i).is_some_and(|d| !d.catch_all)).collect();
        if real.is_empty() {
            real = (0..options.len()).collect();
        }
        let picked = response.and_then(|response| query.options().iter().position(|option| option == response));
        Self { options, real, picked }
    }

    /// For each option that takes a stand: its place, its description, whether it was picked, and what chance expects.
    pub(super) fn stands(&self) -> impl Iterator<Item = (usize, &Descriptor, bool, f64)> {
        let expected = 1.0 / self.real.len().max(1) as f64;
        self.real.iter().filter_map(move |&i| self.options.get(i).map(|d| (i, d, self.picked == Some(i), expected)))
    }
}

/// The reading of an option.
pub(super) struct Wording {
    pub(super) text: String,
    pub(super) words: BTreeSet<String>,
    pub(super) catch_all: bool,
}

impl Wording {
    fn new(option: &str) -> Self {
        let bare = without_parentheses(option);
        let words: Vec<String> = tokens(&bare).into_iter().map(|token| token.word).collect();
        let text = if words.is_empty() { option.to_lowercase() } else { words.join(" ") };
        let stems: BTreeSet<String> = words.iter().map(|word| stem(word)).collect();
        Self {
            catch_all: is_catch_all(option),
            words: if stems.is_empty() { [String::new()].into() } else { stems },
            text,
        }
    }
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' if depth > 0 => {
                    depth -= 1;
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

/// Options that take no stand, as surveys word them.
fn is_catch_all(option: &str) -> bool {
    const WORDS: [&str; 8] = ["dk", "refused", "missing", "vol", "inapplicable", "depends", "other", "n/a"];
    const PHRASES: [&str; 8] = [
        "don't know",
        "no answer",
        "not available",
        "do not read",
        "not asked",
        "not applicable",
        "none of these",
        "no opinion",
    ];
    let words: Vec<String> = tokens(option).into_iter().map(|token| token.word).collect();
    let text = words.join(" ");
    words.iter().any(|word| WORDS.contains(&word.as_str())) || PHRASES.iter().any(|phrase| text.contains(phrase))
}
