//! The value head and the cell head at the P positions asked for.
//!
//! Value head: v = w₄·a₂ + b₄, a₂ = leaky(W₂·a₁ + b₂), a₁ = leaky(W₀·y + b₀), y the encoder's output.
//! Cell head: v = c₃·y_cls, c₃ = W₄·c₂ + b₄, c₂ = leaky(W₂·c₁ + b₂), c₁ = leaky(W₀·E[token] + b₀);
//! its gradient goes to y_cls and the three layers, not to E.
//! Kept: the inputs of all linear layers. FLOP a position: 10·d² forward, 18·d² backward.

use super::arena::HeadKept;
use super::layer::pair;
use super::product::{BLOCK, linear, linear_input_gradient, linear_weight_gradient};
use super::rowwise::{add, add_leaky, leaky_gradient, sum};
use crate::layout::{GENES, Layout, Pair};
use crate::rows::Rows;
use crate::{OutputGradients, Outputs, Tensors};
use rayon::prelude::*;

/// What both passes read.
#[derive(Clone, Copy)]
pub(crate) struct Heads<'a> {
    pub layout: &'a Layout,
    pub parameters: &'a Tensors,
    pub rows: &'a Rows,
}

impl Heads<'_> {
    /// Fills `outputs` from the encoder's output at the selected rows, S×d.
    pub fn forward(&self, y: &[f32], kept: &mut HeadKept, outputs: &mut Outputs) {
        let Self { layout, parameters, rows } = *self;
        let d = parameters.0[GENES].shape[1];
        let genes = &parameters.0[GENES].data;
        outputs.embedding.clear();
        for &first in &rows.selected_of_cell[..rows.cells()] {
            outputs.embedding.extend_from_slice(&y[first * d..][..d]);
        }
        let p = rows.asked.len();
        for (i, &s) in rows.asked.iter().enumerate() {
            let token = rows.tokens[rows.selected[s as usize] as usize] as usize;
            kept.value[0][i * d..][..d].copy_from_slice(&y[s as usize * d..][..d]);
            kept.cell[0][i * d..][..d].copy_from_slice(&genes[token * d..][..d]);
        }
        let [a0, a1, a2] = &mut kept.value;
        let [c0, c1, c2, c3] = &mut kept.cell;
        layer(a1, a0, pair(parameters, layout.value_head[0]), true);
        layer(a2, a1, pair(parameters, layout.value_head[1]), true);
        layer(c1, c0, pair(parameters, layout.cell_head[0]), true);
        layer(c2, c1, pair(parameters, layout.cell_head[1]), true);
        layer(c3, c2, pair(parameters, layout.cell_head[2]), false);
        let (w, b) = pair(parameters, layout.value_head[2]);
        outputs.value.clear();
        outputs.value.extend(a2.chunks_exact(d).map(|a| sum(d, |i| a[i] * w[i]) + b[0]));
        outputs.cell_value.clear();
        for (cell, asked) in rows.asked_of_cell.windows(2).enumerate() {
            let cls = &outputs.embedding[cell * d..][..d];
            let queries = c3[asked[0] * d..asked[1] * d].chunks_exact(d);
            outputs.cell_value.extend(queries.map(|c| sum(d, |i| c[i] * cls[i])));
        }
        debug_assert_eq!(outputs.cell_value.len(), p);
    }

    /// Adds the heads' gradients; `dy` (S×d) becomes the gradient of the encoder's output.
    pub fn backward(
        &self,
        gradients: &mut Tensors,
        kept: &HeadKept,
        outputs: &Outputs,
        given: &OutputGradients,
        dy: &mut [f32],
    ) {
        let Self { layout, parameters, rows } = *self;
        let d = parameters.0[GENES].shape[1];
        dy.fill(0.0);
        for (first, g) in rows.selected_of_cell.iter().zip(given.embedding.chunks_exact(d)) {
            dy[first * d..][..d].copy_from_slice(g);
        }
        if !given.value.is_empty() {
            let w = &parameters.0[layout.value_head[2].weight].data;
            let mut da = vec![0.0; rows.asked.len() * d];
            for (i, &g) in given.value.iter().enumerate() {
                let a = &kept.value[2][i * d..][..d];
                for ((da, a), (w, dw)) in da[i * d..][..d]
                    .iter_mut()
                    .zip(a)
                    .zip(w.iter().zip(&mut gradients.0[layout.value_head[2].weight].data))
                {
                    *da = g * w;
                    *dw += g * a;
                }
                gradients.0[layout.value_head[2].bias].data[0] += g;
            }
            let da = layer_backward(
                parameters,
                gradients,
                layout.value_head[1],
                da,
                &kept.value[1],
                Some(&kept.value[2]),
                true,
            );
            let da = layer_backward(
                parameters,
                gradients,
                layout.value_head[0],
                da,
                &kept.value[0],
                Some(&kept.value[1]),
                true,
            );
            for (da, &s) in da.chunks_exact(d).zip(&rows.asked) {
                add(&mut dy[s as usize * d..][..d], da);
            }
        }
        if !given.cell_value.is_empty() {
            let mut dc = vec![0.0; rows.asked.len() * d];
            for (cell, asked) in rows.asked_of_cell.windows(2).enumerate() {
                let cls = &outputs.embedding[cell * d..][..d];
                let d_cls = &mut dy[rows.selected_of_cell[cell] * d..][..d];
                for i in asked[0]..asked[1] {
                    let (g, c) = (given.cell_value[i], &kept.cell[3][i * d..][..d]);
                    for j in 0..d {
                        dc[i * d + j] = g * cls[j];
                        d_cls[j] += g * c[j];
                    }
                }
            }
            let dc =
                layer_backward(parameters, gradients, layout.cell_head[2], dc, &kept.cell[2], None, true);
            let dc = layer_backward(
                parameters,
                gradients,
                layout.cell_head[1],
                dc,
                &kept.cell[1],
                Some(&kept.cell[2]),
                true,
            );
            layer_backward(
                parameters,
                gradients,
                layout.cell_head[0],
                dc,
                &kept.cell[0],
                Some(&kept.cell[1]),
                false,
            );
        }
    }
}

