//! Fisher's exact test of a 2×2 table, with an approximation for tables too large to add up.

use super::tail::upper_chi_square;

/// Spread, in standard deviations of the first cell, up to which [`fisher_exact`] adds up every table.
const MAX_EXACT_DEVIATION: f64 = 1e4;

/// Tests a 2×2 table `[[a, b], [c, d]]` of counts for association: the two-sided p-value, in [0, 1].
///
/// Adds the probabilities of all tables with the same margins that are no likelier than this one (with a
/// relative tolerance of 1e-7, as R does). An empty row or column gives 1. A probability below about 1e-300 of the
/// likeliest table's is 0.
///
/// Exact, to about 1e-11 relative, while the standard deviation of `a` given the margins is at most 10,000, which
/// holds for every table of up to 1,600,000,000 counts. Above, Pearson's χ² with Yates' correction stands in, within
/// 1 % of the exact value for p above 1e-9 even when both margins are lopsided.
///
/// Source: Fisher 1935; Agresti, *Categorical Data Analysis*, 3rd ed., section 3.5. Own code because the statrs 0.19
/// test subtracts a cumulative sum from 1 (p-values below 1e-12 come out negative) and searches the far side wrongly
/// (0.49 instead of 0.0013 for `[[1000, 900], [900, 1000]]`).
pub fn fisher_exact(a: u64, b: u64, c: u64, d: u64) -> f64 {
    let [a, b, c, d] = [a, b, c, d].map(u128::from);
    // Turning the smaller row and column to the front leaves p as it is and makes 0 the least possible first cell.
    let (a, b, c, d) = if a + b > c + d { (c, d, a, b) } else { (a, b, c, d) };
    let (a, b, c, d) = if a + c > b + d { (b, a, d, c) } else { (a, b, c, d) };
    let (row, column, total) = (a + b, a + c, a + b + c + d);
    if row == 0 || column == 0 {
        return 1.0;
    }
    let share = |part: u128| part as f64 / total as f64;
    let variance = row as f64 * share(column) * share(c + d) * share(b + d);
    if variance > MAX_EXACT_DEVIATION * MAX_EXACT_DEVIATION {
        return yates(a, b, c, d);
    }

    // The spread bounds the first cell by 2e14, so f64 counts it exactly.
    let margins = Margins { row: row as f64, column: column as f64, rest: (total - row - column) as f64 };
    let mode = ((row + 1) * (column + 1) / (total + 2)) as f64;
    let first = a as f64;
    let observed = if first >= mode {
        margins.upwards(mode).find(|&(cell, _)| cell >= first)
    } else {
        margins.downwards(mode).find(|&(cell, _)| cell <= first)
    };
    let Some((_, observed)) = observed else {
        // So far out that its weight underflows.
        return 0.0;
    };
    let limit = observed * (1.0 + 1e-7);
    let (mut tail, mut all) = (0.0, 0.0);
    for (_, weight) in margins.upwards(mode).chain(margins.downwards(mode).skip(1)) {
        all += weight;
        if weight <= limit {
            tail += weight;
        }
    }
    // The mode weighs 1, hence the sum is not 0.
    f64::min(tail / all, 1.0)
}

/// The margins of a 2×2 table: its first row's and column's sum, and the last cell were the first one 0.
#[derive(Clone, Copy)]
struct Margins {
    row: f64,
    column: f64,
    /// Total − row − column, at least 0 because neither passes half of the total.
    rest: f64,
}

impl Margins {
    /// Walks (first cell, probability relative to the mode's) from the mode up, until it is impossible or underflows.
    fn upwards(self, mode: f64) -> impl Iterator<Item = (f64, f64)> {
        std::iter::successors(Some((mode, 1.0)), move |&(cell, weight)| {
            Some((cell + 1.0, weight * self.odds_of_next(cell)))
        })
        .take_while(|&(_, weight)| weight >= f64::MIN_POSITIVE)
    }

    /// Walks the same pairs from the mode down.
    fn downwards(self, mode: f64) -> impl Iterator<Item = (f64, f64)> {
        std::iter::successors(Some((mode, 1.0)), move |&(cell, weight)| {
            // Below 0 nothing is possible.
            (cell > 0.0).then(|| (cell - 1.0, weight / self.odds_of_next(cell - 1.0)))
        })
        .take_while(|&(_, weight)| weight >= f64::MIN_POSITIVE)
    }

    /// The odds of `cell + 1` against `cell`; 0 when it is impossible.
    fn odds_of_next(self, cell: f64) -> f64 {
        (self.row - cell) * (self.column - cell) / ((cell + 1.0) * (self.rest + cell + 1.0))
    }
}

/// χ² of a 2×2 table without empty margins, with Yates' continuity correction.
fn yates(a: u128, b: u128, c: u128, d: u128) -> f64 {
    let total = (a + b + c + d) as f64;
    let expected = (a + b) as f64 * ((a + c) as f64 / total);
    let off = (a as f64 - expected).abs() - 0.5;
    if off <= 0.0 {
        return 1.0;
    }
    let inverse: f64 = [(a + b, a + c), (a + b, b + d), (c + d, a + c), (c + d, b + d)]
        .iter()
        .map(|&(row, column)| total / row as f64 / column as f64)
        .sum();
    upper_chi_square(off * off * inverse, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, relative: f64) -> bool {
        (got - want).abs() <= relative * want.abs()
    }

    #[test]
    fn fisher_survives_any_size() {
        let sizes = [0, 1, 2, 7, 1 << 20, 1 << 40, u64::MAX - 1, u64::MAX];
        for a in sizes {
            for b in sizes {
                for c in sizes {
                    for d in sizes {
                        let p = fisher_exact(a, b, c, d);
                        assert!((0.0..=1.0).contains(&p), "{a} {b} {c} {d}: {p}");
                    }
                }
            }
        }
    }

    #[test]
    fn fisher_agrees_with_its_stand_in_where_they_meet() {
        // Just inside the exact range; the offsets give p between 1 and 1e-10.
        for (base, other) in [(390_000_000, 390_000_000), (150_000_000, 3_000_000_000)] {
            for off in [0_u64, 1_000, 10_000, 30_000, 60_000] {
                let (a, b, c, d) = (base + off, other - off, base - off, other + off);
                let exact = fisher_exact(a, b, c, d);
                let [a, b, c, d] = [a, b, c, d].map(u128::from);
                let approximate = yates(a, b, c, d);
                assert!(close(approximate, exact, 1e-4), "{base} {off}: {approximate}, not {exact}");
            }
        }
    }

    #[test]
    fn fisher_agrees_with_its_stand_in_on_lopsided_tables() {
        // Rows 1:9 and nearly all in the second column: the skewness is as bad as it gets.
        let (base, other) = (50_000_000_u64, 1_u64 << 59);
        for off in [1_000_u64, 10_000, 20_000, 40_000] {
            for (a, c) in [(base + off, base * 9 - off), (base - off, base * 9 + off)] {
                let exact = fisher_exact(a, other, c, other * 9);
                let [a, b, c, d] = [a, other, c, other * 9].map(u128::from);
                let approximate = yates(a, b, c, d);
                assert!(close(approximate, exact, 1e-2), "{off}: {approximate}, not {exact}");
            }
        }
    }
}
