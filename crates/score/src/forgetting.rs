//! What a matrix of scores says about forgetting, transfer and intransigence.
//!
//! `M[k][j]` is the score after stage `k` on gene set `j`, `K` the last stage; set 0 holds the base genes.
//! `worse(a, b)` is how much worse `a` is than `b`: `a − b` where lower is better (a loss), `b − a` where higher
//! is better (an accuracy). Every mean here is over the sets whose entries are there, and `None` without one.
//!
//! "Forgetting" has two conventions: the first score minus the last ([`forgetting`]) and the best minus the
//! last ([`forgetting_from_best`]). They agree unless a later stage improved an old set for a while.

use crate::matrix::Matrix;

/// Which way a score improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// A loss.
    Lower,
    /// An accuracy.
    Higher,
}

impl Better {
    /// How much worse `a` is than `b`; below 0 where it is better.
    pub fn worse(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Lower => a - b,
            Self::Higher => b - a,
        }
    }

    /// The better of the two.
    pub fn best(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Lower => a.min(b),
            Self::Higher => a.max(b),
        }
    }
}

/// Forgetting of each set `j` from its own stage to the last: `worse(M[K][j], M[j][j])`, for `j = 0..=K`.
///
/// The last set's is 0 by definition; `None` where an entry is missing. Below 0, later stages helped the set.
pub fn per_set_forgetting(matrix: &Matrix, better: Better) -> Vec<Option<f64>> {
    let last = matrix.rows().saturating_sub(1);
    (0..matrix.columns()).map(|j| Some(better.worse(matrix.get(last, j)?, matrix.get(j, j)?))).collect()
}

/// Forgetting, first − last: `Δ = mean over 1 ≤ j < K of worse(M[K][j], M[j][j])`.
///
/// `Δ_reg` and `Δ_cls` of Qi et al., AAAI 2026, arXiv 2511.13762. The base genes are no set of their own here: they are
/// trained on in every stage. `None` with fewer than two stages after the base.
pub fn forgetting(matrix: &Matrix, better: Better) -> Option<f64> {
    mean(old_sets(matrix).map(|j| *per_set_forgetting(matrix, better).get(j)?))
}

/// Forgetting, best − last: `mean over 1 ≤ j < K of worse(M[K][j], best over j ≤ k ≤ K of M[k][j])`; never below 0.
///
/// The convention of Chaudhry et al., ECCV 2018, as the Mammoth library computes it (the last stage is among
/// those of which the best is taken).
pub fn forgetting_from_best(matrix: &Matrix, better: Better) -> Option<f64> {
    let last = matrix.rows().checked_sub(1)?;
    mean(old_sets(matrix).map(|j| {
        let best = (j..=last).filter_map(|k| matrix.get(k, j)).reduce(|a, b| better.best(a, b))?;
        Some(better.worse(matrix.get(last, j)?, best))
    }))
}

/// Backward transfer: `− mean over 0 ≤ j < K of worse(M[K][j], M[j][j])`; above 0, later stages helped.
///
/// Lopez-Paz and Ranzato, NeurIPS 2017, where every earlier task counts: so the base genes do here.
pub fn backward_transfer(matrix: &Matrix, better: Better) -> Option<f64> {
    let last = matrix.rows().saturating_sub(1);
    mean(per_set_forgetting(matrix, better).into_iter().take(last)).map(|f| -f)
}

/// Forward transfer: `− mean over 1 ≤ j ≤ K of worse(M[j−1][j], baseline[j])`: what a model knows of a set before it
/// has met it, beyond `baseline[j]` (an untrained model, or a constant prediction); above 0 is better.
///
/// Lopez-Paz and Ranzato, NeurIPS 2017.
pub fn forward_transfer(matrix: &Matrix, baseline: &[Option<f64>], better: Better) -> Option<f64> {
    mean((1..matrix.columns()).map(|j| {
        let from = baseline.get(j).copied().flatten()?;
        Some(better.worse(matrix.get(j - 1, j)?, from))
    }))
    .map(|f| -f)
}

/// Intransigence: `mean over 1 ≤ k ≤ K of worse(M[k][k], J[k][k])`, `J` the matrix of joint training: what not
/// forgetting costs on the genes just learnt. Below 0, the method learnt them better than joint training.
///
/// Chaudhry et al., ECCV 2018.
pub fn intransigence(matrix: &Matrix, joint: &Matrix, better: Better) -> Option<f64> {
    mean((1..matrix.rows()).map(|k| Some(better.worse(matrix.get(k, k)?, joint.get(k, k)?))))
}

/// The sets `1 ≤ j < K`.
fn old_sets(matrix: &Matrix) -> std::ops::Range<usize> {
    1..matrix.rows().saturating_sub(1)
}

