//! Compares responses on a numeric scale with and without a factor.

use serde::{Deserialize, Serialize};

use super::posterior::{Interval, Tail, beta_quantile, beta_tails, solve_quantile, tail_of};
use super::significance::fisher_exact;

/// Count, sum and sum of squares of weighted values: all that a mean and a variance need.
///
/// Adding and then removing a value restores the sums exactly while weights and values are whole numbers (ratings with
/// weight 1, say) and the sums stay below 2⁵³, and to rounding otherwise.
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
    /// A difference that cancellation alone explains is 0, so that equal values have no variance.
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

/// How far apart two means are, and how surely.
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
/// `level` is the coverage of the interval, read as [`credible_interval`](super::posterior::credible_interval) reads
/// it. `None` when a side has n < 2 or sums that are not finite, or when the result would not be finite. Weights
/// count as frequencies: a value of weight 2 is two observations.
///
/// When neither side varies there is no spread to estimate: the interval is the difference itself, and p is that of
/// [`fisher_exact`] on "which side, which value", 1 if the values agree. It stays honest for few values: 1/3 for two
/// against two.
///
/// Source: Welch 1947, with the degrees of freedom of Satterthwaite 1946.
pub fn mean_difference(with: &Moments, without: &Moments, level: f64) -> Option<MeanDifference> {
    let difference = with.mean()? - without.mean()?;
    let (own, other) = (with.variance()? / with.n, without.variance()? / without.n);
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
    let dof = (1.0 / inverse_dof).min(MAX_DOF);
    let margin = error * student_deviate(tail_of(level), dof);
    let interval = Interval { low: difference - margin, high: difference + margin };
    let p = student_two_sided(difference / error, dof);
    (interval.low.is_finite() && interval.high.is_finite()).then_some(MeanDifference { difference, interval, p })
}

/// From here on Student's distribution is the normal one to the last digit.
const MAX_DOF: f64 = 1e15;

/// Returns the probability outside [−|t|, |t|] with `dof` degrees of freedom, at least 1 (DLMF 8.17 with x = t²/(ν+t²)).
fn student_two_sided(t: f64, dof: f64) -> f64 {
    // Divided before it is squared, t overflows later.
    let scaled = t / dof.sqrt();
    let square = scaled * scaled;
    if square.is_infinite() {
        return 0.0;
    }
    beta_tails(0.5, dof / 2.0, square / (1.0 + square), 1.0 / (1.0 + square)).1
}

/// Returns the t >= 0 with probability `tail` above it.
fn student_deviate(tail: f64, dof: f64) -> f64 {
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
