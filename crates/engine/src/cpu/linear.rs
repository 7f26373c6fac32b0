//! Linear layers: y = x·wᵀ + b, dx = dy·w, dw = dyᵀ·x, db = column sums of dy.
//!
//! Weights are packed after each change of the parameters and at each turn from forward to backward, into
//! the same memory. dw is shared out by rows of w, and each task runs through all rows of the batch in
//! order, a chunk at a time.

use super::arena::size;
use super::pool::{Pool, Task, share};
use super::product::{Panels, product, rows_of, transposed};
use super::vector::Vector;
use crate::Tensors;
use crate::layout::{LayerPlaces, Layout, Pair};
use std::ops::Range;

/// Rows of a task in everything row-local: a constant, so that no sum depends on the number of
/// threads; a multiple of the tiles' 6 and 12 rows.
pub(crate) const BLOCK: usize = 96;
/// Rows of w in a task of dw, at least and at most: every row of the batch is read once a task. How many
/// depends on the number of threads; a sum's bits do not depend on how many.
const OUTPUTS: (usize, usize) = (48, 264);
/// Rows of the batch that a task of dw packs at a time; twice as many in bf16.
const CHUNK: usize = 128;

/// What weights are packed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

/// What a task of dw packs: [`CHUNK`] rows of its columns of dy, and of x.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    dy: Vec<f32>,
    x: Panels,
}

/// Some rows of one weight, packed.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    places: Pair,
    rows: Range<usize>,
    pub inputs: usize,
    vector: Vector,
    /// wᵀ for forward, w for backward.
    panels: Panels,
}

impl Linear {
    fn new(vector: Vector, places: Pair, rows: Range<usize>, inputs: usize) -> Self {
        Self { places, rows, inputs, vector, panels: Panels::default() }
    }

    pub fn outputs(&self) -> usize {
        self.rows.len()
    }

    pub fn bias<'a>(&self, parameters: &'a Tensors) -> &'a [f32] {
        &parameters.0[self.places.bias].data[self.rows.clone()]
    }

    fn pack(&mut self, parameters: &Tensors, direction: Direction) {
        let w = &parameters.0[self.places.weight].data[self.rows.start * self.inputs..];
        let (inputs, outputs) = (self.inputs, self.rows.len());
        match direction {
            Direction::Forward => self.panels.pack(self.vector, inputs, outputs, transposed(w, inputs)),
            Direction::Backward => self.panels.pack(self.vector, outputs, inputs, rows_of(w, inputs)),
        }
    }

    /// y = x·wᵀ for a block of rows.
    pub fn forward(&self, y: &mut [f32], x: &[f32]) {
        let rows = x.len() / self.inputs;
        product(self.vector, y, self.outputs(), rows, rows_of(x, self.inputs), &self.panels, false);
    }

    /// dx = dy·w, or dx += dy·w with `add`, for a block of rows.
    pub fn input_gradient(&self, dx: &mut [f32], dy: &[f32], add: bool) {
        let rows = dx.len() / self.inputs;
        product(self.vector, dx, self.inputs, rows, rows_of(dy, self.outputs()), &self.panels, add);
    }

    /// dw += dyᵀ·x over all rows for the rows of w that start at `first`.
    fn some_weight_gradient(&self, dw: &mut [f32], first: usize, dy: &[f32], x: &[f32], chunk: &mut Chunk) {
        let (inputs, outputs) = (self.inputs, self.outputs());
        let count = dw.len() / inputs;
        let rows = if self.vector.half() { 2 * CHUNK } else { CHUNK };
        for (dy, x) in dy.chunks(rows * outputs).zip(x.chunks(rows * inputs)) {
            chunk.x.pack(self.vector, x.len() / inputs, inputs, rows_of(x, inputs));
            // In f32 the product reads a copy that fits the cache; in bf16 it makes its own.
            let a = if self.vector.half() {
                transposed(&dy[first..], outputs)
            } else {
                size(&mut chunk.dy, rows * count);
                for (to, dy) in chunk.dy.chunks_exact_mut(count).zip(dy.chunks_exact(outputs)) {
                    to.copy_from_slice(&dy[first..][..count]);
                }
                transposed(&chunk.dy, count)
            };
            product(self.vector, dw, inputs, count, a, &chunk.x, true);
        }
    }

    /// Where the bias is among the tensors.
    pub fn bias_place(&self) -> usize {
        self.places.bias
    }

    /// Adds a row of column sums a block, in order, to the bias's gradient.
    pub fn bias_gradient(&self, gradients: &mut Tensors, partial: &[f32]) {
        let db = &mut gradients.0[self.places.bias].data[self.rows.clone()];
        for sums in partial.chunks_exact(db.len()) {
            super::rowwise::add(db, sums);
        }
    }
}

