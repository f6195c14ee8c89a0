//! The pool of labels: what responses go with the query's factors, all of them together.

use std::sync::OnceLock;

use crate::data::Calibration;
use crate::stats::base_rate;

use super::past::Past;
use super::ridge::{LAMBDA_FACTORS, Ridge};
use super::seen::Seen;
use super::shares::softmax;
use super::similar::{Term, Texts};

/// The base rates, moved by the factors of a query by kernel ridge regression of the responses on factors.
///
/// Factors that come together share their say: three names of one thing move an answer as one would.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    totals: Vec<f64>,
    /// By item: its factors.
    factors: Texts,
    /// Once asked for.
    ridge: OnceLock<Option<Ridge>>,
}

impl Labels {
    pub(super) fn count(past: &Past) -> Self {
        let mut totals = vec![0.0; past.responses.len()];
        for (response, weight) in past.given.iter().zip(&past.weights) {
            if let Some(total) = totals.get_mut(*response) {
                *total += weight;
            }
        }
        Self { totals, factors: Texts::of_places(past.ids.len(), &past.factors_of), ridge: OnceLock::new() }
    }

    pub(super) fn base(&self, past: &Past, left_out: Option<usize>) -> Vec<f64> {
        let (out, weight) = (past.given(left_out), past.weight(left_out));
        let less = |place: usize| if out == Some(place) { weight } else { 0.0 };
        let n: f64 = self.totals.iter().sum::<f64>() - weight;
        let count = |(place, total): (usize, &f64)| {
            base_rate((total - less(place)).max(0.0), n.max(0.0), self.totals.len(), 1.0)
        };
        self.totals.iter().enumerate().map(count).collect()
    }

    /// `ln P(y) = ln π_y + t · (ln p_y − ln π_y)` with the strength t of the calibration.
    pub(super) fn pool(&self, past: &Past, seen: &Seen<'_>, calibration: &Calibration, base: &[f64]) -> Vec<f64> {
        let evidence = self.evidence(past, seen, base, |boost| boost.min(1.0));
        let moved = |(base, evidence): (&f64, &f64)| base.ln() + calibration.pool * evidence;
        softmax(&base.iter().zip(&evidence).map(moved).collect::<Vec<f64>>())
    }

    /// `ln p_y − ln π_y` by response, where `p` are the probabilities by the query's factors, each of which counts by its
    /// share of its boost.
    pub(super) fn evidence(&self, past: &Past, seen: &Seen<'_>, base: &[f64], share: impl Fn(f64) -> f64) -> Vec<f64> {
        let Some(ridge) = self.ridge.get_or_init(|| Ridge::new(past, &self.factors, LAMBDA_FACTORS)) else {
            return vec![0.0; base.len()];
        };
        let terms: Vec<Term> = seen.factors.iter().map(|(place, _)| Term::of_place(*place)).collect();
        let left_out = seen.left_out.and_then(|item| Some((item, past.given(Some(item))?)));
        let share_of = |place: usize| seen.factors.get(place).map_or(0.0, |(_, boost)| share(*boost));
        let p = ridge.vote_shared(&terms, base, left_out, share_of);
        p.iter().zip(base).map(|(p, base)| p.max(f64::MIN_POSITIVE).ln() - base.ln()).collect()
    }
}
