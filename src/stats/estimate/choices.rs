use std::collections::{BTreeMap, BTreeSet};

use crate::data::{MemoryItem, Query};
use crate::words::{stem, tokens};

use super::{Seen, normalised, softmax};

/// What a user picks among options: how often each wording, place and word was picked when it was offered, overall and in
/// similar questions.
///
/// Lift of a trait d: `ln((picked_d + k) / (expected_d + k))`, where each of R options is expected 1/R.
#[derive(Debug)]
pub(super) struct Choices {
    items: Vec<Offered>,
    by_text: BTreeMap<String, Odds>,
    by_place: BTreeMap<(usize, usize), Odds>,
    /// By response: how often it was given.
    responses: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Odds {
    picked: f64,
    expected: f64,
}

impl Odds {
    fn add(&mut self, picked: bool, expected: f64, weight: f64) {
        self.picked += weight * f64::from(u8::from(picked));
        self.expected += weight * expected;
    }

    fn lift(odds: Option<&Self>, k: f64) -> f64 {
        odds.map_or(0.0, |odds| ((odds.picked.max(0.0) + k) / (odds.expected.max(0.0) + k)).ln())
    }
}

/// One question's options.
#[derive(Debug)]
struct Offered {
    options: Vec<Descriptor>,
    /// Options that take a stand: all but the catch-alls, or all when there is nothing else.
    real: Vec<usize>,
    picked: Option<usize>,
}

#[derive(Debug)]
struct Descriptor {
    text: String,
    words: BTreeSet<String>,
    catch_all: bool,
}

const K_TEXT: f64 = 0.5;
const K_PLACE: f64 = 1.0;
const K_SIMILAR: f64 = 0.3;
const W_TEXT: f64 = 0.42;
const W_PLACE: f64 = 0.30;
const W_SIMILAR_WORDS: f64 = 0.37;
const W_SIMILAR_PLACE: f64 = 0.22;
/// People seldom pick "don't know" when asked what they think.
const CATCH_ALL: f64 = -1.5;

impl Offered {
    fn new(query: &Query, response: Option<&str>) -> Self {
        let options: Vec<Descriptor> = query.options().iter().map(|option| Descriptor::new(option)).collect();
        let mut real: Vec<usize> =
            (0..options.len()).filter(|i| options.get(*i).is_some_and(|d| !d.catch_all)).collect();
        if real.is_empty() {
            real = (0..options.len()).collect();
        }
        let picked = response.and_then(|response| query.options().iter().position(|option| option == response));
        Self { options, real, picked }
    }

    /// For each option that takes a stand: its place, its description, whether it was picked, and what chance expects.
    fn stands(&self) -> impl Iterator<Item = (usize, &Descriptor, bool, f64)> {
        let expected = 1.0 / self.real.len().max(1) as f64;
        self.real.iter().filter_map(move |&i| self.options.get(i).map(|d| (i, d, self.picked == Some(i), expected)))
    }
}

impl Descriptor {
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

impl Choices {
    pub(super) fn new(items: &[MemoryItem]) -> Self {
        let offered: Vec<Offered> =
            items.iter().map(|item| Offered::new(item.query(), Some(item.response()))).collect();
        let mut choices =
            Self { items: Vec::new(), by_text: BTreeMap::new(), by_place: BTreeMap::new(), responses: BTreeMap::new() };
        for (item, question) in items.iter().zip(&offered) {
            *choices.responses.entry(item.response().to_owned()).or_default() += 1.0;
            for (i, option, picked, expected) in question.stands() {
                choices.by_text.entry(option.text.clone()).or_default().add(picked, expected, 1.0);
                choices.by_place.entry((i, question.real.len())).or_default().add(picked, expected, 1.0);
            }
        }
        choices.items = offered;
        choices
    }

    pub(super) fn given(&self, left_out: Option<usize>) -> Option<usize> {
        left_out.and_then(|item| self.items.get(item)).and_then(|question| question.picked)
    }

    /// How often each option was the response so far, smoothed over this query's options.
    pub(super) fn base(&self, query: &Query) -> Vec<f64> {
        let even = 1.0 / query.options().len().max(1) as f64;
        let count = |option: &String| self.responses.get(option).copied().unwrap_or_default() + even;
        normalised(query.options().iter().map(count).collect())
    }

    pub(super) fn pool(&self, seen: &Seen<'_>) -> Vec<f64> {
        let mut words: BTreeMap<&str, Odds> = BTreeMap::new();
        let mut places: BTreeMap<(usize, usize), Odds> = BTreeMap::new();
        for (item, (question, likeness)) in self.items.iter().zip(seen.similar).enumerate() {
            if *likeness > 0.0 && seen.left_out != Some(item) {
                let weight = likeness * likeness;
                for (i, option, picked, expected) in question.stands() {
                    places.entry((i, question.real.len())).or_default().add(picked, expected, weight);
                    for word in &option.words {
                        words.entry(word).or_default().add(picked, expected, weight);
                    }
                }
            }
        }
        let asked = Offered::new(seen.query, None);
        let left_out = seen.left_out.and_then(|item| self.items.get(item));
        let overall = |odds: Option<&Odds>, matches: &dyn Fn(usize, &Descriptor) -> bool, k: f64| {
            let mut odds = odds.copied().unwrap_or_default();
            for (i, option, picked, expected) in left_out.into_iter().flat_map(Offered::stands) {
                if matches(i, option) {
                    odds.add(picked, expected, -1.0);
                }
            }
            Odds::lift(Some(&odds), k)
        };
        let real = asked.real.len();
        let score = |(place, option): (usize, &Descriptor)| {
            let text = overall(self.by_text.get(&option.text), &|_, d| d.text == option.text, K_TEXT);
            let here = overall(self.by_place.get(&(place, real)), &|i, _| i == place, K_PLACE);
            let similar: f64 = option.words.iter().map(|w| Odds::lift(words.get(w.as_str()), K_SIMILAR)).sum();
            W_TEXT * text
                + W_PLACE * here
                + W_SIMILAR_WORDS * similar / (option.words.len().max(1) as f64).sqrt()
                + W_SIMILAR_PLACE * Odds::lift(places.get(&(place, real)), K_SIMILAR)
                + if option.catch_all { CATCH_ALL } else { 0.0 }
        };
        softmax(&asked.options.iter().enumerate().map(score).collect::<Vec<f64>>())
    }
}
