//! Good first rows for new genes, instead of N(0, 1): new rows that resemble old ones need less of the shared
//! parameters to move.
//!
//! * `mean`: the mean of the base genes' rows (as for new words in Hewitt, "Initializing new word embeddings for
//!   pretrained language models", 2021).
//! * `neighbours`: the mean of the rows of the `neighbours` base genes that correlate best with the new gene over the
//!   stage's training cells, weighted by the correlation.
//!
//! Correlations are those of ln(1 + count · 10⁴ / total). A gene that correlates with no base gene keeps its first row.
//!
//! Cost: one pass over at most `cells` cells before the stage. Stores nothing.

use super::settings::{base_or_later, positive};
use super::{Context, Method, weights};
use crate::batch::Example;
use genil_base::Result;
use genil_base::random::{Key, Purpose};
use genil_data::CellRef;
use genil_data::partition::NONE;
use genil_engine::Engine;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A base gene counts as a neighbour only if it is expressed in so many cells: a correlation over fewer says little.
const LEAST_EXPRESSING: u32 = 10;

/// From what the first rows are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowsFrom {
    /// All base rows.
    Mean,
    /// The rows of co-expressed base genes.
    #[default]
    Neighbours,
}

/// Settings of first rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StartRowsSettings {
    /// From what they are made.
    pub from: RowsFrom,
    /// Base genes of one new gene, for `from = "neighbours"`.
    pub neighbours: usize,
    /// At most so many training cells to correlate over.
    pub cells: usize,
    /// Whether stage 1 is treated so too.
    pub base: bool,
}

impl Default for StartRowsSettings {
    fn default() -> Self {
        Self { from: RowsFrom::Neighbours, neighbours: 10, cells: 5000, base: false }
    }
}

impl StartRowsSettings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        positive("neighbours", self.neighbours as f64)?;
        positive("cells", self.cells as f64)
    }
}

/// First rows from old ones.
pub struct StartRows {
    settings: StartRowsSettings,
}

impl StartRows {
    /// First rows with these settings.
    pub fn new(settings: StartRowsSettings) -> Self {
        Self { settings }
    }

    /// For each gene of the stage the base genes that its row is made of, with their weights.
    fn recipes(&self, context: Context<'_>) -> Vec<Recipe> {
        let partition = &context.stages.partition;
        let (base, new) = (partition.tokens_of(0), partition.tokens_of(context.stage));
        match self.settings.from {
            RowsFrom::Mean => new.map(|_| base.clone().map(|token| (token, 1.0)).collect()).collect(),
            RowsFrom::Neighbours => {
                let key = Key::new(context.seed, Purpose::Subsample).with(context.stage as u64);
                let mut cells = context.stages.cells[context.stage].train.clone();
                cells.sort_unstable_by_key(|cell| (key.with(cell.id()).bits(0), *cell));
                cells.truncate(self.settings.cells);
                let values: Vec<Values> = cells.par_iter().map(|&cell| values_of(cell, context)).collect();
                neighbours(&values, &base, &new, self.settings.neighbours)
            }
        }
    }
}

/// Base genes and their weights.
type Recipe = Vec<(u32, f64)>;
/// Tokens of one cell and their log-normalised values.
type Values = Vec<(u32, f64)>;

impl Method for StartRows {
    fn departs_at(&self, stage: usize) -> bool {
        base_or_later(self.settings.base, stage)
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        _: &mut Vec<Example>,
    ) -> Result<()> {
        if !self.departs_at(context.stage) {
            return Ok(());
        }
        let recipes = self.recipes(context);
        let d = engine.config().width;
        let first = context.stages.partition.tokens_of(context.stage).start as usize;
        let Some(genes) = engine.parameters_mut().get_mut(weights::GENE_ROWS) else { return Ok(()) };
        let (old, new) = genes.data.split_at_mut(first * d);
        for (row, recipe) in new.chunks_exact_mut(d).zip(&recipes).filter(|(_, recipe)| !recipe.is_empty()) {
            let all: f64 = recipe.iter().map(|(_, weight)| weight).sum();
            for (a, x) in row.iter_mut().enumerate() {
                let part = |(token, weight): &(u32, f64)| weight * f64::from(old[*token as usize * d + a]);
                *x = (recipe.iter().map(part).sum::<f64>() / all) as f32;
            }
        }
        Ok(())
    }
}

