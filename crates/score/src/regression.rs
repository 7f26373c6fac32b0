//! Gene-wise regression: squared errors of predicted values, per cell and per gene.

use crate::measured::Measured;
use std::collections::BTreeMap;

/// Squared errors at masked positions, added up by cell and by gene.
///
/// Values are on the scale of the tokens (`ln(1 + count)` by default).
#[derive(Debug, Clone, Default)]
pub struct SquaredErrors {
    cells: BTreeMap<usize, Sum>,
    genes: BTreeMap<u32, Sum>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    squares: f64,
    count: usize,
}

impl Sum {
    fn add(&mut self, square: f64) {
        self.squares += square;
        self.count += 1;
    }

    fn mean(self) -> f64 {
        self.squares / self.count as f64
    }
}

impl SquaredErrors {
    /// No position yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one masked position. Positions of one cell or gene must come in the same order for the same bits.
    pub fn add(&mut self, cell: usize, gene_token: u32, prediction: f32, truth: f32) {
        let square = (f64::from(prediction) - f64::from(truth)).powi(2);
        self.cells.entry(cell).or_default().add(square);
        self.genes.entry(gene_token).or_default().add(square);
    }

    /// Number of cells with at least one position.
    pub fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Number of positions.
    pub fn positions(&self) -> usize {
        self.cells.values().map(|sum| sum.count).sum()
    }

    /// The mean squared error over positions, `Σ (prediction − truth)² / positions`; `None` without one.
    pub fn mse(&self) -> Option<f64> {
        let squares: f64 = self.cells.values().map(|sum| sum.squares).sum();
        (self.positions() > 0).then(|| squares / self.positions() as f64)
    }

    /// (gene token, its mean squared error, its number of cells), by ascending token.
    pub fn per_gene(&self) -> Vec<(u32, f64, usize)> {
        self.genes.iter().map(|(&token, sum)| (token, sum.mean(), sum.count)).collect()
    }

    /// [`SquaredErrors::mse`] with its 95 % bootstrap interval over cells, and what each cell adds; `None` without
    /// a position.
    pub fn measured(&self, resamples: usize) -> Option<Measured> {
        let (sums, counts) = self.cells.values().map(|sum| (sum.squares, sum.count as f64)).unzip();
        Measured::over_cells(sums, counts, resamples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: errors 1, 2, 0 and 1, so the squares are 1, 4, 0 and 1 over four positions.
    fn errors() -> SquaredErrors {
        let mut errors = SquaredErrors::new();
        errors.add(7, 20, 1.0, 2.0);
        errors.add(7, 10, 3.0, 1.0);
        errors.add(2, 10, 0.5, 0.5);
        errors.add(2, 30, 0.0, 1.0);
        errors
    }

    #[test]
    fn the_mean_is_over_positions() {
        assert_eq!(errors().mse(), Some(1.5));
        assert_eq!((errors().cells(), errors().positions()), (2, 4));
    }

    #[test]
    fn genes_come_in_the_order_of_their_tokens() {
        assert_eq!(errors().per_gene(), vec![(10, 2.0, 2), (20, 1.0, 1), (30, 1.0, 1)]);
    }

    #[test]
    fn the_interval_is_around_the_mean_and_within_the_cells() {
        let it = errors().measured(1000).unwrap();
        assert_eq!((it.value, it.interval), (1.5, Some((0.5, 2.5))));
    }

    #[test]
    fn nothing_measured_is_no_number() {
        let none = SquaredErrors::new();
        assert_eq!(none.mse(), None);
        assert!(none.measured(1000).is_none());
        assert!(none.per_gene().is_empty());
    }
}
