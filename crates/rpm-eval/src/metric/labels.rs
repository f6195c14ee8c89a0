//! Exact matches of labels, and F1 over them.

use super::mean;

/// Python's `str.strip()`: without the white space at either end. Python counts U+001C to U+001F as white space, which
/// [`str::trim`] does not; all else is the same.
pub fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}

/// The place in `labels` of a text, stripped and otherwise as it is written: case and punctuation count. `None` when it
/// is none of them, which LaMP writes as -1.
pub fn label_place<L: AsRef<str>>(labels: &[L], text: &str) -> Option<usize> {
    let bare = strip(text);
    labels.iter().position(|label| label.as_ref() == bare)
}

/// True where LaMP counts a reply as right: both texts are at the same place of `labels`, or neither is a label. An
/// item without an answer (`None`) is wrong, whatever was wanted; LaMP has no such items.
///
/// Source: LaMP's `eval/evaluation.py`, `create_metric_f1_accuracy`.
pub fn strict_accuracy<L: AsRef<str>>(labels: &[L], gold: &str, raw: Option<&str>) -> bool {
    raw.is_some_and(|raw| label_place(labels, raw) == label_place(labels, gold))
}

/// The mean of F1 over all `classes` labels, from 0 to 1; `None` without a pair or a label.
///
/// Pairs are (wanted, given) places of labels. A label that is neither wanted nor given counts as 0, and so it lowers
/// the mean. `None`, or a place beyond the labels, is no label: it makes the other half of its pair wrong and has no F1
/// itself.
///
/// Source: scikit-learn's `f1_score(labels=range(classes), average="macro")`, which LaMP calls; equal to the bit.
///
/// ```
/// use rpm_eval::metric::macro_f1;
///
/// // Label 0 has F1 2 · 1 / (1 + 2), label 1 has 0, and so has label 2, which does not occur.
/// let f1 = macro_f1(3, [(Some(0), Some(0)), (Some(1), Some(0))]).unwrap();
/// assert!((f1 - 2.0 / 9.0).abs() < 1e-15);
/// ```
pub fn macro_f1(classes: usize, pairs: impl IntoIterator<Item = (Option<usize>, Option<usize>)>) -> Option<f64> {
    let (counts, pairs) = label_counts(classes, pairs);
    if pairs == 0 { None } else { f1_of_counts(&counts) }
}

/// For each label how often it was rightly given, wanted, and given; and how many pairs there are.
pub(super) fn label_counts(
    classes: usize,
    pairs: impl IntoIterator<Item = (Option<usize>, Option<usize>)>,
) -> (Vec<f64>, u64) {
    let mut counts = vec![[0.0; 3]; classes];
    let mut n = 0;
    for (wanted, given) in pairs {
        n += 1;
        if let Some([right, times, _]) = wanted.and_then(|place| counts.get_mut(place)) {
            *times += 1.0;
            *right += f64::from(u8::from(wanted == given));
        }
        if let Some([_, _, times]) = given.and_then(|place| counts.get_mut(place)) {
            *times += 1.0;
        }
    }
    (counts.into_iter().flatten().collect(), n)
}

/// Macro-F1 from [`label_counts`], by the formula of scikit-learn: 2 · right / (wanted + given), 0 where that is 0 / 0.
pub(super) fn f1_of_counts(counts: &[f64]) -> Option<f64> {
    let (labels, _) = counts.as_chunks::<3>();
    let f1 = |[right, wanted, given]: &[f64; 3]| match wanted + given {
        0.0 => 0.0,
        both => 2.0 * right / both,
    };
    mean(&labels.iter().map(f1).collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: [&str; 3] = ["sci-fi", "drama", "war"];

    #[test]
    fn labels_match_by_case_and_punctuation_but_not_by_white_space_around_them() {
        for (raw, right) in [("drama", true), (" drama\n", true), ("\u{1c}drama\u{a0}", true), ("Drama", false)] {
            assert_eq!(strict_accuracy(&TAGS, "drama", Some(raw)), right, "{raw:?}");
        }
        for raw in ["drama.", "\u{200b}drama", "\"drama\"", "tag: drama", ""] {
            assert!(!strict_accuracy(&TAGS, "drama", Some(raw)), "{raw:?}");
        }
    }

    #[test]
    fn two_unknown_labels_are_equal_but_no_answer_is_wrong() {
        assert!(strict_accuracy(&TAGS, "comedy", Some("no idea")));
        assert!(!strict_accuracy(&TAGS, "comedy", None));
        assert!(!strict_accuracy(&TAGS, "comedy", Some("drama")));
    }

    #[test]
    fn an_unknown_label_costs_the_other_half_of_its_pair() {
        let pairs = [(Some(0), Some(0)), (Some(0), None), (None, Some(1)), (None, None)];
        assert_eq!(macro_f1(2, pairs), Some((2.0 / 3.0) / 2.0));
        assert_eq!(macro_f1(2, [(Some(9), Some(9))]), Some(0.0));
    }

    #[test]
    fn there_is_no_f1_of_nothing() {
        assert_eq!(macro_f1(3, []), None);
        assert_eq!(macro_f1(0, [(None, None)]), None);
    }
}
