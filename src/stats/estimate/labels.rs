//! The pool of labels: propensities of factors, log-linearly.

use crate::data::Calibration;
use crate::stats::base_rate;

use super::past::Past;
use super::seen::Seen;
use super::shares::softmax;

/// Log-linear pool of factor propensities.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    totals: Vec<f64>,
    /// By factor: weight of the interactions with each response.
    counts: Vec<Vec<f64>>,
}

impl Labels {
    pub(super) fn count(past: &Past) -> Self {
        let responses = past.responses.len();
        let mut totals = vec![0.0; responses];
        let mut counts = vec![vec![0.0; responses]; past.ids.len()];
        for ((response, present), weight) in past.given.iter().zip(&past.factors_of).zip(&past.weights) {
            if let Some(total) = totals.get_mut(*response) {
                *total += weight;
            }
            for factor in present {
                if let Some(count) = counts.get_mut(*factor).and_then(|row| row.get_mut(*response)) {
                    *count += weight;
                }
            }
        }
        Self { totals, counts }
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

    /// `ln P(y) = ln π_y + t/√M · Σ_m (ln θ_my − ln π_y)`, over the M known factors of the query.
    pub(super) fn pool(&self, past: &Past, seen: &Seen<'_>, calibration: &Calibration, base: &[f64]) -> Vec<f64> {
        let evidence = self.evidence(past, seen, calibration, base, |boost| boost.min(1.0));
        softmax(
            &base
                .iter()
                .zip(&evidence)
                .map(|(base, evidence)| base.ln() + calibration.pool * evidence)
                .collect::<Vec<f64>>(),
        )
    }

    /// `Σ_m s_m · (ln θ_my − ln π_y) / √M` by response, with the factors' shares s of their boosts.
    pub(super) fn evidence(
        &self,
        past: &Past,
        seen: &Seen<'_>,
        calibration: &Calibration,
        base: &[f64],
        share: impl Fn(f64) -> f64,
    ) -> Vec<f64> {
        let out = past.given(seen.left_out);
        let kappa = calibration.kappa.max(1e-6);
        let mut known = 0.0_f64;
        let mut sum = vec![0.0; base.len()];
        for (factor, boost) in &seen.factors {
            let Some(row) = self.counts.get(*factor) else { continue };
            let leaves = past.leaves(seen.left_out, *factor);
            let coverage = row.iter().sum::<f64>() - leaves.unwrap_or_default();
            if coverage <= 0.0 {
                continue;
            }
            known += 1.0;
            let share = share(*boost);
            for (place, ((sum, count), base)) in sum.iter_mut().zip(row).zip(base).enumerate() {
                let less = leaves.filter(|_| out == Some(place)).unwrap_or_default();
                *sum += share * (((count - less + kappa * base) / (coverage + kappa)).ln() - base.ln());
            }
        }
        sum.iter().map(|sum| sum / known.max(1.0).sqrt()).collect()
    }
}
