//! Dot products of packed rows, by the widest instructions the CPU has, with the same bits on every CPU.
//!
//! A dot product is 16 sums side by side: sum *j* takes the products of the places *j*, *j* + 16, *j* + 32, ... in that
//! order, each by a fused multiply-add (one rounding). The 16 sums are then halved: *j* + (*j* + 8), then 4, 2, 1. A
//! 512-bit register holds the 16 sums, as do two of 256 or four of 128 bits, so the order is the same everywhere. How
//! many rows or queries go side by side changes nothing, since each pair has sums of its own. A CPU without fused
//! multiply-add (x86-64 before 2013) computes it in software: the same bits, slowly.
#![expect(clippy::inline_always, reason = "code of a SIMD level must be inlined where that level's features are on")]

use fearless_simd::{Level, Simd, dispatch, f32x4, f32x16, prelude::*};

/// The number of values that stand side by side.
pub(in crate::retrieve) const LANES: usize = 16;

/// 16 values in one cache line: the unit of a row. The last of a row ends in zeros.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C, align(64))]
pub(in crate::retrieve) struct Lanes(pub(in crate::retrieve) [f32; LANES]);

/// Scores of every row for one query: `rows` holds as many rows of the query's width as there are scores.
pub(in crate::retrieve) fn scan(query: &[Lanes], rows: &[Lanes], scores: &mut [f32]) {
    dispatch!(Level::new(), simd => scan_by(simd, query, rows, scores));
}

/// Reads the four quarters of the rows side by side. In cache that is no slower than one row after another, and beyond
/// it up to twice as fast: the prefetcher follows four streams, which are far apart and so do not share its pages.
#[inline(always)]
fn scan_by<S: Simd>(simd: S, query: &[Lanes], rows: &[Lanes], scores: &mut [f32]) {
    let width = query.len().max(1);
    let quarter = scores.len() / 4;
    let (a, rest) = rows.split_at_checked(quarter * width).unwrap_or_default();
    let (b, rest) = rest.split_at_checked(quarter * width).unwrap_or_default();
    let (c, rest) = rest.split_at_checked(quarter * width).unwrap_or_default();
    let (to_a, to_rest) = scores.split_at_mut(quarter);
    let (to_b, to_rest) = to_rest.split_at_mut(quarter);
    let (to_c, to_rest) = to_rest.split_at_mut(quarter);
    let mut last = rest.chunks_exact(width).zip(to_rest);
    let first = a.chunks_exact(width).zip(to_a);
    let second = b.chunks_exact(width).zip(to_b);
    let third = c.chunks_exact(width).zip(to_c);
    for (((a, b), c), d) in first.zip(second).zip(third).zip(&mut last) {
        *a.1 = dot(simd, query, a.0);
        *b.1 = dot(simd, query, b.0);
        *c.1 = dot(simd, query, c.0);
        *d.1 = dot(simd, query, d.0);
    }
    // Up to three more.
    for (row, score) in last {
        *score = dot(simd, query, row);
    }
}

#[inline(always)]
fn dot<S: Simd>(simd: S, query: &[Lanes], row: &[Lanes]) -> f32 {
    let mut sums = f32x16::splat(simd, 0.0);
    for (query, row) in query.iter().zip(row) {
        sums = f32x16::simd_from(simd, query.0).mul_add_precise(f32x16::simd_from(simd, row.0), sums);
    }
    let [a, b, c, d]: [f32; 4] = quartered(sums).into();
    (a + c) + (b + d)
}

/// The sums of 4 queries with `R` rows, by row, all `width` lanes wide and packed one after another.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "both slices are cut to 4 and R times the width before the loop")]
fn sums<S: Simd, const R: usize>(simd: S, queries: &[Lanes], rows: &[Lanes], width: usize) -> [[f32x16<S>; 4]; R] {
    // Plain loops, since what `map` or `from_fn` calls is compiled without the level's instructions.
    let zero = f32x16::splat(simd, 0.0);
    let mut sums = [[zero; QUERIES]; R];
    let (queries, rows) = (&queries[..QUERIES * width], &rows[..R * width]);
    for column in 0..width {
        let mut query = [zero; QUERIES];
        for q in 0..QUERIES {
            query[q] = f32x16::simd_from(simd, queries[q * width + column].0);
        }
        for r in 0..R {
            let row = f32x16::simd_from(simd, rows[r * width + column].0);
            for q in 0..QUERIES {
                sums[r][q] = query[q].mul_add_precise(row, sums[r][q]);
            }
        }
    }
    sums
}

