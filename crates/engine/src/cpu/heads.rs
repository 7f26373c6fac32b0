//! The value head and the cell head at the P positions asked for.
//!
//! Value head: v = w₄·a₂ + b₄, a₂ = leaky(W₂·a₁ + b₂), a₁ = leaky(W₀·y + b₀), y the encoder's output.
//! Cell head: v = c₃·y_cls, c₃ = W₄·c₂ + b₄, c₂ = leaky(W₂·c₁ + b₂), c₁ = leaky(W₀·E(token) + b₀);
//! its gradient goes to y_cls and the three layers, not to E.
//! The cell head's layers see nothing but the gene: they run once for each of the G distinct genes
//! asked for. Kept: the inputs of all linear layers, and c₃.
//! Both run by blocks of rows, all layers of a block one after the other.
//! FLOP: 4·P·d² + 6·G·d² forward, 8·P·d² + 10·G·d² backward.

use super::arena::{HeadKept, size};
use super::linear::{BLOCK, Chunk, Linear, Weights, add_sums, weight_gradients};
use super::pool::{Pool, Task, run, share};
use super::rowwise::{AddBias, ColumnSums, LEAK, add, dot, leaky_gradient};
use super::vector::Vector;
use crate::layout::{GENES, Layout};
use crate::rows::Rows;
use crate::{OutputGradients, Outputs, Tensors};

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

/// What the backward pass writes besides gradients of parameters.
pub(crate) struct Scratch<'a> {
    /// S·d numbers or more each.
    pub rows: [&'a mut [f32]; 2],
    /// A row of column sums a block.
    pub partial: &'a mut Vec<f32>,
}

