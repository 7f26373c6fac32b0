//! The memory of a step: sized by the largest batch so far, reused at every step.

use super::attention::Scratch;
use super::linear::Chunk;
use super::pool::Pool;
use crate::ModelConfig;
use crate::rows::Rows;

/// What a layer keeps for its backward pass. `t` query rows: all `R`, or the `S` selected ones in
/// the last layer.
#[derive(Debug, Default)]
pub(crate) struct LayerKept {
    /// t×d; becomes its gradient in the backward pass.
    pub q: Vec<f32>,
    /// R×2d, keys then values; becomes its gradient in the backward pass.
    pub kv: Vec<f32>,
    /// t×heads: log-sum-exp of each row of the attention scores.
    pub lse: Vec<f32>,
    /// t×d: what attention returns.
    pub context: Vec<f32>,
    /// t×d and t: x̂ and 1/√ of the first LayerNorm; x̂ becomes the gradient of the attention's
    /// output projection in the backward pass.
    pub normal1: Vec<f32>,
    pub inverse1: Vec<f32>,
    /// t×ffn, after ReLU and dropout.
    pub hidden: Vec<f32>,
    /// t×d and t: x̂ and 1/√ of the second LayerNorm; x̂ becomes the gradient of the second
    /// feed-forward product in the backward pass.
    pub normal2: Vec<f32>,
    pub inverse2: Vec<f32>,
}

/// What embedding keeps: U×d each.
#[derive(Debug, Default)]
pub(crate) struct EmbedKept {
    /// Of each distinct value, after ReLU.
    pub hidden: Vec<f32>,
    /// What the value encoder returns; becomes its gradient in the backward pass.
    pub encoded: Vec<f32>,
    /// The gradient of `hidden`.
    pub d_hidden: Vec<f32>,
}

/// What the heads keep.
#[derive(Debug, Default)]
pub(crate) struct HeadKept {
    /// P×d: inputs of the three linear layers of the value head; the last becomes a gradient.
    pub value: [Vec<f32>; 3],
    /// G×d: inputs of the three linear layers of the cell head, and their output, which becomes a gradient.
    pub cell: [Vec<f32>; 4],
}

/// Gradients on their way down. Of the last three a layer with `t` query rows uses the first `t` rows, so that
/// nothing is filled with zeros when `t` grows; the heads, which come before, use two of them as scratch.
#[derive(Debug, Default)]
pub(crate) struct Downward {
    /// t×d, in the residual stream of all rows and of the selected ones.
    pub stream: Vec<f32>,
    pub selected: Vec<f32>,
    /// R×ffn: of the first feed-forward product's output.
    pub hidden: Vec<f32>,
    /// S×d, below the last layer at least R×d: of what attention returns.
    pub context: Vec<f32>,
    /// R×heads: the inner product of that with what attention returns, head by head.
    pub inner: Vec<f32>,
}

/// Scratch of single tasks.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    pub attention: Pool<Scratch>,
    pub chunk: Pool<Chunk>,
}

/// Everything between a batch and its gradients.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    /// R×d: the residual stream.
    pub stream: Vec<f32>,
    /// S×d: the residual stream of the selected rows, in the last layer.
    pub selected: Vec<f32>,
    pub embed: EmbedKept,
    pub layers: Vec<LayerKept>,
    pub heads: HeadKept,
    pub down: Downward,
    /// Column sums, one row a block of rows.
    pub partial: Vec<f32>,
}

/// Gives `buffer` this length; what it holds is to be overwritten.
pub(crate) fn size(buffer: &mut Vec<f32>, length: usize) {
    if buffer.len() > length {
        buffer.truncate(length);
    } else {
        buffer.resize(length, 0.0);
    }
}

fn bytes<'a>(buffers: impl IntoIterator<Item = &'a Vec<f32>>) -> usize {
    buffers.into_iter().map(|b| 4 * b.capacity()).sum()
}

impl Arena {
    /// Sizes the buffers of a forward pass; without `keep`, two layers' worth are used in turn.
    pub fn size_forward(&mut self, config: &ModelConfig, rows: &Rows, keep: bool) {
        let (r, s, p, d) = (rows.count(), rows.selected.len(), rows.asked.len(), config.width);
        size(&mut self.stream, r * d);
        size(&mut self.selected, s * d);
        let slots = if keep { config.layers } else { 1 };
        if self.layers.len() < slots {
            self.layers.resize_with(slots, LayerKept::default);
        }
        self.heads.value.iter_mut().for_each(|it| size(it, p * d));
        self.heads.cell.iter_mut().for_each(|it| size(it, rows.genes.count() * d));
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> usize {
        let Self { stream, selected, embed, layers, heads, down, partial } = self;
        let of_layer = |l: &LayerKept| {
            let LayerKept { q, kv, lse, context, normal1, inverse1, hidden, normal2, inverse2 } = l;
            bytes([q, kv, lse, context, normal1, inverse1, hidden, normal2, inverse2])
        };
        bytes([stream, selected, partial, &embed.hidden, &embed.encoded, &embed.d_hidden])
            + layers.iter().map(of_layer).sum::<usize>()
            + bytes(heads.value.iter().chain(&heads.cell))
            + bytes([&down.stream, &down.selected, &down.hidden, &down.context, &down.inner])
    }

    /// Sizes the buffers of a backward pass.
    pub fn size_backward(&mut self, config: &ModelConfig, rows: &Rows) {
        let (r, s, d) = (rows.count(), rows.selected.len(), config.width);
        size(&mut self.down.stream, r * d);
        size(&mut self.down.selected, s * d);
        size(&mut self.down.hidden, (r * config.ffn).max(s * d));
        size(&mut self.down.context, s * d);
        size(&mut self.down.inner, r * config.heads);
    }
}

impl LayerKept {
    /// Sizes the buffers for `t` query rows of `r` rows.
    pub fn size(&mut self, config: &ModelConfig, t: usize, r: usize) {
        let d = config.width;
        size(&mut self.q, t * d);
        size(&mut self.kv, 2 * r * d);
        size(&mut self.lse, t * config.heads);
        size(&mut self.context, t * d);
        size(&mut self.normal1, t * d);
        size(&mut self.inverse1, t);
        size(&mut self.hidden, t * config.ffn);
        size(&mut self.normal2, t * d);
        size(&mut self.inverse2, t);
    }
}
