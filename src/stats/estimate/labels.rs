//! Labels: the base rates, moved by regressions on words and on factors.

use ndarray::{Array1, Array2};

use crate::stats::base_rate;

use super::fits::Targets;
use super::past::Past;

/// The counts of labels, and how parts of a regression become parts of their probabilities.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    totals: Vec<f64>,
}

/// λ of words: an interaction's own share of chance, in units of its likeness to itself, which is 1.
const LAMBDA_WORDS: f64 = 0.5;
/// λ of factors, of which a query has few: two interactions with the same ones are alike by chance more often.
const LAMBDA_FACTORS: f64 = 2.0;
/// The least probability of a response, in parts of its base rate.
const LEAST: f64 = 0.1;

impl Labels {
    pub(super) fn count(past: &Past) -> Self {
        let mut totals = vec![0.0; past.responses.len()];
        for (response, weight) in past.given.iter().zip(&past.weights) {
            if let Some(total) = totals.get_mut(*response) {
                *total += weight;
            }
        }
        Self { totals }
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

    /// What is regressed: whether each response was given, and 1, so that the base rates may be any.
    pub(super) fn targets(&self) -> Targets {
        let responses = self.totals.len();
        Targets {
            lambda_words: LAMBDA_WORDS,
            lambda_factors: LAMBDA_FACTORS,
            columns: responses + 1,
            of: Box::new(move |past, item, column| {
                let given = column == responses || past.given(Some(item)) == Some(column);
                f64::from(u8::from(given))
            }),
        }
    }

    /// `o_y − π_y · 1` of the targets.
    pub(super) fn combined(base: &[f64]) -> Array2<f64> {
        let mut combined = Array2::zeros((base.len() + 1, base.len()));
        for (y, rate) in base.iter().enumerate() {
            for (row, value) in [(y, 1.0), (base.len(), -rate)] {
                if let Some(entry) = combined.get_mut((row, y)) {
                    *entry = value;
                }
            }
        }
        combined
    }

    /// The probabilities that the base rates come to by these parts, and what each part adds: all of them as far, at most all
    /// the way, as leaves no response less than a tenth of its base rate.
    pub(super) fn moved(base: &[f64], parts: Vec<Array1<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
        let whole = parts.iter().fold(Array1::zeros(base.len()), |whole, part| whole + part);
        let room = |(base, move_by): (&f64, &f64)| (*move_by < 0.0).then(|| (1.0 - LEAST) * base / -move_by);
        let share = base.iter().zip(&whole).filter_map(room).fold(1.0, f64::min);
        let p = base.iter().zip(&whole).map(|(base, whole)| base + share * whole).collect();
        (p, parts.into_iter().map(|part| (part * share).to_vec()).collect())
    }
}
