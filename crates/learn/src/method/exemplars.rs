//! Which cells of a stage are stored for later.

use super::Context;
use crate::embed::embed;
use genil_base::Result;
use genil_base::random::{Key, Purpose};
use genil_data::CellRef;
use genil_data::partition::NONE;
use genil_data::sample::Shown;
use genil_engine::Engine;
use serde::{Deserialize, Serialize};

/// How stored cells are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// A uniform draw.
    #[default]
    Random,
    /// Cells whose mean embedding stays nearest to the mean of all (iCaRL: Rebuffi et al., CVPR 2017).
    Herding,
    /// Cells that together express the stage's specific genes as evenly as can be.
    GeneCoverage,
}

/// Chooses `n` training cells of stage `of`, in the order of the choice; all, if there are no more.
pub fn choose(
    choice: Choice,
    n: usize,
    of: usize,
    context: Context<'_>,
    engine: &mut dyn Engine,
) -> Result<Vec<CellRef>> {
    let cells = &context.stages.cells[of].train;
    let n = n.min(cells.len());
    let chosen = match choice {
        Choice::Random => random(cells, n, Key::new(context.seed, Purpose::Exemplar).with(of as u64)),
        Choice::Herding => {
            let embeddings = embed(engine, context.stages, context.settings, cells, Shown::Through(of))?;
            herding(&embeddings, engine.config().width, n)
        }
        Choice::GeneCoverage => coverage(&genes_of_stage(cells, of, context), n),
    };
    Ok(chosen.into_iter().map(|i| cells[i]).collect())
}

/// The cells with the least random numbers: a larger `n` contains a smaller one's choice.
fn random(cells: &[CellRef], n: usize, key: Key) -> Vec<usize> {
    let mut order: Vec<usize> = (0..cells.len()).collect();
    order.sort_unstable_by_key(|&i| (key.with(cells[i].id()).bits(0), i));
    order.truncate(n);
    order
}

/// Greedy herding on `N × d` embeddings: the next cell is the one that brings the mean of the chosen
/// nearest to the mean of all.
fn herding(embeddings: &[f32], d: usize, n: usize) -> Vec<usize> {
    let cells = embeddings.len() / d;
    let mut mean = vec![0.0f64; d];
    for row in embeddings.chunks_exact(d) {
        mean.iter_mut().zip(row).for_each(|(m, &x)| *m += f64::from(x) / cells as f64);
    }
    let mut sum = vec![0.0f64; d];
    let mut left: Vec<usize> = (0..cells).collect();
    let mut chosen = Vec::with_capacity(n);
    while chosen.len() < n && !left.is_empty() {
        let size = chosen.len() as f64 + 1.0;
        let distance = |cell: usize| -> f64 {
            let row = &embeddings[cell * d..(cell + 1) * d];
            (0..d).map(|a| (mean[a] - (sum[a] + f64::from(row[a])) / size).powi(2)).sum()
        };
        let mut best = (f64::INFINITY, 0);
        for (place, &cell) in left.iter().enumerate() {
            let far = distance(cell);
            if far < best.0 {
                best = (far, place);
            }
        }
        let cell = left.remove(best.1);
        let row = &embeddings[cell * d..(cell + 1) * d];
        sum.iter_mut().zip(row).for_each(|(s, &x)| *s += f64::from(x));
        chosen.push(cell);
    }
    chosen
}

/// Greedy coverage: the next cell is the one whose genes have been covered least, a gene that is covered
/// `c` times counting `1 / (1 + c)`; the first in order among equals.
fn coverage(genes: &[Vec<u32>], n: usize) -> Vec<usize> {
    let most = genes.iter().flatten().max().map_or(0, |&g| g as usize + 1);
    let mut covered = vec![0u32; most];
    let mut left: Vec<usize> = (0..genes.len()).collect();
    let mut chosen = Vec::with_capacity(n);
    while chosen.len() < n && !left.is_empty() {
        let worth = |cell: usize| -> f64 {
            genes[cell].iter().map(|&g| 1.0 / f64::from(1 + covered[g as usize])).sum()
        };
        let mut best = (f64::NEG_INFINITY, 0);
        for (place, &cell) in left.iter().enumerate() {
            let gain = worth(cell);
            if gain > best.0 {
                best = (gain, place);
            }
        }
        let cell = left.remove(best.1);
        genes[cell].iter().for_each(|&g| covered[g as usize] += 1);
        chosen.push(cell);
    }
    chosen
}

/// For each cell, which of the stage's specific genes it expresses (all base genes, for the base stage).
fn genes_of_stage(cells: &[CellRef], of: usize, context: Context<'_>) -> Vec<Vec<u32>> {
    let partition = &context.stages.partition;
    let first = partition.tokens_of(of).start;
    let one = |cell: &CellRef| {
        let store = usize::from(cell.store);
        let map = partition.map(store);
        let raw = context.stages.stores[store].cell(cell.row as usize);
        raw.genes
            .iter()
            .map(|&gene| map[gene as usize])
            .filter(|&token| token != NONE && partition.stage_of(token) == of)
            .map(|token| token - first)
            .collect()
    };
    cells.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn herding_takes_the_cell_at_the_mean_first_and_then_balances() {
        let embeddings = [-1.0, 0.1, 1.0, -5.0, 5.0];
        assert_eq!(herding(&embeddings, 1, 3), [1, 0, 2]);
        assert_eq!(herding(&embeddings, 1, 9).len(), 5);
    }

    #[test]
    fn coverage_takes_rare_genes_before_more_of_the_same() {
        let genes = vec![vec![0, 1], vec![0, 1], vec![2], vec![]];
        assert_eq!(coverage(&genes, 3), [0, 1, 2]);
        let genes = vec![vec![0, 1, 3], vec![0, 1], vec![2, 3], vec![]];
        assert_eq!(coverage(&genes, 2), [0, 2]);
    }

    #[test]
    fn a_larger_random_memory_contains_the_smaller_one() {
        let cells: Vec<CellRef> = (0..100).map(|row| CellRef { store: 0, row }).collect();
        let key = Key::new(1, Purpose::Exemplar);
        assert_eq!(random(&cells, 50, key)[..20], random(&cells, 20, key)[..]);
    }
}
