//! A scale: a latent normal that tone, factors and similar queries shift.

use ndarray::Array2;
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

use crate::stats::base_rate;

use super::fits::Targets;
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
    normal: Normal,
    /// Between the points, with infinity on either side.
    cuts: Vec<f64>,
    /// The latent mean inside each point.
    inside: Vec<f64>,
    /// Mean and spread of the user's tones, and the slope of the latent response on them.
    mean: f64,
    spread: f64,
    slope: f64,
}

/// Smoothing of the base rates, in pseudo-items (α of the base rate).
const ALPHA: f64 = 0.5;
/// Weight of the general mean and variance of tones, in pseudo-items.
const TONE_ITEMS: f64 = 20.0;
/// Mean tone of people in general; tones are from −8 to 8.
const TONE_MEAN: f64 = 0.6;
/// Variance of tones of people in general.
const TONE_VARIANCE: f64 = 1.2;
/// Weight of the general slope of the response on the tone, in pseudo-items.
const SLOPE_ITEMS: f64 = 5.0;
/// Slope of the latent response on the standardized tone in general, from 0 to 1.
const SLOPE: f64 = 0.4;
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

    pub(super) fn base(&self, past: &Past, left_out: Option<usize>) -> Vec<f64> {
        let (out, weight) = (past.given(left_out), past.weight(left_out));
        let less = |(k, n): (usize, &f64)| if out == Some(k) { (n - weight).max(0.0) } else { *n };
        let totals: Vec<f64> = self.totals.iter().enumerate().map(less).collect();
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

    /// The latent normal; `None` never.
    pub(super) fn latent(&self, past: &Past, left_out: Option<usize>, base: &[f64]) -> Option<Latent> {
        let normal = Normal::new(0.0, 1.0).ok()?;
        let out = past.given(left_out);
        let out_tone = left_out.and_then(|item| past.tone(item));
        let cuts = cuts(&normal, base);
        let density = |cut: &f64| if cut.is_finite() { normal.pdf(*cut) } else { 0.0 };
        let inside: Vec<f64> = cuts
            .windows(2)
            .zip(base)
            .map(|(cut, share)| match cut {
                [low, high] => (density(low) - density(high)) / share.max(1e-9),
                _ => 0.0,
            })
            .collect();
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
        for ((count, tones), z) in by_point.iter().zip(&inside) {
            cross += z * (tones - mean * count) / spread;
        }
        let slope = ((cross + SLOPE_ITEMS * SLOPE) / (spread_sum / (spread * spread) + SLOPE_ITEMS)).clamp(0.0, 0.95);
        Some(Latent { normal, cuts, inside, mean, spread, slope })
    }
}

impl Latent {
    /// `z_y − s · (t − t̄)` of the targets: what the tone leaves of an item's latent response.
    pub(super) fn combined(&self) -> Array2<f64> {
        let slope = self.slope / self.spread;
        let rows: Vec<f64> = self.inside.iter().copied().chain([-slope, slope * self.mean]).collect();
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

    /// The probabilities between the cuts of a normal with this mean and scatter.
    fn cut(&self, mean: f64, scatter: f64) -> Vec<f64> {
        let below = |cut: &f64| {
            if cut.is_finite() { self.normal.cdf((cut - mean) / scatter) } else { f64::from(u8::from(*cut > 0.0)) }
        };
        let below: Vec<f64> = self.cuts.iter().map(below).collect();
        normalised(below.windows(2).map(|w| if let [low, high] = w { (high - low).max(0.0) } else { 0.0 }).collect())
    }
}

/// The cuts of a standard normal that give these probabilities.
fn cuts(normal: &Normal, p: &[f64]) -> Vec<f64> {
    let mut cuts = vec![f64::NEG_INFINITY];
    let mut below = 0.0;
    for share in p.iter().take(p.len().saturating_sub(1)) {
        below += share;
        cuts.push(normal.inverse_cdf(below.clamp(1e-9, 1.0 - 1e-9)));
    }
    cuts.push(f64::INFINITY);
    cuts
}
