//! A copy of the rows in one byte a value, which says within rigorous bounds what the exact score will be.
//!
//! # Proof
//! A row **x** is kept as codes *c*ᵢ from −127 to 127 and a scale *s*, so that **x** = *s***c** + **r**; a query **q**
//! as whole numbers *d*ᵢ and a scale *t*, so that **q** = *t***d** + **u**. The screen computes *a* = *s* *t*
//! (**c**·**d**), the product of whole numbers being exact. By expanding,
//!
//! > **x**·**q** − *a* = *s***c**·**u** + **r**·**q**,
//!
//! and by Cauchy and Schwarz, with ‖*s***c**‖ ≤ ‖**x**‖ + ‖**r**‖,
//!
//! > |**x**·**q** − *a*| ≤ (‖**x**‖ + ρ) υ + ρ ‖**q**‖ for any ρ ≥ ‖**r**‖ and υ ≥ ‖**u**‖.
//!
//! ρ is kept per row and υ computed per query, in f64 and rounded up. Rows and queries have a length of at most
//! [`LENGTH`]. What the exact kernel says is not **x**·**q** but that sum in *m* = width/16 + 4 roundings, which is off
//! by at most *m* 2⁻²⁴/(1 − *m* 2⁻²⁴) ‖**x**‖ ‖**q**‖; *a* and the bound are computed in f32 with fewer than 8
//! roundings of values below 2. [`slack`] is above all of these together. So with *e* the sum of the bound and the
//! slack, the kernel's score lies in *a* ± *e*.
//!
//! Let *L* be the *k*-th largest *a* − *e*. At least *k* rows have an exact score of *L* or more, so a row with *a* +
//! *e* < *L* has *k* rows strictly above it and is not among the *k* best, whatever ties there are. Every other row
//! gets its score from the exact kernel, so what comes back is the exact answer, bit for bit.
//!
//! For late interaction the score is a sum over *n* query vectors of the best of an example's rows. A maximum moves by
//! no more than its largest argument does, so the sum of the maxima of *a* is off by at most *n* times the example's
//! largest *e*; summing *n* values of at most 2 in f32, here and in the exact kernel, adds less than *n*² 2⁻²¹.
#![expect(clippy::inline_always, reason = "code of a SIMD level must be inlined where that level's features are on")]

use fearless_simd::{Level, Simd, dispatch, f32x16, i16x32, i32x16, i64x8, prelude::*, u8x64};

use super::kernel::{Examples, LANES, Lanes, Late};

/// The greatest length of a row or a query: 1 and what rounding its values to f32 can add, generously.
const LENGTH: f64 = 1.000_1;

/// Places of a row that stand side by side in a line.
const PLACES: usize = 4;

/// Four places of 16 rows, each code raised by 128: what one multiply-accumulate instruction takes.
#[derive(Clone, Copy, PartialEq)]
#[repr(C, align(64))]
struct Line([u8; LANES * PLACES]);

impl Line {
    const ZERO: Self = Self([128; LANES * PLACES]);
}

/// The codes of 16 rows at a time ("panel"), their scales and the lengths of what the codes leave out.
#[derive(Clone, PartialEq, Default)]
pub(in crate::retrieve) struct Screen {
    lines: Vec<Line>,
    /// By panel: *s* of each row.
    scales: Vec<Lanes>,
    /// By panel: ρ of each row, rounded up.
    rests: Vec<Lanes>,
}

impl Screen {
    /// The codes of `rows`, which are `width` lanes each.
    pub(in crate::retrieve) fn new(rows: &[Lanes], width: usize) -> Self {
        let mut screen = Self::default();
        screen.rebuild_from(0, rows, width);
        screen
    }

