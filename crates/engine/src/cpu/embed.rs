//! From tokens and values to the first layer's input, and back.
//!
//! x = E(token) + e(value), e = h·W₂ᵀ + b₂, h = ReLU(value·w₀ + b₀). Many tokens share a value (the
//! masked ones, the small counts): e is computed once for each of the U distinct values of a
//! batch. Kept: h and e, U×d. FLOP: 2·U·d² forward, 4·U·d² backward.

use super::arena::{EmbedKept, size};
use super::linear::{BLOCK, Chunk, Linear, weight_gradients};
use super::pool::{Pool, Task, run, share};
use super::rowwise::{AddBias, add};
use super::vector::Vector;
use super::windows::windows;
use crate::Tensors;
use crate::layout::{GENES, Layout};
use crate::rows::Rows;

/// What both passes read.
#[derive(Clone, Copy)]
pub(crate) struct Embed<'a> {
    pub layout: &'a Layout,
    pub linear: &'a Linear,
    pub parameters: &'a Tensors,
    pub rows: &'a Rows,
    pub vector: Vector,
    pub pool: &'a Pool<Chunk>,
}

impl Embed<'_> {
    /// h and e of the batch's distinct values.
    pub fn encode(&self, kept: &mut EmbedKept) {
        let places = self.layout.value_encoder[0];
        let (w, b) = (&self.parameters.0[places.weight].data, &self.parameters.0[places.bias].data);
        let (d, bias) = (b.len(), self.linear.bias(self.parameters));
        let values = &self.rows.values.keys;
        size(&mut kept.hidden, values.len() * d);
        size(&mut kept.encoded, values.len() * d);
        let tasks = kept.hidden.chunks_mut(BLOCK * d).zip(kept.encoded.chunks_mut(BLOCK * d));
        share(tasks.zip(values.chunks(BLOCK)), |((hidden, encoded), values)| {
            for (hidden, &bits) in hidden.chunks_exact_mut(d).zip(values) {
                let value = f32::from_bits(bits);
                for ((h, w), b) in hidden.iter_mut().zip(w).zip(b) {
                    *h = (value * w + b).max(0.0);
                }
            }
            self.linear.forward(encoded, hidden);
            self.vector.run(AddBias { rows: encoded, bias, slope: 1.0 });
        });
    }

    /// The input of the first layer, R×d.
    pub fn input(&self, kept: &EmbedKept, x: &mut [f32]) {
        let d = self.linear.inputs;
        let genes = &self.parameters.0[GENES].data;
        let tasks = x.chunks_mut(BLOCK * d).zip(self.rows.tokens.chunks(BLOCK));
        share(tasks.zip(self.rows.values.of.chunks(BLOCK)), |((x, tokens), values)| {
            for ((x, &token), &value) in x.chunks_exact_mut(d).zip(tokens).zip(values) {
                x.copy_from_slice(&genes[token as usize * d..][..d]);
                add(x, &kept.encoded[value as usize * d..][..d]);
            }
        });
    }

    /// Adds the gradients of embedding and value encoder, given that of the input.
    pub fn backward(&self, gradients: &mut Tensors, dx: &[f32], kept: &mut EmbedKept) {
        let d = self.linear.inputs;
        let EmbedKept { hidden, encoded: d_encoded, d_hidden } = kept;
        let values = &self.rows.values;
        size(d_hidden, values.count() * d);
        // Cells share genes, so the gene table is cut by columns, of which a task has a quarter.
        let table = &mut gradients.0[GENES];
        let columns = windows(&mut table.data, d, &[0, table.shape[0]], d / 4).into_iter().enumerate();
        let of_genes = columns.map(|(i, mut columns)| -> Task<'_> {
            Box::new(move || {
                for (dx, &token) in dx.chunks_exact(d).zip(&self.rows.tokens) {
                    add(columns.row(token as usize), &dx[i * (d / 4)..][..d / 4]);
                }
            })
        });
        let of_values = d_encoded.chunks_mut(d).enumerate().map(|(value, sum)| -> Task<'_> {
            Box::new(move || {
                sum.fill(0.0);
                for &row in values.of_group(value) {
                    add(sum, &dx[row as usize * d..][..d]);
                }
            })
        });
        run(of_genes.chain(of_values).collect());
        let tasks = d_hidden.chunks_mut(BLOCK * d).zip(d_encoded.chunks(BLOCK * d));
        share(tasks, |(d_hidden, d_encoded)| self.linear.input_gradient(d_hidden, d_encoded, false));
        self.linear.bias_gradient(gradients, d_encoded);
        run(weight_gradients(gradients, [(self.linear, d_encoded, hidden)], self.pool));

        let first = self.layout.value_encoder[0];
        let rows = d_hidden.chunks_exact_mut(d).zip(hidden.chunks_exact(d));
        for ((g, h), &bits) in rows.zip(&values.keys) {
            g.iter_mut().zip(h).for_each(|(g, h)| *g = if *h > 0.0 { *g } else { 0.0 });
            add(&mut gradients.0[first.bias].data, g);
            let dw = &mut gradients.0[first.weight].data;
            dw.iter_mut().zip(g).for_each(|(dw, g)| *dw += *g * f32::from_bits(bits));
        }
    }
}
