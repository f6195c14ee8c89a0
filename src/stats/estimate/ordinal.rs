//! A scale: a latent normal that tone, factors and similar queries shift.

use crate::stats::base_rate;
use crate::stats::latent::CutNormal;
use crate::stats::population::{SLOPE, TONE_MEAN, TONE_VARIANCE};
use ndarray::Array2;

use super::fits::Targets;
use super::others::Others;
use super::past::Past;
use super::shares::normalised;

/// A scale as a cut-up latent normal: the user's base rates set the cuts; tone, factors and similar queries shift the mean.
///
/// Ordered-probit in closed form (McCullagh 1980, J. R. Stat. Soc. B 42): every coefficient of the tone is a shrunk moment,
/// what it leaves is regressed on words and factors, no iteration.
#[derive(Debug, Clone, Default)]
pub(super) struct Ordinal {
    totals: Vec<f64>,
    /// By point: the weight and the sum of known tones.
    toned: Vec<(f64, f64)>,
    tone_squares: f64,
}

/// The latent normal as the user's moments set it.
pub(super) struct Latent {
    normal: CutNormal,
    /// Mean and spread of the user's tones, and the slope of the latent response on them.
    mean: f64,
    spread: f64,
    slope: f64,
    others: bool,
}

/// Smoothing of the base rates, in pseudo-items (α of the base rate).
const ALPHA: f64 = 0.5;
/// Weight of the general mean and variance of tones, in pseudo-items.
const TONE_ITEMS: f64 = 20.0;
/// Weight of the general slope of the response on the tone, in pseudo-items.
const SLOPE_ITEMS: f64 = 5.0;
/// λ of words and of factors: an interaction's own share of chance, in units of its likeness to itself, which is 1.
const LAMBDA: f64 = 2.0;
/// Shifts of the latent mean below this are taken by the slope, whose error is half their square.
const SMALL: f64 = 1e-6;
/// The distance to either side over which the slope is taken.
const STEP: f64 = 1e-4;

/// What moved the probabilities of a scale.
pub(super) struct Shifted {
    pub(super) p: Vec<f64>,
    /// What the tone added; `None` without one.
    pub(super) by_tone: Option<Vec<f64>>,
    /// By shift: what it added.
    pub(super) by_shift: Vec<Vec<f64>>,
}

impl Ordinal {
    pub(super) fn count(past: &Past) -> Self {
        let points = past.responses.len();
        let mut ordinal = Self { totals: vec![0.0; points], toned: vec![(0.0, 0.0); points], tone_squares: 0.0 };
        for (item, (response, weight)) in past.given.iter().zip(&past.weights).enumerate() {
            if let Some(total) = ordinal.totals.get_mut(*response) {
                *total += weight;
            }
            if let (Some(tone), Some((n, sum))) = (past.tone(item), ordinal.toned.get_mut(*response)) {
                *n += weight;
                *sum += weight * tone;
                ordinal.tone_squares += weight * tone * tone;
            }
        }
        ordinal
    }

    /// By point: the weight of the items it was given in.
    pub(super) fn totals(&self, past: &Past, left_out: Option<usize>) -> Vec<f64> {
        let (out, weight) = (past.given(left_out), past.weight(left_out));
        let less = |(k, n): (usize, &f64)| if out == Some(k) { (n - weight).max(0.0) } else { *n };
        self.totals.iter().enumerate().map(less).collect()
    }

    pub(super) fn base(&self, past: &Past, left_out: Option<usize>) -> Vec<f64> {
        let totals = self.totals(past, left_out);
        let n: f64 = totals.iter().sum();
        totals.iter().map(|count| base_rate(*count, n, totals.len(), ALPHA)).collect()
    }

    /// What is regressed: whether each point was given, the tone, and whether there was one.
    pub(super) fn targets(&self) -> Targets {
        let points = self.totals.len();
        let of = move |past: &Past, item: usize, column: usize| {
            let tone = past.tone(item);
            match column.checked_sub(points) {
                None => f64::from(u8::from(past.given(Some(item)) == Some(column))),
                Some(0) => tone.unwrap_or_default(),
                Some(_) => f64::from(u8::from(tone.is_some())),
            }
        };
        Targets { lambda_words: LAMBDA, lambda_factors: LAMBDA, columns: points + 2, of: Box::new(of) }
    }

