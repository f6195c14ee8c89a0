//! The cost of a point of a metric.

use serde::{Deserialize, Serialize};

use super::paired::{apart, together};
use super::replicates::{Measured, ROUNDING, quantile, reached_tail, upper_quantile};
use super::resamples::Resamples;

/// An item's value and the cost of its answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Priced {
    /// The metric, where more is better.
    pub value: f64,
    /// The cost of the answer, in dollars, tokens or any other unit.
    pub cost: f64,
}

/// The extra cost of the first method over the second, and its gain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CostPerPoint {
    /// The extra cost of an answer; below 0 where it costs less.
    pub extra_cost: Measured,
    /// The gain of the metric.
    pub gain: Measured,
    /// The extra cost of an answer for each point gained, a point being 1 in the metric's unit. 0 where it gains and
    /// costs no more. `None` when nothing is gained: no price buys a point.
    pub price: Option<f64>,
    /// The interval's lower end, 0 or more. `None` where even that end gains nothing.
    pub low: Option<f64>,
    /// The interval's upper end. `None` is without bound: it may well be that nothing is gained.
    pub high: Option<f64>,
}

/// Computes the cost of a point: (cost of a − cost of b) / (value of a − value of b), both as means over all items.
///
/// The interval is by the same resamples and levels as [`Replicates::measured`](super::Replicates::measured), where a
/// resample without a gain has an endless price. This keeps it honest near a gain of 0, where ratios jump from +∞ to −∞
/// and their plain quantiles or standard errors mean nothing (Fieller 1954; Briggs, Wonderling and Mooney 1997 for
/// ratios of costs). With too few users for an interval it is all there is: from 0, without bound.
///
/// Values should be such that more is better: turn errors around. Items whose value or cost is not finite on either
/// side are left out. `None` when no item is left or when either side is not of the resamples' users.
pub fn cost_per_point(resamples: &Resamples, a: &[Vec<Priced>], b: &[Vec<Priced>], level: f64) -> Option<CostPerPoint> {
    let (users, _) = together(a, b, |item: &Priced| item.value.is_finite() && item.cost.is_finite())?;
    let mean_of = |difference: fn(&Priced, &Priced) -> f64| {
        let sums = users.iter().map(|pairs| {
            let sum: f64 = pairs.iter().map(|(a, b)| difference(a, b)).sum();
            (sum, pairs.len() as f64)
        });
        resamples.ratio(&sums.collect::<Vec<_>>())
    };
    let cost = mean_of(|a, b| apart(a.cost, b.cost))?;
    let gain = mean_of(|a, b| apart(a.value, b.value))?;
    let largest = gain.values().iter().fold(gain.value().abs(), |most, gain| most.max(gain.abs()));
    let price = |cost: f64, gain: f64| {
        let price = if gain > ROUNDING * largest { cost.max(0.0) / gain } else { f64::INFINITY };
        // Neither is NaN where both are means of the same items.
        if price.is_nan() { f64::INFINITY } else { price }
    };
    let mut prices: Vec<f64> =
        cost.values().iter().zip(gain.values()).map(|(&cost, &gain)| price(cost, gain)).collect();
    prices.sort_unstable_by(f64::total_cmp);
    let finite = |price: f64| price.is_finite().then_some(price);
    let drawn = users.iter().filter(|pairs| !pairs.is_empty()).count();
    let ends = reached_tail(drawn, level)
        .and_then(|tail| Some((quantile(&prices, tail)?, upper_quantile(&prices, tail)?)))
        .unwrap_or((0.0, f64::INFINITY));
    Some(CostPerPoint {
        price: finite(price(cost.value(), gain.value())),
        low: finite(ends.0),
        high: finite(ends.1),
        extra_cost: cost.measured(level),
        gain: gain.measured(level),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chance;

    /// Twelve users of ten items: `gain` and its spread between items, and what an answer costs more.
    fn compared(gain: f64, spread: f64, cost: f64) -> CostPerPoint {
        let mut chance = Chance::new(5);
        let mut items = |gain: f64, spread: f64, cost: f64| -> Vec<Vec<Priced>> {
            let mut item = || Priced { value: gain + spread * chance.normal(), cost: cost * (0.5 + chance.uniform()) };
            (0..12).map(|_| (0..10).map(|_| item()).collect()).collect()
        };
        let (a, b) = (items(0.5 + gain, spread, cost), items(0.5, 0.0, 0.0));
        cost_per_point(&Resamples::new(12, 2_000, 3), &a, &b, 0.95).unwrap()
    }

    #[test]
    fn a_sure_gain_has_a_price_between_bounds() {
        let found = compared(0.2, 0.1, 3.0);
        let (price, low, high) = (found.price.unwrap(), found.low.unwrap(), found.high.unwrap());
        assert!((13.0..17.0).contains(&price) && low < price && price < high && high < 20.0, "{found:?}");
        assert!((price - found.extra_cost.value / found.gain.value).abs() < 1e-12);
    }

    #[test]
    fn an_unsure_gain_has_a_price_without_bound() {
        let found = compared(0.2, 0.8, 3.0);
        assert!(found.price.is_some() && found.low.is_some_and(|low| low > 0.0) && found.high.is_none(), "{found:?}");
    }

    #[test]
    fn nothing_gained_has_no_price() {
        let found = compared(-0.2, 0.1, 3.0);
        assert_eq!((found.price, found.low, found.high), (None, None, None));
        assert!(found.gain.below_zero() && found.extra_cost.above_zero());
        let same = compared(0.0, 0.0, 3.0);
        assert_eq!((same.price, same.low, same.high, same.gain.value), (None, None, None, 0.0));
    }

    #[test]
    fn a_gain_that_saves_is_free() {
        let found = compared(0.2, 0.1, -3.0);
        assert_eq!((found.price, found.low, found.high), (Some(0.0), Some(0.0), Some(0.0)));
    }

    #[test]
    fn a_single_user_bounds_no_price() {
        let items = |value, cost| vec![vec![Priced { value, cost }]];
        let one = Resamples::new(1, 100, 1);
        let found = cost_per_point(&one, &items(1.0, 2.0), &items(0.5, 1.0), 0.95).unwrap();
        assert_eq!((found.price, found.low, found.high), (Some(2.0), Some(0.0), None));
        assert_eq!(cost_per_point(&one, &items(f64::NAN, 2.0), &items(0.5, 1.0), 0.95), None);
    }
}
