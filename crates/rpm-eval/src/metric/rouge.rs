//! ROUGE-1 and ROUGE-L.

use std::collections::HashMap;

/// The F-measure of ROUGE-1 of a text against the wanted one, from 0 to 1: how many tokens they share, each as often as both
/// have it. 0 when either has no token.
///
/// Tokens are the runs of `[a-z0-9]` in the lower-cased text. Letters outside ASCII are no part of any: `naïve` is `na`
/// and `ve`, and a text in another script has no token.
///
/// Source: Google's `rouge_score` 0.1.2 without stemmer, which LaMP calls.
///
/// ```
/// use rpm_eval::metric::rouge_1;
///
/// assert!((rouge_1("On quiet films", "Quiet films!") - 0.8).abs() < 1e-15);
/// assert!(rouge_1("映画の話", "映画の話") < 1e-15);
/// ```
pub fn rouge_1(gold: &str, text: &str) -> f64 {
    let (gold, text) = (tokens(gold), tokens(text));
    let mut left: HashMap<&str, usize> = HashMap::new();
    for token in &gold {
        *left.entry(token).or_default() += 1;
    }
    let mut shared = 0;
    for token in &text {
        if let Some(times) = left.get_mut(token.as_str()).filter(|times| **times > 0) {
            *times -= 1;
            shared += 1;
        }
    }
    f_measure(shared, gold.len(), text.len())
}

/// The F-measure of ROUGE-L of a text against the wanted one, from 0 to 1: by the longest common subsequence of the tokens
/// of [`rouge_1`]. 0 when either has no token. Takes time in proportion to the product of the two lengths.
///
/// Source: as [`rouge_1`].
pub fn rouge_l(gold: &str, text: &str) -> f64 {
    let (gold, text) = (tokens(gold), tokens(text));
    // One row of the table: the longest common subsequence with the first tokens of `text`, up to each.
    let mut row = vec![0_usize; text.len()];
    for wanted in &gold {
        let (mut above_left, mut left) = (0, 0);
        for (cell, given) in row.iter_mut().zip(&text) {
            let above = *cell;
            *cell = if wanted == given { above_left + 1 } else { above.max(left) };
            (above_left, left) = (above, *cell);
        }
    }
    f_measure(row.last().copied().unwrap_or(0), gold.len(), text.len())
}

/// Python's `lower` and Rust's agree where it matters: besides A to Z only İ and the Kelvin sign give a letter of ASCII.
fn tokens(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let runs = lower.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()));
    runs.filter(|run| !run.is_empty()).map(str::to_owned).collect()
}

fn f_measure(shared: usize, gold: usize, text: usize) -> f64 {
    if shared == 0 {
        return 0.0;
    }
    let (recall, precision) = (shared as f64 / gold as f64, shared as f64 / text as f64);
    2.0 * precision * recall / (precision + recall)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_runs_of_ascii_letters_and_digits_of_the_lower_cased_text() {
        assert_eq!(tokens("A \u{212a}ey: naïve_test, İx-2\u{130}"), ["a", "key", "na", "ve", "test", "i", "x", "2i"]);
        assert!(tokens("映画 — ½ é").is_empty());
    }

    #[test]
    fn a_shared_token_counts_as_often_as_both_texts_have_it() {
        // Two of four wanted tokens, two of three given.
        let expected = 2.0 * 0.5 * (2.0 / 3.0) / (0.5 + 2.0 / 3.0);
        assert!((rouge_1("a b c d", "a a b") - expected).abs() < 1e-15);
    }

    #[test]
    fn order_matters_to_rouge_l_alone() {
        assert!((rouge_1("a b c", "c b a") - 1.0).abs() < 1e-15);
        assert!((rouge_l("a b c", "c b a") - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn a_text_without_a_token_scores_nothing() {
        for (gold, text) in [("", ""), ("a", ""), ("", "a"), ("é", "é")] {
            assert!(rouge_1(gold, text) + rouge_l(gold, text) < 1e-15, "{gold} {text}");
        }
    }
}
