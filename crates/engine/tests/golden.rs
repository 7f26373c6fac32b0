//! Outputs, gradients and one step of Adam against PyTorch's, from the files that
//! `tools/golden/make.py` writes.

#![allow(clippy::unwrap_used)] // A test stops at what it cannot read.

use genil_base::random::{Key, Purpose};
use genil_engine::{CpuEngine, Engine, Instructions};
use golden::{Golden, TOLERANCE, distance};

#[path = "common/golden.rs"]
mod golden;

/// With each kind of instructions that the processor has.
fn check(name: &str) {
    for instructions in [Instructions::Avx512, Instructions::Avx2, Instructions::Scalar] {
        let engine = CpuEngine::new(Golden::read(name).config, 3, 0).unwrap();
        if let Ok(engine) = engine.with_instructions(instructions) {
            check_engine(name, engine);
        }
    }
}

fn check_engine(name: &str, mut engine: CpuEngine) {
    let golden = Golden::read(name);
    engine.restore(golden.parameters(), None).unwrap();
    let outputs = engine.forward(&golden.batch(), Key::new(0, Purpose::Dropout)).unwrap().clone();
    let close = |what: &str, ours: &[f32], theirs: &[f32]| {
        let far = distance(ours, theirs);
        assert!(far <= TOLERANCE, "{name}, {what}: {far:e}");
    };
    close("value", &outputs.value, &golden.floats("output/value"));
    close("cell value", &outputs.cell_value, &golden.floats("output/cell_value"));
    close("embedding", &outputs.embedding, &golden.floats("output/embedding"));
    close("layers", &outputs.layers, &golden.floats("output/layers"));
    engine.backward(&golden.loss_gradients(&outputs)).unwrap();
    for gradient in engine.gradients().iter() {
        let mut theirs = golden.floats(&format!("gradient/{}", gradient.name));
        let mut ours = gradient.data.clone();
        if gradient.name.ends_with("in_proj_bias") {
            // The keys' bias shifts a whole row of scores: its gradient is zero but for rounding.
            let d = golden.config.width;
            assert!(ours.drain(d..2 * d).all(|g| g.abs() < 1e-5), "{name}: keys' bias");
            theirs.drain(d..2 * d);
        }
        close(&gradient.name, &ours, &theirs);
    }
    engine.step(5e-4);
    for parameter in engine.parameters().iter() {
        let theirs = golden.floats(&format!("after/{}", parameter.name));
        let gradient = golden.floats(&format!("gradient/{}", parameter.name));
        let largest = gradient.iter().fold(0.0, |m: f32, g| m.max(g.abs()));
        for (i, (a, b)) in parameter.data.iter().zip(&theirs).enumerate() {
            // Where a gradient is nothing but rounding, Adam's first step has a random sign.
            let noise = gradient[i].abs() < 1e-4 * largest;
            assert!((a - b).abs() < 5e-6 || noise, "{name}, {} [{i}]: {a} {b}", parameter.name);
        }
    }
}

#[test]
fn a_ragged_batch_is_as_pytorch_computes_it() {
    check("paper");
}

#[test]
fn one_wide_head_and_everything_masked_is_as_pytorch_computes_it() {
    check("wide");
}

#[test]
fn a_cell_without_genes_is_as_pytorch_computes_it() {
    check("single");
}
