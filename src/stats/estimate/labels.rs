use std::collections::BTreeMap;

use crate::data::{Calibration, MemoryItem};
use crate::stats::base_rate;

use super::{Seen, softmax};

/// Log-linear pool of factor propensities.
#[derive(Debug)]
pub(super) struct Labels {
    pub(super) responses: Vec<String>,
    /// By item: its response's place.
    pub(super) given: Vec<usize>,
    totals: Vec<f64>,
    /// By factor: interactions with each response.
    counts: Vec<Vec<f64>>,
    factors_of: Vec<Vec<usize>>,
}

impl Labels {
    pub(super) fn new(labels: &[String], items: &[MemoryItem], factors_of: &[Vec<usize>], factors: usize) -> Self {
        let place: BTreeMap<&str, usize> = labels.iter().enumerate().map(|(i, label)| (label.as_str(), i)).collect();
        let given: Vec<usize> =
            items.iter().map(|item| place.get(item.response()).copied().unwrap_or_default()).collect();
        let mut totals = vec![0.0; labels.len()];
        let mut counts = vec![vec![0.0; labels.len()]; factors];
        for (response, present) in given.iter().zip(factors_of) {
            if let Some(total) = totals.get_mut(*response) {
                *total += 1.0;
            }
            for factor in present {
                if let Some(count) = counts.get_mut(*factor).and_then(|row| row.get_mut(*response)) {
                    *count += 1.0;
                }
            }
        }
        Self { responses: labels.to_vec(), given, totals, counts, factors_of: factors_of.to_vec() }
    }

    pub(super) fn given(&self, left_out: Option<usize>) -> Option<usize> {
        left_out.and_then(|item| self.given.get(item)).copied()
    }

    pub(super) fn base(&self, left_out: Option<usize>) -> Vec<f64> {
        let out = self.given(left_out);
        let less = |place: usize| f64::from(u8::from(out == Some(place)));
        let n: f64 = self.totals.iter().sum::<f64>() - f64::from(u8::from(out.is_some()));
        let count = |(place, total): (usize, &f64)| {
            base_rate((total - less(place)).max(0.0), n.max(0.0), self.totals.len(), 1.0)
        };
        self.totals.iter().enumerate().map(count).collect()
    }

    /// `ln P(y) = ln π_y + t/√M · Σ_m (ln θ_my − ln π_y)`, over the M known factors of the query.
    pub(super) fn pool(&self, seen: &Seen<'_>, calibration: &Calibration, base: &[f64]) -> Vec<f64> {
        let out = self.given(seen.left_out);
        let own = seen.left_out.and_then(|item| self.factors_of.get(item)).map(Vec::as_slice).unwrap_or_default();
        let kappa = calibration.kappa.max(1e-6);
        let mut known = 0.0_f64;
        let mut sum = vec![0.0; base.len()];
        for factor in &seen.factors {
            let Some(row) = self.counts.get(*factor) else { continue };
            let leaves = out.is_some() && own.binary_search(factor).is_ok();
            let coverage = row.iter().sum::<f64>() - f64::from(u8::from(leaves));
            if coverage < 0.5 {
                continue;
            }
            known += 1.0;
            for (place, ((sum, count), base)) in sum.iter_mut().zip(row).zip(base).enumerate() {
                let count = if leaves && out == Some(place) { count - 1.0 } else { *count };
                *sum += ((count + kappa * base) / (coverage + kappa)).ln() - base.ln();
            }
        }
        let strength = calibration.pool / f64::sqrt(known.max(1.0));
        softmax(&base.iter().zip(&sum).map(|(base, sum)| base.ln() + strength * sum).collect::<Vec<f64>>())
    }
}
