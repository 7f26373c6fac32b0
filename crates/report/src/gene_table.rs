//! One row per gene: its loss when just learnt and after the last stage, under every method.

use crate::run::Run;
use std::collections::BTreeMap;

/// A gene of a set that was learnt before the last stage.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneRow {
    /// Its name.
    pub gene: String,
    /// Its set.
    pub set: usize,
    /// The held-out cells that it was measured on, at most over seeds and stages.
    pub cells: usize,
    /// (loss after its own stage, loss after the last stage) per method, means over seeds.
    pub losses: Vec<Option<(f64, f64)>>,
}

impl GeneRow {
    /// How much its loss rose under a method.
    pub fn forgotten(&self, method: usize) -> Option<f64> {
        let (first, last) = self.losses.get(method).copied().flatten()?;
        Some(last - first)
    }

    fn most(&self) -> f64 {
        (0..self.losses.len()).filter_map(|m| self.forgotten(m)).fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Sums of a gene's loss after its own stage and after the last, each with its count.
#[derive(Clone, Copy, Default)]
struct Sums {
    first: (f64, usize),
    last: (f64, usize),
}

/// Every gene with both losses under some method, the most forgotten first.
pub fn rows(run: &Run) -> Vec<GeneRow> {
    let last = run.manifest.last();
    let methods = run.manifest.methods.len();
    let mut genes: BTreeMap<(usize, &str), (usize, Vec<Sums>)> = BTreeMap::new();
    for score in run.genes.iter().filter(|s| s.set < last && (s.stage == s.set || s.stage == last)) {
        let (cells, sums) =
            genes.entry((score.set, &score.gene)).or_insert_with(|| (0, vec![Sums::default(); methods]));
        *cells = score.cells.max(*cells);
        let sums = &mut sums[score.method];
        let of = if score.stage == last { &mut sums.last } else { &mut sums.first };
        *of = (of.0 + score.mse, of.1 + 1);
    }
    let mean = |(sum, count): (f64, usize)| (count > 0).then(|| sum / count as f64);
    let mut rows: Vec<GeneRow> = genes
        .into_iter()
        .map(|((set, gene), (cells, sums))| GeneRow {
            gene: gene.to_owned(),
            set,
            cells,
            losses: sums.into_iter().map(|s| Some((mean(s.first)?, mean(s.last)?))).collect(),
        })
        .filter(|row| row.losses.iter().any(Option::is_some))
        .collect();
    rows.sort_by(|a, b| b.most().total_cmp(&a.most()));
    rows
}
