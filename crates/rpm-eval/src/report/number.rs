//! Numbers as they are printed. A number below 1 has no leading zero, a minus is a minus sign, and nothing is `-0`.

use crate::compare::Measured;

/// The mark in place of a number that is missing.
pub(super) const NONE: &str = "–";

/// A score: three decimals below 10, two below 100, one above.
pub(super) fn score(value: f64) -> String {
    with_decimals(value, decimals(value))
}

fn decimals(size: f64) -> usize {
    match size.abs() {
        size if size < 10.0 => 3,
        size if size < 100.0 => 2,
        _ => 1,
    }
}

fn with_decimals(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let digits = format!("{:.decimals$}", value.abs());
    let short = digits.strip_prefix('0').unwrap_or(&digits);
    let zero = short.chars().all(|c| c == '0' || c == '.');
    if value < 0.0 && !zero { format!("−{short}") } else { short.to_owned() }
}

/// The decimals of a value and the ends of its interval: those of the largest.
fn together(values: [f64; 3]) -> [String; 3] {
    let most = values.iter().filter(|value| value.is_finite()).fold(0.0_f64, |most, value| most.max(value.abs()));
    values.map(|value| with_decimals(value, decimals(most)))
}

/// A plus before what is printed as more than nothing.
fn signed(text: String) -> String {
    let plus = !text.starts_with('−') && text.chars().any(|c| c.is_ascii_digit() && c != '0');
    if plus { format!("+{text}") } else { text }
}

/// `.460 [.412, .508]`; the value alone where it has no interval.
pub(super) fn measured(measured: Option<Measured>) -> String {
    let Some(measured) = measured else { return NONE.to_owned() };
    let Some(interval) = measured.interval else { return score(measured.value) };
    let [value, low, high] = together([measured.value, interval.low, interval.high]);
    format!("{value} [{low}, {high}]")
}

/// `+.052 [+.021, +.083]`; the difference alone where it has no interval.
pub(super) fn difference(measured: Measured) -> String {
    let Some(interval) = measured.interval else { return signed(score(measured.value)) };
    let [value, low, high] = together([measured.value, interval.low, interval.high]).map(signed);
    format!("{value} [{low}, {high}]")
}

/// A probability: three decimals, and `< .001` below.
pub(super) fn probability(p: Option<f64>) -> String {
    match p {
        Some(p) if p < 0.001 => "< .001".to_owned(),
        // Rounding up to the threshold would contradict the word beside it.
        Some(p) if (0.0495..0.05).contains(&p) => ".049".to_owned(),
        Some(p) if p >= 0.9995 => "1".to_owned(),
        other => other.map_or_else(|| NONE.to_owned(), score),
    }
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.0}\u{a0}%", share * 100.0) } else { NONE.to_owned() }
}

/// A mean count: one decimal below 10, groups of three above.
pub(super) fn amount(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let sign = if value <= -0.05 { "−" } else { "" };
    let size = value.abs();
    if size >= 9.95 {
        return format!("{sign}{}", grouped(&format!("{size:.0}")));
    }
    let text = format!("{size:.1}");
    format!("{sign}{}", text.strip_suffix(".0").unwrap_or(&text))
}

/// A count, in groups of three.
pub(super) fn count(value: usize) -> String {
    grouped(&value.to_string())
}

/// A value on an axis, as short as it can be.
pub(super) fn tick(value: f64) -> String {
    let text = if value.abs() >= 1000.0 {
        grouped(&format!("{:.0}", value.abs()))
    } else {
        let decimals = format!("{:.4}", value.abs());
        decimals.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let short = if text == "0" { "0" } else { text.strip_prefix('0').unwrap_or(&text) };
    if value < 0.0 && short != "0" { format!("−{short}") } else { short.to_owned() }
}

/// Dollars, in two or more digits that count.
pub(super) fn dollars(value: Option<f64>) -> String {
    let Some(value) = value.filter(|value| value.is_finite()) else { return NONE.to_owned() };
    let sign = if value < 0.0 { "−" } else { "" };
    let size = value.abs();
    match size {
        _ if size >= 0.1 => format!("{sign}${size:.2}"),
        _ if size >= 0.000_05 => format!("{sign}${size:.4}"),
        _ if size > 0.0 => format!("{sign}${size:.1e}"),
        _ => "$0".to_owned(),
    }
}

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rpm_core::stats::Interval;

    #[test]
    fn numbers_are_printed_as_journals_print_them() {
        assert_eq!(score(0.46), ".460");
        assert_eq!(score(-0.0004), ".000");
        assert_eq!(score(-1.25), "−1.250");
        assert_eq!(score(0.9996), "1.000");
        assert_eq!(score(123.456), "123.5");
        assert_eq!(score(f64::NAN), NONE);
        let of = |value, low, high| Measured { value, interval: Some(Interval { low, high }) };
        assert_eq!(difference(of(0.052, -0.052, 0.0001)), "+.052 [−.052, .000]");
        assert_eq!(measured(Some(of(90.0, 5.25, 108.0))), "90.0 [5.2, 108.0]");
        assert_eq!(measured(Some(Measured { value: 0.5, interval: None })), ".500");
    }

    #[test]
    fn a_probability_never_rounds_onto_the_threshold_from_below() {
        assert_eq!(probability(Some(0.0494)), ".049");
        assert_eq!(probability(Some(0.049_999_9)), ".049");
        assert_eq!(probability(Some(0.05)), ".050");
        assert_eq!(probability(Some(0.0001)), "< .001");
        assert_eq!(probability(Some(1.0)), "1");
        assert_eq!(probability(None), NONE);
    }

    #[test]
    fn counts_are_grouped_and_small_means_keep_a_decimal() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        assert_eq!(amount(1.5), "1.5");
        assert_eq!(amount(2.0), "2");
        assert_eq!(amount(9.97), "10");
        assert_eq!(amount(-12_345.6), "−12,346");
        assert_eq!(tick(0.25), ".25");
        assert_eq!(tick(-0.05), "−.05");
        assert_eq!(tick(10_000.0), "10,000");
        assert_eq!(tick(0.0), "0");
        assert_eq!(dollars(Some(0.0123)), "$0.0123");
        assert_eq!(dollars(Some(1.5)), "$1.50");
        assert_eq!(dollars(Some(0.0)), "$0");
        assert_eq!(dollars(Some(-2.0)), "−$2.00");
    }
}
