//! Random models and batches.
#![allow(dead_code)] // Each test file uses some of it.

use genil_base::random::{Key, Purpose};
use genil_engine::{Batch, CpuEngine, Engine, ModelConfig, OutputGradients, Outputs};

pub fn key(part: u64) -> Key {
    Key::new(17, Purpose::Synthetic).with(part)
}

/// Cells of these lengths; each gene is asked for with probability `share`.
pub fn batch(lengths: &[usize], vocabulary: usize, share: f64, seed: u64) -> Batch {
    let mut batch = Batch::new();
    for (b, &length) in lengths.iter().enumerate() {
        let mut draw = key(seed).with(b as u64).stream();
        let mut cell = (vec![1], vec![0.0], Vec::new());
        for t in 1..length {
            let asked = draw.uniform() < share;
            cell.0.push(2 + draw.below(vocabulary - 2) as u32);
            cell.1.push(if asked { -1.0 } else { (1.0 + draw.below(50) as f32).ln() });
            if asked {
                cell.2.push(t as u32);
            }
        }
        batch.push(&cell.0, &cell.1, &cell.2);
    }
    batch
}

/// A model whose norms and biases are not at their first values.
pub fn model(config: &ModelConfig, vocabulary: usize, seed: u64) -> CpuEngine {
    let mut engine = CpuEngine::new(config.clone(), vocabulary, seed).unwrap();
    for (i, t) in engine.parameters_mut().iter_mut().enumerate().filter(|(_, t)| t.shape.len() == 1) {
        let noise = key(seed).with(i as u64);
        t.data.iter_mut().enumerate().for_each(|(j, x)| *x += 0.2 * noise.uniform(j as u64) as f32 - 0.1);
    }
    engine
}

/// Gradients of some loss in all outputs.
pub fn gradients(outputs: &Outputs, seed: u64) -> OutputGradients {
    let draw = |n: usize, part| (0..n).map(|i| key(seed).with(part).uniform(i as u64) as f32 - 0.5).collect();
    OutputGradients {
        value: draw(outputs.value.len(), 1),
        cell_value: draw(outputs.cell_value.len(), 2),
        embedding: draw(outputs.embedding.len(), 3),
        layers: draw(outputs.layers.len(), 4),
    }
}

/// Gradients of the mean squared error against 1.
pub fn squared_error(outputs: &Outputs) -> OutputGradients {
    let n = outputs.value.len().max(1) as f32;
    let g = |x: &Vec<f32>| x.iter().map(|x| 2.0 * (x - 1.0) / n).collect();
    OutputGradients { value: g(&outputs.value), cell_value: g(&outputs.cell_value), ..Default::default() }
}