    /// Codes the rows from the panel of row `first` on anew: what stands before is as it was.
    pub(in crate::retrieve) fn rebuild_from(&mut self, first: usize, rows: &[Lanes], width: usize) {
        let height = width * LANES / PLACES;
        let panel = first / LANES;
        self.lines.truncate(panel * height);
        self.scales.truncate(panel);
        self.rests.truncate(panel);
        for rows in rows.chunks(LANES * width.max(1)).skip(panel) {
            let start = self.lines.len();
            self.lines.resize(start + height, Line::ZERO);
            let (mut scales, mut rests) = (Lanes::default(), Lanes::default());
            let lines = self.lines.get_mut(start..).unwrap_or_default();
            let places = scales.0.iter_mut().zip(&mut rests.0).enumerate();
            dispatch!(Level::new(), _ => {
                for (row, (lane, (scale, rest))) in rows.chunks_exact(width.max(1)).zip(places) {
                    (*scale, *rest) = code_row(row, lane, lines);
                }
            });
            self.scales.push(scales);
            self.rests.push(rests);
        }
    }

    /// The greatest ρ of these rows, 0 without any.
    pub(in crate::retrieve) fn greatest_rest(&self, rows: std::ops::Range<usize>) -> f32 {
        let rest = |row: usize| self.rests.get(row / LANES).and_then(|rests| rests.0.get(row % LANES)).copied();
        rows.filter_map(rest).fold(0.0, f32::max)
    }

    /// How many bytes the copy takes.
    pub(in crate::retrieve) fn bytes(&self) -> usize {
        size_of_val(self.lines.as_slice()) + 2 * size_of_val(self.scales.as_slice())
    }
}

/// Writes a row's codes into its lane of the lines; its scale, and at least the length of what the codes leave out.
#[inline(always)]
fn code_row(row: &[Lanes], lane: usize, lines: &mut [Line]) -> (f32, f32) {
    let scale = largest(row) / 127.0;
    if scale == 0.0 {
        return (0.0, 0.0);
    }
    let mut rests = [0.0_f64; LANES];
    for (values, lines) in row.iter().zip(lines.as_chunks_mut::<PLACES>().0) {
        let mut codes = [0_u8; LANES];
        for ((value, code), rest) in values.0.iter().zip(&mut codes).zip(&mut rests) {
            let whole = whole(value / scale).clamp(-127.0, 127.0);
            let left = f64::from(*value) - f64::from(scale) * f64::from(whole);
            *rest += left * left;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 255")]
            {
                *code = (whole + 128.0) as i32 as u8;
            }
        }
        for (line, codes) in lines.iter_mut().zip(codes.as_chunks::<PLACES>().0) {
            if let Some(place) = line.0.as_chunks_mut::<PLACES>().0.get_mut(lane) {
                *place = *codes;
            }
        }
    }
    (scale, above(rests.iter().fold(0.0, |sum, rest| sum + rest).sqrt()))
}

/// The greatest magnitude of a row's values.
#[inline(always)]
fn largest(row: &[Lanes]) -> f32 {
    let mut largest = [0.0_f32; LANES];
    for values in row {
        for (largest, value) in largest.iter_mut().zip(&values.0) {
            *largest = if value.abs() > *largest { value.abs() } else { *largest };
        }
    }
    largest.iter().fold(0.0, |greatest, value| value.max(greatest))
}

/// The nearest whole number of a value below 2²²: beyond 1.5 · 2²³ an f32 has no places after the point.
#[inline(always)]
fn whole(value: f32) -> f32 {
    const BEYOND: f32 = 12_582_912.0;
    (value + BEYOND) - BEYOND
}

/// An f32 of at least this value, which was computed in f64.
#[expect(clippy::cast_possible_truncation, reason = "the factor makes up for the rounding")]
fn above(value: f64) -> f32 {
    (value * 1.000_001) as f32
}

/// More than all roundings of a score and its bound can come to; see the proof.
fn slack(width: usize) -> f64 {
    (width + 24) as f64 / f64::from(1 << 23)
}

/// A query in whole numbers.
struct Codes {
    /// *t*.
    scale: f32,
    /// At least the length of what the codes leave out.
    rest: f32,
    /// What the raised row codes add to the product.
    raised: i32,
}

