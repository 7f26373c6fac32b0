//! `L[k][j]`: gene-wise regression (Qi et al., AAAI 2026, arXiv 2511.13762).
//!
//! On the held-out cells of stage `j`, the values of all genes of `G_j` are masked, all other genes seen through
//! stage `k` are visible, and the mean squared error of the heads is taken over the masked values. For the base
//! genes (`j = 0`) a random share is masked instead: with all of them hidden nothing would be left to predict from.

use crate::batch::into_parts;
use crate::embed::evaluation_key;
use crate::run::Run;
use genil_base::Result;
use genil_base::random::{Key, Purpose};
use genil_data::CellRef;
use genil_data::sample::{CellTokens, Masking, Shown, draw};
use genil_engine::Engine;
use genil_score::SquaredErrors;
use rayon::prelude::*;

/// The squared errors of both heads on gene set `j` after stage `k`, with `cell` the place among the cells.
pub struct Errors {
    /// Of the value head.
    pub value: SquaredErrors,
    /// Of the cell head.
    pub cell: SquaredErrors,
}

/// Predicts the masked values of gene set `set` with the model of stage `stage`.
///
/// # Errors
/// As [`Engine::predict`].
pub fn errors(run: &Run, engine: &mut dyn Engine, stage: usize, set: usize) -> Result<Errors> {
    let masking = if set == 0 { Masking::RandomOf(0) } else { Masking::GenesOf(set) };
    let stages = &run.stages;
    let cells = some_of(&stages.cells[set].held_out, run.settings.evaluate.cells, set);
    let tokens = run.settings.when_measured().tokens;
    let drawn: Vec<CellTokens> = cells
        .par_iter()
        .map(|&cell| {
            let what = (Shown::Through(stage), masking);
            draw(&stages.stores, &stages.partition, &tokens, cell, what, evaluation_key())
        })
        // Where nothing is masked nothing is measured.
        .filter(|cell| !cell.masked.is_empty())
        .collect();
    let mut errors = Errors { value: SquaredErrors::default(), cell: SquaredErrors::default() };
    let mut first = 0;
    for part in into_parts(&drawn, run.settings.train.part_tokens) {
        let outputs = engine.predict(&part.batch)?;
        for (i, &truth) in part.truth.iter().enumerate() {
            let cell = first + part.batch.cell_of(part.batch.asked[i]);
            let token = part.asked_token(i);
            errors.value.add(cell, token, outputs.value[i], truth);
            errors.cell.add(cell, token, outputs.cell_value[i], truth);
        }
        first += part.batch.cells();
    }
    Ok(errors)
}

/// At most `most` cells (0: all), by a draw that is the same for every model.
pub(super) fn some_of(cells: &[CellRef], most: usize, set: usize) -> Vec<CellRef> {
    if most == 0 || cells.len() <= most {
        return cells.to_vec();
    }
    let key = Key::new(0, Purpose::Subsample).with(set as u64);
    let mut order = cells.to_vec();
    order.sort_unstable_by_key(|cell| (key.with(cell.id()).bits(0), *cell));
    order.truncate(most);
    order.sort_unstable();
    order
}