/// One linear layer with or without LeakyReLU, by blocks.
fn layer(y: &mut [f32], x: &[f32], (w, b): (&[f32], &[f32]), leaky: bool) {
    let d = b.len();
    y.par_chunks_mut(BLOCK * d).zip(x.par_chunks(BLOCK * d)).for_each(|(y, x)| {
        linear(y, x, w, d);
        for row in y.chunks_exact_mut(d) {
            if leaky { add_leaky(row, b) } else { add(row, b) }
        }
    });
}

/// One linear layer's gradients; `y` is its output if LeakyReLU followed. Returns dx, if wanted.
fn layer_backward(
    parameters: &Tensors,
    gradients: &mut Tensors,
    places: Pair,
    mut dy: Vec<f32>,
    x: &[f32],
    y: Option<&Vec<f32>>,
    wanted: bool,
) -> Vec<f32> {
    let (w, b) = pair(parameters, places);
    let d = b.len();
    if let Some(y) = y {
        leaky_gradient(&mut dy, y);
    }
    for row in dy.chunks_exact(d) {
        add(&mut gradients.0[places.bias].data, row);
    }
    linear_weight_gradient(&mut gradients.0[places.weight].data, &dy, d, x, d);
    let mut dx = Vec::new();
    if wanted {
        dx.resize(dy.len(), 0.0);
        dx.par_chunks_mut(BLOCK * d)
            .zip(dy.par_chunks(BLOCK * d))
            .for_each(|(dx, dy)| linear_input_gradient(dx, dy, w, d, false));
    }
    dx
}
