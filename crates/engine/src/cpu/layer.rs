//! The row-local part of an encoder layer, in blocks of rows.
//!
//! Forward: q, k, v = x·W_inᵀ + b; after attention
//! x₁ = LN₁(x + drop(c·W_oᵀ + b)), h = drop(ReLU(x₁·W₁ᵀ + b)), x₂ = LN₂(x₁ + drop(h·W₂ᵀ + b)).
//! Backward: the same chain in reverse; the gradients of biases and norms are summed a block at
//! a time and the blocks in order. A block's numbers stay in the second cache throughout.
//! FLOP a row: 2·d·(4·d + 2·ffn) forward, as many again for each of the two gradients.

use super::arena::{Downward, LayerKept};
use super::linear::{BLOCK, LayerWeights, Linear, add_sums};
use super::pool::{Task, share};
use super::rowwise::{AddBias, Affine, Close, ColumnSums, HeadDots, Norm, Open, Relu, ReluBackward};
use super::vector::Vector;
use crate::Tensors;
use crate::dropout::{Dropout, RowDropout, Site};
use crate::layout::{LayerPlaces, Pair};

/// One layer's parameters and sizes.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    pub index: usize,
    pub width: usize,
    pub heads: usize,
    pub ffn: usize,
    pub places: LayerPlaces,
    pub weights: &'a LayerWeights,
    pub parameters: &'a Tensors,
    pub vector: Vector,
    pub dropout: Dropout,
    /// The batch row of each query row, where they are not all rows.
    pub positions: Option<&'a [u32]>,
}