/// Adds rows of column sums, one a block and in order, to the gradients of tensors that lie side by side in a row.
pub(crate) fn add_sums(partial: &[f32], gradients: &mut Tensors, places: &[usize]) {
    let width = places.iter().map(|&place| gradients.0[place].data.len()).sum();
    let mut from = 0;
    for &place in places {
        let to = &mut gradients.0[place].data;
        let count = to.len();
        for sums in partial.chunks_exact(width) {
            super::rowwise::add(to, &sums[from..][..count]);
        }
        from += count;
    }
}

/// Tasks that add dyᵀ·x over all rows to the gradients of several weights: (layer, dy, x).
pub(crate) fn weight_gradients<'a, const N: usize>(
    gradients: &'a mut Tensors,
    jobs: [(&'a Linear, &'a [f32], &'a [f32]); N],
    pool: &'a Pool<Chunk>,
) -> Vec<Task<'a>> {
    let rows: usize = jobs.iter().map(|(linear, ..)| linear.outputs()).sum();
    let of_task = rows.div_ceil(2 * rayon::current_num_threads()).next_multiple_of(12);
    let of_task = of_task.clamp(OUTPUTS.0, OUTPUTS.1);
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for (place, tensor) in gradients.0.iter_mut().enumerate() {
        let mut rest = &mut tensor.data[..];
        let mut before = 0;
        // Jobs on parts of one tensor come in the order of its rows.
        for (linear, dy, x) in jobs.into_iter().filter(|(linear, ..)| linear.places.weight == place) {
            let (_, from) = rest.split_at_mut((linear.rows.start - before) * linear.inputs);
            let (dw, after) = from.split_at_mut(linear.outputs() * linear.inputs);
            for (i, dw) in dw.chunks_mut(of_task * linear.inputs).enumerate() {
                tasks.push(Box::new(move || {
                    pool.lend(|chunk| linear.some_weight_gradient(dw, i * of_task, dy, x, chunk));
                }));
            }
            (rest, before) = (after, linear.rows.end);
        }
    }
    tasks
}

/// The linear layers of one encoder layer.
#[derive(Debug, Clone)]
pub(crate) struct LayerWeights {
    pub query: Linear,
    pub key_value: Linear,
    pub out_proj: Linear,
    pub linear1: Linear,
    pub linear2: Linear,
}

/// All linear layers but those with one input or one output.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    pub value_encoder: Linear,
    pub layers: Vec<LayerWeights>,
    pub value_head: [Linear; 2],
    pub cell_head: [Linear; 3],
}

impl Weights {
    pub fn new(vector: Vector, layout: &Layout, d: usize, ffn: usize) -> Self {
        let square = |places| Linear::new(vector, places, 0..d, d);
        let layer = |p: &LayerPlaces| LayerWeights {
            query: Linear::new(vector, p.in_proj, 0..d, d),
            key_value: Linear::new(vector, p.in_proj, d..3 * d, d),
            out_proj: square(p.out_proj),
            linear1: Linear::new(vector, p.linear1, 0..ffn, d),
            linear2: Linear::new(vector, p.linear2, 0..d, ffn),
        };
        Self {
            value_encoder: square(layout.value_encoder[1]),
            layers: layout.layers.iter().map(layer).collect(),
            value_head: [layout.value_head[0], layout.value_head[1]].map(square),
            cell_head: layout.cell_head.map(square),
        }
    }

    fn all(&mut self) -> Vec<&mut Linear> {
        let Self { value_encoder, layers, value_head, cell_head } = self;
        let of_layers = layers
            .iter_mut()
            .flat_map(|l| [&mut l.query, &mut l.key_value, &mut l.out_proj, &mut l.linear1, &mut l.linear2]);
        of_layers.chain([value_encoder]).chain(value_head).chain(cell_head).collect()
    }

    /// Packs all weights anew.
    pub fn pack(&mut self, parameters: &Tensors, direction: Direction) {
        share(self.all().into_iter(), |linear| linear.pack(parameters, direction));
    }

    /// Bytes of the packed weights.
    pub fn bytes(&mut self) -> usize {
        self.all().iter().map(|l| l.panels.bytes()).sum()
    }
}
