//! A statistic on every resample, with its interval and p-value.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use rpm_core::stats::{Interval, normal_deviate, student_deviate, student_two_sided, tail_of};

/// With a larger share of resamples on which a statistic is not defined there is no interval: as much as an interval of
/// 95 % leaves outside.
pub const MOST_UNDEFINED: f64 = 0.05;

/// A value smaller than this, relative to the others, is rounding and counts as 0.
pub(super) const ROUNDING: f64 = 1e-12;

/// A value with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Measured {
    /// On the users as they are.
    pub value: f64,
    /// The range in which the value of all such users probably is. `None` when there are too few users; see
    /// [`Replicates::measured`].
    pub interval: Option<Interval>,
}

impl Measured {
    /// True when the whole interval is above 0.
    pub fn above_zero(&self) -> bool {
        self.interval.is_some_and(|interval| interval.low > 0.0)
    }

    /// True when the whole interval is below 0.
    pub fn below_zero(&self) -> bool {
        self.interval.is_some_and(|interval| interval.high < 0.0)
    }
}

/// A statistic on the users as they are and on every resample of them.
#[derive(Debug, Clone)]
pub struct Replicates {
    value: f64,
    /// In the resamples' order; NaN where it is not defined.
    values: Vec<f64>,
    /// The number of users drawn.
    users: usize,
    /// Up to which size a value is rounding.
    noise: f64,
    /// Which draws these are.
    draws: u64,
}

impl Replicates {
    pub(super) fn new(value: f64, values: Vec<f64>, users: usize, draws: u64) -> Self {
        // `max` passes over NaN.
        let largest = values.iter().fold(value.abs(), |most, value| most.max(value.abs()));
        Self { value, values, users, noise: ROUNDING * largest, draws }
    }

    /// The statistic on the users as they are.
    pub fn value(&self) -> f64 {
        self.without_noise(self.value)
    }

    fn without_noise(&self, value: f64) -> f64 {
        if value.abs() <= self.noise { 0.0 } else { value }
    }

    /// The statistic on each resample, in the same order for all statistics of the same resamples; NaN where it is not
    /// defined.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// The value with its interval, whose coverage is `level` (0.95 for instance).
    ///
    /// The interval is the *expanded percentile* interval: the α′ and 1 − α′ quantiles of the resamples, where
    /// α′ = Φ(−√(n/(n−1)) · t) for n users and the t which Student's distribution with n − 1 degrees of freedom has
    /// (1 − `level`)/2 above (Hesterberg 2015, section 5.3). The plain percentile interval (Efron and Tibshirani 1993,
    /// section 13.3) is too narrow for few users: it takes the variation between those drawn for that between all.
    ///
    /// The share of 95 % intervals that hold the truth, simulated with users of 5 to 50 items whose variance is by 0.1,
    /// 0.3 and 0.5 between users (least and most of the three; standard error 0.006):
    ///
    /// | | users | plain | expanded | `BCa` | `BCa` expanded | over items |
    /// |---|---|---|---|---|---|---|
    /// | differences | 8 | 0.88–0.88 | 0.93–0.94 | 0.87–0.88 | 0.93–0.93 | 0.38–0.65 |
    /// | | 24 | 0.92–0.94 | 0.93–0.96 | 0.91–0.93 | 0.93–0.95 | 0.39–0.65 |
    /// | | 64 | 0.94–0.95 | 0.95–0.95 | 0.94–0.94 | 0.95–0.95 | 0.36–0.64 |
    /// | accuracy of 0.85 | 8 | 0.79–0.86 | 0.85–0.92 | 0.83–0.87 | 0.87–0.93 | 0.35–0.66 |
    /// | | 24 | 0.89–0.92 | 0.90–0.93 | 0.91–0.93 | 0.93–0.94 | 0.37–0.64 |
    /// | | 64 | 0.93–0.94 | 0.93–0.95 | 0.93–0.95 | 0.94–0.96 | 0.36–0.65 |
    ///
    /// `BCa` (Efron and Tibshirani, section 14.3) corrects for skewness, not for few users. With the same expansion it
    /// gains up to 0.03 for few users' shares near 1 and loses up to 0.01 for differences, which are what methods are
    /// told apart by; so it is not used. Read the interval of a single share near 0 or 1 of few users with that in
    /// mind.
    ///
    /// There is no interval when users are too few for the level: for n users the range of all of them holds the center
    /// with probability 1 − 2^(1−n) (the sign test's bound), which for 95 % asks for six. Nor is there one when more
    /// than [`MOST_UNDEFINED`] of the resamples leave the statistic undefined; below that they are passed over.
    pub fn measured(&self, level: f64) -> Measured {
        Measured { value: self.value(), interval: self.interval(level) }
    }

    fn interval(&self, level: f64) -> Option<Interval> {
        let sorted = self.defined()?;
        let tail = reached_tail(self.users, level)?;
        let [low, high] = [quantile(&sorted, tail)?, upper_quantile(&sorted, tail)?].map(|end| self.without_noise(end));
        // Rounding could have the ends of a flat list pass each other.
        Some(Interval { low, high: high.max(low) })
    }

