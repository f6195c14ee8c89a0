use std::collections::BTreeMap;

use statrs::distribution::{Continuous, ContinuousCDF, Normal};

use crate::data::{Calibration, MemoryItem};
use crate::stats::base_rate;

use super::{Seen, normalised};

/// A scale as a cut-up latent normal: the user's base rates set the cuts, tone and factors shift the mean.
///
/// Ordered-probit in closed form (McCullagh 1980, J. R. Stat. Soc. B 42): every coefficient is a shrunk moment, no
/// iteration.
#[derive(Debug)]
pub(super) struct Ordinal {
    pub(super) responses: Vec<String>,
    /// By item: its response's place.
    pub(super) given: Vec<usize>,
    totals: Vec<f64>,
    tones: Vec<Option<f64>>,
    /// By point: the number and the sum of known tones.
    toned: Vec<(f64, f64)>,
    tone_squares: f64,
    /// By factor: interactions at each point, and the sum of their known tones.
    counts: Vec<(Vec<f64>, f64)>,
    factors_of: Vec<Vec<usize>>,
}

/// Smoothing of the base rates.
const ALPHA: f64 = 0.5;
/// Pseudo-items behind the mean and spread of a user's tones, and what they say of people in general.
const TONE_ITEMS: f64 = 20.0;
const TONE_MEAN: f64 = 0.6;
const TONE_VARIANCE: f64 = 1.2;
/// Pseudo-items behind the correlation of tone and response, and what they say of people in general.
const SLOPE_ITEMS: f64 = 20.0;
const SLOPE: f64 = 0.4;
/// Pseudo-items behind a factor's effect.
const FACTOR_ITEMS: f64 = 4.0;

impl Ordinal {
    pub(super) fn new(
        points: Vec<String>,
        items: &[MemoryItem],
        factors_of: &[Vec<usize>],
        tones: &[Option<f64>],
        factors: usize,
    ) -> Self {
        let place: BTreeMap<&str, usize> = points.iter().enumerate().map(|(i, point)| (point.as_str(), i)).collect();
        let given: Vec<usize> =
            items.iter().map(|item| place.get(item.response()).copied().unwrap_or_default()).collect();
        let mut ordinal = Self {
            totals: vec![0.0; points.len()],
            toned: vec![(0.0, 0.0); points.len()],
            tone_squares: 0.0,
            counts: vec![(vec![0.0; points.len()], 0.0); factors],
            responses: points,
            given: given.clone(),
            tones: tones.to_vec(),
            factors_of: factors_of.to_vec(),
        };
        for ((response, present), tone) in given.iter().zip(factors_of).zip(tones) {
            if let Some(total) = ordinal.totals.get_mut(*response) {
                *total += 1.0;
            }
            if let (Some(tone), Some((n, sum))) = (tone, ordinal.toned.get_mut(*response)) {
                *n += 1.0;
                *sum += tone;
                ordinal.tone_squares += tone * tone;
            }
            for factor in present {
                if let Some((row, tones)) = ordinal.counts.get_mut(*factor) {
                    *tones += tone.unwrap_or_default();
                    if let Some(count) = row.get_mut(*response) {
                        *count += 1.0;
                    }
                }
            }
        }
        ordinal
    }

    pub(super) fn given(&self, left_out: Option<usize>) -> Option<usize> {
        left_out.and_then(|item| self.given.get(item)).copied()
    }

    fn totals(&self, left_out: Option<usize>) -> Vec<f64> {
        let out = self.given(left_out);
        self.totals.iter().enumerate().map(|(k, n)| if out == Some(k) { (n - 1.0).max(0.0) } else { *n }).collect()
    }

    pub(super) fn base(&self, left_out: Option<usize>) -> Vec<f64> {
        let totals = self.totals(left_out);
        let n: f64 = totals.iter().sum();
        totals.iter().map(|count| base_rate(*count, n, totals.len(), ALPHA)).collect()
    }

