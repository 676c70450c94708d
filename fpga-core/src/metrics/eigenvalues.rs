//! Eigenvalues of symmetric matrices: reflections to three diagonals (Householder), then bisection with
//! Sturm's count (Golub & Van Loan, sections 8.3 and 8.4). Always converges; for 2048 rows a few seconds.

use ndarray::{Array1, Array2, s};
use rayon::prelude::*;

/// Halvings of the interval that holds all eigenvalues: to the last bit of a double.
const HALVINGS: usize = 64;

/// All eigenvalues of a symmetric matrix, in ascending order.
pub(super) fn symmetric_eigenvalues(matrix: Array2<f64>) -> Vec<f64> {
    let count = matrix.nrows();
    let (diagonal, beside) = tridiagonal(matrix);
    // Gershgorin's circles.
    let edge = |i: usize| beside.get(i).map_or(0.0, |value: &f64| value.abs());
    let reach = |i: usize| edge(i) + if i > 0 { edge(i - 1) } else { 0.0 };
    let low = (0..count)
        .map(|i| diagonal[i] - reach(i))
        .fold(f64::INFINITY, f64::min);
    let high = (0..count)
        .map(|i| diagonal[i] + reach(i))
        .fold(f64::NEG_INFINITY, f64::max);
    let squares: Vec<f64> = beside.iter().map(|value| value * value).collect();
    let find = |index: usize| {
        let (mut low, mut high) = (low, high);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            match below(&diagonal, &squares, middle) > index {
                true => high = middle,
                false => low = middle,
            }
        }
        0.5 * (low + high)
    };
    (0..count).into_par_iter().map(find).collect()
}

/// How many eigenvalues of three diagonals are smaller than `bound`.
fn below(diagonal: &[f64], squares: &[f64], bound: f64) -> usize {
    let mut count = 0;
    let mut quotient = 1.0;
    for (i, &value) in diagonal.iter().enumerate() {
        let carried = if i > 0 {
            squares[i - 1] / quotient
        } else {
            0.0
        };
        quotient = value - bound - carried;
        if quotient == 0.0 {
            // An eigenvalue of the part so far: either side of it will do.
            quotient = f64::MIN_POSITIVE;
        }
        count += usize::from(quotient < 0.0);
    }
    count
}

/// The same eigenvalues on the diagonal and beside it.
fn tridiagonal(matrix: Array2<f64>) -> (Vec<f64>, Vec<f64>) {
    let mut matrix = matrix.as_standard_layout().into_owned();
    let count = matrix.nrows();
    let mut beside = Vec::with_capacity(count.saturating_sub(1));
    for k in 0..count.saturating_sub(1) {
        let mut mirror: Array1<f64> = matrix.slice(s![k + 1.., k]).to_owned();
        let norm = mirror.dot(&mirror).sqrt();
        let entry = if mirror[0] > 0.0 { -norm } else { norm };
        beside.push(entry);
        mirror[0] -= entry;
        let length = mirror.dot(&mirror);
        if length > 0.0 {
            reflect(&mut matrix, k + 1, (&mirror, 2.0 / length));
        }
    }
    (matrix.diag().to_vec(), beside)
}

/// `(1 − β v vᵀ) A (1 − β v vᵀ)` for the part of the matrix from `start` on.
fn reflect(matrix: &mut Array2<f64>, start: usize, (mirror, beta): (&Array1<f64>, f64)) {
    let part = matrix.slice(s![start.., start..]);
    let image = part.dot(mirror) * beta;
    let along = 0.5 * beta * mirror.dot(&image);
    let shift = image - mirror * along;
    let width = matrix.ncols();
    let values = matrix.as_slice_mut().expect("rows lie one after another");
    let rows = values.par_chunks_mut(width).skip(start).enumerate();
    rows.for_each(|(i, row)| {
        let (v, w) = (mirror[i], shift[i]);
        let others = mirror.iter().zip(&shift);
        for (value, (other_v, other_w)) in row[start..].iter_mut().zip(others) {
            *value -= v * other_w + w * other_v;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_spectrum_is_found() {
        // Second differences: 2 − 2 cos(π k / (n + 1)).
        let count = 40;
        let matrix = Array2::from_shape_fn((count, count), |(i, j)| match i.abs_diff(j) {
            0 => 2.0,
            1 => -1.0,
            _ => 0.0,
        });
        for (k, found) in symmetric_eigenvalues(matrix).into_iter().enumerate() {
            let angle = std::f64::consts::PI * (k + 1) as f64 / (count + 1) as f64;
            assert!(
                (found - (2.0 - 2.0 * angle.cos())).abs() < 1e-13,
                "{k}: {found}"
            );
        }
    }

    #[test]
    fn full_matrices_keep_trace_and_size() {
        let count = 33;
        let matrix = Array2::from_shape_fn((count, count), |(i, j)| {
            ((i * j) as f64 * 0.7).sin() + ((i + j) as f64 * 0.31).cos()
        });
        let values = symmetric_eigenvalues(matrix.clone());
        let squares: f64 = values.iter().map(|value| value * value).sum();
        assert!((values.iter().sum::<f64>() - matrix.diag().sum()).abs() < 1e-11);
        assert!((squares - matrix.iter().map(|value| value * value).sum::<f64>()).abs() < 1e-9);
        assert!(values.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn multiples_of_one_and_single_values_work() {
        let ones = symmetric_eigenvalues(Array2::eye(5) * 3.0);
        assert!(ones.iter().all(|value| (value - 3.0).abs() < 1e-15));
        assert_eq!(
            symmetric_eigenvalues(Array2::from_elem((1, 1), -2.0)),
            [-2.0]
        );
        assert!(symmetric_eigenvalues(Array2::zeros((0, 0))).is_empty());
    }
}
