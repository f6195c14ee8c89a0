//! Products of row codes with query codes, by the widest instructions the CPU has.
#![expect(clippy::inline_always, reason = "code of a SIMD level must be inlined where that level's features are on")]

use fearless_simd::{Simd, i16x32, i32x16, i64x8, prelude::*, u8x64};

use super::codes::Line;

/// A SIMD level's way to multiply lines with words and to add up.
pub(super) trait Multiply<S: Simd>: Copy {
    /// Running sums of 16 rows.
    type Sums: Copy;
    /// The level.
    fn simd(self) -> S;
    /// Sums of nothing.
    fn zero(self) -> Self::Sums;
    /// Adds the product of a line's codes with a word's.
    fn add(self, sums: Self::Sums, line: &Line, word: i32) -> Self::Sums;
    /// A sum per row.
    fn total(self, sums: Self::Sums) -> i32x16<S>;
}

/// Four products a lane in one instruction.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
#[derive(Clone, Copy)]
pub(super) struct Fourfold(pub(super) fearless_simd::Avx512);

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
impl Multiply<fearless_simd::Avx512> for Fourfold {
    type Sums = i32x16<fearless_simd::Avx512>;

    #[inline(always)]
    fn simd(self) -> fearless_simd::Avx512 {
        self.0
    }

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
pub(super) struct Twofold<S>(pub(super) S);

impl<S: Simd> Multiply<S> for Twofold<S> {
    type Sums = (i32x16<S>, i32x16<S>);

    #[inline(always)]
    fn simd(self) -> S {
        self.0
    }

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
pub(super) fn panel<S: Simd, M: Multiply<S>, const Q: usize>(
    by: M,
    words: &[[i32; Q]],
    lines: &[Line],
) -> [i32x16<S>; Q] {
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
    ($by:ident => $call:expr) => {{
        let level = fearless_simd::Level::new();
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        let fourfold = level.as_avx512();
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
        let fourfold: Option<std::convert::Infallible> = None;
        match fourfold {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Some(simd) => fearless_simd::Simd::vectorize(
                simd,
                #[inline(always)]
                || {
                    let $by = $crate::retrieve::vectors::screen::multiply::Fourfold(simd);
                    $call
                },
            ),
            _ => fearless_simd::dispatch!(level, simd => {
                let $by = $crate::retrieve::vectors::screen::multiply::Twofold(simd);
                $call
            }),
        }
    }};
}

pub(super) use by_level;
