//! The row-local part of an encoder layer, in blocks of rows.
//!
//! Forward: q, k, v = x·W_inᵀ + b; after attention
//! x₁ = LN₁(x + drop(c·W_oᵀ + b)), h = drop(ReLU(x₁·W₁ᵀ + b)), x₂ = LN₂(x₁ + drop(h·W₂ᵀ + b)).
//! Backward: the same chain in reverse; the gradients of biases and norms are summed a block at
//! a time and the blocks in order.
//! FLOP a row: 2·d·(4·d + 2·ffn) forward, as many again for each of the two gradients.

use super::arena::{Downward, LayerKept};
use super::product::{BLOCK, linear, linear_input_gradient};
use super::rowwise::{Norm, add, add_relu};
use crate::Tensors;
use crate::dropout::{Dropout, Site};
use crate::layout::{LayerPlaces, Pair};
use pulp::Arch;
use rayon::prelude::*;

/// One layer's parameters and sizes.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    pub index: usize,
    pub width: usize,
    pub ffn: usize,
    pub places: LayerPlaces,
    pub parameters: &'a Tensors,
    pub dropout: Dropout,
    /// The batch row of each query row, where they are not all rows.
    pub positions: Option<&'a [u32]>,
}

/// Weight and bias.
pub(crate) fn pair(parameters: &Tensors, places: Pair) -> (&[f32], &[f32]) {
    (&parameters.0[places.weight].data, &parameters.0[places.bias].data)
}

impl<'a> Layer<'a> {
    fn norm(&self, places: Pair) -> Norm<'a> {
        let (gain, shift) = pair(self.parameters, places);
        Norm { gain, shift }
    }

    pub fn norm1(&self) -> Norm<'a> {
        self.norm(self.places.norm1)
    }

    pub fn norm2(&self) -> Norm<'a> {
        self.norm(self.places.norm2)
    }

    fn position(&self, row: usize) -> usize {
        self.positions.map_or(row, |p| p[row] as usize)
    }

    /// Weight and bias of a part of the input projection.
    fn in_proj(&self, part: Part) -> (&'a [f32], &'a [f32]) {
        let d = self.width;
        let (w, b) = pair(self.parameters, self.places.in_proj);
        match part {
            Part::Query => (&w[..d * d], &b[..d]),
            Part::KeyValue => (&w[d * d..], &b[d..]),
        }
    }

    /// y = x·wᵀ + b for one part of the input projection.
    pub fn project(&self, x: &[f32], y: &mut [f32], part: Part) {
        let (w, b) = self.in_proj(part);
        affine(y, x, w, b, self.width);
    }

    /// Everything after attention; `stream` holds the layer's input rows and receives its output.
    pub fn rest(&self, kept: &mut LayerKept, stream: &mut [f32]) {
        let (d, ffn) = (self.width, self.ffn);
        let (w_o, b_o) = pair(self.parameters, self.places.out_proj);
        let (w_1, b_1) = pair(self.parameters, self.places.linear1);
        let (w_2, b_2) = pair(self.parameters, self.places.linear2);
        let [after_o, after_relu, after_2] =
            [Site::OutProj, Site::Hidden, Site::Linear2].map(|s| self.dropout.site(self.index, s));
        let tasks = stream
            .par_chunks_mut(BLOCK * d)
            .zip(kept.context.par_chunks(BLOCK * d))
            .zip(kept.normal1.par_chunks_mut(BLOCK * d))
            .zip(kept.inverse1.par_chunks_mut(BLOCK))
            .zip(kept.hidden.par_chunks_mut(BLOCK * ffn))
            .zip(kept.normal2.par_chunks_mut(BLOCK * d))
            .zip(kept.inverse2.par_chunks_mut(BLOCK));
        tasks.enumerate().for_each(
            |(i, ((((((stream, context), normal1), inverse1), hidden), normal2), inverse2))| {
                let first = i * BLOCK;
                linear(normal1, context, w_o, d);
                close(self.norm1(), normal1, b_o, stream, inverse1, |r| {
                    after_o.row(self.position(first + r))
                });
                linear(hidden, stream, w_1, d);
                Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        for (r, row) in hidden.chunks_exact_mut(ffn).enumerate() {
                            add_relu(row, b_1);
                            if let Some(dropout) = after_relu.row(self.position(first + r)) {
                                dropout.apply(row);
                            }
                        }
                    },
                );
                linear(normal2, hidden, w_2, ffn);
                close(self.norm2(), normal2, b_2, stream, inverse2, |r| {
                    after_2.row(self.position(first + r))
                });
            },
        );
    }

    /// From the gradient of the layer's output in `stream` to that of the context; `stream` then
    /// holds the residual part. `partial` receives a row of column sums a block, in the order of
    /// [`Layer::add_sums`].
    pub fn rest_backward(
        &self,
        kept: &LayerKept,
        stream: &mut [f32],
        down: &mut Downward,
        partial: &mut [f32],
    ) {
        let (d, ffn) = (self.width, self.ffn);
        let w_o = &self.parameters.0[self.places.out_proj.weight].data;
        let w_1 = &self.parameters.0[self.places.linear1.weight].data;
        let w_2 = &self.parameters.0[self.places.linear2.weight].data;
        let [after_o, after_relu, after_2] =
            [Site::OutProj, Site::Hidden, Site::Linear2].map(|s| self.dropout.site(self.index, s));
        let tasks = stream
            .par_chunks_mut(BLOCK * d)
            .zip(down.linear2.par_chunks_mut(BLOCK * d))
            .zip(down.hidden.par_chunks_mut(BLOCK * ffn))
            .zip(down.out_proj.par_chunks_mut(BLOCK * d))
            .zip(down.context.par_chunks_mut(BLOCK * d))
            .zip(partial.par_chunks_mut(self.sums()));
        tasks.enumerate().for_each(|(i, (((((stream, d_linear2), d_hidden), d_out), d_context), sums))| {
            let first = i * BLOCK;
            let rows = stream.len() / d;
            sums.fill(0.0);
            let (sums_2, sums) = sums.split_at_mut(3 * d);
            let (sums_h, sums_1) = sums.split_at_mut(ffn);
            let (normal1, normal2) =
                (&kept.normal1[first * d..][..rows * d], &kept.normal2[first * d..][..rows * d]);
            let (inverse1, inverse2) = (&kept.inverse1[first..][..rows], &kept.inverse2[first..][..rows]);
            open(self.norm2(), stream, normal2, inverse2, d_linear2, sums_2, |r| {
                after_2.row(self.position(first + r))
            });
            linear_input_gradient(d_hidden, d_linear2, w_2, ffn, false);
            let hidden = &kept.hidden[first * ffn..][..rows * ffn];
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    for (g, h) in d_hidden.chunks_exact_mut(ffn).zip(hidden.chunks_exact(ffn)) {
                        for ((g, h), sum) in g.iter_mut().zip(h).zip(sums_h.iter_mut()) {
                            *g = if *h > 0.0 { *g * after_relu.scale } else { 0.0 };
                            *sum += *g;
                        }
                    }
                },
            );
            linear_input_gradient(stream, d_hidden, w_1, d, true);
            open(self.norm1(), stream, normal1, inverse1, d_out, sums_1, |r| {
                after_o.row(self.position(first + r))
            });
            linear_input_gradient(d_context, d_out, w_o, d, false);
        });
    }

    /// Numbers in a row of column sums.
    pub fn sums(&self) -> usize {
        6 * self.width + self.ffn
    }

    /// Adds the blocks' column sums to the gradients of norms and biases.
    pub fn add_sums(&self, partial: &[f32], gradients: &mut Tensors) {
        let p = self.places;
        let mut from = 0;
        for place in [
            p.norm2.weight,
            p.norm2.bias,
            p.linear2.bias,
            p.linear1.bias,
            p.norm1.weight,
            p.norm1.bias,
            p.out_proj.bias,
        ] {
            let to = &mut gradients.0[place].data;
            let count = to.len();
            for sums in partial.chunks_exact(self.sums()) {
                add(to, &sums[from..][..count]);
            }
            from += count;
        }
    }

    /// dx = dq·W_q and dx (+)= d(k, v)·W_kv, by blocks; `partial` receives the column sums of `dy`.
    pub fn project_backward(
        &self,
        dx: &mut [f32],
        dy: &[f32],
        part: Part,
        add_to: bool,
        partial: &mut [f32],
    ) {
        let d = self.width;
        let (w, b) = self.in_proj(part);
        let outputs = b.len();
        let tasks = dx.par_chunks_mut(BLOCK * d).zip(dy.par_chunks(BLOCK * outputs));
        tasks.zip(partial.par_chunks_mut(outputs)).for_each(|((dx, dy), sums)| {
            sums.fill(0.0);
            for row in dy.chunks_exact(outputs) {
                add(sums, row);
            }
            linear_input_gradient(dx, dy, w, d, add_to);
        });
    }
}

