//! Compares responses on a numeric scale with and without a factor.

use serde::{Deserialize, Serialize};

use super::fisher::fisher_exact;
use super::interval::{Interval, Tail, beta_quantile, beta_tails, solve_quantile, tail_of};

/// Count, sum and sum of squares of weighted values: all that a mean and a variance need.
///
/// Adding and then removing a value restores the sums exactly while weights and values are whole numbers (ratings with
/// weight 1, for instance) and the sums stay below 2⁵³, and to rounding otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Moments {
    /// Σ w, the number of values when all weigh 1.
    pub n: f64,
    /// Σ w·x, in the unit of the scale.
    pub sum: f64,
    /// Σ w·x², in the squared unit of the scale.
    pub sum_sq: f64,
}

impl Moments {
    /// Counts `value` in with `weight` (1 for a plain observation).
    ///
    /// Nothing happens unless the weight is positive and finite and the weighted square of the value is finite.
    pub fn add(&mut self, value: f64, weight: f64) {
        if let Some((weighted, squared)) = Self::terms(value, weight) {
            self.n += weight;
            self.sum += weighted;
            self.sum_sq += squared;
        }
    }

    /// Takes out a `value` that was added with the same `weight`.
    ///
    /// Ignores what [`Moments::add`] ignores. Once no weight is left all sums are 0, whatever rounding left in them.
    pub fn remove(&mut self, value: f64, weight: f64) {
        if let Some((weighted, squared)) = Self::terms(value, weight) {
            self.n -= weight;
            self.sum -= weighted;
            self.sum_sq = (self.sum_sq - squared).max(0.0);
            if self.n <= 0.0 {
                *self = Self::default();
            }
        }
    }

    /// Returns the mean; `None` without values or when the sums are not finite.
    pub fn mean(&self) -> Option<f64> {
        let mean = self.sum / self.n;
        (self.n > 0.0 && mean.is_finite()).then_some(mean)
    }

    /// Returns the unbiased variance, `(Σwx² − (Σwx)²/n) / (n − 1)`, at least 0; `None` below n = 2 or when the sums are
    /// not finite.
    ///
    /// A difference that cancellation alone explains is 0, so that equal values have no variance. Values whose spread is
    /// below 1e-6 of their size lose digits; store them relative to a middle value.
    pub fn variance(&self) -> Option<f64> {
        let mean = self.mean()?;
        let spread = self.sum_sq - self.sum * mean;
        if self.n < 2.0 || !self.n.is_finite() || !spread.is_finite() {
            return None;
        }
        let noise = 4.0 * f64::EPSILON * self.n * self.sum_sq;
        Some(if spread > noise { spread / (self.n - 1.0) } else { 0.0 })
    }

    fn terms(value: f64, weight: f64) -> Option<(f64, f64)> {
        let weighted = weight * value;
        let squared = weighted * value;
        (weight > 0.0 && weight.is_finite() && weighted.is_finite() && squared.is_finite())
            .then_some((weighted, squared))
    }
}

/// The distance between two means, with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeanDifference {
    /// Mean with the factor minus mean without, in the unit of the scale.
    pub difference: f64,
    /// Confidence interval of `difference`, in the unit of the scale.
    pub interval: Interval,
    /// Two-sided p-value of "no difference", in [0, 1].
    pub p: f64,
}

