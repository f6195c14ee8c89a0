//! Numbers as Python reads them, and errors of numbers.

use super::labels::strip;

/// The number that a text states, by the rules of Python's `float(text.strip())`; `None` where Python raises
/// `ValueError`.
///
/// So it takes `4.0`, ` +4 `, `4.`, `.5`, `4e0`, `1_0` (underscores between digits), `inf`, `-Infinity` and `nan` in
/// any case, and decimal digits of any script (`４`); it takes no `4/5`, `4,0`, `0x4` or `4 stars`. What is too large is
/// infinite.
///
/// ```
/// use rpm_eval::metric::parse_number;
///
/// assert_eq!(parse_number(" 4.0\n"), Some(4.0));
/// assert_eq!(parse_number("1_0"), Some(10.0));
/// assert_eq!(parse_number("4 stars"), None);
/// ```
pub fn parse_number(text: &str) -> Option<f64> {
    let text: String = strip(text).chars().map(ascii_digit).collect();
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let parts: Vec<&str> = text.split('_').collect();
    let between_digits = parts
        .windows(2)
        .all(|pair| matches!(pair, [left, right] if digit(left.chars().next_back()) && digit(right.chars().next())));
    // Without underscores Rust's grammar of a float is Python's.
    if between_digits { parts.concat().parse().ok() } else { None }
}

/// A decimal digit of any script in ASCII; other characters as they are.
fn ascii_digit(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    let code = u32::from(c);
    let after = ZEROS.partition_point(|&zero| zero <= code);
    let zero = after.checked_sub(1).and_then(|place| ZEROS.get(place));
    zero.and_then(|zero| char::from_digit(code - zero, 10)).unwrap_or(c)
}

/// The zero of each script with decimal digits (general category Nd, Unicode 14.0 as in Python 3.11); its nine others
/// follow it.
const ZEROS: [u32; 65] = [
    0x0660,
    0x06F0,
    0x07C0,
    0x0966,
    0x09E6,
    0x0A66,
    0x0AE6,
    0x0B66,
    0x0BE6,
    0x0C66,
    0x0CE6,
    0x0D66,
    0x0DE6,
    0x0E50,
    0x0ED0,
    0x0F20,
    0x1040,
    0x1090,
    0x17E0,
    0x1810,
    0x1946,
    0x19D0,
    0x1A80,
    0x1A90,
    0x1B50,
    0x1BB0,
    0x1C40,
    0x1C50,
    0xA620,
    0xA8D0,
    0xA900,
    0xA9D0,
    0xA9F0,
    0xAA50,
    0xABF0,
    0xFF10,
    0x0001_04A0,
    0x0001_0D30,
    0x0001_1066,
    0x0001_10F0,
    0x0001_1136,
    0x0001_11D0,
    0x0001_12F0,
    0x0001_1450,
    0x0001_14D0,
    0x0001_1650,
    0x0001_16C0,
    0x0001_1730,
    0x0001_18E0,
    0x0001_1950,
    0x0001_1C50,
    0x0001_1D50,
    0x0001_1DA0,
    0x0001_6A60,
    0x0001_6AC0,
    0x0001_6B50,
    0x0001_D7CE,
    0x0001_D7D8,
    0x0001_D7E2,
    0x0001_D7EC,
    0x0001_D7F6,
    0x0001_E140,
    0x0001_E2F0,
    0x0001_E950,
    0x0001_FBF0,
];

/// The end of a scale that is farther from what was wanted; `max` when both are as far, or when `gold` is NaN. It
/// stands for what cannot be read, so that no method gains by not answering.
///
/// Source: LaMP's `eval/evaluation.py`, `create_metric_mae_rmse`, with the ends 1 and 5.
pub fn worst_end(gold: f64, min: f64, max: f64) -> f64 {
    if (min - gold).abs() > (max - gold).abs() { min } else { max }
}

/// The number LaMP reads in a reply: [`parse_number`], not clipped to the scale, so that `7` is 7 on a scale to 5 and
/// `nan` is NaN; the [`worst_end`] where there is none. An item without an answer (`None`) is one that cannot be read.
///
/// Source: LaMP's `eval/evaluation.py`, `create_metric_mae_rmse`.
pub fn strict_number(raw: Option<&str>, gold: f64, min: f64, max: f64) -> f64 {
    raw.and_then(parse_number).unwrap_or_else(|| worst_end(gold, min, max))
}

