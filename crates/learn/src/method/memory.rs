//! What a method keeps for later stages besides the model.

use genil_engine::Tensors;
use serde_json::Value;

/// `memory.json` and `memory.safetensors` of a finished stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    /// Small things: which cells are stored, counts.
    pub notes: Value,
    /// Arrays of numbers.
    pub tensors: Tensors,
}

impl Memory {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.notes.is_null() && self.tensors.0.is_empty()
    }
}
