//! A copy of the rows in one byte a value, which gives rigorous bounds of the exact scores.
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
//! [`LENGTH`](rounding::LENGTH). What the exact kernel gives is not **x**·**q** but that sum in *m* = width/16 + 4 roundings, which is off
//! by at most *m* 2⁻²⁴/(1 − *m* 2⁻²⁴) ‖**x**‖ ‖**q**‖; *a* and the bound are computed in f32 with fewer than 8
//! roundings of values below 2. [`slack`](rounding::slack) is above all of these together. So with *e* the sum of the bound and the
//! slack, the kernel's score lies in *a* ± *e*.
//!
//! Let *L* be the *k*-th largest *a* − *e*. At least *k* rows have an exact score of *L* or more, so a row with *a* +
//! *e* < *L* has *k* rows strictly above it and is not among the *k* best, whatever ties there are. Every other row
//! gets its score from the exact kernel, so what comes back is the exact answer, bit for bit.
//!
//! For late interaction the score is a sum over *n* query vectors of the best of an example's rows. A maximum moves by
//! no more than its largest argument does, so the sum of the maxima of *a* is off by at most *n* times the example's
//! largest *e*; summing *n* values of at most 2 in f32, here and in the exact kernel, adds less than *n*² 2⁻²¹.

mod codes;
mod late;
mod multiply;
mod rounding;
mod single;

pub(in crate::retrieve) use codes::Screen;
pub(in crate::retrieve) use late::{LateScratch, late_bound, late_scores};
pub(in crate::retrieve) use single::bounds;

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};
    use proptest::prelude::*;

    use super::codes::code_fine;
    use super::late::LateScratch;
    use super::multiply::Twofold;
    use super::single::{Coded, bounds_by};
    use super::*;
    use crate::retrieve::vectors::kernel::{Lanes, Late};
    use crate::retrieve::vectors::{Matrix, late as exact_late, scan};

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
            let coded = Coded::new(&codes, rows.width(), words.as_chunks().0);
            dispatch!(Level::new(), simd => {
                bounds_by(Twofold(simd), &screen, &coded, &mut other_lows, &mut other_highs);
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