/// 16 sums, halved twice.
#[inline(always)]
fn quartered<S: Simd>(sums: f32x16<S>) -> f32x4<S> {
    let (low, high) = sums.split();
    let (low, high) = (low + high).split();
    low + high
}

/// Four times 16 sums, each halved to one as in [`dot`], side by side.
#[inline(always)]
fn halved<S: Simd>([a, b, c, d]: [f32x16<S>; 4]) -> f32x4<S> {
    let (a, b, c, d) = (quartered(a), quartered(b), quartered(c), quartered(d));
    let ac = a.zip_low(c) + a.zip_high(c);
    let bd = b.zip_low(d) + b.zip_high(d);
    ac.zip_low(bd) + ac.zip_high(bd)
}

/// The query of a late interaction.
#[derive(Debug, Clone, Copy)]
pub(in crate::retrieve) struct Late<'a> {
    /// The query's vectors, padded with zero rows to a multiple of [`TOGETHER`](Self::TOGETHER).
    pub(in crate::retrieve) queries: &'a [Lanes],
    /// The number of them that are the query's own.
    pub(in crate::retrieve) counted: usize,
    /// Lanes per row.
    pub(in crate::retrieve) width: usize,
}

impl Late<'_> {
    /// Queries that meet a block of rows together.
    pub(in crate::retrieve) const TOGETHER: usize = 4;
}

const QUERIES: usize = Late::TOGETHER;
/// Rows that meet a block of queries together while the rows are in cache.
const ROWS: usize = 2;
/// From this many bytes of rows on, one row at a time is quicker: several streams at once hold up the prefetcher.
const BEYOND_CACHE: usize = 8 << 20;

/// For every example the sum, over the queries, of the best score among the example's rows, in the queries' order.
///
/// `ends` gives, per example, the number of rows that end with it (counted from the first of `rows`); `scores` has one place per
/// example, and an example without rows gets negative infinity. `best` is scratch. No product is written: 4 queries
/// meet one or two rows in registers.
pub(in crate::retrieve) fn late(
    late: Late<'_>,
    rows: &[Lanes],
    ends: impl Iterator<Item = usize>,
    best: &mut Vec<f32>,
    scores: &mut [f32],
) {
    let padded = late.queries.len() / late.width.max(1);
    best.clear();
    best.resize(padded * (ROWS + 1), f32::NEG_INFINITY);
    let (state, found) = best.split_at_mut(padded);
    let mut out = Examples::new(ends, late.counted, scores);
    if size_of_val(rows) < BEYOND_CACHE {
        dispatch!(Level::new(), simd => late_by::<_, _, ROWS>(simd, late, rows, state, found, &mut out));
    } else {
        dispatch!(Level::new(), simd => late_by::<_, _, 1>(simd, late, rows, state, found, &mut out));
    }
}

#[inline(always)]
fn late_by<S: Simd, E: Iterator<Item = usize>, const R: usize>(
    simd: S,
    late: Late<'_>,
    rows: &[Lanes],
    state: &mut [f32],
    found: &mut [f32],
    out: &mut Examples<'_, E>,
) {
    let width = late.width.max(1);
    let padded = state.len();
    out.start(state);
    let mut blocks = rows.chunks_exact(R * width);
    for block in &mut blocks {
        meet::<S, R>(simd, late.queries, block, width, found);
        for found in found.chunks_exact(padded).take(R) {
            out.row(found, state);
        }
    }
    for row in blocks.remainder().chunks_exact(width) {
        meet::<S, 1>(simd, late.queries, row, width, found);
        if let Some(found) = found.get(..padded) {
            out.row(found, state);
        }
    }
}

/// Writes, per row, its score with every query.
#[inline(always)]
fn meet<S: Simd, const R: usize>(simd: S, queries: &[Lanes], rows: &[Lanes], width: usize, found: &mut [f32]) {
    let padded = queries.len() / width;
    for (block, queries) in queries.chunks_exact(QUERIES * width).enumerate() {
        let sums = sums::<S, R>(simd, queries, rows, width);
        for (sums, found) in sums.into_iter().zip(found.chunks_exact_mut(padded)) {
            if let Some(found) = found.get_mut(block * QUERIES..(block + 1) * QUERIES) {
                halved(sums).store_slice(found);
            }
        }
    }
}

/// The examples and their scores, while rows are gone through in order.
pub(super) struct Examples<'a, E> {
    ends: E,
    /// The row after the last one of the current example; `None` behind the last example.
    pub(super) end: Option<usize>,
    /// The next row.
    row: usize,
    /// The queries whose best scores are added up.
    counted: usize,
    /// A place for each example that is still to come.
    scores: std::slice::IterMut<'a, f32>,
}

