//! From tokens and values to the first layer's input, and back.
//!
//! x = E[token] + ReLU(value·w₀ + b₀)·W₂ᵀ + b₂. Kept: nothing, the hidden layer is computed again.
//! FLOP a row: 2·d² forward, 4·d² backward.

use super::arena::size;
use super::linear::{BLOCK, Chunk, Linear, weight_gradients};
use super::pool::Pool;
use super::rowwise::add;
use crate::Tensors;
use crate::layout::{GENES, Layout};
use crate::rows::Rows;
use rayon::prelude::*;

/// What both passes read.
#[derive(Clone, Copy)]
pub(crate) struct Embed<'a> {
    pub layout: &'a Layout,
    pub linear: &'a Linear,
    pub parameters: &'a Tensors,
    pub rows: &'a Rows,
    pub pool: &'a Pool<Chunk>,
}

impl Embed<'_> {
    /// ReLU(value·w₀ + b₀) for some rows.
    fn hidden(&self, values: &[f32], out: &mut [f32]) {
        let places = self.layout.value_encoder[0];
        let (w, b) = (&self.parameters.0[places.weight].data, &self.parameters.0[places.bias].data);
        for (out, value) in out.chunks_exact_mut(b.len()).zip(values) {
            for ((h, w), b) in out.iter_mut().zip(w).zip(b) {
                *h = (value * w + b).max(0.0);
            }
        }
    }

    /// The input of the first layer, R×d.
    pub fn forward(&self, x: &mut [f32]) {
        let (d, bias) = (self.linear.inputs, self.linear.bias(self.parameters));
        let genes = &self.parameters.0[GENES].data;
        let (values, tokens) = (self.rows.values.par_chunks(BLOCK), self.rows.tokens.par_chunks(BLOCK));
        x.par_chunks_mut(BLOCK * d).zip(values).zip(tokens).for_each(|((x, values), tokens)| {
            let mut h = vec![0.0; x.len()];
            self.hidden(values, &mut h);
            self.linear.forward(x, &h);
            for (x, &token) in x.chunks_exact_mut(d).zip(tokens) {
                add(x, bias);
                add(x, &genes[token as usize * d..][..d]);
            }
        });
    }

    /// Adds the gradients of embedding and value encoder; `h` (R×d) and `partial` are scratch.
    pub fn backward(&self, gradients: &mut Tensors, dx: &[f32], h: &mut [f32], partial: &mut Vec<f32>) {
        let d = self.linear.inputs;
        size(partial, self.rows.count().div_ceil(BLOCK) * 3 * d);
        let tasks = h.par_chunks_mut(BLOCK * d).zip(dx.par_chunks(BLOCK * d));
        let tasks = tasks.zip(self.rows.values.par_chunks(BLOCK)).zip(partial.par_chunks_mut(3 * d));
        tasks.for_each(|(((h, dx), values), sums)| {
            self.hidden(values, h);
            let mut dh = vec![0.0; h.len()];
            self.linear.input_gradient(&mut dh, dx, false);
            sums.fill(0.0);
            let (d_bias2, rest) = sums.split_at_mut(d);
            let (d_weight0, d_bias0) = rest.split_at_mut(d);
            let each = h.chunks_exact(d).zip(dh.chunks_exact(d)).zip(dx.chunks_exact(d)).zip(values);
            for (((h, dh), dx), value) in each {
                add(d_bias2, dx);
                for i in 0..d {
                    let g = if h[i] > 0.0 { dh[i] } else { 0.0 };
                    d_weight0[i] += g * value;
                    d_bias0[i] += g;
                }
            }
        });
        let [first, second] = self.layout.value_encoder;
        for (i, place) in [second.bias, first.weight, first.bias].into_iter().enumerate() {
            for sums in partial.chunks_exact(3 * d) {
                add(&mut gradients.0[place].data, &sums[i * d..][..d]);
            }
        }
        weight_gradients(gradients, [(self.linear, dx, h)], self.pool);
        let genes = &mut gradients.0[GENES].data;
        for (dx, &token) in dx.chunks_exact(d).zip(&self.rows.tokens) {
            add(&mut genes[token as usize * d..][..d], dx);
        }
    }
}
