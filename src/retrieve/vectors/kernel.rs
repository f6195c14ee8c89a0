//! Dot products of packed rows, by the widest instructions the CPU has, with the same bits on every CPU.
//!
//! A dot product is 16 sums side by side: sum *j* takes the products of the places *j*, *j* + 16, *j* + 32, ... in that
//! order, each by a fused multiply-add (one rounding). The 16 sums are then halved: *j* + (*j* + 8), then 4, 2, 1. A
//! 512-bit register holds the 16 sums, as do two of 256 or four of 128 bits, so the order is the same everywhere. How many
//! rows or queries go side by side changes nothing, since each pair has sums of its own. A CPU without fused
//! multiply-add (x86-64 before 2013) computes it in software: the same bits, slowly.
#![expect(clippy::inline_always, reason = "code of a SIMD level must be inlined where that level's features are on")]

use fearless_simd::{Level, Simd, dispatch, f32x4, f32x16, prelude::*};

/// How many values stand side by side.
pub(in crate::retrieve) const LANES: usize = 16;

/// 16 values in one cache line: the unit of a row. The last of a row ends in zeros.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C, align(64))]
pub(in crate::retrieve) struct Lanes(pub(in crate::retrieve) [f32; LANES]);

/// Scores of every row for one query: `rows` holds as many rows of the query's width as there are scores. In cache four
/// rows at once are fastest; beyond it `streamed` reads one row at a time, as the prefetcher likes it.
pub(in crate::retrieve) fn scan(query: &[Lanes], rows: &[Lanes], scores: &mut [f32], streamed: bool) {
    if streamed {
        dispatch!(Level::new(), simd => scan_by::<_, 1>(simd, query, rows, scores));
    } else {
        dispatch!(Level::new(), simd => scan_by::<_, 4>(simd, query, rows, scores));
    }
}

#[inline(always)]
fn scan_by<S: Simd, const R: usize>(simd: S, query: &[Lanes], rows: &[Lanes], scores: &mut [f32]) {
    let width = query.len().max(1);
    let mut blocks = rows.chunks_exact(R * width);
    let mut out = scores.chunks_exact_mut(R);
    for (block, out) in (&mut blocks).zip(&mut out) {
        let sums = sums::<S, 1, R>(simd, query, block, width);
        if let ([a, b, c, d], [sums]) = (&mut *out, &sums)
            && let [sa, sb, sc, sd] = sums.as_slice()
        {
            [*a, *b, *c, *d] = transposed(simd, [*sa, *sb, *sc, *sd]).into();
        } else {
            for (score, sum) in out.iter_mut().zip(sums.iter().flatten()) {
                *score = halved(*sum);
            }
        }
    }
    for (row, score) in blocks.remainder().chunks_exact(width).zip(out.into_remainder()) {
        *score = dot(simd, query, row);
    }
}

#[inline(always)]
fn dot<S: Simd>(simd: S, query: &[Lanes], row: &[Lanes]) -> f32 {
    let sums = sums::<S, 1, 1>(simd, query, row, query.len());
    sums.iter().flatten().next().map_or(0.0, |sum| halved(*sum))
}

/// The 16 sums of `Q` queries with `R` rows, all `width` lanes wide and packed one after another.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "both slices are cut to Q and R times the width before the loop")]
fn sums<S: Simd, const Q: usize, const R: usize>(
    simd: S,
    queries: &[Lanes],
    rows: &[Lanes],
    width: usize,
) -> [[f32x16<S>; R]; Q] {
    let mut sums = [[f32x16::splat(simd, 0.0); R]; Q];
    let queries: [&[Lanes]; Q] = std::array::from_fn(|q| &queries[q * width..(q + 1) * width]);
    let rows: [&[Lanes]; R] = std::array::from_fn(|r| &rows[r * width..(r + 1) * width]);
    for column in 0..width {
        let rows: [f32x16<S>; R] = std::array::from_fn(|r| f32x16::simd_from(simd, rows[r][column].0));
        for q in 0..Q {
            let query = f32x16::simd_from(simd, queries[q][column].0);
            for r in 0..R {
                sums[q][r] = query.mul_add_precise(rows[r], sums[q][r]);
            }
        }
    }
    sums
}

/// The sum of 16, halved four times.
#[inline(always)]
fn halved<S: Simd>(sums: f32x16<S>) -> f32 {
    let (low, high) = sums.split();
    let (low, high) = (low + high).split();
    let [a, b, c, d]: [f32; 4] = (low + high).into();
    (a + c) + (b + d)
}

