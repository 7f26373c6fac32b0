//! The value head and the cell head at the P positions asked for.
//!
//! Value head: v = w₄·a₂ + b₄, a₂ = leaky(W₂·a₁ + b₂), a₁ = leaky(W₀·y + b₀), y the encoder's output.
//! Cell head: v = c₃·y_cls, c₃ = W₄·c₂ + b₄, c₂ = leaky(W₂·c₁ + b₂), c₁ = leaky(W₀·E(token) + b₀);
//! its gradient goes to y_cls and the three layers, not to E.
//! The cell head's layers see nothing but the gene: they run once for each of the G distinct genes
//! asked for. Kept: the inputs of all linear layers.
//! FLOP: 4·P·d² + 6·G·d² forward, 8·P·d² + 10·G·d² backward.

use super::arena::{HeadKept, size};
use super::linear::{BLOCK, Chunk, Linear, Weights, weight_gradients};
use super::pool::Pool;
use super::rowwise::{AddBias, LEAK, add, leaky_gradient, sum};
use super::vector::Vector;
use crate::layout::{GENES, Layout};
use crate::rows::Rows;
use crate::{OutputGradients, Outputs, Tensors};
use rayon::prelude::*;

/// What both passes read.
#[derive(Clone, Copy)]
pub(crate) struct Heads<'a> {
    pub layout: &'a Layout,
    pub weights: &'a Weights,
    pub parameters: &'a Tensors,
    pub rows: &'a Rows,
    pub vector: Vector,
    pub pool: &'a Pool<Chunk>,
}

