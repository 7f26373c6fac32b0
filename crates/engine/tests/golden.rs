//! Outputs, gradients and one step of Adam against PyTorch's, from the files that
//! `tools/golden/make.py` writes.

#![allow(clippy::unwrap_used)] // A test stops at what it cannot read.

use genil_base::random::{Key, Purpose};
use genil_engine::{Batch, CpuEngine, Engine, Instructions, ModelConfig, OutputGradients, Tensor, Tensors};
use safetensors::SafeTensors;

const TOLERANCE: f64 = 2e-5;

struct Golden {
    bytes: Vec<u8>,
    config: ModelConfig,
}

impl Golden {
    fn read(name: &str) -> Self {
        let path = format!("{}/tests/golden/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let config = serde_json::from_str(&header.metadata().as_ref().unwrap()["config"]).unwrap();
        Self { bytes, config }
    }

    fn words(&self, name: &str) -> Vec<[u8; 4]> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let data = file.tensor(name).unwrap().data().to_vec();
        data.chunks_exact(4).map(|b| b.try_into().unwrap()).collect()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.words(name).into_iter().map(f32::from_le_bytes).collect()
    }

    fn integers(&self, name: &str) -> Vec<u32> {
        self.words(name).into_iter().map(u32::from_le_bytes).collect()
    }

    fn parameters(&self) -> Tensors {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let named = file.names().into_iter().filter_map(|n| n.strip_prefix("parameter/"));
        let tensor = |name: &str| Tensor {
            name: name.into(),
            shape: file.tensor(&format!("parameter/{name}")).unwrap().shape().to_vec(),
            data: self.floats(&format!("parameter/{name}")),
        };
        Tensors(named.map(tensor).collect())
    }

    fn batch(&self) -> Batch {
        let mut offsets = vec![0];
        for length in self.integers("batch/lengths") {
            offsets.push(offsets.last().unwrap() + length);
        }
        Batch {
            offsets,
            tokens: self.integers("batch/tokens"),
            values: self.floats("batch/values"),
            asked: self.integers("batch/asked"),
        }
    }
}

/// Largest difference over the largest number.
fn distance(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(1e-30, |m: f64, x| m.max(f64::from(x.abs())));
    let differences = ours.iter().zip(theirs).map(|(a, b)| f64::from((a - b).abs()));
    differences.fold(0.0, f64::max) / largest
}

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

    let targets = golden.floats("loss/targets");
    let error = |predicted: &[f32]| -> Vec<f32> {
        predicted.iter().zip(&targets).map(|(p, t)| 2.0 * (p - t) / targets.len() as f32).collect()
    };
    let gradients = OutputGradients {
        value: error(&outputs.value),
        cell_value: error(&outputs.cell_value),
        embedding: golden.floats("loss/embedding_weight"),
        layers: Vec::new(),
    };
    engine.backward(&gradients).unwrap();
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
