//! Rows and queries in whole numbers.
#![expect(clippy::inline_always, reason = "code of a SIMD level must be inlined where that level's features are on")]

use fearless_simd::{Level, dispatch};

use super::rounding::{above, whole};
use crate::retrieve::vectors::kernel::{LANES, Lanes};

/// Places of a row that stand side by side in a line.
pub(super) const PLACES: usize = 4;

/// Four places of 16 rows, each code raised by 128: what one multiply-accumulate instruction takes.
#[derive(Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u8; LANES * PLACES]);

impl Line {
    const ZERO: Self = Self([128; LANES * PLACES]);
}

/// The codes of 16 rows at a time ("panel"), their scales and the lengths of what the codes leave out.
#[derive(Clone, PartialEq, Default)]
pub(in crate::retrieve) struct Screen {
    pub(super) lines: Vec<Line>,
    /// By panel: *s* of each row.
    pub(super) scales: Vec<Lanes>,
    /// By panel: ρ of each row, rounded up.
    pub(super) rests: Vec<Lanes>,
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

    /// The bytes that the copy takes.
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

/// A query in whole numbers.
pub(super) struct Codes {
    /// *t*.
    pub(super) scale: f32,
    /// At least the length of what the codes leave out.
    pub(super) rest: f32,
    /// The part of the product that comes of raising the row codes.
    pub(super) raised: i32,
}

/// Codes a query in two bytes a value: `words` gets a word of high bytes and one of low bytes per four places. The
/// codes are small enough that the product with any row fits 32 bits.
pub(super) fn code_fine(query: &[Lanes], words: &mut Vec<i32>) -> Codes {
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
pub(super) fn code_coarse(query: &[Lanes], words: &mut Vec<i32>) -> Codes {
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