    /// Two-sided p-value of "the true value is 0": the smallest 1 − `level` whose interval leaves 0 outside.
    ///
    /// The share of resamples on the far side of 0 (the smaller one, each counted with one resample more, so that p is
    /// never 0: Davison and Hinkley 1997, section 4.2) is put through the same expansion as the interval's: the
    /// achieved significance level by inverting the percentile interval (Efron and Tibshirani 1993, section 15.4).
    /// At least 2^(1−n), which n users' signs allow at most. 1 when there can be no interval.
    pub fn p(&self) -> f64 {
        let Some(sorted) = self.defined().filter(|_| self.users > 1) else { return 1.0 };
        let at_most = sorted.iter().filter(|&&value| value <= self.noise).count();
        let at_least = sorted.iter().filter(|&&value| value >= -self.noise).count();
        let tail = (at_most.min(at_least) + 1) as f64 / (sorted.len() + 1) as f64;
        if tail >= 0.5 {
            return 1.0;
        }
        let t = normal_deviate(tail) / expansion(self.users);
        student_two_sided(t, self.users as f64 - 1.0).max(least_p(self.users)).min(1.0)
    }

    /// This statistic less another one of the same resamples. `None` when they are of others, or of other users.
    pub fn minus(&self, other: &Self) -> Option<Self> {
        Self::combined(&[(1.0, self), (-1.0, other)])
    }

    /// The sum of statistics of the same resamples, each times a weight. `None` when there are none, when they are of
    /// different resamples or users, or when the sum is not finite.
    pub fn combined(parts: &[(f64, &Self)]) -> Option<Self> {
        let (_, first) = parts.first()?;
        if parts.iter().any(|(_, part)| part.draws != first.draws || part.values.len() != first.values.len()) {
            return None;
        }
        let mut values = vec![0.0; first.values.len()];
        for (weight, part) in parts {
            values.iter_mut().zip(&part.values).for_each(|(sum, value)| *sum += weight * value);
        }
        let value: f64 = parts.iter().map(|(weight, part)| weight * part.value).sum();
        let noise = parts.iter().map(|(weight, part)| weight.abs() * part.noise).sum();
        value.is_finite().then_some(Self { value, values, noise, ..(*first).clone() })
    }

    /// The values in ascending order; `None` when too many are not defined.
    fn defined(&self) -> Option<Vec<f64>> {
        let mut sorted: Vec<f64> = self.values.iter().copied().filter(|value| value.is_finite()).collect();
        let undefined = self.values.len() - sorted.len();
        sorted.sort_unstable_by(f64::total_cmp);
        (!sorted.is_empty() && undefined as f64 <= MOST_UNDEFINED * self.values.len() as f64).then_some(sorted)
    }
}

/// By how much the normal deviate of a tail falls short of Student's: √(n/(n−1)).
fn expansion(users: usize) -> f64 {
    (users as f64 / (users as f64 - 1.0)).sqrt()
}

/// The smallest p-value that the signs of so many users allow.
fn least_p(users: usize) -> f64 {
    (1.0 - users as f64).exp2()
}

/// The share of resamples below an interval of this level; `None` when users are too few for it.
pub(super) fn reached_tail(users: usize, level: f64) -> Option<f64> {
    let tail = tail_of(level);
    let few = users < 2 || least_p(users) > 2.0 * tail;
    (!few).then(|| Normal::standard().cdf(-expansion(users) * student_deviate(tail, users as f64 - 1.0)))
}

/// The quantile of ascending numbers, of which there may be infinite ones: linear between places of (n + 1) · share.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let (at, between) = place(sorted.len(), share);
    mix(*sorted.get(at)?, sorted.get(at + 1).copied(), between)
}

/// The quantile with as much above it: the same as of the negated numbers, to the bit.
pub(super) fn upper_quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let (at, between) = place(sorted.len(), share);
    let back = sorted.len().checked_sub(at + 1)?;
    mix(*sorted.get(back)?, back.checked_sub(1).and_then(|next| sorted.get(next)).copied(), between)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place within the list")]
fn place(n: usize, share: f64) -> (usize, f64) {
    let place = ((n + 1) as f64 * share - 1.0).clamp(0.0, n.saturating_sub(1) as f64);
    (place.floor() as usize, place.fract())
}

fn mix(at: f64, next: Option<f64>, between: f64) -> Option<f64> {
    // Infinity times 0 would be NaN.
    let next = next.filter(|_| between > 0.0).unwrap_or(at);
    let mixed = if between > 0.0 { at * (1.0 - between) + next * between } else { at };
    // Rounding leads out of neither.
    let mixed = mixed.max(at.min(next)).min(at.max(next));
    (!mixed.is_nan()).then_some(mixed)
}

#[cfg(test)]
mod tests {
    use super::super::Resamples;
    use super::*;

