//! From tokens and values to the first layer's input, and back.
//!
//! x = E[token] + ReLU(value·w₀ + b₀)·W₂ᵀ + b₂. Kept: nothing, the hidden layer is computed again.
//! FLOP a row: 2·d² forward, 4·d² backward.

use super::arena::size;
use super::layer::pair;
use super::product::{BLOCK, linear, linear_input_gradient, linear_weight_gradient};
use super::rowwise::add;
use crate::Tensors;
use crate::layout::{GENES, Layout};
use crate::rows::Rows;
use rayon::prelude::*;

/// ReLU(value·w₀ + b₀) for some rows.
fn hidden(values: &[f32], (w, b): (&[f32], &[f32]), out: &mut [f32]) {
    for (out, value) in out.chunks_exact_mut(b.len()).zip(values) {
        for ((h, w), b) in out.iter_mut().zip(w).zip(b) {
            *h = (value * w + b).max(0.0);
        }
    }
}

/// The input of the first layer, R×d.
pub(crate) fn forward(layout: &Layout, parameters: &Tensors, rows: &Rows, x: &mut [f32]) {
    let first = pair(parameters, layout.value_encoder[0]);
    let (w, b) = pair(parameters, layout.value_encoder[1]);
    let genes = &parameters.0[GENES].data;
    let d = b.len();
    let tasks =
        x.par_chunks_mut(BLOCK * d).zip(rows.values.par_chunks(BLOCK)).zip(rows.tokens.par_chunks(BLOCK));
    tasks.for_each(|((x, values), tokens)| {
        let mut h = vec![0.0; x.len()];
        hidden(values, first, &mut h);
        linear(x, &h, w, d);
        for (x, &token) in x.chunks_exact_mut(d).zip(tokens) {
            add(x, b);
            add(x, &genes[token as usize * d..][..d]);
        }
    });
}

/// Adds the gradients of embedding and value encoder; `h` is scratch.
pub(crate) fn backward(
    layout: &Layout,
    parameters: &Tensors,
    gradients: &mut Tensors,
    rows: &Rows,
    dx: &[f32],
    h: &mut [f32],
    partial: &mut Vec<f32>,
) {
    let first = pair(parameters, layout.value_encoder[0]);
    let (w, b) = pair(parameters, layout.value_encoder[1]);
    let d = b.len();
    size(partial, rows.count().div_ceil(BLOCK) * 3 * d);
    let tasks = h.par_chunks_mut(BLOCK * d).zip(dx.par_chunks(BLOCK * d)).zip(rows.values.par_chunks(BLOCK));
    tasks.zip(partial.par_chunks_mut(3 * d)).for_each(|(((h, dx), values), sums)| {
        hidden(values, first, h);
        let mut dh = vec![0.0; h.len()];
        linear_input_gradient(&mut dh, dx, w, d, false);
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
    let places = [layout.value_encoder[1].bias, layout.value_encoder[0].weight, layout.value_encoder[0].bias];
    for (i, place) in places.into_iter().enumerate() {
        for sums in partial.chunks_exact(3 * d) {
            add(&mut gradients.0[place].data, &sums[i * d..][..d]);
        }
    }
    linear_weight_gradient(&mut gradients.0[layout.value_encoder[1].weight].data, dx, d, h, d);
    let genes = &mut gradients.0[GENES].data;
    for (dx, &token) in dx.chunks_exact(d).zip(&rows.tokens) {
        add(&mut genes[token as usize * d..][..d], dx);
    }
}
