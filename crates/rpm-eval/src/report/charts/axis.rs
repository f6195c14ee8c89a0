//! An axis: the places of values along it, and the labels.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::Ranged;

use crate::report::number;

/// An axis that maps values, or their decimal logarithms, onto a chart's side.
pub(super) struct Axis {
    low: f64,
    high: f64,
    /// Values that are labeled.
    ticks: Vec<f64>,
    log: bool,
    /// The place of a zero on a logarithmic axis.
    zero: f64,
}

impl Axis {
    /// Steps are differences. The range holds all values, with some room.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = range(values);
        let step = step((high - low) / 5.5);
        let (low, high) = (low - (high - low) * 0.04, high + (high - low) * 0.04);
        let mut ticks = Vec::new();
        let mut at = (low / step).ceil();
        while at * step <= high && ticks.len() < 12 {
            ticks.push(at * step);
            at += 1.0;
        }
        Self { low, high, ticks, log: false, zero: 0.0 }
    }

    /// Exactly this range of shares, 0 to 1.
    pub(super) fn shares() -> Self {
        Self { low: 0.0, high: 1.0, ticks: vec![0.0, 0.25, 0.5, 0.75, 1.0], log: false, zero: 0.0 }
    }

    /// So many places, equally far apart.
    pub(super) fn steps(places: usize) -> Self {
        let ticks: Vec<f64> = (0..places).map(|place| place as f64).collect();
        Self { low: -0.35, high: ticks.last().copied().unwrap_or(0.0) + 0.35, ticks, log: false, zero: 0.0 }
    }

    /// Steps are ratios. A zero stands apart, left of the least positive value; nothing below is drawn.
    pub(super) fn ratios(values: impl Iterator<Item = f64> + Clone) -> Self {
        let positive = values.clone().filter(|value| *value > 0.0).map(f64::log10);
        let (mut low, mut high) = range(positive);
        let has_zero = values.into_iter().any(|value| value == 0.0);
        if high - low < 0.3 {
            (low, high) = (low - 0.15, high + 0.15);
        }
        let mut ticks = Vec::new();
        let within = if high - low < 1.6 { &[1.0, 2.0, 5.0][..] } else { &[1.0] };
        // Not more labels than fit beside each other.
        let decades = ((high - low) / 6.0).ceil().max(1.0);
        let mut decade = low.floor();
        while decade <= high && ticks.len() < 12 {
            for digit in within {
                let value = digit * 10_f64.powf(decade);
                if (low - 0.02..=high + 0.02).contains(&value.log10()) {
                    ticks.push(value);
                }
            }
            decade += decades;
        }
        let zero = low - (high - low) * 0.16;
        if has_zero {
            ticks.insert(0, 0.0);
            low = zero;
        }
        let room = (high - low) * 0.04;
        Self { low: low - room, high: high + room, ticks, log: true, zero }
    }

    /// Labels the values themselves instead of round ones, where they are few and stand far enough apart.
    #[must_use]
    pub(super) fn labeling(mut self, values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let apart = (self.high - self.low) * 0.11;
        let wide = values.iter().zip(values.iter().skip(1)).all(|(a, b)| self.place(*b) - self.place(*a) >= apart);
        if wide && values.len() > 1 {
            self.ticks = values;
        }
        self
    }

    /// The place of a value.
    fn place(&self, value: f64) -> f64 {
        match value {
            _ if !self.log => value,
            _ if value > 0.0 => value.log10(),
            _ => self.zero,
        }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[allow(clippy::cast_possible_truncation, reason = "charts are some thousand units wide")]
    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        // No value is drawn far outside, whatever it is.
        let share = ((self.place(*value) - self.low) / (self.high - self.low)).clamp(-0.1, 1.1);
        from + (f64::from(to - from) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(value: &f64) -> String {
        let thousands = *value / 1000.0;
        if *value >= 10_000.0 { format!("{}k", number::tick(thousands)) } else { number::tick(*value) }
    }
}

/// The least and the greatest finite value, never the same.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        (0.0, 1.0)
    } else if high - low < 1e-9 * high.abs().max(1e-3) {
        let room = (high.abs() * 0.1).max(0.01);
        (low - room, high + room)
    } else {
        (low, high)
    }
}

/// The least round step of at least this size: 1, 2, 2.5 or 5 times a power of ten.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|step| *step >= least * 0.999)
        .unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(Axis::format).collect()
    }

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        let axis = Axis::linear([0.312, 0.508].into_iter());
        assert_eq!(labels(&axis), [".35", ".4", ".45", ".5"]);
        assert!(axis.ticks.iter().all(|at| (axis.low..=axis.high).contains(at)));
    }

    #[test]
    fn no_values_or_equal_ones_still_make_an_axis() {
        for values in [vec![], vec![0.0], vec![5.0, 5.0], vec![f64::NAN], vec![1e12]] {
            for axis in [Axis::linear(values.iter().copied()), Axis::ratios(values.iter().copied())] {
                assert!(axis.low < axis.high && axis.low.is_finite() && axis.high.is_finite(), "{values:?}");
                let first = values.iter().copied().find(|value| value.is_finite()).unwrap_or(1.0);
                assert!((0..=1000).contains(&axis.map(&first, (0, 1000))), "{values:?}");
            }
        }
    }

    #[test]
    fn a_zero_stands_left_of_all_ratios() {
        let axis = Axis::ratios([0.0, 100.0, 10_000.0].into_iter());
        assert!(axis.map(&0.0, (0, 1000)) < axis.map(&100.0, (0, 1000)));
        assert_eq!(labels(&axis), ["0", "100", "1,000", "10k"]);
    }

    #[test]
    fn many_decades_do_not_crowd_the_axis() {
        assert_eq!(labels(&Axis::ratios([1.0, 1e11].into_iter())).len(), 6);
    }

    #[test]
    fn few_values_are_labeled_themselves_and_crowded_ones_are_not() {
        let few = Axis::ratios([4.0, 8.0, 16.0].into_iter()).labeling([4.0, 8.0, 16.0, 8.0].into_iter());
        assert_eq!(labels(&few), ["4", "8", "16"]);
        let crowded = Axis::linear([0.0, 0.01, 1.0].into_iter()).labeling([0.0, 0.01, 1.0].into_iter());
        assert!(!labels(&crowded).contains(&".01".to_owned()));
    }
}
