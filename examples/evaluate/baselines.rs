//! Baselines without a model. Each answer rests on the user's own history, except `global-majority`, which counts the
//! histories of all users in the set.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::data::{Kind, Row, Set, User};
use crate::metrics::{Guess, mean, median, tokens};

/// The names, in the order of the table.
pub(crate) const NAMES: [&str; 8] = [
    "global-majority",
    "user-majority",
    "user-median",
    "user-mean",
    "first-sentence",
    "bm25-1nn",
    "bm25-5nn",
    "bm25-5nn-mean",
];

type Counts<'a> = HashMap<&'a str, usize>;

/// The guesses for all test items in the set's order; `None` when the baseline does not apply to this kind of task.
pub(crate) fn predict(name: &str, set: &Set) -> Option<Vec<Guess>> {
    let applies = match name {
        "global-majority" | "user-majority" | "bm25-5nn" => set.kind != Kind::Title,
        "user-median" | "user-mean" | "bm25-5nn-mean" => set.kind == Kind::Rating,
        "first-sentence" => set.kind == Kind::Title,
        _ => true,
    };
    if !applies {
        return None;
    }
    let prior = counts(set.users.iter().flat_map(|user| &user.history));
    let mut guesses = Vec::new();
    for user in &set.users {
        let index = name.starts_with("bm25").then(|| Okapi::new(&user.history));
        for test in &user.test {
            let near: Vec<&Row> = index.as_ref().map_or_else(Vec::new, |index| {
                index.nearest(&test.query, 5).into_iter().map(|position| &user.history[position]).collect()
            });
            guesses.push(match set.kind {
                Kind::Opinion => Guess::response(choose(name, user, test, &near, &prior)),
                _ => guess(name, user, test, &near, &prior),
            });
        }
    }
    Some(guesses)
}

fn guess(name: &str, user: &User, test: &Row, near: &[&Row], prior: &Counts<'_>) -> Guess {
    let number = |row: &Row| row.response.parse::<f64>().ok();
    let value = match name {
        "user-median" => median(user.history.iter().filter_map(number)),
        "user-mean" => mean(user.history.iter().filter_map(number)),
        "bm25-5nn-mean" => mean(near.iter().filter_map(|row| number(row))),
        _ => None,
    };
    let response = match name {
        "global-majority" => majority(prior, prior),
        "user-majority" => majority(&counts(&user.history), prior),
        "first-sentence" => Some(first_sentence(&test.query)),
        "bm25-1nn" => near.first().map(|row| row.response.as_str()),
        "bm25-5nn" => vote(near.iter().map(|row| row.response.as_str())),
        _ => None,
    };
    match (value, response) {
        (Some(value), _) => Guess::value(value),
        (None, Some(response)) => Guess::response(response),
        (None, None) => Guess::default(),
    }
}

/// The same among the options of one question: by the text of past answers, or else by their position.
fn choose<'a>(name: &str, user: &User, test: &'a Row, near: &[&Row], prior: &Counts<'_>) -> &'a str {
    let options = test.options();
    let mut positions: HashMap<usize, usize> = HashMap::new();
    for row in &user.history {
        if let Some(position) = row.options().iter().position(|option| *option == row.response) {
            *positions.entry(position).or_default() += 1;
        }
    }
    let own = counts(&user.history);
    let times = |counts: &Counts<'_>, n: usize| counts.get(options[n].as_str()).copied().unwrap_or(0);
    let at = |n: usize| positions.get(&n).copied().unwrap_or(0);
    let kept = if name == "bm25-1nn" { 1 } else { 5 };
    let neighbours = near.iter().take(kept).map(|row| row.response.as_str());
    let among = vote(neighbours.filter(|text| options.iter().any(|option| option == text)));
    let best = match (name, among) {
        ("global-majority", _) => (0..options.len()).max_by_key(|&n| (times(prior, n), Reverse(n))),
        ("user-majority", _) => (0..options.len()).max_by_key(|&n| (times(&own, n), at(n), Reverse(n))),
        (_, Some(found)) => options.iter().position(|option| option == found),
        (_, None) => (0..options.len()).max_by_key(|&n| (at(n), Reverse(n))),
    };
    best.and_then(|n| options.get(n)).map_or("", String::as_str)
}