impl Heads<'_> {
    /// Fills `outputs` from the encoder's output at the selected rows, S×d.
    pub fn forward(&self, y: &[f32], kept: &mut HeadKept, outputs: &mut Outputs) {
        let rows = self.rows;
        let genes = &self.parameters.0[GENES];
        let d = genes.shape[1];
        outputs.embedding.clear();
        for &first in &rows.selected_of_cell[..rows.cells()] {
            outputs.embedding.extend_from_slice(&y[first * d..][..d]);
        }
        for (to, &s) in kept.value[0].chunks_exact_mut(d).zip(&rows.asked) {
            to.copy_from_slice(&y[s as usize * d..][..d]);
        }
        for (to, &token) in kept.cell[0].chunks_exact_mut(d).zip(&rows.genes.keys) {
            to.copy_from_slice(&genes.data[token as usize * d..][..d]);
        }
        let [a0, a1, a2] = &mut kept.value;
        let [c0, c1, c2, c3] = &mut kept.cell;
        let [value, cell] = [&self.weights.value_head[..], &self.weights.cell_head[..]];
        self.layer(&value[0], a1, a0, true);
        self.layer(&value[1], a2, a1, true);
        self.layer(&cell[0], c1, c0, true);
        self.layer(&cell[1], c2, c1, true);
        self.layer(&cell[2], c3, c2, false);
        let last = self.layout.value_head[2];
        let (w, b) = (&self.parameters.0[last.weight].data, self.parameters.0[last.bias].data[0]);
        outputs.value.clear();
        outputs.value.extend(a2.chunks_exact(d).map(|a| sum(d, |i| a[i] * w[i]) + b));
        outputs.cell_value.clear();
        for (cell, asked) in rows.asked_of_cell.windows(2).enumerate() {
            let cls = &outputs.embedding[cell * d..][..d];
            let queries = rows.genes.of[asked[0]..asked[1]].iter().map(|&g| &c3[g as usize * d..][..d]);
            outputs.cell_value.extend(queries.map(|c| sum(d, |i| c[i] * cls[i])));
        }
    }

    /// One linear layer with or without LeakyReLU, by blocks.
    fn layer(&self, linear: &Linear, y: &mut [f32], x: &[f32], leaky: bool) {
        let (d, bias) = (linear.inputs, linear.bias(self.parameters));
        y.par_chunks_mut(BLOCK * d).zip(x.par_chunks(BLOCK * d)).for_each(|(y, x)| {
            linear.forward(y, x);
            self.vector.run(AddBias { rows: y, bias, slope: if leaky { LEAK } else { 1.0 } });
        });
    }

    /// Adds the heads' gradients; `dy` (S×d) becomes the gradient of the encoder's output. `scratch`
    /// is for gradients on their way down the layers of a head.
    pub fn backward(
        &self,
        gradients: &mut Tensors,
        kept: &HeadKept,
        (outputs, given): (&Outputs, &OutputGradients),
        dy: &mut [f32],
        scratch: [&mut Vec<f32>; 2],
    ) {
        let [a, b] = scratch;
        let d = self.parameters.0[GENES].shape[1];
        dy.fill(0.0);
        for (first, g) in self.rows.selected_of_cell.iter().zip(given.embedding.chunks_exact(d)) {
            dy[first * d..][..d].copy_from_slice(g);
        }
        if !given.value.is_empty() {
            self.value_backward(gradients, kept, given, dy, [&mut *a, &mut *b]);
        }
        if !given.cell_value.is_empty() {
            self.cell_backward(gradients, kept, (outputs, given), dy, [a, b]);
        }
    }

    fn value_backward(
        &self,
        gradients: &mut Tensors,
        kept: &HeadKept,
        given: &OutputGradients,
        dy: &mut [f32],
        [da, dx]: [&mut Vec<f32>; 2],
    ) {
        let last = self.layout.value_head[2];
        let w = &self.parameters.0[last.weight].data;
        let d = w.len();
        size(da, given.value.len() * d);
        size(dx, da.len());
        let each = da.chunks_exact_mut(d).zip(kept.value[2].chunks_exact(d)).zip(&given.value);
        for ((da, a), &g) in each {
            let dw = &mut gradients.0[last.weight].data;
            for ((da, a), (w, dw)) in da.iter_mut().zip(a).zip(w.iter().zip(dw)) {
                *da = g * w;
                *dw += g * a;
            }
            gradients.0[last.bias].data[0] += g;
        }
        let [first, second] = &self.weights.value_head;
        let [x0, x1, x2] = &kept.value;
        self.layer_backward(second, gradients, da, x1, Some(x2), Some(dx));
        self.layer_backward(first, gradients, dx, x0, Some(x1), Some(da));
        for (da, &s) in da.chunks_exact(d).zip(&self.rows.asked) {
            add(&mut dy[s as usize * d..][..d], da);
        }
    }

    fn cell_backward(
        &self,
        gradients: &mut Tensors,
        kept: &HeadKept,
        (outputs, given): (&Outputs, &OutputGradients),
        dy: &mut [f32],
        [dc, dx]: [&mut Vec<f32>; 2],
    ) {
        let [first, second, third] = &self.weights.cell_head;
        let d = first.inputs;
        let genes = &self.rows.genes;
        size(dc, genes.count() * d);
        size(dx, dc.len());
        dc.fill(0.0);
        for (cell, asked) in self.rows.asked_of_cell.windows(2).enumerate() {
            let cls = &outputs.embedding[cell * d..][..d];
            let d_cls = &mut dy[self.rows.selected_of_cell[cell] * d..][..d];
            for (g, &gene) in given.cell_value[asked[0]..asked[1]].iter().zip(&genes.of[asked[0]..]) {
                let at = gene as usize * d..(gene as usize + 1) * d;
                let both = kept.cell[3][at.clone()].iter().zip(&mut dc[at]);
                for ((c, dc), (cls, d_cls)) in both.zip(cls.iter().zip(d_cls.iter_mut())) {
                    *dc += g * cls;
                    *d_cls += g * c;
                }
            }
        }
        let [x0, x1, x2, _] = &kept.cell;
        self.layer_backward(third, gradients, dc, x2, None, Some(dx));
        self.layer_backward(second, gradients, dx, x1, Some(x2), Some(dc));
        self.layer_backward(first, gradients, dc, x0, Some(x1), None);
    }

    /// One linear layer's gradients; `y` is its output if LeakyReLU followed. Fills dx, if wanted.
    fn layer_backward(
        &self,
        linear: &Linear,
        gradients: &mut Tensors,
        dy: &mut [f32],
        x: &[f32],
        y: Option<&Vec<f32>>,
        dx: Option<&mut Vec<f32>>,
    ) {
        let d = linear.inputs;
        if let Some(y) = y {
            leaky_gradient(dy, y);
        }
        linear.bias_gradient(gradients, dy);
        weight_gradients(gradients, [(linear, &*dy, x)], self.pool);
        if let Some(dx) = dx {
            let tasks = dx.par_chunks_mut(BLOCK * d).zip(dy.par_chunks(BLOCK * d));
            tasks.for_each(|(dx, dy)| linear.input_gradient(dx, dy, false));
        }
    }
}
