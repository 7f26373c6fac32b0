//! Linear layers: y = x·wᵀ + b, dx = dy·w, dw = dyᵀ·x, db = column sums of dy.
//!
//! Weights are packed once after each change of the parameters, for both directions. dw is shared
//! out by rows of w, and each task runs through all rows of the batch in order, a chunk at a time.

use super::product::{Panels, View, product, rows_of, transposed};
use super::vector::Vector;
use crate::Tensors;
use crate::layout::{LayerPlaces, Layout, Pair};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of a task in everything row-local: a constant, so that no sum depends on the number of
/// threads; a multiple of the tiles' 6 and 12 rows.
pub(crate) const BLOCK: usize = 96;
/// Rows of w in a task of dw.
const OUTPUTS: usize = 132;
/// Rows of the batch that a task of dw packs at a time.
const CHUNK: usize = 128;

/// Some rows of one weight, packed.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    places: Pair,
    rows: Range<usize>,
    pub inputs: usize,
    vector: Vector,
    /// wᵀ.
    forward: Panels,
    /// w.
    backward: Panels,
}

impl Linear {
    fn new(vector: Vector, places: Pair, rows: Range<usize>, inputs: usize) -> Self {
        Self { places, rows, inputs, vector, forward: Panels::default(), backward: Panels::default() }
    }

    pub fn outputs(&self) -> usize {
        self.rows.len()
    }

    pub fn bias<'a>(&self, parameters: &'a Tensors) -> &'a [f32] {
        &parameters.0[self.places.bias].data[self.rows.clone()]
    }

    fn pack(&mut self, parameters: &Tensors) {
        let w = &parameters.0[self.places.weight].data[self.rows.start * self.inputs..];
        self.forward.pack(self.vector, self.inputs, self.rows.len(), transposed(w, self.inputs));
        self.backward.pack(self.vector, self.rows.len(), self.inputs, rows_of(w, self.inputs));
    }

    /// y = x·wᵀ for a block of rows.
    pub fn forward(&self, y: &mut [f32], x: &[f32]) {
        let rows = x.len() / self.inputs;
        product(self.vector, y, self.outputs(), rows, rows_of(x, self.inputs), &self.forward, false);
    }

    /// dx = dy·w, or dx += dy·w with `add`, for a block of rows.
    pub fn input_gradient(&self, dx: &mut [f32], dy: &[f32], add: bool) {
        let rows = dx.len() / self.inputs;
        product(self.vector, dx, self.inputs, rows, rows_of(dy, self.outputs()), &self.backward, add);
    }

    /// Adds dyᵀ·x over all rows to the weight's gradient.
    pub fn weight_gradient(&self, gradients: &mut Tensors, dy: &[f32], x: &[f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs());
        let dw = &mut gradients.0[self.places.weight].data[self.rows.start * inputs..self.rows.end * inputs];
        dw.par_chunks_mut(OUTPUTS * inputs).enumerate().for_each(|(i, dw)| {
            let (first, count) = (i * OUTPUTS, dw.len() / inputs);
            let mut panels = Panels::default();
            let mut a = vec![0.0; CHUNK * count];
            for (dy, x) in dy.chunks(CHUNK * outputs).zip(x.chunks(CHUNK * inputs)) {
                let rows = x.len() / inputs;
                for (to, dy) in a.chunks_exact_mut(count).zip(dy.chunks_exact(outputs)) {
                    to.copy_from_slice(&dy[first..][..count]);
                }
                panels.pack(self.vector, rows, inputs, rows_of(x, inputs));
                product(
                    self.vector,
                    dw,
                    inputs,
                    count,
                    View { data: &a, row: 1, column: count },
                    &panels,
                    true,
                );
            }
        });
    }

    /// Adds a row of column sums a block, in order, to the bias's gradient.
    pub fn bias_gradient(&self, gradients: &mut Tensors, partial: &[f32]) {
        let db = &mut gradients.0[self.places.bias].data[self.rows.clone()];
        for sums in partial.chunks_exact(db.len()) {
            super::rowwise::add(db, sums);
        }
    }
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

    /// Packs all weights anew.
    pub fn pack(&mut self, parameters: &Tensors) {
        let Self { value_encoder, layers, value_head, cell_head } = self;
        let of_layers = layers
            .iter_mut()
            .flat_map(|l| [&mut l.query, &mut l.key_value, &mut l.out_proj, &mut l.linear1, &mut l.linear2]);
        let all: Vec<&mut Linear> =
            of_layers.chain([value_encoder]).chain(value_head).chain(cell_head).collect();
        all.into_par_iter().for_each(|linear| linear.pack(parameters));
    }
}
