//! Non-negative factorization of a sparse matrix: X ≈ W Hᵀ, by coordinate descent (HALS).
//!
//! Cichocki and Phan, *IEICE Trans. Fundamentals* E92-A (2009). Each sweep solves for one column of W or H at a time with the
//! others fixed, which never raises the squared error.

/// Sweeps over both factors.
const SWEEPS: usize = 40;
const TINY: f64 = 1e-12;

/// A dense matrix of `width` columns, row by row.
struct Dense {
    width: usize,
    cells: Vec<f64>,
}

impl Dense {
    fn zeros(rows: usize, width: usize) -> Self {
        Self { width, cells: vec![0.0; rows * width] }
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.cells.chunks_exact(self.width)
    }

    fn row(&self, at: usize) -> &[f64] {
        self.cells.get(at * self.width..(at + 1) * self.width).unwrap_or_default()
    }

    fn row_mut(&mut self, at: usize) -> &mut [f64] {
        self.cells.get_mut(at * self.width..(at + 1) * self.width).unwrap_or_default()
    }

    /// The products of all pairs of columns.
    fn gram(&self) -> Self {
        let mut gram = Self::zeros(self.width, self.width);
        for row in self.rows() {
            for (place, value) in row.iter().enumerate().filter(|(_, value)| **value > 0.0) {
                add(gram.row_mut(place), *value, row);
            }
        }
        gram
    }

    /// Solves for each column in turn, given the products with the other factor and that factor's gram matrix.
    fn sweep(&mut self, products: &Self, gram: &Self) {
        for (row, wanted) in self.cells.chunks_exact_mut(self.width).zip(products.rows()) {
            for (place, (of, wanted)) in gram.rows().zip(wanted).enumerate() {
                let now: f64 = row.iter().zip(of).map(|(a, b)| a * b).sum();
                let own = of.get(place).copied().unwrap_or_default().max(TINY);
                if let Some(cell) = row.get_mut(place) {
                    *cell = (*cell + (wanted - now) / own).max(0.0);
                }
            }
        }
    }

    /// Divides each column by its length, and gives the lengths.
    fn normalize(&mut self) -> Vec<f64> {
        let mut lengths = vec![0.0_f64; self.width];
        for row in self.rows() {
            lengths.iter_mut().zip(row).for_each(|(length, value)| *length += value * value);
        }
        let lengths: Vec<f64> = lengths.into_iter().map(|length| length.sqrt().max(TINY)).collect();
        for row in self.cells.chunks_exact_mut(self.width) {
            row.iter_mut().zip(&lengths).for_each(|(value, length)| *value /= length);
        }
        lengths
    }
}

/// `to += factor · from`.
fn add(to: &mut [f64], factor: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

/// The sparse matrix times the dense one; its transpose where `transposed` is the number of its columns.
fn product(sparse: &[Vec<(usize, f64)>], dense: &Dense, transposed: Option<usize>) -> Dense {
    let mut out = Dense::zeros(transposed.unwrap_or(sparse.len()), dense.width);
    for (row, cells) in sparse.iter().enumerate() {
        for (column, value) in cells {
            match transposed {
                Some(_) => add(out.row_mut(*column), *value, dense.row(row)),
                None => add(out.row_mut(row), *value, dense.row(*column)),
            }
        }
    }
    out
}

/// By topic, the weight of each of the `columns`, of length 1. A topic begins as the mean of the rows that have its seed.
pub(super) fn factorize(rows: &[Vec<(usize, f64)>], columns: usize, seeds: &[usize]) -> Vec<Vec<f64>> {
    let width = seeds.len();
    if width == 0 {
        return Vec::new();
    }
    let mut start = Dense::zeros(rows.len(), width);
    for (row, cells) in rows.iter().enumerate() {
        for (cell, seed) in start.row_mut(row).iter_mut().zip(seeds) {
            *cell = cells.iter().find(|(column, _)| column == seed).map_or(0.0, |(_, value)| *value);
        }
    }
    let mut h = product(rows, &start, Some(columns));
    h.normalize();
    let mut w = product(rows, &h, None);
    for _ in 0..SWEEPS {
        w.sweep(&product(rows, &h, None), &h.gram());
        h.sweep(&product(rows, &w, Some(columns)), &w.gram());
        let lengths = h.normalize();
        for row in w.cells.chunks_exact_mut(width) {
            row.iter_mut().zip(&lengths).for_each(|(value, length)| *value *= length);
        }
    }
    (0..width).map(|topic| h.rows().filter_map(|row| row.get(topic).copied()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blocks_are_two_topics() {
        let rows = vec![vec![(0, 0.8), (1, 0.6)], vec![(0, 0.8), (1, 0.6)], vec![(2, 1.0)], vec![(2, 0.6), (3, 0.8)]];
        let topics = factorize(&rows, 4, &[0, 2]);
        assert!((topics[0][0] - 0.8).abs() < 1e-6 && (topics[0][1] - 0.6).abs() < 1e-6);
        assert!(topics[0][2] < 1e-6 && topics[1][0] < 1e-6 && topics[1][2] > 0.5);
        assert!(factorize(&rows, 4, &[]).is_empty());
    }
}
