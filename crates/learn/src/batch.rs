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
    /// The stage whose specific genes are always among its tokens; `None` draws all genes alike.
    pub first: Option<usize>,
}

impl Example {
    /// A cell whose genes are drawn alike.
    pub fn new(cell: CellRef, shown: Shown) -> Self {
        Self { cell, shown, first: None }
    }
}

/// Where a cell of a step comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A training cell, of today or stored, with true values.
    Data,
    /// A pseudo-cell that a method drew from aggregates.
    Drawn,
    /// A stored cell with targets of its own.
    Stored,
}

/// What a masked position asks for: each kind has a mean of its own in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The hidden value of a training cell.
    Value,
    /// A drawn value of a pseudo-cell.
    Drawn,
    /// A target that is stored with a cell.
    Stored,
    /// A gene put into a cell by a method; only a teacher can say what its value would be.
    Imagined,
}

/// A cell of a step before it is laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct StepCell {
    /// Its tokens.
    pub tokens: CellTokens,
    /// Where it comes from.
    pub origin: Origin,
    /// Which of its tokens are imagined (all of them masked), ascending.
    pub imagined: Vec<u32>,
    /// Weight of its drawn, stored or imagined positions in the loss.
    pub weight: f32,
    /// What the value head and the cell head should give at each of its masked tokens; none: the hidden values.
    pub targets: Vec<[f32; 2]>,
}

impl StepCell {
    /// A training cell.
    pub fn data(tokens: CellTokens) -> Self {
        Self { tokens, origin: Origin::Data, imagined: Vec::new(), weight: 1.0, targets: Vec::new() }
    }
}

/// What the frozen previous model says of a part; NaN where it was not asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// `P` values of the value head.
    pub value: Vec<f32>,
    /// `P` values of the cell head.
    pub cell_value: Vec<f32>,
    /// `B × d` cell embeddings.
    pub embedding: Vec<f32>,
    /// `layers × B × d` rows of `<cls>` after each layer, the lowest first.
    pub layers: Vec<f32>,
}

/// A part of a step: a batch, and what both heads should say at the positions that it asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// The masked cells.
    pub batch: Batch,
    /// `P` values that the value head should give: the hidden ones, unless a method sets others.
    pub truth: Vec<f32>,
    /// `P` values that the cell head should give.
    pub cell_truth: Vec<f32>,
    /// `P` kinds of the positions.
    pub kind: Vec<Kind>,
    /// `P` weights of the positions within the mean of their kind.
    pub weight: Vec<f32>,
    /// `B` origins of the cells.
    pub origin: Vec<Origin>,
    /// What the teacher says, where there is one.
    pub said: Option<Said>,
}

impl Part {
    /// An empty part.
    pub fn new() -> Self {
        Self { batch: Batch::new(), ..Self::default() }
    }

    /// Appends a training cell behind a `<cls>`.
    pub fn push(&mut self, cell: &CellTokens) {
        self.push_cell(cell, (Origin::Data, 1.0), &[], &[]);
    }

    fn push_cell(
        &mut self,
        cell: &CellTokens,
        (origin, weight): (Origin, f32),
        imagined: &[u32],
        targets: &[[f32; 2]],
    ) {
        let mut tokens = Vec::with_capacity(cell.tokens.len() + 1);
        let mut values = Vec::with_capacity(cell.tokens.len() + 1);
        tokens.push(CLS);
        values.push(0.0);
        tokens.extend_from_slice(&cell.tokens);
        values.extend_from_slice(&cell.values);
        let asked: Vec<u32> = cell.masked.iter().map(|&p| p + 1).collect();
        for (i, &p) in asked.iter().enumerate() {
            let kind = match origin {
                _ if imagined.binary_search(&(p - 1)).is_ok() => Kind::Imagined,
                Origin::Data => Kind::Value,
                Origin::Drawn => Kind::Drawn,
                Origin::Stored => Kind::Stored,
            };
            let hidden = values[p as usize];
            let [value, cell_value] = targets.get(i).copied().unwrap_or([hidden; 2]);
            self.kind.push(kind);
            self.weight.push(if kind == Kind::Value { 1.0 } else { weight });
            self.truth.push(value);
            self.cell_truth.push(cell_value);
            values[p as usize] = MASKED;
        }
        self.origin.push(origin);
        self.batch.push(&tokens, &values, &asked);
    }

