//! Two methods over the same seeds: the paired t-test (Student, Biometrika 1908).
//!
//! Seed `i` gives the figures `a_i` and `b_i` of two methods that began from the same model and met the same cells with
//! the same masks; what the seeds share cancels in `d_i = a_i − b_i`. With mean `d̄` and sample standard deviation `s` of
//! `n` differences,
//!
//! * `t = d̄ / (s / √n)`, two-sided p from Student's t with `n − 1` degrees of freedom;
//! * the 95 % interval is `d̄ ± t(0.975, n − 1) · s / √n`.
//!
//! No correction is made for comparing many methods: with `m` comparisons of interest, ask for `p < 0.05 / m`.

use crate::interval::{Interval, over_seeds, standard_error, student};
use serde::{Deserialize, Serialize};
use statrs::distribution::ContinuousCDF;

/// The difference of two methods over the same seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// The mean of `a − b`.
    pub mean: f64,
    /// The mean with Student's interval over the differences.
    pub interval: Interval,
    /// Two-sided p-value of the paired t-test that the mean is 0, in 0..=1.
    pub p: f64,
}

/// The paired t-test of `a − b`, where `a[i]` and `b[i]` come from the same seed.
///
/// `None` for fewer than two pairs, lists of different length or a number that is not finite. Where all differences
/// are equal, p is 1 if they are 0 and 0 otherwise.
pub fn paired_difference(a: &[f64], b: &[f64]) -> Option<Paired> {
    if a.len() != b.len() {
        return None;
    }
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let t = student(differences.len())?;
    let interval = over_seeds(&differences);
    let mean = interval.value;
    if !mean.is_finite() {
        return None;
    }
    let error = standard_error(&differences, mean);
    let p = match (mean == 0.0, error == 0.0) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        (false, false) => (2.0 * t.sf((mean / error).abs())).min(1.0),
    };
    Some(Paired { mean, interval, p })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b}");
    }

    /// d = 1, 2, 3: d̄ = 2, s = 1, t = 2√3. With two degrees of freedom p = 1 − t / √(2 + t²) = 1 − √(12 / 14), and
    /// t(0.975, 2) = 0.95 / √(2 · 0.975 · 0.025).
    #[test]
    fn a_paired_difference_worked_by_hand() {
        let it = paired_difference(&[4.0, 4.0, 4.0], &[3.0, 2.0, 1.0]).unwrap();
        let half = 0.95 / (2.0 * 0.975 * 0.025_f64).sqrt() / 3.0_f64.sqrt();
        close(it.mean, 2.0, 1e-12);
        close(it.p, 1.0 - (12.0_f64 / 14.0).sqrt(), 1e-9);
        close(it.interval.low, 2.0 - half, 1e-9);
        close(it.interval.high, 2.0 + half, 1e-9);
    }

    #[test]
    fn a_paired_difference_agrees_with_scipy() {
        let far =
            paired_difference(&[0.253, 0.241, 0.262, 0.249, 0.270], &[0.154, 0.160, 0.149, 0.171, 0.150])
                .unwrap();
        close(far.mean, 0.0982, 1e-12);
        close(far.interval.low, 0.074_980_551_240_241_61, 1e-9);
        close(far.p, 0.000_300_915_237_934_044, 1e-9);
        let weak = paired_difference(&[0.30, 0.20, 0.25], &[0.28, 0.21, 0.20]).unwrap();
        close(weak.interval.high, 0.094_524_131_352_509_84, 1e-9);
        close(weak.p, 0.367_544_467_966_324, 1e-9);
    }

    #[test]
    fn a_paired_difference_needs_two_pairs() {
        assert!(paired_difference(&[1.0], &[2.0]).is_none());
        assert!(paired_difference(&[1.0, 2.0], &[2.0]).is_none());
        assert!(paired_difference(&[1.0, f64::NAN], &[2.0, 1.0]).is_none());
        assert_eq!(paired_difference(&[1.0, 2.0], &[1.0, 2.0]).unwrap().p, 1.0);
        assert_eq!(paired_difference(&[1.0, 2.0], &[0.0, 1.0]).unwrap().p, 0.0);
    }

    proptest! {
        #[test]
        fn swapping_the_methods_turns_the_difference_round(
            pairs in prop::collection::vec((-1.0..1.0f64, -1.0..1.0f64), 2..8)
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let (ab, ba) = (paired_difference(&a, &b).unwrap(), paired_difference(&b, &a).unwrap());
            prop_assert!((ab.mean + ba.mean).abs() < 1e-12 && (ab.p - ba.p).abs() < 1e-9);
            prop_assert!((0.0..=1.0).contains(&ab.p));
        }
    }
}