/// The log-normalised values of a cell's tokens.
fn values_of(cell: CellRef, context: Context<'_>) -> Values {
    let store = usize::from(cell.store);
    let map = context.stages.partition.map(store);
    let raw = context.stages.stores[store].cell(cell.row as usize);
    let total: f64 = raw.values.iter().map(|&count| f64::from(count)).sum();
    let value = |count: f32| (f64::from(count) * 1e4 / total).ln_1p();
    let tokens = raw.genes.iter().zip(raw.values).map(|(&gene, &count)| (map[gene as usize], value(count)));
    tokens.filter(|(token, _)| *token != NONE).collect()
}

/// For each gene of `new` the `most` genes of `base` that correlate best with it, and how much: those above 0.
fn neighbours(cells: &[Values], base: &Range<u32>, new: &Range<u32>, most: usize) -> Vec<Recipe> {
    let n = cells.len() as f64;
    let place = |token: u32| (token - base.start) as usize;
    // For each base gene: cells that express it, sum, sum of squares.
    let mut of_base = vec![(0u32, 0.0, 0.0); base.len()];
    for &(token, x) in cells.iter().flatten().filter(|(token, _)| base.contains(token)) {
        let (expressing, sum, squares) = &mut of_base[place(token)];
        (*expressing, *sum, *squares) = (*expressing + 1, *sum + x, *squares + x * x);
    }
    let one = |gene: u32| -> Recipe {
        let (mut sum, mut squares, mut products) = (0.0, 0.0, vec![0.0; base.len()]);
        for cell in cells {
            let Some(&(_, y)) = cell.iter().find(|(token, _)| *token == gene) else { continue };
            sum += y;
            squares += y * y;
            cell.iter().filter(|(t, _)| base.contains(t)).for_each(|&(t, x)| products[place(t)] += x * y);
        }
        let deviation = |sum: f64, squares: f64| (squares - sum * sum / n).max(0.0).sqrt();
        let correlation = |(token, (&(expressing, x, xx), xy)): (u32, (&(u32, f64, f64), &f64))| {
            let of_both = deviation(x, xx) * deviation(sum, squares);
            let r = (xy - x * sum / n) / of_both;
            (expressing >= LEAST_EXPRESSING && of_both > 0.0 && r > 0.0).then_some((token, r))
        };
        let mut found: Recipe =
            base.clone().zip(of_base.iter().zip(&products)).filter_map(correlation).collect();
        found.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(most);
        found
    };
    new.clone().into_par_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::begin;
    use genil_engine::CpuEngine;

    #[test]
    fn neighbours_are_the_base_genes_that_rise_and_fall_with_the_new_one() {
        // Gene 2 follows gene 9, gene 3 goes the other way, gene 4 is always on, gene 5 is hardly ever there.
        let cells: Vec<Values> = (0..40u32)
            .map(|i| {
                let y = f64::from(i % 5);
                let mut cell = vec![(2, 2.0 * y + 1.0), (3, 5.0 - y), (4, 1.0), (9, y)];
                if i == 4 {
                    cell.push((5, 9.0));
                }
                cell
            })
            .collect();
        let found = neighbours(&cells, &(2..6), &(9..11), 3);
        assert_eq!(found[0].len(), 1, "{found:?}");
        assert!(found[0][0].0 == 2 && (found[0][0].1 - 1.0).abs() < 1e-9);
        assert!(found[1].is_empty());
    }

    #[test]
    fn rows_of_new_genes_become_means_of_base_rows_and_no_other_row_moves() {
        let run = begin("no = { method = 'finetune' }");
        let context = run.context(2);
        let partition = &context.stages.partition;
        let mut engine =
            CpuEngine::new(context.settings.model.clone(), partition.tokens_through(2), 0).unwrap();
        let before = engine.parameters().clone();
        let settings = StartRowsSettings { from: RowsFrom::Mean, ..Default::default() };
        StartRows::new(settings).begin_stage(context, &mut engine, &mut Vec::new()).unwrap();
        let d = engine.config().width;
        let (base, new) = (partition.tokens_of(0), partition.tokens_of(2));
        let rows = |of: &genil_engine::Tensors, range: Range<u32>| {
            of.get(weights::GENE_ROWS).unwrap().data[range.start as usize * d..range.end as usize * d]
                .to_vec()
        };
        let after = engine.parameters();
        assert_eq!(rows(after, 0..new.start), rows(&before, 0..new.start));
        let of_base = rows(&before, base.clone());
        for row in rows(after, new).chunks_exact(d) {
            let mean = of_base.iter().step_by(d).sum::<f32>() / base.len() as f32;
            assert!((row[0] - mean).abs() < 1e-5);
        }
        let before = engine.parameters().clone();
        StartRows::new(StartRowsSettings::default())
            .begin_stage(context, &mut engine, &mut Vec::new())
            .unwrap();
        assert!(engine.parameters() != &before);
    }
}