    /// Asks only for those positions, of the `P` asked for now, that `keep` wants.
    pub fn keep_asked(&mut self, keep: impl Fn(usize) -> bool) {
        fn retain<T>(of: &mut Vec<T>, keep: &impl Fn(usize) -> bool) {
            let mut i = 0;
            of.retain(|_| {
                i += 1;
                keep(i - 1)
            });
        }
        retain(&mut self.batch.asked, &keep);
        retain(&mut self.truth, &keep);
        retain(&mut self.cell_truth, &keep);
        retain(&mut self.kind, &keep);
        retain(&mut self.weight, &keep);
        if let Some(said) = &mut self.said {
            retain(&mut said.value, &keep);
            retain(&mut said.cell_value, &keep);
        }
    }

    /// The token at asked position `i`.
    pub fn asked_token(&self, i: usize) -> u32 {
        self.batch.tokens[self.batch.asked[i] as usize]
    }

    /// The origin of the cell of asked position `i`.
    pub fn asked_origin(&self, i: usize) -> Origin {
        self.origin[self.batch.cell_of(self.batch.asked[i])]
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

/// Draws the training cells of one step. Cells that show no gene are left out later.
pub fn draw_cells(
    stages: &Stages,
    settings: &RunSettings,
    examples: &[Example],
    (seed, stage, epoch): (u64, usize, usize),
) -> Vec<StepCell> {
    let key = Key::new(seed, Purpose::Sample).with(stage as u64).with(epoch as u64);
    let one = |e: &Example| {
        let what = (e.shown, e.first.map_or(Masking::Random, Masking::RandomFirst));
        StepCell::data(draw(&stages.stores, &stages.partition, &settings.tokens, e.cell, what, key))
    };
    examples.par_iter().map(one).collect()
}

/// Lays the cells of a step end to end in parts of at most `part_tokens` tokens (at least one cell each);
/// empty cells are left out.
pub fn step_parts(cells: &[StepCell], part_tokens: usize) -> Vec<Part> {
    parts(
        cells,
        |c| &c.tokens,
        part_tokens,
        |part, c| {
            part.push_cell(&c.tokens, (c.origin, c.weight), &c.imagined, &c.targets);
        },
    )
}

/// The same for training cells alone.
pub fn into_parts(cells: &[CellTokens], part_tokens: usize) -> Vec<Part> {
    parts(cells, |c| c, part_tokens, |part, c| part.push(c))
}

fn parts<C>(
    cells: &[C],
    tokens: impl Fn(&C) -> &CellTokens,
    part_tokens: usize,
    push: impl Fn(&mut Part, &C),
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for cell in cells.iter().filter(|c| !tokens(c).tokens.is_empty()) {
        match parts.last_mut() {
            Some(part) if part.batch.tokens.len() + tokens(cell).tokens.len() < part_tokens => {
                push(part, cell)
            }
            _ => {
                let mut part = Part::new();
                push(&mut part, cell);
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
        let example = |row| Example::new(CellRef { store: 0, row }, Shown::Stage(1));
        let few: Vec<Example> = (0..50).map(example).collect();
        let more: Vec<Example> = (0..80).map(example).collect();
        let key = Key::new(0, Purpose::Order);
        let order: Vec<Example> = epoch_order(&more, key).into_iter().filter(|e| e.cell.row < 50).collect();
        assert_eq!(epoch_order(&few, key), order);
        assert_ne!(order, few);
    }
}