impl Heads<'_> {
    fn width(&self) -> usize {
        self.parameters.0[GENES].shape[1]
    }

    /// Fills `outputs` from the encoder's output at the selected rows, S×d.
    pub fn forward(&self, y: &[f32], kept: &mut HeadKept, outputs: &mut Outputs) {
        let (rows, d) = (self.rows, self.width());
        outputs.embedding.clear();
        for &first in &rows.selected_of_cell[..rows.cells()] {
            outputs.embedding.extend_from_slice(&y[first * d..][..d]);
        }
        outputs.value.resize(rows.asked.len(), 0.0);
        outputs.cell_value.resize(rows.asked.len(), 0.0);
        let mut tasks = self.value_forward(y, &mut kept.value, &mut outputs.value);
        tasks.extend(self.gene_forward(&mut kept.cell));
        run(tasks);
        let (c3, embedding) = (&kept.cell[3], &outputs.embedding);
        let cells = pieces(&mut outputs.cell_value, &rows.asked_of_cell, 1);
        share(cells.zip(embedding.chunks_exact(d)).enumerate(), |(cell, (out, cls))| {
            for (out, &gene) in out.iter_mut().zip(&rows.genes.of[rows.asked_of_cell[cell]..]) {
                let c = &c3[gene as usize * d..][..d];
                *out = dot(c, cls);
            }
        });
    }

    /// The value head, a task for each block of the P rows.
    fn value_forward<'t>(
        &'t self,
        y: &'t [f32],
        [a0, a1, a2]: &'t mut [Vec<f32>; 3],
        out: &'t mut [f32],
    ) -> Vec<Task<'t>> {
        let d = self.width();
        let last = self.layout.value_head[2];
        let (w, b) = (&self.parameters.0[last.weight].data, self.parameters.0[last.bias].data[0]);
        let [first, second] = &self.weights.value_head;
        let inputs = a0.chunks_mut(BLOCK * d).zip(self.rows.asked.chunks(BLOCK));
        let outputs = a2.chunks_mut(BLOCK * d).zip(out.chunks_mut(BLOCK));
        let blocks = inputs.zip(a1.chunks_mut(BLOCK * d)).zip(outputs);
        let tasks = blocks.map(|(((a0, asked), a1), (a2, out))| -> Task<'t> {
            Box::new(move || {
                for (to, &s) in a0.chunks_exact_mut(d).zip(asked) {
                    to.copy_from_slice(&y[s as usize * d..][..d]);
                }
                self.layer(first, a1, a0, LEAK);
                self.layer(second, a2, a1, LEAK);
                for (out, a) in out.iter_mut().zip(a2.chunks_exact(d)) {
                    *out = dot(a, w) + b;
                }
            })
        });
        tasks.collect()
    }

    /// The cell head's layers, a task for each block of the G genes.
    fn gene_forward<'t>(&'t self, [c0, c1, c2, c3]: &'t mut [Vec<f32>; 4]) -> Vec<Task<'t>> {
        let d = self.width();
        let genes = &self.parameters.0[GENES].data;
        let [first, second, third] = &self.weights.cell_head;
        let blocks = c0.chunks_mut(BLOCK * d).zip(self.rows.genes.keys.chunks(BLOCK));
        let blocks = blocks.zip(c1.chunks_mut(BLOCK * d)).zip(c2.chunks_mut(BLOCK * d));
        let tasks = blocks.zip(c3.chunks_mut(BLOCK * d)).map(|((((c0, keys), c1), c2), c3)| -> Task<'t> {
            Box::new(move || {
                for (to, &token) in c0.chunks_exact_mut(d).zip(keys) {
                    to.copy_from_slice(&genes[token as usize * d..][..d]);
                }
                self.layer(first, c1, c0, LEAK);
                self.layer(second, c2, c1, LEAK);
                self.layer(third, c3, c2, 1.0);
            })
        });
        tasks.collect()
    }

    /// A linear layer and LeakyReLU with this slope below zero, for a block.
    fn layer(&self, linear: &Linear, y: &mut [f32], x: &[f32], slope: f32) {
        linear.forward(y, x);
        self.vector.run(AddBias { rows: y, bias: linear.bias(self.parameters), slope });
    }

    /// Adds the heads' gradients; `dy` (S×d) becomes the gradient of the encoder's output, a₂ and c₃ their own.
    pub fn backward(
        &self,
        gradients: &mut Tensors,
        kept: &mut HeadKept,
        (outputs, given): (&Outputs, &OutputGradients),
        dy: &mut [f32],
        Scratch { rows: [upper, lower], partial }: Scratch<'_>,
    ) {
        let (rows, d) = (self.rows, self.width());
        let has_value = !given.value.is_empty();
        if has_value {
            self.value_backward(
                gradients,
                &mut kept.value,
                &given.value,
                [&mut *upper, &mut *lower],
                partial,
            );
        }
        let c3 = &kept.cell[3];
        share(pieces(dy, &rows.selected_of_cell, d).enumerate(), |(cell, dy)| {
            let asked = rows.asked_of_cell[cell]..rows.asked_of_cell[cell + 1];
            dy.fill(0.0);
            if let Some(g) = given.embedding.get(cell * d..(cell + 1) * d) {
                dy[..d].copy_from_slice(g);
            }
            let below = if has_value { &lower[asked.start * d..asked.end * d] } else { &[] };
            for (da, &s) in below.chunks_exact(d).zip(&rows.asked[asked.clone()]) {
                add(&mut dy[(s as usize - rows.selected_of_cell[cell]) * d..][..d], da);
            }
            for (g, &gene) in
                given.cell_value.get(asked.clone()).into_iter().flatten().zip(&rows.genes.of[asked])
            {
                let c = &c3[gene as usize * d..][..d];
                dy[..d].iter_mut().zip(c).for_each(|(d_cls, c)| *d_cls += g * c);
            }
        });
        if !given.cell_value.is_empty() {
            self.gene_backward(gradients, &mut kept.cell, (outputs, given), [upper, lower], partial);
        }
    }

    /// Leaves the gradient of the value head's input in `lower`.
    fn value_backward(
        &self,
        gradients: &mut Tensors,
        [a0, a1, a2]: &mut [Vec<f32>; 3],
        given: &[f32],
        [upper, lower]: [&mut [f32]; 2],
        partial: &mut Vec<f32>,
    ) {
        let (d, vector) = (self.width(), self.vector);
        let last = self.layout.value_head[2];
        let w = &self.parameters.0[last.weight].data;
        let [first, second] = &self.weights.value_head;
        let count = given.len() * d;
        let width = 3 * d + 1;
        size(partial, given.len().div_ceil(BLOCK) * width);
        let blocks = a2.chunks_mut(BLOCK * d).zip(a1.chunks(BLOCK * d)).zip(given.chunks(BLOCK));
        let blocks =
            blocks.zip(upper[..count].chunks_mut(BLOCK * d)).zip(lower[..count].chunks_mut(BLOCK * d));
        share(blocks.zip(partial.chunks_exact_mut(width)), |(((((a2, a1), given), upper), lower), sums)| {
            sums.fill(0.0);
            let (dw, sums) = sums.split_at_mut(d);
            let (db, sums) = sums.split_at_mut(1);
            let (sums_2, sums_1) = sums.split_at_mut(d);
            for (a, &g) in a2.chunks_exact_mut(d).zip(given) {
                for ((a, w), dw) in a.iter_mut().zip(w).zip(&mut *dw) {
                    *dw += g * *a;
                    *a = g * w * if *a > 0.0 { 1.0 } else { LEAK };
                }
                db[0] += g;
            }
            vector.run(ColumnSums { rows: a2, sums: sums_2 });
            second.input_gradient(upper, a2, false);
            leaky_gradient(upper, a1);
            vector.run(ColumnSums { rows: upper, sums: sums_1 });
            first.input_gradient(lower, upper, false);
        });
        add_sums(partial, gradients, &[last.weight, last.bias, second.bias_place(), first.bias_place()]);
        run(weight_gradients(gradients, [(second, a2, a1), (first, &upper[..count], a0)], self.pool));
    }

    /// The gradients of the cell head's layers.
    fn gene_backward(
        &self,
        gradients: &mut Tensors,
        [c0, c1, c2, c3]: &mut [Vec<f32>; 4],
        (outputs, given): (&Outputs, &OutputGradients),
        [upper, lower]: [&mut [f32]; 2],
        partial: &mut Vec<f32>,
    ) {
        let (rows, d, vector) = (self.rows, self.width(), self.vector);
        let [first, second, third] = &self.weights.cell_head;
        let count = rows.genes.count() * d;
        size(partial, rows.genes.count().div_ceil(BLOCK) * 3 * d);
        let cell_of = |item: usize| rows.asked_of_cell.partition_point(|&start| start <= item) - 1;
        let blocks = c3.chunks_mut(BLOCK * d).zip(c2.chunks(BLOCK * d)).zip(c1.chunks(BLOCK * d));
        let blocks =
            blocks.zip(upper[..count].chunks_mut(BLOCK * d)).zip(lower[..count].chunks_mut(BLOCK * d));
        let blocks = blocks.zip(partial.chunks_exact_mut(3 * d)).enumerate();
        share(blocks, |(block, (((((c3, c2), c1), upper), lower), sums))| {
            for (i, dc) in c3.chunks_exact_mut(d).enumerate() {
                dc.fill(0.0);
                for &item in rows.genes.of_group(block * BLOCK + i) {
                    let cls = &outputs.embedding[cell_of(item as usize) * d..][..d];
                    let g = given.cell_value[item as usize];
                    dc.iter_mut().zip(cls).for_each(|(dc, cls)| *dc += g * cls);
                }
            }
            let (sums_3, sums) = sums.split_at_mut(d);
            let (sums_2, sums_1) = sums.split_at_mut(d);
            vector.run(ColumnSums { rows: c3, sums: sums_3 });
            third.input_gradient(upper, c3, false);
            leaky_gradient(upper, c2);
            vector.run(ColumnSums { rows: upper, sums: sums_2 });
            second.input_gradient(lower, upper, false);
            leaky_gradient(lower, c1);
            vector.run(ColumnSums { rows: lower, sums: sums_1 });
        });
        add_sums(partial, gradients, &[third, second, first].map(Linear::bias_place));
        let jobs = [(third, &c3[..], &c2[..]), (second, &upper[..count], c1), (first, &lower[..count], c0)];
        run(weight_gradients(gradients, jobs, self.pool));
    }
}

/// The rows of each cell, which start at `starts`, of a matrix of `width` columns.
fn pieces<'a>(
    mut rows: &'a mut [f32],
    starts: &'a [usize],
    width: usize,
) -> impl Iterator<Item = &'a mut [f32]> + Send {
    starts.windows(2).map(move |pair| {
        let (piece, rest) = std::mem::take(&mut rows).split_at_mut((pair[1] - pair[0]) * width);
        rows = rest;
        piece
    })
}
