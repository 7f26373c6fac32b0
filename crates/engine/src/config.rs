//! The size of the model.

use genil_base::{Error, Result};
use serde::{Deserialize, Serialize};

/// What products of matrices are computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Everything in f32.
    #[default]
    F32,
    /// Factors rounded to bf16, sums in f32; parameters, activations, softmax, norms and Adam in f32.
    /// Needs a processor with AVX-512 BF16.
    Bf16,
}

/// Size and dropout of the model. The defaults are the paper's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// `d`: width of the embeddings (a multiple of `heads` × 8).
    pub width: usize,
    /// Encoder layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the feed-forward part.
    pub ffn: usize,
    /// Dropout probability in 0..1: attention, residual branches and the feed-forward part.
    pub dropout: f32,
    /// What products are computed in.
    pub precision: Precision,
}

/// Sizes beyond this are mistakes.
const LARGEST: usize = 1 << 16;
const HELP: &str = "the paper's model has width 256, 6 layers, 8 heads, ffn 256 and dropout 0.15";

impl Default for ModelConfig {
    fn default() -> Self {
        Self { width: 256, layers: 6, heads: 8, ffn: 256, dropout: 0.15, precision: Precision::F32 }
    }
}

impl ModelConfig {
    /// Checks what the kernels stand on.
    ///
    /// # Errors
    /// When a size is zero or beyond any machine, a head's width is no multiple of 8, or dropout is outside 0..1.
    pub fn check(&self) -> Result<()> {
        let bad = |what: String| Err(Error::new(what).at("[model]").help(HELP));
        // No product of two of these overflows.
        for (name, size) in
            [("width", self.width), ("layers", self.layers), ("heads", self.heads), ("ffn", self.ffn)]
        {
            if size > LARGEST {
                return bad(format!("{name} {size} is larger than {LARGEST}"));
            }
        }
        if self.width == 0 || self.layers == 0 || self.heads == 0 || self.ffn == 0 {
            return bad("width, layers, heads and ffn must be at least 1".into());
        }
        if !self.width.is_multiple_of(self.heads * 8) {
            return bad(format!(
                "width {} is no multiple of heads × 8 = {}: each head's width must be a multiple of 8",
                self.width,
                self.heads * 8
            ));
        }
        if !self.ffn.is_multiple_of(8) {
            return bad(format!("ffn {} is no multiple of 8", self.ffn));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return bad(format!("dropout {} is not in 0..1", self.dropout));
        }
        Ok(())
    }

    /// Width of one head.
    pub fn head_width(&self) -> usize {
        self.width / self.heads
    }
}