/// [`halved`] of four at once: the same additions, side by side.
#[inline(always)]
fn transposed<S: Simd>(_simd: S, sums: [f32x16<S>; 4]) -> f32x4<S> {
    let [a, b, c, d] = sums.map(|sums| {
        let (low, high) = sums.split();
        let (low, high) = (low + high).split();
        low + high
    });
    let ac = a.zip_low(c) + a.zip_high(c);
    let bd = b.zip_low(d) + b.zip_high(d);
    ac.zip_low(bd) + ac.zip_high(bd)
}

/// The query of a late interaction.
#[derive(Debug, Clone, Copy)]
pub(in crate::retrieve) struct Late<'a> {
    /// The query's vectors, padded with zero rows to a multiple of [`TOGETHER`](Self::TOGETHER).
    pub(in crate::retrieve) queries: &'a [Lanes],
    /// How many of them are the query's own.
    pub(in crate::retrieve) counted: usize,
    /// Lanes per row.
    pub(in crate::retrieve) width: usize,
}

impl Late<'_> {
    /// Queries that meet a block of rows together.
    pub(in crate::retrieve) const TOGETHER: usize = 4;
}

const QUERIES: usize = Late::TOGETHER;
/// Rows that meet a block of queries together.
const ROWS: usize = 4;

/// For every example the sum, over the queries, of the best score among the example's rows, in the queries' order.
///
/// `ends` says, per example, how many rows end with it (counted from the first of `rows`); `scores` has one place per
/// example, and an example without rows gets negative infinity. `best` is scratch. No product is written: 4 queries meet
/// 4 rows in registers.
pub(in crate::retrieve) fn late(
    late: Late<'_>,
    rows: &[Lanes],
    ends: impl Iterator<Item = usize> + Clone,
    best: &mut Vec<f32>,
    scores: &mut [f32],
) {
    let padded = late.queries.len() / late.width.max(1);
    best.clear();
    best.resize(padded * (ROWS + 1), f32::NEG_INFINITY);
    let (state, found) = best.split_at_mut(padded);
    dispatch!(Level::new(), simd => late_by(simd, late, rows, ends.clone(), state, found, scores));
}

#[inline(always)]
fn late_by<S: Simd>(
    simd: S,
    late: Late<'_>,
    rows: &[Lanes],
    ends: impl Iterator<Item = usize>,
    state: &mut [f32],
    found: &mut [f32],
    scores: &mut [f32],
) {
    let width = late.width.max(1);
    let padded = state.len();
    let mut out = Examples { ends, end: None, row: 0, counted: late.counted, scores: scores.iter_mut() };
    out.start(state);
    let mut blocks = rows.chunks_exact(ROWS * width);
    for block in &mut blocks {
        meet::<S, ROWS>(simd, late.queries, block, width, found);
        for found in found.chunks_exact(padded) {
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
        let [a, b, c, d] = sums::<S, QUERIES, R>(simd, queries, rows, width);
        let rows = a.into_iter().zip(b).zip(c).zip(d);
        for ((((a, b), c), d), found) in rows.zip(found.chunks_exact_mut(padded)) {
            if let Some(found) = found.get_mut(block * QUERIES..(block + 1) * QUERIES) {
                transposed(simd, [a, b, c, d]).store_slice(found);
            }
        }
    }
}

/// Where each example ends, and what has been found of it.
pub(super) struct Examples<'a, E> {
    pub(super) ends: E,
    pub(super) end: Option<usize>,
    pub(super) row: usize,
    pub(super) counted: usize,
    pub(super) scores: std::slice::IterMut<'a, f32>,
}

impl<E: Iterator<Item = usize>> Examples<'_, E> {
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

    /// The same from a column of a row-major `found` with 16 columns.
    #[inline(always)]
    pub(super) fn column(&mut self, found: &[f32], column: usize, state: &mut [f32]) {
        for (best, found) in state.iter_mut().zip(found.as_chunks::<LANES>().0) {
            if let Some(found) = found.get(column) {
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

/// Whether every row's dot product with itself passes.
pub(super) fn norms(rows: &[Lanes], width: usize, passes: impl Fn(f32) -> bool) -> bool {
    dispatch!(Level::new(), simd => rows.chunks_exact(width.max(1)).all(|row| passes(dot(simd, row, row))))
}
