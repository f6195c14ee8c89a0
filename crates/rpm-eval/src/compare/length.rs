//! The difference of two methods where both answers are of about the same length.

use serde::{Deserialize, Serialize};

use super::paired::{Pairs, apart, together};
use super::replicates::{Measured, ROUNDING, Replicates};
use super::resamples::Resamples;

/// By how much lengths may differ to count as alike, as a share of the longer one.
pub const SIMILAR_LENGTH: f64 = 0.2;

/// An item's value and the length of its answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The metric.
    pub value: f64,
    /// The answer's length, 0 or more, in words or any other unit.
    pub length: f64,
}

/// The difference of two methods, allowing for the length of their answers: many metrics of text favor the longer or
/// the shorter one whatever its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LengthMatched {
    /// Items that both methods answered with a value and a length.
    pub items: usize,
    /// Items among them whose answers are of similar length; see [`SIMILAR_LENGTH`].
    pub kept: usize,
    /// Users with such items.
    pub users: usize,
    /// The mean difference over all items.
    pub difference: Measured,
    /// The mean difference over items of similar length. `None` without any.
    pub matched: Option<Measured>,
    /// The difference at equal length, by a straight line through all items' differences. `None` when the lengths'
    /// differences are all the same and not 0.
    pub adjusted: Option<Measured>,
    /// By how much the difference rises for each unit of length that the first answer is longer. `None` when
    /// lengths do not differ differently.
    pub slope: Option<Measured>,
    /// True when one method's answers are always the longer: then `adjusted` lies outside of what was seen.
    pub extrapolated: bool,
}

/// Compares two methods at similar and at equal length, by their items in the same order.
///
/// `adjusted` is the intercept α of the least-squares line dᵢ = α + β·(length of a − length of b)ᵢ over all items, with
/// intervals by resampling users, so that items of one user may be alike. The idea of reading a comparison at a length
/// difference of zero is that of Dubois et al. 2024 (length-controlled `AlpacaEval`), there with a logistic model.
///
/// Items with a value that is not finite or a length that is not a number of at least 0, on either side, are left out.
/// `None` when no item is left or when either side is not of the resamples' users.
pub fn length_matched(
    resamples: &Resamples,
    a: &[Vec<Scored>],
    b: &[Vec<Scored>],
    level: f64,
) -> Option<LengthMatched> {
    let usable = |item: &Scored| item.value.is_finite() && item.length.is_finite() && item.length >= 0.0;
    let (users, _) = together(a, b, usable)?;
    let mean_of = |kept: &dyn Fn(&Scored, &Scored) -> bool| {
        let sums = users.iter().map(|pairs| {
            let kept = pairs.iter().filter(|(a, b)| kept(a, b));
            kept.fold((0.0, 0.0), |(sum, n), (a, b)| (sum + apart(a.value, b.value), n + 1.0))
        });
        resamples.ratio(&sums.collect::<Vec<_>>())
    };
    let similar = |a: &Scored, b: &Scored| (a.length - b.length).abs() <= SIMILAR_LENGTH * a.length.max(b.length);
    let kept = |pairs: &Vec<(&Scored, &Scored)>| pairs.iter().filter(|(a, b)| similar(a, b)).count();
    let difference = mean_of(&|_, _| true)?;
    let line = Line::of(&users);
    let fitted = |read: fn(&Line, &Fit) -> f64| {
        let fit = |times: &[u32]| Some(read(&line, &line.fit(times)?));
        let drawn = resamples.only(&line.users.iter().map(|user| user.n > 0.0).collect::<Vec<_>>());
        Some(drawn.replicates(fit)?.measured(level))
    };
    let measured = |replicates: &Replicates| replicates.measured(level);
    Some(LengthMatched {
        items: users.iter().map(Vec::len).sum(),
        kept: users.iter().map(kept).sum(),
        users: users.iter().filter(|pairs| kept(pairs) > 0).count(),
        matched: mean_of(&similar).as_ref().map(measured),
        // Without any difference in length, the mean is at equal length.
        adjusted: if line.always_equal() {
            Some(measured(&difference))
        } else {
            fitted(|line, fit| fit.middle - fit.slope * line.zero())
        },
        slope: fitted(|line, fit| fit.slope / line.unit),
        extrapolated: line.least > 0.0 || line.most < 0.0,
        difference: measured(&difference),
    })
}