impl<'a, E: Iterator<Item = usize>> Examples<'a, E> {
    pub(super) fn new(ends: E, counted: usize, scores: &'a mut [f32]) -> Self {
        Self { ends, end: None, row: 0, counted, scores: scores.iter_mut() }
    }

    /// Goes to the first example that has rows; those before it get negative infinity.
    #[inline(always)]
    pub(super) fn start(&mut self, state: &mut [f32]) {
        state.fill(f32::NEG_INFINITY);
        self.end = self.ends.next();
        while self.end == Some(self.row) {
            if let Some(score) = self.scores.next() {
                *score = f32::NEG_INFINITY;
            }
            self.end = self.ends.next();
        }
    }

    /// Takes the scores of the next row.
    #[inline(always)]
    pub(super) fn row(&mut self, found: &[f32], state: &mut [f32]) {
        for (best, found) in state.iter_mut().zip(found) {
            *best = if *found > *best { *found } else { *best };
        }
        self.pass(state);
    }

    /// Takes the scores of one of 16 rows side by side: `found` has, per four queries, the four scores of each row.
    #[inline(always)]
    pub(super) fn lane(&mut self, found: &[f32], lane: usize, state: &mut [f32]) {
        for (best, found) in state.as_chunks_mut::<4>().0.iter_mut().zip(found.as_chunks::<{ 4 * LANES }>().0) {
            for (best, found) in best.iter_mut().zip(found.as_chunks::<4>().0.get(lane).into_iter().flatten()) {
                *best = if *found > *best { *found } else { *best };
            }
        }
        self.pass(state);
    }

    #[inline(always)]
    fn pass(&mut self, state: &mut [f32]) {
        self.row += 1;
        if self.end == Some(self.row) {
            if let Some(score) = self.scores.next() {
                *score = state.iter().take(self.counted).fold(0.0, |sum, best| sum + best);
            }
            self.start(state);
        }
    }
}

/// True when every row's dot product with itself passes.
pub(super) fn norms(rows: &[Lanes], width: usize, passes: impl Fn(f32) -> bool) -> bool {
    dispatch!(Level::new(), simd => rows.chunks_exact(width.max(1)).all(|row| passes(dot(simd, row, row))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every level that this CPU has.
    fn levels() -> Vec<Level> {
        let best = Level::new();
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        let lesser =
            [best.as_avx2().map(Level::Avx2), best.as_sse4_2().map(Level::Sse4_2), best.as_sse2().map(Level::Sse2)];
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
        let lesser: [Option<Level>; 0] = [];
        lesser.into_iter().flatten().chain([best]).collect()
    }

    /// The order of additions as it is documented, value by value.
    fn model(query: &[Lanes], row: &[Lanes]) -> f32 {
        let mut sums = [0.0_f32; LANES];
        for (query, row) in query.iter().zip(row) {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = query.0[j].mul_add(row.0[j], *sum);
            }
        }
        for half in [8, 4, 2, 1] {
            for j in 0..half {
                sums[j] += sums[j + half];
            }
        }
        sums[0]
    }

    fn lanes(count: usize) -> impl Strategy<Value = Vec<Lanes>> {
        prop::collection::vec(
            prop::array::uniform16(prop_oneof![Just(0.0_f32), -1.0_f32..1.0, -1e-20_f32..1e-20]).prop_map(Lanes),
            count,
        )
    }

    proptest! {
        #[test]
        fn every_level_adds_in_the_documented_order(width in 1_usize..4, query in lanes(4 * 3), rows in lanes(5 * 3)) {
            let (queries, rows) = (&query[..4 * width], &rows[..5 * width]);
            let expected = |q: usize, r: usize| model(&queries[q * width..][..width], &rows[r * width..][..width]);
            for level in levels() {
                let mut scores = [0.0; 5];
                dispatch!(level, simd => scan_by(simd, &queries[..width], rows, &mut scores));
                for (r, score) in scores.iter().enumerate() {
                    prop_assert_eq!(score.to_bits(), expected(0, r).to_bits());
                }
                let mut found = [0.0; 2 * QUERIES];
                dispatch!(level, simd => meet::<_, 2>(simd, queries, &rows[..2 * width], width, &mut found));
                for (place, found) in found.iter().enumerate() {
                    prop_assert_eq!(found.to_bits(), expected(place % QUERIES, place / QUERIES).to_bits());
                }
            }
        }
    }
}
