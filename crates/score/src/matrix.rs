//! The scores after every stage on every gene set.

/// `K + 1` stages × `K + 1` gene sets: entry `[k][j]` is a score after stage `k` on gene set `j`.
///
/// Stage and set 0 are the base. An entry is missing where nothing was measured: sets not yet learnt, a set without
/// labelled cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    columns: usize,
    entries: Vec<Option<f64>>,
}

impl Matrix {
    /// A matrix of `rows` stages × `columns` gene sets without an entry.
    pub fn new(rows: usize, columns: usize) -> Self {
        Self::from_fn(rows, columns, |_, _| None)
    }

    /// The matrix of `entry(stage, set)`; numbers that are not finite count as missing.
    pub fn from_fn(rows: usize, columns: usize, mut entry: impl FnMut(usize, usize) -> Option<f64>) -> Self {
        let entries = (0..rows)
            .flat_map(|k| (0..columns).map(move |j| (k, j)))
            .map(|(k, j)| entry(k, j).filter(|v| v.is_finite()))
            .collect();
        Self { columns, entries }
    }

    /// Number of stages, the base stage among them.
    pub fn rows(&self) -> usize {
        self.entries.len().checked_div(self.columns).unwrap_or(0)
    }

    /// Number of gene sets, the base genes among them.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The score after stage `k` on gene set `j`; `None` where it is missing or outside.
    pub fn get(&self, k: usize, j: usize) -> Option<f64> {
        if j < self.columns { self.entries.get(k * self.columns + j).copied().flatten() } else { None }
    }

    /// Sets an entry; a number that is not finite makes it missing.
    ///
    /// # Panics
    /// Outside the matrix, as a slice does. Use [`Matrix::from_fn`] for indices that come from a file.
    pub fn set(&mut self, k: usize, j: usize, value: f64) {
        assert!(j < self.columns, "gene set {j} of {}", self.columns);
        self.entries[k * self.columns + j] = value.is_finite().then_some(value);
    }

    /// All scores that are there.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.entries.iter().filter_map(|v| *v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_missing_until_it_is_set() {
        let mut matrix = Matrix::new(2, 3);
        assert_eq!((matrix.rows(), matrix.columns()), (2, 3));
        assert_eq!(matrix.get(1, 2), None);
        matrix.set(1, 2, 0.5);
        assert_eq!(matrix.get(1, 2), Some(0.5));
        assert_eq!(matrix.values().collect::<Vec<_>>(), [0.5]);
        matrix.set(1, 2, f64::NAN);
        assert_eq!(matrix.get(1, 2), None);
    }

    #[test]
    fn outside_is_missing() {
        let full = Matrix::from_fn(2, 2, |k, j| Some((10 * k + j) as f64));
        assert_eq!(full.get(1, 0), Some(10.0));
        assert_eq!(full.get(0, 2), None);
        assert_eq!(full.get(2, 0), None);
        assert_eq!(Matrix::new(3, 0).rows(), 0);
    }
}
