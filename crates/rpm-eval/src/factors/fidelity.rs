//! How much of the estimate's gain over the user's base answer its factors carry by themselves.

use serde::Serialize;

use crate::compare::{RESAMPLES, Resamples, paired};

use super::later::SIGNIFICANT;

/// The seed of the resamples by which a gain is told from chance.
const SEED: u64 = 0;

/// The values of one user's test items under the three ways to answer, item by item; a higher one is better.
#[derive(Debug, Clone, Default)]
pub(super) struct Scores {
    pub(super) estimate: Vec<f64>,
    /// By the factors alone; empty where the estimate has no such part.
    pub(super) factors: Vec<f64>,
    /// The same where no feature belongs to a factor.
    pub(super) tone: Vec<f64>,
    pub(super) base: Vec<f64>,
}

/// The whole estimate, the one by factors alone, and the user's base answer on the same items.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Gain {
    /// The test items, of all users.
    pub items: usize,
    /// The mean of the whole estimate.
    pub estimate: f64,
    /// The mean of the estimate by the factors alone; `None` where the estimate has no such part.
    pub factors: Option<f64>,
    /// The mean of that estimate where no feature belongs to a factor: on a scale the tone of words is left, else the base
    /// rates. What is not above this, the factors did not bring.
    pub tone: Option<f64>,
    /// The mean of the user's base answer: the most frequent response, or the median.
    pub base: f64,
    /// How surely the whole estimate is better than the base answer: the larger of the two p-values of
    /// [`Paired`](crate::compare::Paired), by resampling users and by swapping both answers for whole users.
    pub p: f64,
    /// (factors − base) / (estimate − base); `None` where the estimate is not significantly better than the base answer.
    pub fidelity: Option<f64>,
}

impl Gain {
    /// Compares over all users; `None` without items.
    pub(super) fn of(users: &[Scores]) -> Option<Self> {
        let side = |side: fn(&Scores) -> &Vec<f64>| users.iter().map(|user| side(user).clone()).collect::<Vec<_>>();
        let (estimates, bases) = (side(|user| &user.estimate), side(|user| &user.base));
        let compared = paired(&Resamples::new(users.len(), RESAMPLES, SEED), &estimates, &bases, 0.95)?;
        let (estimate, base) = (mean(&estimates)?, mean(&bases)?);
        let factors = mean(&side(|user| &user.factors));
        let tone = mean(&side(|user| &user.tone));
        let p = compared.p.max(compared.sign_flip_p);
        let gained = estimate > base && p <= SIGNIFICANT;
        let fidelity = factors.filter(|_| gained).map(|factors| (factors - base) / (estimate - base));
        let items = estimates.iter().map(Vec::len).sum();
        Some(Self { items, estimate, factors, tone, base, p, fidelity })
    }

    /// The same of errors, which were compared as their negatives.
    pub(super) fn of_errors(self) -> Self {
        let turned = |mean: f64| -mean;
        Self {
            estimate: -self.estimate,
            factors: self.factors.map(turned),
            tone: self.tone.map(turned),
            base: -self.base,
            ..self
        }
    }
}

/// The mean over all items of all users.
fn mean(users: &[Vec<f64>]) -> Option<f64> {
    let items: usize = users.iter().map(Vec::len).sum();
    (items > 0).then(|| users.iter().flatten().sum::<f64>() / items as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(n: usize, scores: &Scores) -> Vec<Scores> {
        vec![scores.clone(); n]
    }

    #[test]
    fn fidelity_is_the_factors_part_of_the_gain() {
        let scores = Scores {
            estimate: vec![1.0, 1.0, 1.0, 0.0],
            factors: vec![1.0, 0.0, 1.0, 0.0],
            tone: vec![1.0, 0.0, 0.0, 0.0],
            base: vec![1.0, 0.0, 0.0, 0.0],
        };
        let gain = Gain::of(&users(12, &scores)).unwrap();
        assert_eq!((gain.items, gain.estimate, gain.factors, gain.base), (48, 0.75, Some(0.5), 0.25));
        assert_eq!(gain.tone, Some(0.25));
        assert!(gain.p <= 0.05 && (gain.fidelity.unwrap() - 0.5).abs() < 1e-12, "{gain:?}");
    }

    #[test]
    fn errors_are_compared_by_how_much_smaller_they_are() {
        let scores = Scores { estimate: vec![-0.5], factors: vec![-0.625], tone: vec![-0.75], base: vec![-1.0] };
        let gain = Gain::of(&users(12, &scores)).unwrap().of_errors();
        assert_eq!((gain.estimate, gain.factors, gain.tone, gain.base), (0.5, Some(0.625), Some(0.75), 1.0));
        assert!((gain.fidelity.unwrap() - 0.75).abs() < 1e-12);
    }

    #[test]
    fn without_a_sure_gain_there_is_no_fidelity() {
        let scores = |estimate: f64, base: f64| Scores {
            estimate: vec![estimate, 1.0],
            factors: vec![1.0, 1.0],
            tone: vec![1.0, 1.0],
            base: vec![base, 1.0],
        };
        let (worse, better) = (scores(0.0, 1.0), scores(1.0, 0.0));
        let mixed = [users(6, &worse), users(7, &better)].concat();
        for scores in [users(12, &worse), mixed, users(2, &better)] {
            assert_eq!(Gain::of(&scores).unwrap().fidelity, None);
        }
        let no_part = Scores { factors: Vec::new(), ..better };
        let gain = Gain::of(&users(12, &no_part)).unwrap();
        assert_eq!((gain.factors, gain.fidelity), (None, None));
        assert_eq!(Gain::of(&[]), None);
        assert_eq!(Gain::of(&[Scores::default()]), None);
    }
}