/// Which part of the input projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Query,
    KeyValue,
}

/// y = x·wᵀ + b by blocks.
fn affine(y: &mut [f32], x: &[f32], w: &[f32], b: &[f32], inputs: usize) {
    let outputs = b.len();
    y.par_chunks_mut(BLOCK * outputs).zip(x.par_chunks(BLOCK * inputs)).for_each(|(y, x)| {
        linear(y, x, w, inputs);
        y.chunks_exact_mut(outputs).for_each(|row| add(row, b));
    });
}

/// Closes a residual branch with dropout and LayerNorm, row by row.
fn close(
    norm: Norm<'_>,
    branch: &mut [f32],
    bias: &[f32],
    stream: &mut [f32],
    inverse: &mut [f32],
    dropout: impl Fn(usize) -> Option<crate::dropout::RowDropout>,
) {
    let d = bias.len();
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let rows = branch.chunks_exact_mut(d).zip(stream.chunks_exact_mut(d)).zip(inverse.iter_mut());
            for (r, ((branch, stream), inverse)) in rows.enumerate() {
                *inverse = norm.close(branch, bias, dropout(r), stream);
            }
        },
    );
}

/// The backward of [`close`]: `stream` becomes the gradient of the sum, `branch` that of the
/// product before bias and dropout; `sums` receives those of gain, shift and bias.
fn open(
    norm: Norm<'_>,
    stream: &mut [f32],
    normal: &[f32],
    inverse: &[f32],
    branch: &mut [f32],
    sums: &mut [f32],
    dropout: impl Fn(usize) -> Option<crate::dropout::RowDropout>,
) {
    let d = norm.gain.len();
    let (gain, rest) = sums.split_at_mut(d);
    let (shift, bias) = rest.split_at_mut(d);
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let rows = stream
                .chunks_exact_mut(d)
                .zip(branch.chunks_exact_mut(d))
                .zip(normal.chunks_exact(d))
                .zip(inverse);
            for (r, (((stream, branch), normal), inverse)) in rows.enumerate() {
                norm.backward(stream, normal, *inverse, gain, shift);
                branch.copy_from_slice(stream);
                if let Some(dropout) = dropout(r) {
                    dropout.apply(branch);
                }
                add(bias, branch);
            }
        },
    );
}