/// Mean absolute error of (wanted, given) numbers, 0 or more; `None` without a pair. One NaN makes it NaN.
///
/// Source: scikit-learn's `mean_absolute_error`, which LaMP calls; equal to the bit where that gives a figure. It
/// raises an error on NaN and infinity.
pub fn mae(pairs: &[(f64, f64)]) -> Option<f64> {
    mean(&pairs.iter().map(|(gold, given)| (given - gold).abs()).collect::<Vec<f64>>())
}

/// Square root of the mean squared error of (wanted, given) numbers, 0 or more; `None` without a pair. One NaN makes it
/// NaN.
///
/// Source: scikit-learn's `root_mean_squared_error`, at first `mean_squared_error(squared=False)`, which LaMP calls;
/// equal to the bit where that gives a figure.
pub fn rmse(pairs: &[(f64, f64)]) -> Option<f64> {
    let squares: Vec<f64> = pairs.iter().map(|(gold, given)| (gold - given) * (gold - given)).collect();
    mean(&squares).map(f64::sqrt)
}

/// Mean of numbers; `None` without one. It adds in the order of numpy's `mean`, and so equals it to the bit.
pub fn mean(numbers: &[f64]) -> Option<f64> {
    if numbers.is_empty() { None } else { Some(pairwise_sum(numbers) / numbers.len() as f64) }
}

/// Numpy's sum: eight running sums over up to 128 numbers, halves of whole eights beyond.
pub(super) fn pairwise_sum(numbers: &[f64]) -> f64 {
    const BLOCK: usize = 128;
    if numbers.len() > BLOCK {
        let half = numbers.len() / 2;
        let (left, right) = numbers.split_at(half - half % 8);
        return pairwise_sum(left) + pairwise_sum(right);
    }
    let (eights, rest) = numbers.as_chunks::<8>();
    let start = eights.split_first().map_or(0.0, |(first, others)| {
        let mut lanes = *first;
        for eight in others {
            lanes.iter_mut().zip(eight).for_each(|(lane, number)| *lane += number);
        }
        let (fours, _) = lanes.as_chunks::<4>();
        fours.iter().map(|[a, b, c, d]| (a + b) + (c + d)).sum()
    });
    rest.iter().fold(start, |sum, number| sum + number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_the_rules_of_python() {
        for (text, number) in [
            (" 4 ", 4.0),
            ("\u{1c}4\u{3000}", 4.0),
            ("4.", 4.0),
            (".5", 0.5),
            ("+1E0", 1.0),
            ("1_0.0_1", 10.01),
            ("１２", 12.0),
            ("𝟜.٥", 4.5),
            ("-INFinity", f64::NEG_INFINITY),
            ("1e999", f64::INFINITY),
        ] {
            assert_eq!(parse_number(text), Some(number), "{text:?}");
        }
        assert!(parse_number("-nAn").is_some_and(f64::is_nan));
        for text in
            ["", " ", "_1", "1_", "1__0", "1_.0", "1e_1", "i_nf", "4 stars", "4 5", "0x4", "4,0", "½", "४a", "."]
        {
            assert_eq!(parse_number(text), None, "{text:?}");
        }
    }

    #[test]
    fn zeros_are_sorted_for_the_search() {
        assert!(ZEROS.windows(2).all(|pair| pair[0] + 9 < pair[1]));
    }

    #[test]
    fn what_cannot_be_read_is_the_end_farther_from_the_wanted_number() {
        for (gold, end) in [(1.0, 5.0), (2.0, 5.0), (3.0, 5.0), (4.0, 1.0), (5.0, 1.0)] {
            assert!((worst_end(gold, 1.0, 5.0) - end).abs() < f64::EPSILON, "{gold}");
            assert!((strict_number(None, gold, 1.0, 5.0) - end).abs() < f64::EPSILON, "{gold}");
        }
    }

    #[test]
    fn numbers_beyond_the_scale_are_not_clipped() {
        assert!((strict_number(Some("7"), 5.0, 1.0, 5.0) - 7.0).abs() < f64::EPSILON);
        assert!(mae(&[(1.0, strict_number(Some("nan"), 1.0, 1.0, 5.0)), (1.0, 1.0)]).is_some_and(f64::is_nan));
    }

    #[test]
    fn there_is_no_mean_of_nothing() {
        assert_eq!((mean(&[]), mae(&[]), rmse(&[])), (None, None, None));
    }
}
