//! What a matrix of figures says about forgetting, transfer and intransigence.
//!
//! `M[k][j]` is the figure after stage `k` on gene set `j`, `K` the last stage; set 0 holds the base genes.
//! `worse(a, b)` is how much worse `a` is than `b`: `a − b` where lower is better (a loss), `b − a` where higher
//! is better (an accuracy).
//!
//! | contrast | mean over | of | source |
//! |---|---|---|---|
//! | forgetting | 1 ≤ j < K | `worse(M[K][j], M[j][j])` | Qi et al., AAAI 2026, arXiv 2511.13762: Δ |
//! | forgetting_from_best | 1 ≤ j < K | `worse(M[K][j], best over j ≤ k ≤ K of M[k][j])` | Chaudhry et al., ECCV 2018, as Mammoth computes it |
//! | backward_transfer | 0 ≤ j < K | `− worse(M[K][j], M[j][j])` | Lopez-Paz and Ranzato, NeurIPS 2017 |
//! | forward_transfer | 1 ≤ j ≤ K | `− worse(M[j−1][j], untrained model)` | the same |
//! | intransigence | 1 ≤ k ≤ K | `worse(M[k][k], joint training's)` | Chaudhry et al., ECCV 2018 |
//!
//! "Forgetting" has two conventions, the first score minus the last and the best minus the last; they agree unless a
//! later stage improved an old set for a while. Means are over the sets whose figures are there. A mean over sets adds
//! the half-widths of their intervals in quadrature: different sets are measured on different cells.

use crate::measured::Measured;

/// Which way a figure improves.
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
}

/// A signed difference on one gene set, or its mean over sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Contrast {
    /// Its name in the table above.
    pub name: &'static str,
    /// The gene set; `None` for the mean over sets.
    pub set: Option<usize>,
    /// The difference.
    pub value: f64,
    /// Its 95 % bootstrap interval over cells.
    pub interval: Option<(f64, f64)>,
    /// Cells that it was measured on.
    pub cells: usize,
}

/// All contrasts of a matrix whose last stage is `last`: `at(k, j)` is `M[k][j]`, `joint(k)` joint training's
/// `M[k][k]`, `untrained(j)` an untrained model's figure on set `j`; a figure that is not there is left out.
pub fn contrasts<'a>(
    last: usize,
    better: Better,
    at: impl Fn(usize, usize) -> Option<&'a Measured>,
    joint: impl Fn(usize) -> Option<&'a Measured>,
    untrained: impl Fn(usize) -> Option<&'a Measured>,
    resamples: usize,
) -> Vec<Contrast> {
    let now = |j| at(last, j);
    let learnt = |j| at(j, j);
    let best = |j| {
        let since = (j..=last).filter_map(|k| at(k, j));
        match better {
            Better::Lower => since.min_by(|a, b| a.value.total_cmp(&b.value)),
            Better::Higher => since.max_by(|a, b| a.value.total_cmp(&b.value)),
        }
    };
    // +1 or −1, so that sign · (a − b) is worse(a, b).
    let sign = better.worse(1.0, 0.0);
    let mut all = Vec::new();
    let mut add =
        |name: &'static str, sign: f64, pairs: Vec<(usize, Option<&Measured>, Option<&Measured>)>| {
            let pairs = pairs.into_iter().filter_map(|(set, a, b)| Some((set, a?, b?)));
            let sets: Vec<Contrast> =
                pairs.map(|(set, a, b)| contrast(name, set, a, b, sign, resamples)).collect();
            all.extend(mean_of(&sets));
            all.extend(sets);
        };
    add("forgetting", sign, (1..last).map(|j| (j, now(j), learnt(j))).collect());
    add("forgetting_from_best", sign, (1..last).map(|j| (j, now(j), best(j))).collect());
    add("backward_transfer", -sign, (0..last).map(|j| (j, now(j), learnt(j))).collect());
    add("forward_transfer", -sign, (1..=last).map(|j| (j, at(j - 1, j), untrained(j))).collect());
    add("intransigence", sign, (1..=last).map(|k| (k, learnt(k), joint(k))).collect());
    all
}

/// `sign · (a − b)` on one gene set.
fn contrast(
    name: &'static str,
    set: usize,
    a: &Measured,
    b: &Measured,
    sign: f64,
    resamples: usize,
) -> Contrast {
    let difference = a.minus(b, resamples);
    let interval =
        difference.interval.map(|(low, high)| if sign < 0.0 { (-high, -low) } else { (low, high) });
    // Never −0.
    let value = sign * difference.value + 0.0;
    Contrast { name, set: Some(set), value, interval, cells: difference.cells() }
}

/// The mean over gene sets; `None` of none.
fn mean_of(sets: &[Contrast]) -> Option<Contrast> {
    let first = sets.first()?;
    let n = sets.len() as f64;
    let value = sets.iter().map(|s| s.value).sum::<f64>() / n;
    let half_width = |side: fn(&Contrast, (f64, f64)) -> f64| -> Option<f64> {
        let squares: Option<f64> = sets.iter().map(|s| Some(side(s, s.interval?).powi(2))).sum();
        Some(squares?.sqrt() / n)
    };
    let below = half_width(|s, (low, _)| s.value - low);
    let above = half_width(|s, (_, high)| high - s.value);
    let interval = below.zip(above).map(|(below, above)| (value - below, value + above));
    Some(Contrast { name: first.name, set: None, value, interval, cells: sets.iter().map(|s| s.cells).sum() })
}

#[cfg(test)]
mod tests {
    use super::Better::{Higher, Lower};
    use super::*;
    use proptest::prelude::*;

    type Figures = Vec<Vec<Option<Measured>>>;

