//! Trains the paper's model twice on the same real cells, in f32 and in bf16, and prints both losses as JSON: the
//! mean of each 50 steps.
//!
//! `cargo run --release -p genil-engine --example loss_by_precision -- CELLS [STEPS [CELLS_A_STEP]]`
//!
//! CELLS is what `bench_tokens` of genil-data writes.

use genil_base::random::{Key, Purpose};
use genil_base::{Error, Result};
use genil_engine::{Batch, CpuEngine, Engine, ModelConfig, OutputGradients, Precision};
use std::path::Path;

/// Tokens and values of one cell.
type Cell = (Vec<u32>, Vec<f32>);

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or_else(|| Error::new("which file of cells?"))?;
    let mut number = |default: usize| arguments.next().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (steps, of_step) = (number(500), number(16));
    let cells = read(Path::new(&path))?;
    let tokens = cells.iter().flat_map(|(tokens, _)| tokens).max().map_or(2, |&most| most as usize + 1);
    let mut engines = Vec::new();
    for precision in [Precision::F32, Precision::Bf16] {
        engines.push(CpuEngine::new(ModelConfig { precision, ..ModelConfig::default() }, tokens, 1)?);
    }
    let mut losses = [Vec::new(), Vec::new()];
    for step in 0..steps {
        let (batch, truth) = masked(&cells, step, of_step);
        for (engine, losses) in engines.iter_mut().zip(&mut losses) {
            losses.push(train(engine, &batch, &truth, step)?);
        }
        if step % 50 == 49 {
            let mean = |losses: &[f64]| losses[step - 49..].iter().sum::<f64>() / 50.0;
            let (f32, bf16) = (mean(&losses[0]), mean(&losses[1]));
            let apart = bf16 / f32 - 1.0;
            println!("{{\"steps\": {}, \"f32\": {f32}, \"bf16\": {bf16}, \"apart\": {apart}}}", step + 1);
        }
    }
    Ok(())
}

/// One step of Adam on both heads' mean squared error; the loss before it.
fn train(engine: &mut CpuEngine, batch: &Batch, truth: &[f32], step: usize) -> Result<f64> {
    let outputs = engine.forward(batch, Key::new(step as u64, Purpose::Dropout))?;
    let apart =
        |said: &[f32]| -> Vec<f32> { said.iter().zip(truth).map(|(said, truth)| said - truth).collect() };
    let (value, cell_value) = (apart(&outputs.value), apart(&outputs.cell_value));
    let squares = |x: &[f32]| x.iter().map(|x| f64::from(x * x)).sum::<f64>() / truth.len() as f64;
    let loss = squares(&value) + squares(&cell_value);
    let gradient = |x: Vec<f32>| x.into_iter().map(|x| 2.0 * x / truth.len() as f32).collect();
    let gradients =
        OutputGradients { value: gradient(value), cell_value: gradient(cell_value), ..Default::default() };
    engine.backward(&gradients)?;
    engine.step(5e-4 * ((step + 1) as f32 / 50.0).min(1.0));
    Ok(loss)
}

/// The cells of a step, 40 % of their genes masked, and the true values there.
fn masked(cells: &[Cell], step: usize, count: usize) -> (Batch, Vec<f32>) {
    let (mut batch, mut truth) = (Batch::new(), Vec::new());
    for i in step * count..(step + 1) * count {
        let (genes, values) = &cells[i % cells.len()];
        let key = Key::new(i as u64, Purpose::Mask);
        let mut cell = (vec![1], vec![0.0], Vec::new());
        for (t, (&gene, &value)) in genes.iter().zip(values).enumerate() {
            let hidden = key.uniform(t as u64) < 0.4;
            cell.0.push(gene);
            cell.1.push(if hidden { -1.0 } else { value });
            if hidden {
                cell.2.push(t as u32 + 1);
                truth.push(value);
            }
        }
        batch.push(&cell.0, &cell.1, &cell.2);
    }
    (batch, truth)
}

fn read(path: &Path) -> Result<Vec<Cell>> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
    let words: Vec<[u8; 4]> = bytes.as_chunks().0.to_vec();
    let mut words = words.into_iter();
    let mut cells = Vec::new();
    while let Some(count) = words.next() {
        let count = u32::from_le_bytes(count) as usize;
        let tokens = words.by_ref().take(count).map(u32::from_le_bytes).collect();
        cells.push((tokens, words.by_ref().take(count).map(f32::from_le_bytes).collect()));
    }
    if cells.is_empty() { Err(Error::new("there is no cell").at_path(path)) } else { Ok(cells) }
}
