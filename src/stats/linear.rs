//! Solves symmetric positive definite systems.

use ndarray::{Array1, Array2, ArrayView1, Axis};

/// The lower triangle L of `L·Lᵀ`, which is this symmetric positive definite matrix. What is above the diagonal is not read.
pub(super) fn cholesky(mut matrix: Array2<f64>) -> Array2<f64> {
    for i in 0..matrix.nrows() {
        let (done, mut rest) = matrix.view_mut().split_at(Axis(0), i);
        let mut row = rest.row_mut(0);
        for (j, above) in done.rows().into_iter().enumerate() {
            let known = start(&row.view(), j).dot(&start(&above, j));
            if let (Some(entry), Some(pivot)) = (row.get_mut(j), above.get(j)) {
                *entry = (*entry - known) / pivot;
            }
        }
        let known = start(&row.view(), i).dot(&start(&row.view(), i));
        if let Some(entry) = row.get_mut(i) {
            *entry = (*entry - known).max(f64::MIN_POSITIVE).sqrt();
        }
    }
    matrix
}

/// The first entries of a row.
fn start<'a>(row: &ArrayView1<'a, f64>, entries: usize) -> ArrayView1<'a, f64> {
    row.split_at(Axis(0), entries).0
}

/// `x` of `L·Lᵀ·x = b`, by column.
pub(super) fn solve(factor: &Array2<f64>, b: Array2<f64>) -> Array2<f64> {
    let mut x = forward(factor, b);
    for (i, row) in factor.rows().into_iter().enumerate().rev() {
        let (mut before, mut rest) = x.view_mut().split_at(Axis(0), i);
        let mut own = rest.row_mut(0);
        own /= row.get(i).copied().unwrap_or(1.0);
        for (mut other, entry) in before.rows_mut().into_iter().zip(row) {
            other.scaled_add(-entry, &own);
        }
    }
    x
}

/// `x` of `L·x = b`, by column.
pub(super) fn forward(factor: &Array2<f64>, mut b: Array2<f64>) -> Array2<f64> {
    for (i, row) in factor.rows().into_iter().enumerate() {
        let (done, mut rest) = b.view_mut().split_at(Axis(0), i);
        let mut own = rest.row_mut(0);
        for (other, entry) in done.rows().into_iter().zip(row) {
            own.scaled_add(-entry, &other);
        }
        own /= row.get(i).copied().unwrap_or(1.0);
    }
    b
}

/// The diagonal of the inverse of `L·Lᵀ`: the squares of L⁻¹, summed by column.
pub(super) fn inverse_diagonal(factor: &Array2<f64>) -> Array1<f64> {
    forward(factor, Array2::eye(factor.nrows())).map(|entry| entry * entry).sum_axis(Axis(0))
}

/// The eigenvalues of a small symmetric matrix and, by column, its eigenvectors: rotations of two axes at a time until what is off the
/// diagonal is gone (Jacobi 1846).
pub(super) fn eigen(mut matrix: Array2<f64>) -> (Vec<f64>, Array2<f64>) {
    const SWEEPS: usize = 30;
    let n = matrix.nrows();
    let mut vectors = Array2::eye(n);
    for _ in 0..SWEEPS {
        for a in 0..n {
            for b in a + 1..n {
                turn(&mut matrix, &mut vectors, a, b);
            }
        }
    }
    (matrix.diag().to_vec(), vectors)
}

/// Turns two axes so that the entry of both is 0.
fn turn(matrix: &mut Array2<f64>, vectors: &mut Array2<f64>, a: usize, b: usize) {
    let at = |matrix: &Array2<f64>, a: usize, b: usize| matrix.get((a, b)).copied().unwrap_or_default();
    let both = at(matrix, a, b);
    if both == 0.0 {
        return;
    }
    let apart = (at(matrix, b, b) - at(matrix, a, a)) / (2.0 * both);
    let tangent = apart.signum() / (apart.abs() + apart.hypot(1.0));
    let cosine = tangent.hypot(1.0).recip();
    let sine = tangent * cosine;
    let turned = |x: f64, y: f64| (cosine * x - sine * y, sine * x + cosine * y);
    for of in [&mut *matrix, vectors] {
        for mut row in of.rows_mut() {
            let (x, y) = turned(row.get(a).copied().unwrap_or_default(), row.get(b).copied().unwrap_or_default());
            row.get_mut(a).into_iter().for_each(|slot| *slot = x);
            row.get_mut(b).into_iter().for_each(|slot| *slot = y);
        }
    }
    for mut column in matrix.columns_mut() {
        let (x, y) = turned(column.get(a).copied().unwrap_or_default(), column.get(b).copied().unwrap_or_default());
        column.get_mut(a).into_iter().for_each(|slot| *slot = x);
        column.get_mut(b).into_iter().for_each(|slot| *slot = y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solving_gives_back_what_the_matrix_was_multiplied_with() {
        let matrix = ndarray::array![[2.0, 0.5, 0.25], [0.5, 2.0, 0.125], [0.25, 0.125, 2.0]];
        let x = ndarray::array![[1.0, -2.0], [0.5, 3.0], [4.0, 0.0]];
        let factor = cholesky(matrix.clone());
        assert!((solve(&factor, matrix.dot(&x)) - x).iter().all(|entry| entry.abs() < 1e-12));
        let inverse = solve(&factor, Array2::eye(3));
        assert!((inverse_diagonal(&factor) - inverse.diag()).iter().all(|entry| entry.abs() < 1e-12));
    }
    #[test]
    fn eigenvectors_turn_a_matrix_into_its_eigenvalues() {
        let matrix = ndarray::array![
            [2.0, 0.5, 0.25, 0.0],
            [0.5, 2.0, 0.125, -1.0],
            [0.25, 0.125, 2.0, 0.0],
            [0.0, -1.0, 0.0, 0.1]
        ];
        for matrix in [matrix, Array2::zeros((1, 1)), Array2::zeros((0, 0)), Array2::eye(3)] {
            let (values, vectors) = eigen(matrix.clone());
            let turned = vectors.t().dot(&matrix).dot(&vectors);
            assert!((turned - Array2::from_diag(&Array1::from(values))).iter().all(|off| off.abs() < 1e-12));
            assert!(
                (vectors.t().dot(&vectors) - Array2::<f64>::eye(matrix.nrows())).iter().all(|off| off.abs() < 1e-12)
            );
        }
    }
}
