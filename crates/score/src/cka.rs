//! How alike two representations of the same cells are: linear centred kernel alignment (Kornblith et al., ICML 2019,
//! arXiv 1905.00414).
//!
//! With `X` (`N × p`) and `Y` (`N × q`), the columns of both centred,
//!
//! `CKA = ‖YᵀX‖² / (‖XᵀX‖ · ‖YᵀY‖)` with Frobenius norms.
//!
//! It is 1 where one is a rotation and a scaling of the other, 0 where no direction of one goes with one of the other.

use rayon::prelude::*;

/// Linear CKA of `x` (`N × p`, row by row) and `y` (`N × q`), in 0..=1.
///
/// `None` when the numbers of rows differ or are below two, or where one representation is the same for all cells.
pub fn linear_cka(x: &[f32], p: usize, y: &[f32], q: usize) -> Option<f64> {
    if p == 0 || q == 0 || !x.len().is_multiple_of(p) || x.len() / p < 2 || y.len() != x.len() / p * q {
        return None;
    }
    let (x, y) = (centred_columns(x, p), centred_columns(y, q));
    let cross = squared_norm_of_product(&x, &y);
    let own = squared_norm_of_product(&x, &x).sqrt() * squared_norm_of_product(&y, &y).sqrt();
    (own > 0.0).then(|| (cross / own).clamp(0.0, 1.0)).filter(|cka| cka.is_finite())
}

/// The columns of a matrix of rows, each less its mean.
fn centred_columns(x: &[f32], width: usize) -> Vec<Vec<f64>> {
    let column = |c: usize| {
        let values = || x.iter().skip(c).step_by(width).map(|&v| f64::from(v));
        let mean = values().sum::<f64>() / (x.len() / width) as f64;
        values().map(|v| v - mean).collect()
    };
    (0..width).into_par_iter().map(column).collect()
}

/// `‖AᵀB‖²` of two matrices of columns.
fn squared_norm_of_product(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let of_column = |a: &Vec<f64>| -> f64 {
        b.iter().map(|b| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>().powi(2)).sum()
    };
    // Summed in order, whatever the threads do.
    a.par_iter().map(of_column).collect::<Vec<f64>>().iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: Option<f64>, b: f64) {
        assert!(a.is_some_and(|a| (a - b).abs() < 1e-6), "{a:?} is not {b}");
    }

    /// By hand: x = (−1, 0, 1), y has the columns (−1, 0, 1) and (1, −2, 1). yᵀx = (2, 0), xᵀx = 2,
    /// yᵀy = diag(2, 6): 4 / (2 · √40).
    #[test]
    fn cka_worked_by_hand() {
        let x = [4.0, 5.0, 6.0];
        let y = [-1.0, 1.0, 0.0, -2.0, 1.0, 1.0];
        close(linear_cka(&x, 1, &y, 2), 2.0 / 40.0_f64.sqrt());
        close(linear_cka(&y, 2, &x, 1), 2.0 / 40.0_f64.sqrt());
        close(linear_cka(&[1.0, -2.0, 1.0], 1, &x, 1), 0.0);
    }

    #[test]
    fn a_rotation_and_a_scaling_change_nothing() {
        let x: Vec<f32> = (0..40).map(|i| ((i * 37 % 11) as f32) * 0.3 + (i % 3) as f32).collect();
        let (sin, cos) = 0.7_f32.sin_cos();
        let turned: Vec<f32> = x
            .chunks_exact(2)
            .flat_map(|v| [5.0 * (cos * v[0] - sin * v[1]) + 1.0, 5.0 * (sin * v[0] + cos * v[1]) - 3.0])
            .collect();
        close(linear_cka(&x, 2, &turned, 2), 1.0);
    }

    #[test]
    fn what_cannot_be_compared_is_no_number() {
        assert_eq!(linear_cka(&[1.0, 2.0], 1, &[1.0, 2.0, 3.0], 1), None);
        assert_eq!(linear_cka(&[1.0, 1.0], 1, &[1.0, 2.0], 1), None, "the same for all cells");
        assert_eq!(linear_cka(&[1.0], 1, &[1.0], 1), None);
        assert_eq!(linear_cka(&[], 0, &[], 0), None);
    }
}
