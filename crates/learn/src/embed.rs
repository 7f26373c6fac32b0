//! Cell embeddings from a frozen model.

use crate::batch::into_parts;
use crate::{RunSettings, Stages};
use genil_base::Result;
use genil_base::random::{Key, Purpose};
use genil_data::CellRef;
use genil_data::sample::{CellTokens, Masking, Shown, draw};
use genil_engine::Engine;
use rayon::prelude::*;

/// The key of every draw that evaluates: the same for all seeds, methods and stages, so that two models see
/// the same genes of a cell.
pub fn evaluation_key() -> Key {
    Key::new(0, Purpose::Sample).with(u64::MAX)
}

/// `N × d`: the `<cls>` outputs of cells without masks. A cell that shows no gene has the embedding 0.
pub fn embed(
    engine: &mut dyn Engine,
    stages: &Stages,
    settings: &RunSettings,
    cells: &[CellRef],
    shown: Shown,
) -> Result<Vec<f32>> {
    let drawn: Vec<CellTokens> = cells
        .par_iter()
        .map(|&cell| {
            let what = (shown, Masking::Nothing);
            draw(&stages.stores, &stages.partition, &settings.tokens, cell, what, evaluation_key())
        })
        .collect();
    embed_drawn(engine, &drawn, settings.train.part_tokens)
}

/// `N × d`: the `<cls>` outputs of drawn cells, taken in parts of at most `part_tokens` tokens.
pub fn embed_drawn(engine: &mut dyn Engine, drawn: &[CellTokens], part_tokens: usize) -> Result<Vec<f32>> {
    let width = engine.config().width;
    let mut rows = vec![0.0; drawn.len() * width];
    let mut filled = rows.chunks_exact_mut(width).zip(drawn).filter(|(_, cell)| !cell.tokens.is_empty());
    for part in into_parts(drawn, part_tokens) {
        let outputs = engine.predict(&part.batch)?;
        for (embedding, (row, _)) in outputs.embedding.chunks_exact(width).zip(&mut filled) {
            row.copy_from_slice(embedding);
        }
    }
    Ok(rows)
}
