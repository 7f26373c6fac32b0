//! The files that `tools/golden/make.py` writes.

use genil_engine::{Batch, ModelConfig, OutputGradients, Outputs, Tensor, Tensors};
use safetensors::SafeTensors;

pub const TOLERANCE: f64 = 2e-5;

pub struct Golden {
    bytes: Vec<u8>,
    pub config: ModelConfig,
}

impl Golden {
    pub fn read(name: &str) -> Self {
        let path = format!("{}/tests/golden/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let config = serde_json::from_str(&header.metadata().as_ref().unwrap()["config"]).unwrap();
        Self { bytes, config }
    }

    pub fn words(&self, name: &str) -> Vec<[u8; 4]> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let data = file.tensor(name).unwrap().data().to_vec();
        data.chunks_exact(4).map(|b| b.try_into().unwrap()).collect()
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        self.words(name).into_iter().map(f32::from_le_bytes).collect()
    }

    pub fn integers(&self, name: &str) -> Vec<u32> {
        self.words(name).into_iter().map(u32::from_le_bytes).collect()
    }

    pub fn parameters(&self) -> Tensors {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let named = file.names().into_iter().filter_map(|n| n.strip_prefix("parameter/"));
        let tensor = |name: &str| Tensor {
            name: name.into(),
            shape: file.tensor(&format!("parameter/{name}")).unwrap().shape().to_vec(),
            data: self.floats(&format!("parameter/{name}")),
        };
        Tensors(named.map(tensor).collect())
    }

    pub fn batch(&self) -> Batch {
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

    /// Of the loss whose gradients the file has: the squared errors of both heads' values, and weighted sums.
    pub fn loss_gradients(&self, outputs: &Outputs) -> OutputGradients {
        let targets = self.floats("loss/targets");
        let error = |predicted: &[f32]| -> Vec<f32> {
            predicted.iter().zip(&targets).map(|(p, t)| 2.0 * (p - t) / targets.len() as f32).collect()
        };
        OutputGradients {
            value: error(&outputs.value),
            cell_value: error(&outputs.cell_value),
            embedding: self.floats("loss/embedding_weight"),
            layers: self.floats("loss/layers_weight"),
        }
    }
}

/// Largest difference over the largest number.
pub fn distance(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(1e-30, |m: f64, x| m.max(f64::from(x.abs())));
    let differences = ours.iter().zip(theirs).map(|(a, b)| f64::from((a - b).abs()));
    differences.fold(0.0, f64::max) / largest
}
