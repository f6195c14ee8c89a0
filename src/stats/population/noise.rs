//! Noise that protects what users responded, and what it promises.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::PopulationError;
use super::coins::WIDEST;

/// Noise under which a population is learned, so that what one user responded can hardly be told from it.
///
/// The seed must be fresh for every population and known to nobody, as a key: who knows it takes the noise off, and of two
/// populations with one seed the difference shows. A fixed one is for tests. The crate draws none, since it has no source of chance.
#[derive(Clone, PartialEq)]
pub struct Noise {
    pub(super) promise: Promise,
    pub(super) seed: [u8; 32],
}

/// What a population promises of its users' responses: the probability of any population is at most e^ε times, and δ more, what it
/// would be had one of the users responded otherwise throughout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// ε: the less, the more is hidden.
    pub epsilon: f64,
    /// δ: the chance of more than that.
    pub delta: f64,
}

/// δ, unless another is asked for. Fit for up to some 100,000 users: it should be well below one of them.
const DELTA: f64 = 1e-6;

impl Noise {
    /// Noise for this ε, from 0.01 to 1,000, with a δ of 10⁻⁶.
    ///
    /// # Errors
    /// [`PopulationError::NoPromise`] for another ε.
    pub fn new(epsilon: f64, seed: [u8; 32]) -> Result<Self, PopulationError> {
        Self { promise: Promise { epsilon, delta: DELTA }, seed }.checked()
    }

    /// Another δ, from 10⁻¹² to 10⁻³.
    ///
    /// # Errors
    /// [`PopulationError::NoPromise`] for another one.
    pub fn delta(mut self, delta: f64) -> Result<Self, PopulationError> {
        self.promise.delta = delta;
        self.checked()
    }

    fn checked(self) -> Result<Self, PopulationError> {
        if self.promise.is_one() { Ok(self) } else { Err(PopulationError::NoPromise) }
    }
}

impl fmt::Debug for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Noise").field("promise", &self.promise).finish_non_exhaustive()
    }
}

impl Promise {
    pub(super) fn is_one(&self) -> bool {
        (0.01..=1_000.0).contains(&self.epsilon) && (1e-12..=1e-3).contains(&self.delta)
    }

    /// ρ: the most concentrated differential privacy under which this holds.
    pub(super) fn rho(&self) -> f64 {
        // δ grows with ρ.
        let (mut low, mut high) = (1e-15_f64.ln(), 1e4_f64.ln());
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if delta_of(middle.exp(), self.epsilon) <= self.delta { low = middle } else { high = middle }
        }
        low.exp()
    }
}

/// δ of ρ-concentrated differential privacy at this ε: the least over α of exp((α − 1)(αρ − ε)) (1 − 1/α)^α / (α − 1). Whatever α
/// are looked at, it holds (Canonne, Kamath and Steinke 2020, proposition 12).
fn delta_of(rho: f64, epsilon: f64) -> f64 {
    let of = |step: i32| {
        let over = 10_f64.powf(f64::from(step) / 50.0);
        let alpha = 1.0 + over;
        over * (alpha * rho - epsilon) - over.ln() + alpha * (over / alpha).ln()
    };
    (-150..=400).map(of).fold(f64::INFINITY, f64::min).exp()
}

/// σ of a sum whose users move it by at most this much in all, for a share of ρ.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 2^28")]
pub(super) fn sigma(moves: f64, rho: f64) -> u128 {
    (moves / (2.0 * rho).sqrt()).ceil().clamp(1.0, WIDEST as f64) as u128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concentrated_privacy_is_that_of_the_known_formulas() {
        let rho = |epsilon, delta| Promise { epsilon, delta }.rho();
        for (epsilon, delta) in [(0.1, 1e-6), (1.0, 1e-6), (4.0, 1e-6), (1.0, 1e-9), (8.0, 1e-5)] {
            // ε = ρ + 2√(ρ ln 1/δ) is what a cruder bound says, so that more than its ρ is allowed, and less than twice that.
            let ln = (1.0_f64 / delta).ln();
            let crude = ((ln + epsilon).sqrt() - ln.sqrt()).powi(2);
            assert!((crude..2.0 * crude).contains(&rho(epsilon, delta)), "{epsilon} {delta}: {}", rho(epsilon, delta));
        }
        assert!(rho(2.0, 1e-6) > rho(1.0, 1e-6) && rho(1.0, 1e-5) > rho(1.0, 1e-6));
    }

    #[test]
    fn no_noise_of_a_gaussian_gives_more_than_it_promises() {
        // δ of a Gaussian at ε, exactly (Balle and Wang 2018): Φ(μ/2 − ε/μ) − e^ε Φ(−μ/2 − ε/μ), with μ = √(2ρ).
        use statrs::distribution::{ContinuousCDF, Normal};
        let phi = |x: f64| Normal::standard().cdf(x);
        for (epsilon, delta) in [(0.5, 1e-6), (1.0, 1e-6), (4.0, 1e-6), (2.0, 1e-4)] {
            let mu = (2.0 * Promise { epsilon, delta }.rho()).sqrt();
            let exact = phi(mu / 2.0 - epsilon / mu) - epsilon.exp() * phi(-mu / 2.0 - epsilon / mu);
            assert!(exact <= delta && exact > delta / 100.0, "{epsilon}: {exact}");
        }
    }

    #[test]
    fn what_is_no_promise_is_refused_and_no_seed_is_shown() {
        for epsilon in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e4] {
            assert_eq!(Noise::new(epsilon, [0; 32]), Err(PopulationError::NoPromise));
        }
        let noise = Noise::new(1.0, [171; 32]).unwrap();
        assert!(noise.clone().delta(0.5).is_err());
        assert!(!format!("{noise:?}").contains("171"));
    }
}
