//! Bounds of what rounding can come to, and rounding to whole numbers.

/// The greatest length of a row or a query: 1 and what rounding its values to f32 can add, generously.
pub(super) const LENGTH: f64 = 1.000_1;

/// An f32 of at least this value, which was computed in f64.
#[expect(clippy::cast_possible_truncation, reason = "the factor makes up for the rounding")]
pub(super) fn above(value: f64) -> f32 {
    (value * 1.000_001) as f32
}

/// More than all roundings of a score and its bound can come to; see the proof.
pub(super) fn slack(width: usize) -> f64 {
    (width + 24) as f64 / f64::from(1 << 23)
}

/// The nearest whole number of a value below 2²²: beyond 1.5 · 2²³ an f32 has no places after the point.
#[inline(always)]
pub(super) fn whole(value: f32) -> f32 {
    const BEYOND: f32 = 12_582_912.0;
    (value + BEYOND) - BEYOND
}
