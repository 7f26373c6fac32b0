//! Attention of one (cell, head): T keys, t queries, head width w.
//!
//! P = softmax(Q·Kᵀ / √w), O = (P∘M)·V with dropout factors M. Kept: the log-sum-exp of each row.
//! Backward, by blocks of query rows, P and M computed again: D = rowsum(dO∘O),
//! dS = P∘(M∘(dO·Vᵀ) − D), dV = (P∘M)ᵀ·dO, dQ = dS·K / √w, dK = dSᵀ·Q / √w.
//! FLOP: 4·t·T·w forward, 10·t·T·w backward. Nothing of size t×T is kept.

use super::arena::size;
use super::half::HalfKernel;
use super::pool::{Pool, share};
use super::product::{Panels, product, rows_of, transposed};
use super::softmax::{Softmax, SoftmaxBackward, padded};
use super::vector::Vector;
use super::windows::{Window, windows};
use crate::dropout::{RowDropout, SiteDropout};
use std::f32::consts::LOG2_E;
use std::ops::Range;

/// Query rows of a block: whole tiles of 12 rows, and whole groups of 32 for pairs.
const BLOCK: usize = 96;

/// The numbers in a row of scores: whole groups of 32, and an odd number of cache lines, so that
/// a column's numbers do not compete for the same places of the cache.
fn row_stride(t: usize) -> usize {
    padded(t) + 16
}

/// What every (cell, head) shares.
#[derive(Clone, Copy)]
pub(crate) struct Attention<'a> {
    /// d.
    pub width: usize,
    pub heads: usize,
    /// `B + 1`: the query rows of each cell.
    pub queries: &'a [usize],
    /// `B + 1`: the key rows of each cell.
    pub keys: &'a [usize],
    /// The batch row of each query, where queries are not all rows.
    pub positions: Option<&'a [u32]>,
    pub dropout: SiteDropout,
    pub vector: Vector,
    pub pool: &'a Pool<Scratch>,
}

/// What one (cell, head) needs beside its inputs and outputs.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// [`BLOCK`] rows of scores and of their gradients.
    scores: Vec<f32>,
    gradients: Vec<f32>,
    /// In bf16, [`BLOCK`] rows of the gradients in pairs.
    across: Vec<f32>,
    words: Vec<u32>,
    /// A block's rows of context or query gradients.
    block: Vec<f32>,
    /// t×w and T×w: copies of what is replaced by its gradient.
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    d_keys: Vec<f32>,
    d_values: Vec<f32>,
    /// Kᵀ, K, Vᵀ, V.
    keys_across: Panels,
    keys_down: Panels,
    values_across: Panels,
    values_down: Panels,
    /// Of a block.
    query_panels: Panels,
    gradient_panels: Panels,
}

