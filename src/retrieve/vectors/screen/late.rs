//! Scores of every example for a late interaction, by codes.
#![expect(clippy::inline_always, reason = "code of a SIMD level must be inlined where that level's features are on")]

use fearless_simd::{Simd, f32x16, i32x16, prelude::*};

use super::codes::{PLACES, Screen, code_coarse};
use super::multiply::{Multiply, by_level, panel};
use super::rounding::{LENGTH, above, slack};
use crate::retrieve::vectors::kernel::{Examples, LANES, Late};

/// Queries that meet a panel together.
const TOGETHER: usize = 8;

/// The scores of every example for a late interaction by codes; see [`late_bound`] for how far they may be off.
///
/// `ends` gives the number of rows that end with each example; an example without rows gets negative infinity.
/// Returns at least the length of what any of the queries' codes leave out.
pub(in crate::retrieve) fn late_scores(
    screen: &Screen,
    late: Late<'_>,
    ends: impl Iterator<Item = usize>,
    scratch: &mut LateScratch,
    scores: &mut [f32],
) -> f32 {
    let rest = code_queries(late, scratch);
    let queries = scratch.factors.len();
    scratch.state.clear();
    scratch.state.resize(queries, f32::NEG_INFINITY);
    scratch.found.clear();
    scratch.found.resize(queries * LANES, 0.0);
    let mut out = Examples::new(ends, late.counted, scores);
    out.start(&mut scratch.state);
    by_level!(by => late_by(by, screen, scratch, &mut out));
    rest
}

/// Codes the queries, in blocks of [`TOGETHER`]. Returns at least the length of what any of their codes leave out.
fn code_queries(late: Late<'_>, scratch: &mut LateScratch) -> f32 {
    let LateScratch { words, one, factors, .. } = scratch;
    let Late { queries, counted, width } = late;
    words.clear();
    factors.clear();
    let blocks = counted.div_ceil(TOGETHER);
    let height = width * LANES / PLACES;
    words.resize(blocks * height, [0; TOGETHER]);
    factors.resize(blocks * TOGETHER, (0.0, 0));
    let mut rest = 0.0_f32;
    for (position, query) in queries.chunks_exact(width.max(1)).take(counted).enumerate() {
        one.clear();
        let codes = code_coarse(query, one);
        rest = rest.max(codes.rest);
        if let Some(factor) = factors.get_mut(position) {
            *factor = (codes.scale, codes.raised);
        }
        let (block, place) = (position / TOGETHER, position % TOGETHER);
        for (words, one) in words.iter_mut().skip(block * height).zip(&*one) {
            if let Some(word) = words.get_mut(place) {
                *word = *one;
            }
        }
    }
    rest
}

/// Scratch of [`late_scores`].
#[derive(Default)]
pub(in crate::retrieve) struct LateScratch {
    words: Vec<[i32; TOGETHER]>,
    one: Vec<i32>,
    factors: Vec<(f32, i32)>,
    state: Vec<f32>,
    found: Vec<f32>,
}

/// The scores by one SIMD level.
#[inline(always)]
fn late_by<S: Simd, M: Multiply<S>, E: Iterator<Item = usize>>(
    by: M,
    screen: &Screen,
    scratch: &mut LateScratch,
    out: &mut Examples<'_, E>,
) {
    let LateScratch { words, factors, state, found, .. } = scratch;
    let simd = by.simd();
    let queries = state.len();
    let height = words.len() / (queries / TOGETHER).max(1);
    for (lines, scales) in screen.lines.chunks_exact(height.max(1)).zip(&screen.scales) {
        let scales = f32x16::simd_from(simd, scales.0);
        let blocks = words.chunks_exact(height.max(1)).zip(factors.as_chunks::<TOGETHER>().0);
        for ((words, factors), found) in blocks.zip(found.chunks_exact_mut(TOGETHER * LANES)) {
            let sums = panel::<S, M, TOGETHER>(by, words, lines);
            let fours = sums.as_chunks::<4>().0.iter().zip(factors.as_chunks::<4>().0);
            for (([a, b, c, d], [fa, fb, fc, fd]), found) in fours.zip(found.chunks_exact_mut(4 * LANES)) {
                let (a, b) = (scaled(*a, *fa, scales), scaled(*b, *fb, scales));
                let (c, d) = (scaled(*c, *fc, scales), scaled(*d, *fd, scales));
                by_row([a, b, c, d], found);
            }
        }
        for lane in 0..LANES {
            if out.end.is_none() {
                return;
            }
            out.lane(found, lane, state);
        }
    }
}

/// Stores the scores of 16 rows with four queries row by row.
#[inline(always)]
fn by_row<S: Simd>([a, b, c, d]: [f32x16<S>; 4], out: &mut [f32]) {
    let (ac, ac_high) = a.interleave(c);
    let (bd, bd_high) = b.interleave(d);
    let (first, second) = ac.interleave(bd);
    let (third, fourth) = ac_high.interleave(bd_high);
    for (rows, out) in [first, second, third, fourth].iter().zip(out.chunks_exact_mut(LANES)) {
        rows.store_slice(out);
    }
}

/// The scores that a query's sums with 16 rows stand for.
#[inline(always)]
fn scaled<S: Simd>(sum: i32x16<S>, (scale, raised): (f32, i32), scales: f32x16<S>) -> f32x16<S> {
    (sum - raised).to_float::<f32x16<S>>() * scale * scales
}

/// The greatest error of a late interaction by codes for an example whose rows leave out at most `rest`, where the codes of
/// the `counted` queries of `width` lanes leave out at most `query_rest`.
pub(in crate::retrieve) fn late_bound(counted: usize, width: usize, query_rest: f32, rest: f32) -> f32 {
    let (query_rest, rest, counted) = (f64::from(query_rest), f64::from(rest), counted as f64);
    let one = (LENGTH + rest) * query_rest + rest * LENGTH + slack(width);
    above(counted * one + counted * counted / f64::from(1 << 21))
}