    fn matrix(rows: &[&[Option<f64>]]) -> Figures {
        let measured = |v: f64| Measured::over_cells(vec![v, v], vec![1.0, 1.0], 20).unwrap();
        rows.iter().map(|row| row.iter().map(|v| v.map(measured)).collect()).collect()
    }

    fn at(figures: &Figures, k: usize, j: usize) -> Option<&Measured> {
        figures.get(k)?.get(j)?.as_ref()
    }

    fn all(figures: &Figures, better: Better) -> Vec<Contrast> {
        contrasts(figures.len() - 1, better, |k, j| at(figures, k, j), |_| None, |_| None, 20)
    }

    fn value(all: &[Contrast], name: &str, set: Option<usize>) -> Option<f64> {
        all.iter().find(|c| c.name == name && c.set == set).map(|c| c.value)
    }

    fn close(a: Option<f64>, b: f64) {
        assert!(a.is_some_and(|a| (a - b).abs() < 1e-12), "{a:?} is not {b}");
    }

    /// Losses by hand, K = 3: set 1 goes 0.2 → 0.1 → 0.5, set 2 goes 0.3 → 0.4, the base 0.1 → 0.3.
    fn losses() -> Figures {
        let s = Some;
        matrix(&[
            &[s(0.1), s(0.8), None, None],
            &[s(0.2), s(0.2), s(0.9), None],
            &[s(0.2), s(0.1), s(0.3), s(0.7)],
            &[s(0.3), s(0.5), s(0.4), s(0.2)],
        ])
    }

    #[test]
    fn losses_worked_by_hand() {
        let all = all(&losses(), Lower);
        close(value(&all, "forgetting", None), (0.3 + 0.1) / 2.0);
        close(value(&all, "forgetting", Some(1)), 0.3);
        close(value(&all, "forgetting_from_best", None), (0.4 + 0.1) / 2.0);
        close(value(&all, "backward_transfer", None), -(0.2 + 0.3 + 0.1) / 3.0);
        assert_eq!(value(&all, "forward_transfer", None), None);
    }

    #[test]
    fn accuracies_worked_by_hand() {
        let s = Some;
        let method = matrix(&[
            &[None, s(0.5)],
            &[None, s(0.90), s(0.4)],
            &[None, s(0.93), s(0.80), s(0.3)],
            &[None, s(0.87), s(0.82), s(0.6)],
        ]);
        let joint =
            matrix(&[&[s(0.0)], &[None, s(0.90)], &[None, None, s(0.84)], &[None, None, None, s(0.66)]]);
        let untrained = matrix(&[&[None, s(0.2), s(0.2), s(0.2)]]);
        let all = contrasts(
            3,
            Higher,
            |k, j| at(&method, k, j),
            |k| at(&joint, k, k),
            |j| at(&untrained, 0, j),
            20,
        );
        close(value(&all, "forgetting", None), (0.03 - 0.02) / 2.0);
        close(value(&all, "forgetting_from_best", None), 0.06 / 2.0);
        close(value(&all, "backward_transfer", None), (-0.03 + 0.02) / 2.0);
        close(value(&all, "forward_transfer", None), (0.3 + 0.2 + 0.1) / 3.0);
        close(value(&all, "intransigence", None), (0.0 + 0.04 + 0.06) / 3.0);
    }

    #[test]
    fn with_one_stage_after_the_base_nothing_but_the_base_can_be_forgotten() {
        let all = all(&matrix(&[&[Some(0.1)], &[Some(0.3), Some(0.2)]]), Lower);
        assert_eq!(value(&all, "forgetting", None), None);
        assert_eq!(value(&all, "forgetting_from_best", None), None);
        close(value(&all, "backward_transfer", None), -0.2);
    }

    #[test]
    fn the_interval_of_a_mean_adds_its_parts_in_quadrature() {
        let part = |value, low, high| Contrast {
            name: "n",
            set: Some(1),
            value,
            interval: Some((low, high)),
            cells: 2,
        };
        let mean = mean_of(&[part(1.0, 0.7, 1.3), part(2.0, 1.6, 2.4)]).unwrap();
        let (low, high) = mean.interval.unwrap();
        assert!((mean.value - 1.5).abs() < 1e-12);
        assert!((low - 1.25).abs() < 1e-12 && (high - 1.75).abs() < 1e-12, "√(0.3² + 0.4²) / 2 = 0.25");
    }

    fn any_matrix() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
        (2..6usize).prop_flat_map(|n| {
            prop::collection::vec(prop::collection::vec(prop::option::of(0.0..1.0f64), n), n)
        })
    }

    proptest! {
        #[test]
        fn a_loss_and_its_negative_as_a_gain_are_forgotten_alike(m in any_matrix()) {
            let rows: Vec<&[Option<f64>]> = m.iter().map(Vec::as_slice).collect();
            let negative: Vec<Vec<Option<f64>>> = m.iter().map(|r| r.iter().map(|v| v.map(|v| -v)).collect()).collect();
            let negative: Vec<&[Option<f64>]> = negative.iter().map(Vec::as_slice).collect();
            let (loss, gain) = (all(&matrix(&rows), Lower), all(&matrix(&negative), Higher));
            prop_assert_eq!(loss.len(), gain.len());
            for (a, b) in loss.iter().zip(&gain) {
                prop_assert!((a.value - b.value).abs() < 1e-12);
            }
        }

        #[test]
        fn forgetting_from_the_best_is_never_below_zero(m in any_matrix()) {
            let rows: Vec<&[Option<f64>]> = m.iter().map(Vec::as_slice).collect();
            let all = all(&matrix(&rows), Lower);
            prop_assert!(all.iter().filter(|c| c.name == "forgetting_from_best").all(|c| c.value >= 0.0));
        }
    }
}