impl Attention<'_> {
    fn head_width(&self) -> usize {
        self.width / self.heads
    }

    fn position(&self, query: usize) -> usize {
        self.positions.map_or(query, |p| p[query] as usize)
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head_width() as f32).sqrt()
    }

    /// q t×d and kv T×2d of all cells → context t×d, log-sum-exp t×heads.
    pub fn forward(&self, q: &[f32], kv: &[f32], context: &mut [f32], lse: &mut [f32]) {
        let contexts = windows(context, self.width, self.queries, self.head_width());
        let lses = windows(lse, self.heads, self.queries, 1);
        share(contexts.into_iter().zip(lses).enumerate(), |(task, (o, lse))| {
            let place = (task / self.heads, task % self.heads);
            self.pool.lend(|scratch| self.forward_one(place, (q, kv), (o, lse), scratch));
        });
    }

    fn forward_one(
        &self,
        (cell, head): (usize, usize),
        (q, kv): (&[f32], &[f32]),
        (mut o, mut lse): (Window<'_>, Window<'_>),
        scratch: &mut Scratch,
    ) {
        let (w, d, vector) = (self.head_width(), self.width, self.vector);
        let span = self.keys[cell]..self.keys[cell + 1];
        let (first, count, t) = (self.queries[cell], o.rows(), span.len());
        let of_cell = &kv[span.start * 2 * d..span.end * 2 * d];
        let Scratch { scores, words, block, keys_across, values_down, .. } = scratch;
        keys_across.pack(vector, w, t, transposed(&of_cell[head * w..], 2 * d));
        values_down.pack(vector, t, w, rows_of(&of_cell[d + head * w..], 2 * d));
        let stride = row_stride(t);
        size(scores, BLOCK * stride);
        size(block, BLOCK * w);
        words.resize(padded(t) / 2, 0);
        let (mut lses, mut inverses) = ([0.0; BLOCK], [0.0; BLOCK]);
        for start in (0..count).step_by(BLOCK) {
            let n = BLOCK.min(count - start);
            let queries = rows_of(&q[(first + start) * d + head * w..], d);
            product(vector, scores, stride, n, queries, keys_across, false);
            let softmax = Softmax {
                scores: &mut scores[..n * stride],
                stride,
                t,
                scale: LOG2_E * self.scale(),
                dropout: &self.dropout_rows(head, first + start..first + start + n),
                lse: &mut lses[..n],
                inverse: &mut inverses[..n],
                words,
            };
            if vector.half() {
                vector.run_half(HalfKernel::Softmax(softmax))
            } else {
                vector.run(softmax)
            }
            product(vector, block, w, n, rows_of(scores, stride).in_pairs(), values_down, false);
            for (r, out) in block.chunks_exact(w).take(n).enumerate() {
                lse.row(start + r)[0] = lses[r];
                scaled(o.row(start + r), out, inverses[r] * self.dropout.scale);
            }
        }
    }

    /// Gradients of q and kv, in place of q and kv.
    /// Of each query and head are given the log-sum-exp and D.
    pub fn backward(&self, q: &mut [f32], kv: &mut [f32], of_rows: (&[f32], &[f32]), d_context: &[f32]) {
        let w = self.head_width();
        let qs = windows(q, self.width, self.queries, w);
        let (mut ks, mut vs) = (Vec::with_capacity(qs.len()), Vec::with_capacity(qs.len()));
        for (i, window) in windows(kv, 2 * self.width, self.keys, w).into_iter().enumerate() {
            if i % (2 * self.heads) < self.heads { ks.push(window) } else { vs.push(window) }
        }
        share(qs.into_iter().zip(ks).zip(vs).enumerate(), |(task, ((q, k), v))| {
            let place = (task / self.heads, task % self.heads);
            self.pool.lend(|scratch| self.backward_one(place, (q, k, v), of_rows, d_context, scratch));
        });
    }

    fn backward_one(
        &self,
        (cell, head): (usize, usize),
        (mut q, mut k, mut v): (Window<'_>, Window<'_>, Window<'_>),
        (lse, inner): (&[f32], &[f32]),
        d_context: &[f32],
        scratch: &mut Scratch,
    ) {
        let (w, d, vector, scale) = (self.head_width(), self.width, self.vector, self.scale());
        let (first, count, t) = (self.queries[cell], q.rows(), k.rows());
        let Scratch { scores, gradients, words, block, queries, keys, values, .. } = scratch;
        let Scratch { d_keys, d_values, keys_across, keys_down, values_across, .. } = scratch;
        let Scratch { across, query_panels, gradient_panels, .. } = scratch;
        take(&mut q, w, queries);
        take(&mut k, w, keys);
        take(&mut v, w, values);
        keys_across.pack(vector, w, t, transposed(keys, w));
        keys_down.pack(vector, t, w, rows_of(keys, w));
        values_across.pack(vector, w, t, transposed(values, w));
        let stride = row_stride(t);
        size(scores, BLOCK * stride);
        size(gradients, BLOCK * stride);
        size(d_keys, t * w);
        size(d_values, t * w);
        size(block, BLOCK * w);
        words.resize(padded(t), 0);
        size(across, if vector.half() { BLOCK * padded(t) / 2 } else { 0 });
        let mut of_rows = [[0.0; 2]; BLOCK];
        for start in (0..count).step_by(BLOCK) {
            let n = BLOCK.min(count - start);
            let query = first + start;
            let gradient_rows = rows_of(&d_context[query * d + head * w..], d);
            let query_rows = rows_of(&queries[start * w..], w);
            for (r, to) in of_rows[..n].iter_mut().enumerate() {
                let at = (query + r) * self.heads + head;
                *to = [lse[at], inner[at]];
            }
            product(vector, scores, stride, n, query_rows, keys_across, false);
            product(vector, gradients, stride, n, gradient_rows, values_across, false);
            let softmax = SoftmaxBackward {
                scores: &mut scores[..n * stride],
                gradients: &mut gradients[..n * stride],
                stride,
                t,
                scale: LOG2_E * scale,
                dropout: &self.dropout_rows(head, query..query + n),
                of_rows: &of_rows[..n],
                words,
                across,
            };
            if vector.half() {
                vector.run_half(HalfKernel::SoftmaxBackward(softmax))
            } else {
                vector.run(softmax)
            }
            query_panels.pack(vector, n, w, query_rows);
            gradient_panels.pack(vector, n, w, gradient_rows);
            let [p, ds] = [&*scores, &*gradients].map(|rows| transposed(rows, stride).in_pairs());
            let ds_rows =
                if vector.half() { rows_of(across, padded(t) / 2) } else { rows_of(gradients, stride) };
            product(vector, d_values, w, t, p, gradient_panels, start > 0);
            product(vector, d_keys, w, t, ds, query_panels, start > 0);
            product(vector, block, w, n, ds_rows.in_pairs(), keys_down, false);
            for (r, dq) in block.chunks_exact(w).take(n).enumerate() {
                scaled(q.row(start + r), dq, scale);
            }
        }
        if count == 0 {
            d_keys.fill(0.0);
            d_values.fill(0.0);
        }
        for r in 0..t {
            scaled(k.row(r), &d_keys[r * w..][..w], scale);
            v.row(r).copy_from_slice(&d_values[r * w..][..w]);
        }
    }

    /// Dropout of a block of queries; `n` of [`BLOCK`].
    fn dropout_rows(&self, head: usize, queries: Range<usize>) -> [Option<RowDropout>; BLOCK] {
        let mut rows = [None; BLOCK];
        for (row, query) in rows.iter_mut().zip(queries) {
            *row = self.dropout.row(self.position(query) * self.heads + head);
        }
        rows
    }
}

/// A copy of a window's numbers.
fn take(window: &mut Window<'_>, width: usize, to: &mut Vec<f32>) {
    size(to, window.rows() * width);
    for (r, to) in to.chunks_exact_mut(width).enumerate() {
        to.copy_from_slice(window.row(r));
    }
}

/// to = from·factor.
fn scaled(to: &mut [f32], from: &[f32], factor: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from * factor;
    }
}
