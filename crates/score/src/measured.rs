//! One figure, with what each cell adds to it.

use crate::interval::bootstrap_mean;
use genil_base::random::{Key, Purpose};
use serde::{Deserialize, Serialize};

/// A figure of one model on one gene set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// `Σ sums / Σ weights`, or the figure itself where it is no mean over cells.
    pub value: f64,
    /// Its 95 % bootstrap interval over cells; none where it is no mean over cells, or of fewer than two.
    pub interval: Option<(f64, f64)>,
    /// What each cell adds: its squared errors, or how often it was right. Empty for no mean over cells.
    pub sums: Vec<f64>,
    /// How much each cell counts: its masked positions, or 1.
    pub weights: Vec<f64>,
}

impl Measured {
    /// The mean over cells, with its interval; `None` when nothing was measured.
    pub fn over_cells(sums: Vec<f64>, weights: Vec<f64>, resamples: usize) -> Option<Self> {
        let over = bootstrap_mean(&sums, &weights, Key::new(0, Purpose::Bootstrap), resamples);
        let interval = over.has_bounds().then_some((over.low, over.high));
        over.value.is_finite().then_some(Self { value: over.value, interval, sums, weights })
    }

    /// A figure that is no mean over cells; `cells` of them made it.
    pub fn plain(value: f64, cells: usize) -> Self {
        Self { value, interval: None, sums: Vec::new(), weights: vec![1.0; cells] }
    }

    /// Cells that it was measured on.
    pub fn cells(&self) -> usize {
        self.weights.len()
    }

    /// `self − other`. Where both are means over the same cells with the same masks, the interval resamples the
    /// cells' differences.
    pub fn minus(&self, other: &Self, resamples: usize) -> Self {
        let paired = !self.sums.is_empty() && !other.sums.is_empty() && self.weights == other.weights;
        let differences = || self.sums.iter().zip(&other.sums).map(|(a, b)| a - b).collect();
        paired
            .then(|| Self::over_cells(differences(), self.weights.clone(), resamples))
            .flatten()
            .unwrap_or_else(|| Self::plain(self.value - other.value, self.cells()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_the_same_cells_has_the_interval_of_their_differences() {
        let sums: Vec<f64> = (0..50).map(f64::from).collect();
        let more: Vec<f64> = sums.iter().map(|x| x + 0.5).collect();
        let a = Measured::over_cells(more, vec![1.0; 50], 200).unwrap();
        let b = Measured::over_cells(sums, vec![1.0; 50], 200).unwrap();
        let difference = a.minus(&b, 200);
        assert!((difference.value - 0.5).abs() < 1e-12);
        let (low, high) = difference.interval.unwrap();
        assert!((low - 0.5).abs() < 1e-12 && (high - 0.5).abs() < 1e-12, "each cell differs by the same");
    }

    #[test]
    fn figures_of_other_cells_have_a_difference_without_an_interval() {
        let a = Measured::over_cells(vec![1.0, 2.0], vec![1.0, 1.0], 10).unwrap();
        assert_eq!(a.minus(&Measured::plain(1.0, 2), 10).interval, None);
        assert_eq!(Measured::over_cells(Vec::new(), Vec::new(), 10), None);
    }
}
