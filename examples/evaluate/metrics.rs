//! Accuracy, macro-F1, MAE, RMSE and ROUGE.

use std::collections::{BTreeSet, HashMap};

use crate::data::{Kind, Set};

/// What a method gave for one test item.
#[derive(Default, Clone)]
pub(crate) struct Guess {
    /// The response; `None` when there was no answer.
    response: Option<String>,
    /// The unrounded value behind it, for means and medians.
    value: Option<f64>,
    /// How probable the method held its response, from 0 to 1.
    confidence: Option<f64>,
    /// The tier of the answer, and why.
    pub(crate) support: Option<(&'static str, &'static str)>,
}

impl Guess {
    pub(crate) fn response(response: impl Into<String>) -> Self {
        Self { response: Some(response.into()), ..Self::default() }
    }

    /// The same with how probable the method held its response.
    pub(crate) fn confident(self, confidence: Option<f64>) -> Self {
        Self { confidence, ..self }
    }

    /// The same with the tier of the answer, and why.
    pub(crate) fn supported(self, tier: &'static str, reason: &'static str) -> Self {
        Self { support: Some((tier, reason)), ..self }
    }

    /// A value between the points of a scale; the response is the nearest point, halves go up.
    pub(crate) fn value(value: f64) -> Self {
        Self { response: Some(format!("{:.0}", (value + 0.5).floor())), value: Some(value), ..Self::default() }
    }

    fn number(&self) -> Option<f64> {
        self.value.or_else(|| self.response.as_deref()?.parse().ok())
    }
}

/// Named scores, in the order of the table; `None` where there was nothing to score.
pub(crate) type Scores = Vec<(&'static str, Option<f64>)>;

/// Scores the guesses for all test items of a set, in the set's order.
pub(crate) fn score(set: &Set, guesses: &[Guess]) -> Scores {
    let pairs = || set.tests().zip(guesses);
    let answered = pairs().filter(|(_, guess)| guess.response.is_some()).count();
    let mut scores = vec![("answered", Some(answered as f64))];
    if set.kind == Kind::Title {
        let texts = || pairs().map(|(row, guess)| (row.response.as_str(), guess.response.as_deref().unwrap_or("")));
        scores.push(("ROUGE-1", mean(texts().map(|(gold, text)| rouge_1(gold, text)))));
        scores.push(("ROUGE-L", mean(texts().map(|(gold, text)| rouge_l(gold, text)))));
        return scores;
    }
    let hits = || pairs().map(|(row, guess)| (row, f64::from(guess.response.as_ref() == Some(&row.response))));
    scores.push(("accuracy", mean(hits().map(|(_, hit)| hit))));
    if set.tests().any(|row| row.seen_text.is_some()) {
        let unseen = hits().filter(|(row, _)| row.seen_text == Some(false));
        scores.push(("unseen accuracy", mean(unseen.map(|(_, hit)| hit))));
    }
    if set.kind != Kind::Opinion {
        let labels = pairs().map(|(row, guess)| (row.response.as_str(), guess.response.as_deref()));
        scores.push(("macro-F1", macro_f1(&labels.collect::<Vec<_>>())));
    }
    if set.kind == Kind::Rating {
        let errors = || pairs().filter_map(|(row, guess)| Some(guess.number()? - row.response.parse::<f64>().ok()?));
        scores.push(("MAE", mean(errors().map(f64::abs))));
        scores.push(("RMSE", mean(errors().map(|error| error * error)).map(f64::sqrt)));
    }
    let sure =
        pairs().filter_map(|(row, guess)| Some((guess.confidence?, guess.response.as_ref() == Some(&row.response))));
    let sure: Vec<(f64, bool)> = sure.collect();
    if !sure.is_empty() {
        scores.push(("ECE", Some(calibration_error(&sure))));
    }
    scores
}

/// The expected calibration error over 10 bins of equal width: how far the mean confidence of the guesses in a bin is from
/// the share that is right, on average over the guesses.
fn calibration_error(sure: &[(f64, bool)]) -> f64 {
    const BINS: usize = 10;
    let mut bins = [0.0; BINS];
    for (confidence, right) in sure {
        let bin = (0..BINS - 1).take_while(|bin| *confidence >= (bin + 1) as f64 / BINS as f64).count();
        bins[bin] += confidence - f64::from(u8::from(*right));
    }
    bins.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / sure.len() as f64
}

/// What one item counts for, by user: 1 for a hit, or ROUGE-1 for titles.
pub(crate) fn by_user(set: &Set, guesses: &[Guess]) -> Vec<Vec<f64>> {
    let mut guesses = guesses.iter();
    let worth = |row: &crate::data::Row, guess: &Guess| match set.kind {
        Kind::Title => rouge_1(&row.response, guess.response.as_deref().unwrap_or("")),
        _ => f64::from(guess.response.as_ref() == Some(&row.response)),
    };
    let user = |user: &crate::data::User| {
        user.test.iter().zip(guesses.by_ref()).map(|(row, guess)| worth(row, guess)).collect()
    };
    set.users.iter().map(user).collect()
}

/// The plain mean of F1 over the labels that occur as gold.
fn macro_f1(pairs: &[(&str, Option<&str>)]) -> Option<f64> {
    let labels: BTreeSet<&str> = pairs.iter().map(|(gold, _)| *gold).collect();
    mean(labels.iter().map(|&label| {
        let right = pairs.iter().filter(|(gold, guess)| *gold == label && *guess == Some(label)).count() as f64;
        let wanted = pairs.iter().filter(|(gold, _)| *gold == label).count() as f64;
        let given = pairs.iter().filter(|(_, guess)| *guess == Some(label)).count() as f64;
        2.0 * right / (wanted + given)
    }))
}

pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[half]),
        _ => Some(f64::midpoint(sorted[half - 1], sorted[half])),
    }
}

/// Runs of `[a-z0-9]` in the lower-cased text.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let runs = lower.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()));
    runs.filter(|run| !run.is_empty()).map(str::to_owned).collect()
}

/// F-measure of ROUGE-1, without a stemmer.
fn rouge_1(gold: &str, text: &str) -> f64 {
    let (gold, text) = (tokens(gold), tokens(text));
    let mut left: HashMap<&str, usize> = HashMap::new();
    for token in &gold {
        *left.entry(token).or_default() += 1;
    }
    let mut shared = 0;
    for token in &text {
        if let Some(n) = left.get_mut(token.as_str()).filter(|n| **n > 0) {
            *n -= 1;
            shared += 1;
        }
    }
    f_measure(shared, gold.len(), text.len())
}

/// F-measure of ROUGE-L: the longest common subsequence of the two texts.
fn rouge_l(gold: &str, text: &str) -> f64 {
    let (gold, text) = (tokens(gold), tokens(text));
    let mut row = vec![0_usize; text.len() + 1];
    for wanted in &gold {
        let mut diagonal = 0;
        for (n, given) in text.iter().enumerate() {
            let above = row[n + 1];
            row[n + 1] = if wanted == given { diagonal + 1 } else { above.max(row[n]) };
            diagonal = above;
        }
    }
    f_measure(row[text.len()], gold.len(), text.len())
}

fn f_measure(shared: usize, gold: usize, text: usize) -> f64 {
    if shared == 0 {
        return 0.0;
    }
    let (recall, precision) = (shared as f64 / gold as f64, shared as f64 / text as f64);
    2.0 * precision * recall / (precision + recall)
}