/// Codes a query in two bytes a value: `words` gets a word of high bytes and one of low bytes per four places. The
/// codes are small enough that the product with any row fits 32 bits.
fn code_fine(query: &[Lanes], words: &mut Vec<i32>) -> Codes {
    let most = (f64::from(i32::MAX) / (256.0 * (query.len() * LANES).max(1) as f64)).min(32_512.0).floor();
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^15")]
    let (scale, rest, raised) = code_query(query, most as f32, |codes| {
        let split = codes.map(|code| {
            let high = (code + 128) >> 8;
            (high, code - (high << 8))
        });
        words.push(word(split.map(|(high, _)| high)));
        words.push(word(split.map(|(_, low)| low)));
    });
    Codes { scale, rest, raised }
}

/// Codes a query in one byte a value.
fn code_coarse(query: &[Lanes], words: &mut Vec<i32>) -> Codes {
    let (scale, rest, raised) = code_query(query, 127.0, |codes| words.push(word(codes)));
    Codes { scale, rest, raised }
}

fn code_query(query: &[Lanes], most: f32, mut keep: impl FnMut([i32; PLACES])) -> (f32, f32, i32) {
    let scale = largest(query) / most;
    let (mut rest, mut sum) = (0.0_f64, 0_i32);
    for values in query.iter().flat_map(|lanes| lanes.0.as_chunks::<PLACES>().0) {
        keep(values.map(|value| {
            let whole = if scale > 0.0 { whole(value / scale).clamp(-most, most) } else { 0.0 };
            let left = f64::from(value) - f64::from(scale) * f64::from(whole);
            rest += left * left;
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^15")]
            let code = whole as i32;
            sum += code;
            code
        }));
    }
    (scale, above(rest.sqrt()), 128 * sum)
}

/// Four signed bytes in a word, the first in the lowest.
fn word(codes: [i32; PLACES]) -> i32 {
    i32::from_le_bytes(codes.map(|code| code.to_le_bytes()[0]))
}

/// How a SIMD level multiplies lines with words and adds up.
trait Multiply<S: Simd>: Copy {
    /// Running sums of 16 rows.
    type Sums: Copy;
    fn zero(self) -> Self::Sums;
    /// Adds the product of a line's codes with a word's.
    fn add(self, sums: Self::Sums, line: &Line, word: i32) -> Self::Sums;
    /// A sum per row.
    fn total(self, sums: Self::Sums) -> i32x16<S>;
}

/// Four products a lane in one instruction.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
#[derive(Clone, Copy)]
struct Fourfold(fearless_simd::Avx512);

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
impl Multiply<fearless_simd::Avx512> for Fourfold {
    type Sums = i32x16<fearless_simd::Avx512>;

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        i32x16::splat(self.0, 0)
    }

    #[inline(always)]
    fn add(self, sums: Self::Sums, line: &Line, word: i32) -> Self::Sums {
        #[cfg(target_arch = "x86")]
        use std::arch::x86::{__m512i, _mm512_dpbusd_epi32};
        #[cfg(target_arch = "x86_64")]
        use std::arch::x86_64::{__m512i, _mm512_dpbusd_epi32};

        fearless_simd::kernel!(
            #[inline(always)]
            fn multiply(level: Avx512, sums: __m512i, line: __m512i, words: __m512i) -> __m512i {
                _mm512_dpbusd_epi32(sums, line, words)
            }
        );
        let line = u8x64::simd_from(self.0, line.0);
        multiply(self.0, sums.into(), line.into(), i32x16::splat(self.0, word).into()).simd_into(self.0)
    }

    #[inline(always)]
    fn total(self, sums: Self::Sums) -> i32x16<fearless_simd::Avx512> {
        sums
    }
}

/// Two products a lane, of codes widened to 16 bits.
#[derive(Clone, Copy)]
struct Twofold<S>(S);

