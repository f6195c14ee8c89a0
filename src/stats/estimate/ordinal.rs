//! The pool of a scale: a latent normal that tone and factors shift.

use statrs::distribution::{Continuous, ContinuousCDF, Normal};

use crate::data::Calibration;
use crate::stats::base_rate;

use super::past::Past;
use super::seen::Seen;
use super::shares::normalised;

/// A scale as a cut-up latent normal: the user's base rates set the cuts, tone and factors shift the mean.
///
/// Ordered-probit in closed form (McCullagh 1980, J. R. Stat. Soc. B 42): every coefficient is a shrunk moment, no
/// iteration.
#[derive(Debug, Clone, Default)]
pub(super) struct Ordinal {
    totals: Vec<f64>,
    /// By point: the weight and the sum of known tones.
    toned: Vec<(f64, f64)>,
    tone_squares: f64,
    /// By factor: weight of the interactions at each point, and the sum of their known tones.
    counts: Vec<(Vec<f64>, f64)>,
}

/// The latent normal as the user's moments set it.
struct Latent {
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
const SLOPE_ITEMS: f64 = 20.0;
/// Slope of the latent response on the standardized tone in general, from 0 to 1.
const SLOPE: f64 = 0.4;
/// Shrinkage of a factor's effect towards 0, in pseudo-items.
const FACTOR_ITEMS: f64 = 4.0;

impl Ordinal {
    pub(super) fn count(past: &Past) -> Self {
        let points = past.responses.len();
        let mut ordinal = Self {
            totals: vec![0.0; points],
            toned: vec![(0.0, 0.0); points],
            tone_squares: 0.0,
            counts: vec![(vec![0.0; points], 0.0); past.ids.len()],
        };
        let rows = past.given.iter().zip(&past.factors_of).zip(&past.tones).zip(&past.weights);
        for (((response, present), tone), weight) in rows {
            if let Some(total) = ordinal.totals.get_mut(*response) {
                *total += weight;
            }
            if let (Some(tone), Some((n, sum))) = (tone, ordinal.toned.get_mut(*response)) {
                *n += weight;
                *sum += weight * tone;
                ordinal.tone_squares += weight * tone * tone;
            }
            for factor in present {
                if let Some((row, tones)) = ordinal.counts.get_mut(*factor) {
                    *tones += weight * tone.unwrap_or_default();
                    if let Some(count) = row.get_mut(*response) {
                        *count += weight;
                    }
                }
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

    pub(super) fn pool(&self, past: &Past, seen: &Seen<'_>, calibration: &Calibration, base: &[f64]) -> Vec<f64> {
        let Some(latent) = self.latent(past, seen.left_out, base) else { return base.to_vec() };
        let toned = seen.tone.map_or(0.0, |tone| latent.slope * (tone - latent.mean) / latent.spread);
        let shift = toned + calibration.pool * self.evidence(past, seen, &latent, |boost| boost.min(1.0));
        latent.cut(&latent.cuts, shift)
    }

    /// The estimate with the latent mean shifted by the effects of factors that are boosted beyond their counts: its own cuts are those
    /// of a normal that gives it, so for the pool alone this is the shift before the cut.
    pub(super) fn raised(&self, past: &Past, seen: &Seen<'_>, base: &[f64], p: &[f64]) -> Vec<f64> {
        let Some(latent) = self.latent(past, seen.left_out, base) else { return p.to_vec() };
        let shift = self.evidence(past, seen, &latent, |boost| (boost - 1.0).max(0.0));
        latent.cut(&cuts(&latent.normal, p).into_iter().map(|cut| cut * latent.scatter()).collect::<Vec<f64>>(), shift)
    }

    fn latent(&self, past: &Past, left_out: Option<usize>, base: &[f64]) -> Option<Latent> {
        let normal = Normal::new(0.0, 1.0).ok()?;
        let out = past.given(left_out);
        let out_tone = left_out.and_then(|item| past.tones.get(item).copied().flatten());
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

    /// `Σ_m s_m · r_m / (c_m + k) / √M`: the effect of the query's factors beyond their tones, with their shares s of their
    /// boosts. `r_m` is the sum, over the interactions with the factor, of the latent response less what their tone
    /// explains.
    fn evidence(&self, past: &Past, seen: &Seen<'_>, latent: &Latent, share: impl Fn(f64) -> f64) -> f64 {
        let out = past.given(seen.left_out);
        let out_tone = seen.left_out.and_then(|item| past.tones.get(item).copied().flatten()).unwrap_or_default();
        let explained = |tones: f64, n: f64| latent.slope * (tones - latent.mean * n) / latent.spread;
        let (mut sum, mut known) = (0.0, 0.0_f64);
        for (factor, boost) in &seen.factors {
            let Some((row, tones)) = self.counts.get(*factor) else { continue };
            let leaves = past.leaves(seen.left_out, *factor);
            // One sighting is chance.
            if past.sightings.get(*factor).copied().unwrap_or_default() < 2 + usize::from(leaves.is_some()) {
                continue;
            }
            let less = leaves.unwrap_or_default();
            let coverage = row.iter().sum::<f64>() - less;
            let mut total: f64 = row.iter().zip(&latent.inside).map(|(count, z)| count * z).sum();
            if leaves.is_some() {
                total -= less * out.and_then(|k| latent.inside.get(k)).copied().unwrap_or_default();
            }
            let residual = total - explained(tones - less * out_tone, coverage).clamp(-3.0 * coverage, 3.0 * coverage);
            sum += share(*boost) * (residual / (coverage + FACTOR_ITEMS));
            known += 1.0;
        }
        if known > 0.0 { sum / known.sqrt() } else { 0.0 }
    }
}

impl Latent {
    fn scatter(&self) -> f64 {
        (1.0 - self.slope * self.slope).sqrt().max(0.2)
    }

    /// The probabilities between cuts of a normal with this mean.
    fn cut(&self, cuts: &[f64], mean: f64) -> Vec<f64> {
        let scatter = self.scatter();
        let below = |cut: &f64| {
            if cut.is_finite() { self.normal.cdf((cut - mean) / scatter) } else { f64::from(u8::from(*cut > 0.0)) }
        };
        let below: Vec<f64> = cuts.iter().map(below).collect();
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
