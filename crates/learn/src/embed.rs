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
    Ok(embed_layers(engine, stages, settings, cells, shown)?.pop().unwrap_or_default())
}

/// For each encoder layer, lowest first, `N × d`: the row of `<cls>` after it, as [`embed`] gives the last.
pub fn embed_layers(
    engine: &mut dyn Engine,
    stages: &Stages,
    settings: &RunSettings,
    cells: &[CellRef],
    shown: Shown,
) -> Result<Vec<Vec<f32>>> {
    let drawn: Vec<CellTokens> = cells
        .par_iter()
        .map(|&cell| {
            let what = (shown, Masking::Nothing);
            draw(&stages.stores, &stages.partition, &settings.tokens, cell, what, evaluation_key())
        })
        .collect();
    layers_of(engine, &drawn, settings.train.part_tokens)
}

/// `N × d`: the `<cls>` outputs of drawn cells, taken in parts of at most `part_tokens` tokens.
pub fn embed_drawn(engine: &mut dyn Engine, drawn: &[CellTokens], part_tokens: usize) -> Result<Vec<f32>> {
    Ok(layers_of(engine, drawn, part_tokens)?.pop().unwrap_or_default())
}

fn layers_of(engine: &mut dyn Engine, drawn: &[CellTokens], part_tokens: usize) -> Result<Vec<Vec<f32>>> {
    let (width, layers) = (engine.config().width, engine.config().layers);
    let mut rows = vec![vec![0.0; drawn.len() * width]; layers];
    // Cells without tokens are in no part.
    let mut places = (0..drawn.len()).filter(|&i| !drawn[i].tokens.is_empty());
    for part in into_parts(drawn, part_tokens) {
        let places: Vec<usize> = places.by_ref().take(part.batch.cells()).collect();
        let outputs = engine.predict(&part.batch)?;
        let of_layer = outputs.layers.chunks_exact(part.batch.cells() * width);
        for (rows, of_layer) in rows.iter_mut().zip(of_layer) {
            for (&place, row) in places.iter().zip(of_layer.chunks_exact(width)) {
                rows[place * width..][..width].copy_from_slice(row);
            }
        }
    }
    Ok(rows)
}