impl<S: Simd> Multiply<S> for Twofold<S> {
    type Sums = (i32x16<S>, i32x16<S>);

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        (i32x16::splat(self.0, 0), i32x16::splat(self.0, 0))
    }

    #[inline(always)]
    fn add(self, sums: Self::Sums, line: &Line, word: i32) -> Self::Sums {
        let (low, high) = u8x64::simd_from(self.0, line.0).widen();
        let wide = word.to_le_bytes().map(|code| i16::from(code.cast_signed()).to_le_bytes());
        let words: i16x32<S> =
            i64x8::splat(self.0, i64::from_le_bytes(wide.as_flattened().try_into().unwrap_or_default())).bitcast();
        let product = |codes: i16x32<S>| codes.pairwise_dot_product(words);
        (sums.0 + product(low.bitcast()), sums.1 + product(high.bitcast()))
    }

    #[inline(always)]
    fn total(self, (low, high): Self::Sums) -> i32x16<S> {
        low.unzip_low(high) + low.unzip_high(high)
    }
}

/// Sums of `Q` words per four places with a panel.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of Q and chunks of Q")]
fn panel<S: Simd, M: Multiply<S>, const Q: usize>(by: M, words: &[[i32; Q]], lines: &[Line]) -> [i32x16<S>; Q] {
    let mut sums = [by.zero(); Q];
    for (line, words) in lines.iter().zip(words) {
        for q in 0..Q {
            sums[q] = by.add(sums[q], line, words[q]);
        }
    }
    sums.map(|sums| by.total(sums))
}