fn counts<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Counts<'a> {
    let mut counts = Counts::new();
    for row in rows {
        *counts.entry(&row.response).or_default() += 1;
    }
    counts
}

/// The most frequent response; ties go to the one more frequent in `tie`, then to the later name.
fn majority<'a>(counts: &Counts<'a>, tie: &Counts<'_>) -> Option<&'a str> {
    counts.iter().max_by_key(|&(text, n)| (n, tie.get(text).copied().unwrap_or(0), text)).map(|(text, _)| *text)
}

/// The most frequent of a few; ties go to the nearest.
fn vote<'a>(near: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near: Vec<&str> = near.collect();
    let times = |text: &str| near.iter().filter(|other| **other == text).count();
    // `max_by_key` keeps the last of equals, so the nearest comes last.
    near.iter().rev().copied().max_by_key(|text| times(text))
}

/// Up to the first white space after a full stop, an exclamation or a question mark.
fn first_sentence(text: &str) -> &str {
    let mut before = ' ';
    for (position, c) in text.char_indices() {
        if c.is_whitespace() && matches!(before, '.' | '!' | '?') {
            return &text[..position];
        }
        before = c;
    }
    text
}

/// Okapi BM25 as in the Python package `rank_bm25`: k1 = 1.5, b = 0.75, and words in more than half of the texts weigh
/// 0.25 of the mean weight. Sums run in its order, so that scores that tie there tie here.
struct Okapi {
    texts: Vec<(HashMap<String, f64>, f64)>,
    weights: HashMap<String, f64>,
    mean_length: f64,
}

impl Okapi {
    const K1: f64 = 1.5;
    const B: f64 = 0.75;
    const EPSILON: f64 = 0.25;

    fn new(rows: &[Row]) -> Self {
        let mut texts = Vec::new();
        let mut found_in: HashMap<String, f64> = HashMap::new();
        let mut words = Vec::new();
        let mut length = 0.0;
        for row in rows {
            let text = words_of(&row.query);
            let mut times: HashMap<String, f64> = HashMap::new();
            for word in &text {
                let n = times.entry(word.clone()).or_default();
                *n += 1.0;
                if *n < 1.5 {
                    let texts = found_in.entry(word.clone()).or_default();
                    *texts += 1.0;
                    if *texts < 1.5 {
                        words.push(word.clone());
                    }
                }
            }
            length += text.len() as f64;
            texts.push((times, text.len() as f64));
        }
        let n = rows.len() as f64;
        let weight = |word: &String| (n - found_in[word] + 0.5).ln() - (found_in[word] + 0.5).ln();
        let floor = Self::EPSILON * (words.iter().map(weight).sum::<f64>() / words.len() as f64);
        let weigh = |word: &String| Some(weight(word)).filter(|weight| *weight >= 0.0).unwrap_or(floor);
        let weights = words.iter().map(|word| (word.clone(), weigh(word))).collect();
        Self { texts, weights, mean_length: length / n }
    }

    /// Positions of the best texts, best first; ties go to the earlier.
    fn nearest(&self, query: &str, k: usize) -> Vec<usize> {
        let query = words_of(query);
        let mut ranked: Vec<(f64, usize)> = Vec::new();
        for (position, (times, length)) in self.texts.iter().enumerate() {
            let mut score = 0.0;
            for word in &query {
                if let (Some(weight), Some(n)) = (self.weights.get(word), times.get(word)) {
                    let relative = 1.0 - Self::B + Self::B * length / self.mean_length;
                    score += weight * (n * (Self::K1 + 1.0) / (n + Self::K1 * relative));
                }
            }
            ranked.push((score, position));
        }
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked.into_iter().take(k).map(|(_, position)| position).collect()
    }
}

/// The tokens of a text; one blank for a text without any.
fn words_of(text: &str) -> Vec<String> {
    let found = tokens(text);
    if found.is_empty() { vec![String::new()] } else { found }
}