    pub(super) fn pool(&self, seen: &Seen<'_>, calibration: &Calibration) -> Vec<f64> {
        let Ok(normal) = Normal::new(0.0, 1.0) else { return self.base(seen.left_out) };
        let base = self.base(seen.left_out);
        let out = self.given(seen.left_out);
        let out_tone = seen.left_out.and_then(|item| self.tones.get(item).copied().flatten());
        // Cuts between the points, and the latent mean inside each point.
        let mut cuts = vec![f64::NEG_INFINITY];
        let mut below = 0.0;
        for share in base.iter().take(base.len().saturating_sub(1)) {
            below += share;
            cuts.push(normal.inverse_cdf(below.clamp(1e-9, 1.0 - 1e-9)));
        }
        cuts.push(f64::INFINITY);
        let density = |cut: &f64| if cut.is_finite() { normal.pdf(*cut) } else { 0.0 };
        let inside: Vec<f64> = cuts
            .windows(2)
            .zip(&base)
            .map(|(cut, share)| match cut {
                [low, high] => (density(low) - density(high)) / share.max(1e-9),
                _ => 0.0,
            })
            .collect();
        // The user's tones.
        let (mut n, mut sum, mut cross) = (0.0, 0.0, 0.0);
        let mut squares = self.tone_squares;
        let mut by_point = self.toned.clone();
        if let (Some(tone), Some((n, sum))) = (out_tone, out.and_then(|k| by_point.get_mut(k))) {
            *n -= 1.0;
            *sum -= tone;
            squares -= tone * tone;
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
        let toned = |tone: Option<f64>| tone.map_or(0.0, |tone| slope * (tone - mean) / spread);
        let mut shift = toned(seen.tone);
        shift += calibration.pool * self.effects(seen, &inside, |tones, n| slope * (tones - mean * n) / spread);
        let scatter = (1.0 - slope * slope).sqrt().max(0.2);
        let cdf: Vec<f64> =
            cuts.iter()
                .map(|cut| {
                    if cut.is_finite() { normal.cdf((cut - shift) / scatter) } else { f64::from(u8::from(*cut > 0.0)) }
                })
                .collect();
        normalised(cdf.windows(2).map(|w| if let [low, high] = w { (high - low).max(0.0) } else { 0.0 }).collect())
    }

    /// `Σ_m r_m / (c_m + k) / √M`: what the query's factors add beyond their tones. `r_m` is the sum, over the interactions
    /// with the factor, of the latent response less what their tone explains.
    fn effects(&self, seen: &Seen<'_>, inside: &[f64], explained: impl Fn(f64, f64) -> f64) -> f64 {
        let out = self.given(seen.left_out);
        let own = seen.left_out.and_then(|item| self.factors_of.get(item)).map(Vec::as_slice).unwrap_or_default();
        let out_tone = seen.left_out.and_then(|item| self.tones.get(item).copied().flatten()).unwrap_or_default();
        let (mut sum, mut known) = (0.0, 0.0_f64);
        for factor in &seen.factors {
            let Some((row, tones)) = self.counts.get(*factor) else { continue };
            let leaves = out.is_some() && own.binary_search(factor).is_ok();
            let less = f64::from(u8::from(leaves));
            let coverage = row.iter().sum::<f64>() - less;
            if coverage < 1.5 {
                continue;
            }
            let mut latent: f64 = row.iter().zip(inside).map(|(count, z)| count * z).sum();
            if leaves {
                latent -= out.and_then(|k| inside.get(k)).copied().unwrap_or_default();
            }
            let residual = latent - explained(tones - less * out_tone, coverage).clamp(-3.0 * coverage, 3.0 * coverage);
            sum += residual / (coverage + FACTOR_ITEMS);
            known += 1.0;
        }
        if known > 0.0 { sum / known.sqrt() } else { 0.0 }
    }
}