/// Compares two means without assuming equal variances.
///
/// `level` is the coverage of the interval, read as [`credible_interval`](super::credible_interval) reads
/// it. `None` when a side has n < 2 or sums that are not finite, or when the result would not be finite. Weights
/// count as frequencies: a value of weight 2 is two observations.
///
/// When one side does not vary at all, it is taken to vary as the other does, and the degrees of freedom are the other's:
/// a few equal values are no proof that the next one is the same, and Welch's interval would be too narrow. When neither
/// side varies there is no spread to estimate: the interval is the difference itself, and p is that of
/// [`fisher_exact`] on "which side, which value", 1 if the values agree. It stays honest for few values: 1/3 for two
/// against two.
///
/// Source: Welch 1947, with the degrees of freedom of Satterthwaite 1946.
pub fn mean_difference(with: &Moments, without: &Moments, level: f64) -> Option<MeanDifference> {
    let difference = with.mean()? - without.mean()?;
    // Who varies lends the variance to a side that does not.
    let (own, other, lender) = match (with.variance()?, without.variance()?) {
        (own, other) if own <= 0.0 => (other, other, Some(without)),
        (own, other) if other <= 0.0 => (own, own, Some(with)),
        (own, other) => (own, other, None),
    };
    let (own, other) = (own / with.n, other / without.n);
    let error = (own + other).sqrt();
    if !difference.is_finite() || !error.is_finite() {
        return None;
    }
    if error <= 0.0 {
        let interval = Interval { low: difference, high: difference };
        let noise = 8.0 * f64::EPSILON * (with.mean()?.abs() + without.mean()?.abs());
        let same = difference.abs() <= noise;
        let p = if same { 1.0 } else { fisher_exact(to_whole(with.n), 0, 0, to_whole(without.n)) };
        return Some(MeanDifference { difference, interval, p });
    }
    // Shares instead of squared variances: those could overflow or vanish.
    let share = own / (own + other);
    let inverse_dof = share * share / (with.n - 1.0) + (1.0 - share) * (1.0 - share) / (without.n - 1.0);
    let dof = lender.map_or(1.0 / inverse_dof, |lender| lender.n - 1.0).min(MAX_DOF);
    let margin = error * student_deviate(tail_of(level), dof);
    let interval = Interval { low: difference - margin, high: difference + margin };
    let p = student_two_sided(difference / error, dof);
    (interval.low.is_finite() && interval.high.is_finite()).then_some(MeanDifference { difference, interval, p })
}

/// Degrees of freedom from which on Student's distribution is the normal one to the last digit.
const MAX_DOF: f64 = 1e15;

/// Returns the probability outside [−|t|, |t|] with `dof` degrees of freedom, at least 1 (DLMF 8.17 with x = t²/(ν+t²)).
pub fn student_two_sided(t: f64, dof: f64) -> f64 {
    // Divided before it is squared, t overflows later.
    let scaled = t / dof.sqrt();
    let square = scaled * scaled;
    if square.is_infinite() {
        return 0.0;
    }
    beta_tails(0.5, dof / 2.0, square / (1.0 + square), 1.0 / (1.0 + square)).1
}