impl<'a> Layer<'a> {
    fn norm(&self, places: Pair) -> Norm<'a> {
        Norm { gain: &self.parameters.0[places.weight].data, shift: &self.parameters.0[places.bias].data }
    }

    fn norm1(&self) -> Norm<'a> {
        self.norm(self.places.norm1)
    }

    fn norm2(&self) -> Norm<'a> {
        self.norm(self.places.norm2)
    }

    /// x₁ again, from what was kept.
    pub fn after_attention(&self, kept: &LayerKept, x: &mut [f32]) {
        self.affine(self.norm1(), &kept.normal1, x);
    }

    /// x₂ again, from what was kept.
    pub fn output(&self, kept: &LayerKept, x: &mut [f32]) {
        self.affine(self.norm2(), &kept.normal2, x);
    }

    fn affine(&self, norm: Norm<'_>, normal: &[f32], y: &mut [f32]) {
        let size = BLOCK * self.width;
        let tasks = y.chunks_mut(size).zip(normal.chunks(size));
        share(tasks, |(y, normal)| self.vector.run(Affine { norm, normal, y }));
    }

    /// Dropout of the rows of the block that starts at query row `first`.
    fn rows_of(&self, site: Site, first: usize) -> impl Fn(usize) -> Option<RowDropout> + Copy + 'a {
        let (site, positions) = (self.dropout.site(self.index, site), self.positions);
        move |r| site.row(positions.map_or(first + r, |p| p[first + r] as usize))
    }

    /// Tasks for y = x·wᵀ + b of parts of the input projection: (part, y).
    pub fn project<const N: usize>(
        self,
        parts: [(&'a Linear, &'a mut [f32]); N],
        x: &'a [f32],
    ) -> Vec<Task<'a>> {
        let mut parts = parts.map(|(part, y)| (part, y.chunks_mut(BLOCK * part.outputs())));
        let tasks = x.chunks(BLOCK * self.width).map(|x| -> Task<'a> {
            let blocks: Vec<_> = parts.iter_mut().filter_map(|(part, y)| Some((*part, y.next()?))).collect();
            Box::new(move || {
                for (part, y) in blocks {
                    part.forward(y, x);
                    let bias = part.bias(self.parameters);
                    self.vector.run(AddBias { rows: y, bias, slope: 1.0 });
                }
            })
        });
        tasks.collect()
    }

    /// Tasks for dx (+)= dy·w, summed over parts of the input projection: (part, dy, partial), where partial
    /// receives the column sums of dy.
    pub fn project_backward<const N: usize>(
        self,
        parts: [(&'a Linear, &'a [f32], &'a mut [f32]); N],
        dx: &'a mut [f32],
        add_to: bool,
    ) -> Vec<Task<'a>> {
        let mut parts = parts.map(|(part, dy, sums)| {
            let outputs = part.outputs();
            (part, dy.chunks(BLOCK * outputs).zip(sums.chunks_exact_mut(outputs)))
        });
        let tasks = dx.chunks_mut(BLOCK * self.width).map(|dx| -> Task<'a> {
            let blocks: Vec<_> =
                parts.iter_mut().filter_map(|(part, dy)| Some((*part, dy.next()?))).collect();
            Box::new(move || {
                for (i, (part, (dy, sums))) in blocks.into_iter().enumerate() {
                    self.vector.run(ColumnSums { rows: dy, sums });
                    part.input_gradient(dx, dy, add_to || i > 0);
                }
            })
        });
        tasks.collect()
    }

    /// Everything after attention; `stream` holds the layer's input rows and receives its output.
    pub fn rest(&self, kept: &mut LayerKept, stream: &mut [f32]) {
        let (d, ffn, vector) = (self.width, self.ffn, self.vector);
        let LayerWeights { out_proj, linear1, linear2, .. } = self.weights;
        let [bias_o, bias_1, bias_2] = [out_proj, linear1, linear2].map(|l| l.bias(self.parameters));
        let tasks = stream
            .chunks_mut(BLOCK * d)
            .zip(kept.context.chunks(BLOCK * d))
            .zip(kept.normal1.chunks_mut(BLOCK * d))
            .zip(kept.inverse1.chunks_mut(BLOCK))
            .zip(kept.hidden.chunks_mut(BLOCK * ffn))
            .zip(kept.normal2.chunks_mut(BLOCK * d))
            .zip(kept.inverse2.chunks_mut(BLOCK));
        share(
            tasks.enumerate(),
            |(i, ((((((stream, context), normal1), inverse), hidden), normal2), inverse2))| {
                let first = i * BLOCK;
                out_proj.forward(normal1, context);
                let dropout = self.rows_of(Site::OutProj, first);
                vector.run(Close {
                    norm: self.norm1(),
                    branch: normal1,
                    bias: bias_o,
                    stream,
                    inverse,
                    dropout,
                });
                linear1.forward(hidden, stream);
                vector.run(Relu { rows: hidden, bias: bias_1, dropout: self.rows_of(Site::Hidden, first) });
                linear2.forward(normal2, hidden);
                let dropout = self.rows_of(Site::Linear2, first);
                let (branch, inverse) = (normal2, inverse2);
                vector.run(Close { norm: self.norm2(), branch, bias: bias_2, stream, inverse, dropout });
            },
        );
    }

    /// From the gradient of the layer's output in `stream` to that of the context, and its inner product
    /// with the context in each head; `stream` then
    /// holds the residual part, and `kept` the gradients of the two products in place of x̂.
    /// `partial` receives a row of column sums a block, in the order of [`Layer::add_sums`].
    pub fn rest_backward(
        &self,
        kept: &mut LayerKept,
        stream: &mut [f32],
        down: &mut Downward,
        partial: &mut [f32],
    ) {
        let (d, ffn, vector) = (self.width, self.ffn, self.vector);
        let t = stream.len() / d;
        let LayerWeights { out_proj, linear1, linear2, .. } = self.weights;
        let norm1 = kept.normal1.chunks_mut(BLOCK * d).zip(kept.inverse1.chunks(BLOCK));
        let norm2 = kept.normal2.chunks_mut(BLOCK * d).zip(kept.inverse2.chunks(BLOCK));
        let hidden = kept.hidden.chunks(BLOCK * ffn).zip(down.hidden[..t * ffn].chunks_mut(BLOCK * ffn));
        let context = kept.context.chunks(BLOCK * d).zip(down.context[..t * d].chunks_mut(BLOCK * d));
        let context = context.zip(down.inner.chunks_mut(BLOCK * self.heads));
        let tasks = stream.chunks_mut(BLOCK * d).zip(context);
        let tasks = tasks.zip(norm1).zip(norm2).zip(hidden).zip(partial.chunks_mut(self.sums()));
        share(
            tasks.enumerate(),
            |(i, (((((stream, ((context, d_context), inner)), norm1), norm2), (hidden, d_hidden)), sums))| {
                let first = i * BLOCK;
                sums.fill(0.0);
                let (sums_2, sums) = sums.split_at_mut(3 * d);
                let (sums_h, sums_1) = sums.split_at_mut(ffn);
                let dropout = self.rows_of(Site::Linear2, first);
                let (branch, inverse) = norm2;
                vector.run(Open { norm: self.norm2(), stream, branch, inverse, sums: sums_2, dropout });
                linear2.input_gradient(d_hidden, branch, false);
                vector.run(ReluBackward { rows: d_hidden, hidden, scale: self.dropout.scale, sums: sums_h });
                linear1.input_gradient(stream, d_hidden, true);
                let dropout = self.rows_of(Site::OutProj, first);
                let (branch, inverse) = norm1;
                vector.run(Open { norm: self.norm1(), stream, branch, inverse, sums: sums_1, dropout });
                out_proj.input_gradient(d_context, branch, false);
                vector.run(HeadDots { a: context, b: d_context, width: d / self.heads, dots: inner });
            },
        );
    }

    /// Numbers in a row of column sums.
    pub fn sums(&self) -> usize {
        6 * self.width + self.ffn
    }

    /// Adds the blocks' column sums to the gradients of norms and biases.
    pub fn add_sums(&self, partial: &[f32], gradients: &mut Tensors) {
        let LayerPlaces { norm1, norm2, linear1, linear2, out_proj, .. } = self.places;
        let upper = [norm2.weight, norm2.bias, linear2.bias];
        let lower = [linear1.bias, norm1.weight, norm1.bias, out_proj.bias];
        add_sums(partial, gradients, &[&upper[..], &lower].concat());
    }
}