/// The mean of those that are there.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, count) = values.flatten().fold((0.0, 0usize), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::Better::{Higher, Lower};
    use super::*;
    use proptest::prelude::*;

    fn matrix(rows: &[&[Option<f64>]]) -> Matrix {
        Matrix::from_fn(rows.len(), rows.len(), |k, j| rows[k].get(j).copied().flatten())
    }

    /// Losses by hand, K = 3: set 1 goes 0.2 → 0.1 → 0.5, set 2 goes 0.3 → 0.4, the base 0.1 → 0.3.
    fn losses() -> Matrix {
        let s = Some;
        matrix(&[
            &[s(0.1), s(0.8), None, None],
            &[s(0.2), s(0.2), s(0.9), None],
            &[s(0.2), s(0.1), s(0.3), s(0.7)],
            &[s(0.3), s(0.5), s(0.4), s(0.2)],
        ])
    }

    fn close(a: Option<f64>, b: f64) {
        assert!(a.is_some_and(|a| (a - b).abs() < 1e-12), "{a:?} is not {b}");
    }

    #[test]
    fn losses_worked_by_hand() {
        close(forgetting(&losses(), Lower), (0.3 + 0.1) / 2.0);
        close(forgetting_from_best(&losses(), Lower), (0.4 + 0.1) / 2.0);
        close(backward_transfer(&losses(), Lower), -(0.2 + 0.3 + 0.1) / 3.0);
        let per_set = per_set_forgetting(&losses(), Lower);
        for (set, by_hand) in per_set.into_iter().zip([0.2, 0.3, 0.1, 0.0]) {
            close(set, by_hand);
        }
        let baseline = [None, Some(1.0), Some(1.0), Some(1.0)];
        close(forward_transfer(&losses(), &baseline, Lower), (0.2 + 0.1 + 0.3) / 3.0);
    }

    #[test]
    fn accuracies_worked_by_hand() {
        let s = Some;
        let method = matrix(&[
            &[None],
            &[None, s(0.90)],
            &[None, s(0.93), s(0.80)],
            &[None, s(0.87), s(0.82), s(0.6)],
        ]);
        close(forgetting(&method, Higher), (0.03 - 0.02) / 2.0);
        close(forgetting_from_best(&method, Higher), 0.06 / 2.0);
        close(backward_transfer(&method, Higher), (-0.03 + 0.02) / 2.0);
        let joint =
            matrix(&[&[None], &[None, s(0.90)], &[None, None, s(0.84)], &[None, None, None, s(0.66)]]);
        close(intransigence(&method, &joint, Higher), (0.0 + 0.04 + 0.06) / 3.0);
    }

    #[test]
    fn with_one_stage_after_the_base_nothing_but_the_base_can_be_forgotten() {
        let two = matrix(&[&[Some(0.1)], &[Some(0.3), Some(0.2)]]);
        assert_eq!(forgetting(&two, Lower), None);
        assert_eq!(forgetting_from_best(&two, Lower), None);
        close(backward_transfer(&two, Lower), -0.2);
    }

    #[test]
    fn an_empty_matrix_has_no_figure() {
        let none = Matrix::new(0, 0);
        assert_eq!(forgetting(&none, Lower), None);
        assert_eq!(forgetting_from_best(&none, Lower), None);
        assert_eq!(backward_transfer(&none, Lower), None);
        assert_eq!(forward_transfer(&none, &[], Lower), None);
        assert_eq!(intransigence(&none, &none, Lower), None);
        assert!(per_set_forgetting(&none, Lower).is_empty());
    }

    #[test]
    fn a_set_without_a_score_is_left_out_of_the_mean() {
        let mut some = losses();
        some.set(3, 1, f64::NAN);
        close(forgetting(&some, Lower), 0.1);
    }

    fn any_matrix() -> impl Strategy<Value = Matrix> {
        (2..6usize).prop_flat_map(|n| {
            prop::collection::vec(prop::option::of(0.0..1.0f64), n * n)
                .prop_map(move |v| Matrix::from_fn(n, n, |k, j| v[k * n + j]))
        })
    }

    proptest! {
        #[test]
        fn a_loss_and_its_negative_as_a_gain_are_forgotten_alike(m in any_matrix()) {
            let negative = Matrix::from_fn(m.rows(), m.columns(), |k, j| m.get(k, j).map(|v| -v));
            prop_assert_eq!(forgetting(&m, Lower), forgetting(&negative, Higher));
            prop_assert_eq!(forgetting_from_best(&m, Lower), forgetting_from_best(&negative, Higher));
        }

        #[test]
        fn forgetting_from_the_best_is_never_below_zero(m in any_matrix()) {
            prop_assert!(forgetting_from_best(&m, Lower).is_none_or(|f| f >= 0.0));
        }

        #[test]
        fn a_method_is_not_intransigent_against_itself(m in any_matrix()) {
            prop_assert!(intransigence(&m, &m, Higher).is_none_or(|i| i == 0.0));
        }
    }
}
