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

    /// By response: the weight of the items it was given in.
    pub(super) fn totals(&self, past: &Past, left_out: Option<usize>) -> Vec<f64> {
        let (out, weight) = (past.given(left_out), past.weight(left_out));
        let less = |(place, total): (usize, &f64)| if out == Some(place) { (total - weight).max(0.0) } else { *total };
        self.totals.iter().enumerate().map(less).collect()
    }

    pub(super) fn base(&self, past: &Past, left_out: Option<usize>) -> Vec<f64> {
        let n = (self.totals.iter().sum::<f64>() - past.weight(left_out)).max(0.0);
        let totals = self.totals(past, left_out);
        totals.iter().map(|total| base_rate(*total, n, totals.len(), 1.0)).collect()
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

    /// `o_y − π_y · 1` of the targets, less what others add where there are any, whose columns come after.
    pub(super) fn combined(base: &[f64], others: bool) -> Array2<f64> {
        let n = base.len();
        let mut combined = Array2::zeros((if others { 2 * n + 1 } else { n + 1 }, n));
        for (y, rate) in base.iter().enumerate() {
            for (row, value) in [(y, 1.0), (n, -rate), (n + 1 + y, -1.0)] {
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
