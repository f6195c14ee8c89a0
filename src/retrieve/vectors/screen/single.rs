//! Bounds of the scores of every row with one query.
#![expect(clippy::inline_always, reason = "code of a SIMD level must be inlined where that level's features are on")]

use fearless_simd::{Simd, f32x16, prelude::*};

use super::codes::{Codes, Screen, code_fine};
use super::multiply::{Multiply, by_level, panel};
use super::rounding::{LENGTH, above, slack};
use crate::retrieve::vectors::kernel::{LANES, Lanes};

/// The bounds of every row's score with one query.
pub(in crate::retrieve) fn bounds(
    screen: &Screen,
    query: &[Lanes],
    words: &mut Vec<i32>,
    lows: &mut [f32],
    highs: &mut [f32],
) {
    words.clear();
    let codes = code_fine(query, words);
    let coded = Coded::new(&codes, query.len(), words.as_chunks().0);
    by_level!(by => bounds_by(by, screen, &coded, lows, highs));
}

/// A coded query, with the parts of the bound that every row shares.
pub(super) struct Coded<'a> {
    scale: f32,
    raised: i32,
    /// The bound of a row whose codes leave nothing out.
    fixed: f32,
    /// The growth of the bound with what a row's codes leave out.
    by_rest: f32,
    words: &'a [[i32; 2]],
}

impl<'a> Coded<'a> {
    /// A query of `width` lanes with these codes.
    pub(super) fn new(codes: &Codes, width: usize, words: &'a [[i32; 2]]) -> Self {
        Self {
            scale: codes.scale,
            raised: codes.raised,
            fixed: above(slack(width) + LENGTH * f64::from(codes.rest)),
            by_rest: above(LENGTH + f64::from(codes.rest)),
            words,
        }
    }
}

/// The bounds by one SIMD level.
#[inline(always)]
pub(super) fn bounds_by<S: Simd, M: Multiply<S>>(
    by: M,
    screen: &Screen,
    coded: &Coded<'_>,
    lows: &mut [f32],
    highs: &mut [f32],
) {
    let simd = by.simd();
    let &Coded { scale, raised, fixed, by_rest, words } = coded;
    let panels = screen.lines.chunks_exact(words.len().max(1));
    let rows = screen.scales.iter().zip(&screen.rests);
    let out = lows.chunks_mut(LANES).zip(highs.chunks_mut(LANES));
    for ((lines, (scales, rests)), (lows, highs)) in panels.zip(rows).zip(out) {
        let [high, low] = panel::<S, M, 2>(by, words, lines);
        let whole: f32x16<S> = ((high << 8) + low - raised).to_float();
        let score = whole * scale * f32x16::simd_from(simd, scales.0);
        let within = f32x16::simd_from(simd, rests.0) * by_rest + fixed;
        put(score - within, lows);
        put(score + within, highs);
    }
}

/// Stores 16 values, or as many as there is room for.
#[inline(always)]
fn put<S: Simd>(values: f32x16<S>, out: &mut [f32]) {
    if out.len() == LANES {
        values.store_slice(out);
    } else {
        let values: [f32; LANES] = values.into();
        for (out, value) in out.iter_mut().zip(values) {
            *out = value;
        }
    }
}