/// Runs a generic function by the CPU's best level.
macro_rules! by_level {
    ($simd:ident, $by:ident => $call:expr) => {{
        let level = Level::new();
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        let fourfold = level.as_avx512();
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
        let fourfold: Option<std::convert::Infallible> = None;
        match fourfold {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Some($simd) => $simd.vectorize(
                #[inline(always)]
                || {
                    let $by = Fourfold($simd);
                    $call
                },
            ),
            _ => dispatch!(level, $simd => {
                let $by = Twofold($simd);
                $call
            }),
        }
    }};
}

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
    let width = query.len();
    let fixed = above(slack(width) + LENGTH * f64::from(codes.rest));
    let by_rest = above(LENGTH + f64::from(codes.rest));
    by_level!(simd, by => bounds_by(simd, by, screen, &codes, (fixed, by_rest), words.as_chunks().0, lows, highs));
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one call, from the function above")]
fn bounds_by<S: Simd, M: Multiply<S>>(
    simd: S,
    by: M,
    screen: &Screen,
    codes: &Codes,
    (fixed, by_rest): (f32, f32),
    words: &[[i32; 2]],
    lows: &mut [f32],
    highs: &mut [f32],
) {
    let panels = screen.lines.chunks_exact(words.len().max(1));
    let rows = screen.scales.iter().zip(&screen.rests);
    let out = lows.chunks_mut(LANES).zip(highs.chunks_mut(LANES));
    for ((lines, (scales, rests)), (lows, highs)) in panels.zip(rows).zip(out) {
        let [high, low] = panel::<S, M, 2>(by, words, lines);
        let whole: f32x16<S> = ((high << 8) + low - codes.raised).to_float();
        let score = whole * codes.scale * f32x16::simd_from(simd, scales.0);
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

/// Queries that meet a panel together.
const TOGETHER: usize = 8;

/// The scores of every example for a late interaction by codes; see [`late_bound`] for how far they may be off.
///
/// `ends` says how many rows end with each example; one without rows gets negative infinity.
/// Returns at least the length of what any of the queries' codes leave out.
pub(in crate::retrieve) fn late_scores(
    screen: &Screen,
    late: Late<'_>,
    ends: impl Iterator<Item = usize>,
    scratch: &mut LateScratch,
    scores: &mut [f32],
) -> f32 {
    let LateScratch { words, one, factors, state, found } = scratch;
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
    state.clear();
    state.resize(blocks * TOGETHER, f32::NEG_INFINITY);
    found.clear();
    found.resize(blocks * TOGETHER * LANES, 0.0);
    let mut out = Examples { ends, end: None, row: 0, counted, scores: scores.iter_mut() };
    out.start(state);
    by_level!(simd, by => late_by(simd, by, screen, words, factors, found, state, &mut out));
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

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one call, from the function above")]
fn late_by<S: Simd, M: Multiply<S>, E: Iterator<Item = usize>>(
    simd: S,
    by: M,
    screen: &Screen,
    words: &[[i32; TOGETHER]],
    factors: &[(f32, i32)],
    found: &mut [f32],
    state: &mut [f32],
    out: &mut Examples<'_, E>,
) {
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

/// How far a late interaction by codes may be off for an example whose rows leave out at most `rest`, given what the
/// `counted` queries of `width` lanes leave out.
pub(in crate::retrieve) fn late_bound(counted: usize, width: usize, query_rest: f32, rest: f32) -> f32 {
    let (query_rest, rest, counted) = (f64::from(query_rest), f64::from(rest), counted as f64);
    let one = (LENGTH + rest) * query_rest + rest * LENGTH + slack(width);
    above(counted * one + counted * counted / f64::from(1 << 21))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieve::vectors::{Matrix, late as exact_late, scan};
    use proptest::prelude::*;

    fn matrix(vectors: &[Vec<f32>], dimensions: usize) -> Matrix {
        let mut matrix = Matrix::new(dimensions).unwrap();
        matrix.insert(0, vectors).unwrap();
        matrix
    }

    proptest! {
        #[test]
        fn exact_scores_lie_within_the_bounds(
            vectors in prop::collection::vec(
                prop::collection::vec(
                    prop_oneof![4 => -1.0_f32..1.0, 1 => Just(0.0), 1 => Just(1e30), 1 => Just(1e-30)],
                    37,
                ),
                1..40,
            ),
            query in prop::collection::vec(prop_oneof![4 => -1.0_f32..1.0, 1 => Just(50.0)], 37),
        ) {
            let (rows, query) = (matrix(&vectors, 37), matrix(&[query], 37));
            let screen = Screen::new(rows.lanes(), rows.width());
            let n = vectors.len();
            let (mut lows, mut highs, mut exact, mut words) = (vec![0.0; n], vec![0.0; n], vec![0.0; n], Vec::new());
            bounds(&screen, query.lanes(), &mut words, &mut lows, &mut highs);
            scan(query.lanes(), rows.lanes(), &mut exact);
            for ((low, high), exact) in lows.iter().zip(&highs).zip(&exact) {
                prop_assert!(low <= exact && exact <= high, "{low} {exact} {high}");
            }

            // The portable way to multiply gives the same whole numbers as the CPU's best.
            let codes = code_fine(query.lanes(), &mut Vec::new());
            let (mut other_lows, mut other_highs) = (vec![0.0; n], vec![0.0; n]);
            let fixed = above(slack(rows.width()) + LENGTH * f64::from(codes.rest));
            let by_rest = above(LENGTH + f64::from(codes.rest));
            dispatch!(Level::new(), simd => {
                let by = Twofold(simd);
                let (words, factors) = (words.as_chunks().0, (fixed, by_rest));
                bounds_by(simd, by, &screen, &codes, factors, words, &mut other_lows, &mut other_highs);
            });
            prop_assert_eq!((lows, highs), (other_lows, other_highs));

            // Every row an example of its own.
            let mut four = query.lanes().to_vec();
            four.resize(4 * rows.width(), Lanes::default());
            let late = Late { queries: &four, counted: 1, width: rows.width() };
            let mut scores = vec![0.0; n];
            let rest = late_scores(&screen, late, 1..=n, &mut LateScratch::default(), &mut scores);
            exact_late(late, rows.lanes(), 1..=n, &mut Vec::new(), &mut exact);
            for (row, (score, exact)) in scores.iter().zip(&exact).enumerate() {
                let within = late_bound(1, rows.width(), rest, screen.greatest_rest(row..row + 1));
                prop_assert!((score - exact).abs() <= within, "{score} {exact} {within}");
            }
        }
    }
}