    /// The latent normal. What others say is of what tones leave to all users, so the slope is of what they leave.
    pub(super) fn latent(&self, past: &Past, left_out: Option<usize>, base: &[f64], others: Option<&Others>) -> Latent {
        let normal = CutNormal::new(base);
        let out = past.given(left_out);
        let out_tone = left_out.and_then(|item| past.tone(item));
        let (mut n, mut sum, mut cross) = (0.0, 0.0, 0.0);
        let mut squares = self.tone_squares;
        let mut by_point = self.toned.clone();
        if let (Some(tone), Some((n, sum))) = (out_tone, out.and_then(|k| by_point.get_mut(k))) {
            let weight = past.weight(left_out);
            *n -= weight;
            *sum -= weight * tone;
            squares -= weight * tone * tone;
        }
        for (count, tones) in &by_point {
            n += count;
            sum += tones;
        }
        let mean = (sum + TONE_ITEMS * TONE_MEAN) / (n + TONE_ITEMS);
        let spread_sum = (squares - 2.0 * mean * sum + n * mean * mean).max(0.0);
        let spread = ((spread_sum + TONE_ITEMS * TONE_VARIANCE) / (n + TONE_ITEMS)).sqrt().max(1e-6);
        for ((count, tones), z) in by_point.iter().zip(normal.inside()) {
            cross += z * (tones - mean * count) / spread;
        }
        let mut in_general = SLOPE;
        if let Some(others) = others {
            in_general = others.population().slope();
            let known = (past.first()..past.len()).filter(|item| left_out != Some(*item));
            let with = |item: usize| {
                let added: f64 = others.added_to(past, item)?.iter().sum();
                Some(past.weight(Some(item)) * added * (past.tone(item)? - mean) / spread)
            };
            cross -= known.filter_map(with).sum::<f64>();
        }
        let slope =
            ((cross + SLOPE_ITEMS * in_general) / (spread_sum / (spread * spread) + SLOPE_ITEMS)).clamp(0.0, 0.95);
        Latent { normal, mean, spread, slope, others: others.is_some() }
    }
}

impl Latent {
    /// `z_y − s · (t − t̄)` of the targets: what the tone, and others where there are any, leave of an item's latent response.
    pub(super) fn combined(&self) -> Array2<f64> {
        let slope = self.slope / self.spread;
        let rows: Vec<f64> = self
            .normal
            .inside()
            .iter()
            .copied()
            .chain([-slope, slope * self.mean])
            .chain(self.others.then_some(-1.0))
            .collect();
        Array2::from_shape_vec((rows.len(), 1), rows).unwrap_or_default()
    }

    /// The probabilities that the base rates come to by a tone and by these shifts of the latent mean, and what each adds: the
    /// tone first, then the shifts together, each its part of them.
    pub(super) fn moved(&self, base: &[f64], tone: Option<f64>, shifts: &[f64]) -> Shifted {
        let toned = tone.map(|tone| self.slope * (tone - self.mean) / self.spread);
        let (start, scatter) = (toned.unwrap_or_default(), if toned.is_some() { self.scatter() } else { 1.0 });
        let from = toned.map_or_else(|| base.to_vec(), |toned| self.cut(toned, scatter));
        let shift: f64 = shifts.iter().sum();
        let p = if shift == 0.0 { from.clone() } else { self.cut(start + shift, scatter) };
        let per_shift: Vec<f64> = if shift.abs() > SMALL {
            p.iter().zip(&from).map(|(p, from)| (p - from) / shift).collect()
        } else {
            let (up, down) = (self.cut(start + STEP, scatter), self.cut(start - STEP, scatter));
            up.iter().zip(down).map(|(up, down)| (up - down) / (2.0 * STEP)).collect()
        };
        let by_tone = toned.map(|_| from.iter().zip(base).map(|(from, base)| from - base).collect());
        let by_shift = |by: &f64| per_shift.iter().map(|per_shift| by * per_shift).collect();
        Shifted { p, by_tone, by_shift: shifts.iter().map(by_shift).collect() }
    }
    fn scatter(&self) -> f64 {
        (1.0 - self.slope * self.slope).sqrt().max(0.2)
    }

    /// The probabilities of the points under a normal with this mean and scatter.
    fn cut(&self, mean: f64, scatter: f64) -> Vec<f64> {
        normalised(self.normal.under(mean, scatter))
    }
}