/// Returns the t >= 0 with probability `tail` above it.
pub fn student_deviate(tail: f64, dof: f64) -> f64 {
    // t²/ν = z/(1−z) with z from Beta(1/2, ν/2). Whichever of z and 1−z is small is solved for, so that neither rounds.
    let z = beta_quantile(0.5, dof / 2.0, 2.0 * tail, Tail::Upper);
    let ratio = if z < 0.5 {
        z / (1.0 - z)
    } else {
        let y = solve_quantile(dof / 2.0, 0.5, 2.0 * tail, Tail::Lower);
        (1.0 - y) / y
    };
    (ratio * dof).sqrt()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a finite n of at least 2; the cast saturates"
)]
fn to_whole(n: f64) -> u64 {
    n.round() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(got: f64, want: f64, relative: f64) -> bool {
        (got - want).abs() <= relative * want.abs()
    }

    fn moments(values: &[f64]) -> Moments {
        let mut moments = Moments::default();
        for &value in values {
            moments.add(value, 1.0);
        }
        moments
    }

    #[test]
    fn student_deviates_match_the_reference_table() {
        // scipy 1.17.1: t.isf(tail, dof)
        for (dof, tail, want) in [
            (1.0, 0.025, 12.706_204_736_174_705),
            (1.0, 5e-10, 636_619_772.367_581_4),
            (2.0, 5e-10, 31_622.776_577_966_713),
            (3.7, 0.05, 2.182_493_803_914_601_6),
            (30.0, 0.025, 2.042_272_456_301_238),
            (1e6, 0.025, 1.959_966_356_814_107_2),
            (1e15, 0.025, 1.959_963_984_540_056_7),
            (2.5, 0.4, 0.281_459_512_748_547_7),
        ] {
            let got = student_deviate(tail, dof);
            assert!(close(got, want, 1e-11), "{dof} {tail}: {got}, not {want}");
        }
    }

    #[test]
    fn student_tails_match_the_reference_table() {
        // scipy 1.17.1: 2 * t.sf(x, dof)
        for (t, dof, want) in [
            (1.0, 1.0, 0.5),
            (1e8, 1.0, 6.366_197_723_675_814e-9),
            (2.0, 1e10, 0.045_500_263_923_353_92),
            (50.0, 3.0, 1.761_715_204_127_197e-5),
            (-0.01, 7.0, 0.992_300_317_643_621_7),
        ] {
            let got = student_two_sided(t, dof);
            assert!(close(got, want, 1e-10), "{t} {dof}: {got}, not {want}");
        }
        assert!(student_two_sided(40.0, 1e6) < 1e-300);
        assert!(student_two_sided(f64::INFINITY, 1.0) < 1e-300);
    }

    #[test]
    fn fewer_than_two_values_have_no_difference() {
        let two = moments(&[1.0, 2.0]);
        assert_eq!(mean_difference(&two, &moments(&[1.0]), 0.95), None);
        assert_eq!(mean_difference(&Moments::default(), &two, 0.95), None);
        assert!(mean_difference(&two, &two, 0.95).is_some());
    }

    #[test]
    fn constant_sides_are_tested_exactly() {
        // Two against two can fall apart like this in 2 of 6 ways, three against seven in 1 of 120.
        let low = |n| moments(&vec![0.1; n]);
        let high = |n| moments(&vec![0.7; n]);
        let got = mean_difference(&low(2), &high(2), 0.95).unwrap();
        assert!(close(got.p, 1.0 / 3.0, 1e-12) && close(got.difference, -0.6, 1e-12));
        assert!(close(got.interval.low, -0.6, 1e-12) && close(got.interval.high, -0.6, 1e-12));
        assert!(close(mean_difference(&low(3), &high(7), 0.95).unwrap().p, 1.0 / 120.0, 1e-12));
        assert!(close(mean_difference(&low(3), &low(7), 0.95).unwrap().p, 1.0, 0.0));
    }

    #[test]
    fn weights_count_as_frequencies() {
        let mut weighted = Moments::default();
        weighted.add(1.0, 2.0);
        weighted.add(4.0, 3.0);
        assert_eq!(weighted, moments(&[1.0, 1.0, 4.0, 4.0, 4.0]));
    }

    #[test]
    fn what_cannot_be_summed_is_ignored() {
        let before = moments(&[1.0, 2.0]);
        let mut after = before;
        for (value, weight) in
            [(f64::NAN, 1.0), (f64::INFINITY, 1.0), (1e200, 1.0), (1.0, 0.0), (1.0, -1.0), (1.0, f64::NAN)]
        {
            after.add(value, weight);
            after.remove(value, weight);
        }
        assert_eq!(after, before);
    }

    proptest! {
        #[test]
        fn removing_what_was_added_restores_the_sums(
            kept in proptest::collection::vec(-100..100_i32, 0..20), gone in proptest::collection::vec(-100..100_i32, 0..20),
        ) {
            let as_floats = |values: &[i32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
            let want = moments(&as_floats(&kept));
            let mut got = want;
            for value in as_floats(&gone) {
                got.add(value, 1.0);
            }
            for value in as_floats(&gone) {
                got.remove(value, 1.0);
            }
            prop_assert_eq!(got, want);
        }

        #[test]
        fn no_float_gets_a_nan_out(v in proptest::collection::vec(any::<f64>(), 7), level in any::<f64>()) {
            let a = Moments { n: v[0], sum: v[1], sum_sq: v[2] };
            let b = Moments { n: v[3], sum: v[4], sum_sq: v[5] };
            for (with, without) in [(&a, &b), (&a, &moments(&[1.0, 2.0])), (&moments(&[v[6], v[5]]), &b)] {
                if let Some(got) = mean_difference(with, without, level) {
                    prop_assert!(got.difference.is_finite() && (0.0..=1.0).contains(&got.p));
                    prop_assert!(got.interval.low <= got.difference && got.difference <= got.interval.high);
                    prop_assert!(got.interval.low.is_finite() && got.interval.high.is_finite());
                }
            }
        }

        #[test]
        fn sensible_sums_always_compare(
            x in proptest::collection::vec(-1e6..1e6_f64, 2..20), y in proptest::collection::vec(-1e6..1e6_f64, 2..20),
            level in 0.0..=1.0_f64,
        ) {
            let got = mean_difference(&moments(&x), &moments(&y), level).unwrap();
            let mirrored = mean_difference(&moments(&y), &moments(&x), level).unwrap();
            prop_assert!((0.0..=1.0).contains(&got.p) && got.interval.low <= got.interval.high);
            prop_assert!((got.difference + mirrored.difference).abs() < 1e-6);
            prop_assert!(close(got.p, mirrored.p, 1e-9));
        }
    }
}