/// The users' sums for a straight line. Lengths' differences are counted from their mean in units of their largest
/// distance from it, so that squares neither cancel nor overflow.
struct Line {
    users: Vec<Sums>,
    center: f64,
    unit: f64,
    least: f64,
    most: f64,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

/// A line's height where the length difference is the overall mean, and its slope per unit.
struct Fit {
    middle: f64,
    slope: f64,
}

impl Line {
    fn of(users: &Pairs<'_, Scored>) -> Self {
        let longer = |&(a, b): &(&Scored, &Scored)| a.length - b.length;
        let all = || users.iter().flatten().map(longer);
        let n = all().count().max(1) as f64;
        let center = all().map(|x| x / n).sum::<f64>();
        let (least, most) = all().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), x| (l.min(x), m.max(x)));
        let unit = (most - center).max(center - least);
        // Only rounding is left of differences that are all the same.
        let unit = if most - least > ROUNDING * most.abs().max(least.abs()) { unit } else { 1.0 };
        let users = users.iter().map(|pairs| {
            pairs.iter().fold(Sums::default(), |sums, pair| {
                let (x, y) = ((longer(pair) - center) / unit, apart(pair.0.value, pair.1.value));
                Sums { n: sums.n + 1.0, x: sums.x + x, y: sums.y + y, xx: sums.xx + x * x, xy: sums.xy + x * y }
            })
        });
        Self { users: users.collect(), center, unit, least, most }
    }

    /// The place where the length difference is 0, in units from the mean.
    fn zero(&self) -> f64 {
        self.center / self.unit
    }

    fn always_equal(&self) -> bool {
        self.least >= 0.0 && self.most <= 0.0
    }

    fn fit(&self, times: &[u32]) -> Option<Fit> {
        let mut all = Sums::default();
        for (&times, own) in times.iter().zip(&self.users) {
            let times = f64::from(times);
            all.n += times * own.n;
            all.x += times * own.x;
            all.y += times * own.y;
            all.xx += times * own.xx;
            all.xy += times * own.xy;
        }
        let (x, y) = (all.x / all.n, all.y / all.n);
        let spread = all.xx / all.n - x * x;
        if spread.is_nan() || spread <= 1e-9 {
            return None;
        }
        let slope = (all.xy / all.n - x * y) / spread;
        Some(Fit { middle: y - slope * x, slope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chance;

    fn scored(pairs: &[(f64, f64)]) -> Vec<Scored> {
        pairs.iter().map(|&(value, length)| Scored { value, length }).collect()
    }

    /// Sixteen users whose `b` gets 0.5 at length 40, and whose `a` gets what `value` makes of how much longer it is.
    fn simulated(
        value: impl Fn(f64, &mut Chance) -> f64,
        longer: impl Fn(&mut Chance) -> f64,
    ) -> [Vec<Vec<Scored>>; 2] {
        let mut chance = Chance::new(11);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..16 {
            let own: Vec<(f64, f64)> = (0..20)
                .map(|_| {
                    let longer = longer(&mut chance);
                    (0.5 + value(longer, &mut chance), 40.0 + longer)
                })
                .collect();
            a.push(scored(&own));
            b.push(scored(&[(0.5, 40.0); 20]));
        }
        [a, b]
    }

    #[test]
    fn a_difference_of_length_alone_vanishes_at_equal_length() {
        let value = |longer: f64, chance: &mut Chance| 0.01 * longer + 0.05 * chance.normal();
        let [a, b] = simulated(value, |chance| 40.0 * chance.uniform() - 10.0);
        let found = length_matched(&Resamples::new(16, 2_000, 1), &a, &b, 0.95).unwrap();
        assert!(found.difference.above_zero(), "{found:?}");
        let adjusted = found.adjusted.unwrap();
        assert!(adjusted.value.abs() < 0.015 && !adjusted.above_zero() && !adjusted.below_zero(), "{found:?}");
        assert!((found.slope.unwrap().value - 0.01).abs() < 0.001);
        assert!(found.matched.unwrap().value < 0.5 * found.difference.value);
        assert!(!found.extrapolated && found.items == 320 && (80..240).contains(&found.kept) && found.users == 16);
    }

    #[test]
    fn the_line_is_that_of_least_squares() {
        // numpy.polyfit([-3, 0, 2, 5], [.1, .2, .6, .5], 1)
        let a = [scored(&[(0.1, 7.0), (0.2, 10.0)]), scored(&[(0.6, 12.0), (0.5, 15.0)])];
        let b = [scored(&[(0.0, 10.0); 2]), scored(&[(0.0, 10.0); 2])];
        let found = length_matched(&Resamples::new(2, 100, 1), &a, &b, 0.95).unwrap();
        assert!((found.slope.unwrap().value - POLYFIT.0).abs() < 1e-12, "{found:?}");
        assert!((found.adjusted.unwrap().value - POLYFIT.1).abs() < 1e-12, "{found:?}");
        assert_eq!((found.items, found.kept, found.users), (4, 2, 2));
    }

    const POLYFIT: (f64, f64) = (0.058_823_529_411_764_705, 0.291_176_470_588_235_3);

    #[test]
    fn equal_lengths_need_no_adjustment_and_constant_ones_allow_none() {
        let noise = |_: f64, chance: &mut Chance| 0.1 + chance.normal();
        let [a, b] = simulated(noise, |_| 0.0);
        let equal = length_matched(&Resamples::new(16, 200, 1), &a, &b, 0.95).unwrap();
        assert_eq!((equal.adjusted, equal.matched), (Some(equal.difference), Some(equal.difference)));
        assert_eq!((equal.slope, equal.kept, equal.extrapolated), (None, 320, false));
        let [a, b] = simulated(noise, |_| 30.0);
        let longer = length_matched(&Resamples::new(16, 200, 1), &a, &b, 0.95).unwrap();
        assert_eq!((longer.adjusted, longer.matched, longer.slope), (None, None, None));
        assert!(longer.extrapolated && longer.kept == 0);
    }

    #[test]
    fn lengths_that_are_none_are_left_out() {
        let a = [scored(&[(1.0, f64::NAN), (1.0, -1.0), (f64::INFINITY, 2.0)])];
        let b = [scored(&[(1.0, 1.0); 3])];
        assert_eq!(length_matched(&Resamples::new(1, 10, 1), &a, &b, 0.95), None);
        assert_eq!(length_matched(&Resamples::new(2, 10, 1), &a, &a, 0.95), None);
    }
}