    fn replicates(values: Vec<f64>, users: usize) -> Replicates {
        Replicates::new(1.0, values, users, 0)
    }

    #[test]
    fn quantiles_are_at_places_of_one_more_than_the_count() {
        let sorted: Vec<f64> = (1..=9).map(f64::from).collect();
        for (share, low) in [(0.1, 1.0), (0.25, 2.5), (0.5, 5.0), (0.0, 1.0), (0.001, 1.0)] {
            assert!((quantile(&sorted, share).unwrap() - low).abs() < 1e-12);
            assert!((upper_quantile(&sorted, share).unwrap() - (10.0 - low)).abs() < 1e-12);
        }
        assert_eq!((quantile(&[], 0.1), upper_quantile(&[], 0.1)), (None, None));
        assert_eq!(quantile(&[2.0], 0.3), Some(2.0));
        let endless = [1.0, f64::INFINITY, f64::INFINITY];
        assert_eq!((quantile(&endless, 0.25), upper_quantile(&endless, 0.3)), (Some(1.0), Some(f64::INFINITY)));
    }

    #[test]
    fn the_tail_is_expanded_for_few_users_and_as_asked_for_many() {
        // scipy.stats.norm.cdf(-(n/(n-1))**.5 * scipy.stats.t.isf(.025, n-1)) for n = 6, 24, 64
        for (users, tail) in TAILS {
            assert!((reached_tail(users, 0.95).unwrap() / tail - 1.0).abs() < 1e-9, "{users}");
        }
        assert!((reached_tail(1_000_000, 0.95).unwrap() - 0.025).abs() < 1e-6);
    }

    const TAILS: [(usize, f64); 3] =
        [(6, 0.002_431_803_174_611_556_3), (24, 0.017_293_967_308_914_05), (64, 0.021_997_526_227_984_16)];

    #[test]
    fn too_few_users_have_a_value_and_no_interval() {
        let items = |users: u32| (0..users).map(|user| vec![f64::from(user)]).collect::<Vec<_>>();
        let measured =
            |users: u32, level| Resamples::new(users as usize, 200, 1).mean(&items(users)).unwrap().measured(level);
        assert_eq!(measured(1, 0.95), Measured { value: 0.0, interval: None });
        assert_eq!(measured(5, 0.95), Measured { value: 2.0, interval: None });
        assert!(measured(6, 0.95).interval.is_some() && measured(5, 0.9).interval.is_some());
    }

    #[test]
    fn some_undefined_resamples_are_passed_over_and_many_are_not() {
        let with = |undefined: usize| {
            let values = (0..100).map(|at| if at < undefined { f64::NAN } else { at as f64 }).collect();
            replicates(values, 20)
        };
        assert!(with(5).measured(0.95).interval.is_some_and(|interval| interval.low >= 5.0));
        assert_eq!((with(6).measured(0.95).interval, with(6).p()), (None, 1.0));
        assert_eq!((with(100).measured(0.95).interval, with(100).p()), (None, 1.0));
    }

    #[test]
    fn p_is_where_the_interval_first_leaves_zero_outside() {
        // 40 of 1,999 are below zero: (40 + 1) / 2,000 of the resamples.
        let values: Vec<f64> = (0..1_999).map(|at| f64::from(at) - 39.5).collect();
        let p = replicates(values.clone(), 20).p();
        let low = |level| replicates(values.clone(), 20).measured(level).interval.unwrap().low;
        assert!(low(1.0 - p - 1e-6) > 0.0 && low(1.0 - p + 2e-2) < 0.0, "{p}");
        assert!((replicates(values, 1_000_000).p() - 0.041).abs() < 1e-4);
    }

    #[test]
    fn p_is_no_smaller_than_the_users_signs_allow() {
        assert!((replicates(vec![1.0; 1_999], 5).p() - 0.0625).abs() < 1e-15);
        assert!((replicates(vec![0.0; 1_999], 5).p() - 1.0).abs() < 1e-15);
        assert!((replicates(vec![1.0; 1_999], 1).p() - 1.0).abs() < 1e-15);
        assert!(replicates(vec![1.0; 1_999], 60).p() > 0.0005);
    }

    #[test]
    fn only_replicates_of_the_same_draws_are_subtracted() {
        let mean = |seed, items: &[Vec<f64>]| Resamples::new(items.len(), 100, seed).mean(items).unwrap();
        let (one, two) = (vec![vec![1.0], vec![2.0, 4.0]], vec![vec![0.5], vec![1.0]]);
        let both = mean(1, &one).minus(&mean(1, &two)).unwrap();
        assert!((both.value() - (7.0 / 3.0 - 0.75)).abs() < 1e-12);
        assert!(mean(1, &one).minus(&mean(2, &two)).is_none());
        assert!(mean(1, &one).minus(&mean(1, &[vec![1.0], vec![]])).is_none());
        assert!(Replicates::combined(&[]).is_none());
        assert!(Replicates::combined(&[(f64::NAN, &mean(1, &one))]).is_none());
    }
}
