//! Cells into batches: a step's cells are drawn, masked and laid end to end, in parts that fit memory.

use crate::{RunSettings, Stages};
use genil_base::random::{Key, Purpose};
use genil_data::CellRef;
use genil_data::sample::{CellTokens, Masking, Shown, draw};
use genil_engine::Batch;
use genil_engine::batch::{CLS, MASKED};
use rayon::prelude::*;

/// A cell with the genes that it is trained with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Example {
    /// The cell.
    pub cell: CellRef,
    /// Its genes: those of its own stage, or of all stages so far.
    pub shown: Shown,
}

/// A part of a step: a batch and what is true at the positions that it asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// The masked cells.
    pub batch: Batch,
    /// `P` true values at [`Batch::asked`].
    pub truth: Vec<f32>,
}

impl Part {
    /// An empty part.
    pub fn new() -> Self {
        Self { batch: Batch::new(), truth: Vec::new() }
    }

    /// Appends a drawn cell behind a `<cls>`.
    pub fn push(&mut self, cell: &CellTokens) {
        let mut tokens = Vec::with_capacity(cell.tokens.len() + 1);
        let mut values = Vec::with_capacity(cell.tokens.len() + 1);
        tokens.push(CLS);
        values.push(0.0);
        tokens.extend_from_slice(&cell.tokens);
        values.extend_from_slice(&cell.values);
        let asked: Vec<u32> = cell.masked.iter().map(|&p| p + 1).collect();
        for &p in &asked {
            self.truth.push(values[p as usize]);
            values[p as usize] = MASKED;
        }
        self.batch.push(&tokens, &values, &asked);
    }

    /// The token at asked position `i`.
    pub fn asked_token(&self, i: usize) -> u32 {
        self.batch.tokens[self.batch.asked[i] as usize]
    }
}

/// The order of an epoch's examples. Sorted by a key of each cell, so that two methods that train on the same
/// cells meet them in the same order, whatever other cells they add.
pub fn epoch_order(examples: &[Example], key: Key) -> Vec<Example> {
    let mut keyed: Vec<(u64, Example)> =
        examples.iter().map(|&e| (key.with(e.cell.id()).bits(0), e)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, example)| example).collect()
}

/// Draws the cells of one training step, in parts of at most `part_tokens` tokens (at least one cell each).
/// Cells that show no gene are left out.
pub fn training_parts(
    stages: &Stages,
    settings: &RunSettings,
    examples: &[Example],
    (seed, stage, epoch): (u64, usize, usize),
) -> Vec<Part> {
    let key = Key::new(seed, Purpose::Sample).with(stage as u64).with(epoch as u64);
    let cells: Vec<CellTokens> = examples
        .par_iter()
        .map(|e| {
            draw(&stages.stores, &stages.partition, &settings.tokens, e.cell, (e.shown, Masking::Random), key)
        })
        .collect();
    into_parts(&cells, settings.train.part_tokens)
}

/// Lays cells end to end in parts of at most `part_tokens` tokens; empty cells are left out.
pub fn into_parts(cells: &[CellTokens], part_tokens: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for cell in cells.iter().filter(|c| !c.tokens.is_empty()) {
        match parts.last_mut() {
            Some(part) if part.batch.tokens.len() + cell.tokens.len() < part_tokens => part.push(cell),
            _ => {
                let mut part = Part::new();
                part.push(cell);
                parts.push(part);
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(genes: u32) -> CellTokens {
        CellTokens {
            tokens: (2..2 + genes).collect(),
            values: (0..genes).map(|v| v as f32 + 0.5).collect(),
            masked: (0..genes).step_by(2).collect(),
        }
    }

    #[test]
    fn a_masked_value_is_hidden_and_kept_as_the_truth() {
        let mut part = Part::new();
        part.push(&cell(2));
        part.push(&cell(3));
        assert_eq!(part.batch.offsets, [0, 3, 7]);
        assert_eq!(part.batch.tokens, [CLS, 2, 3, CLS, 2, 3, 4]);
        assert_eq!(part.batch.values, [0.0, MASKED, 1.5, 0.0, MASKED, 1.5, MASKED]);
        assert_eq!(part.batch.asked, [1, 4, 6]);
        assert_eq!(part.truth, [0.5, 0.5, 2.5]);
    }

    #[test]
    fn parts_hold_all_cells_in_order_and_keep_their_size() {
        let cells: Vec<CellTokens> = [5, 0, 9, 30, 2, 2].map(cell).into();
        let parts = into_parts(&cells, 16);
        let sizes: Vec<usize> = parts.iter().map(|p| p.batch.tokens.len()).collect();
        assert_eq!(sizes, [16, 31, 6]);
        assert_eq!(parts.iter().map(|p| p.batch.cells()).sum::<usize>(), 5);
    }

    #[test]
    fn added_examples_leave_the_order_of_the_others() {
        let example = |row| Example { cell: CellRef { store: 0, row }, shown: Shown::Stage(1) };
        let few: Vec<Example> = (0..50).map(example).collect();
        let more: Vec<Example> = (0..80).map(example).collect();
        let key = Key::new(0, Purpose::Order);
        let order: Vec<Example> = epoch_order(&more, key).into_iter().filter(|e| e.cell.row < 50).collect();
        assert_eq!(epoch_order(&few, key), order);
        assert_ne!(order, few);
    }
}
