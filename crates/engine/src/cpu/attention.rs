//! Attention of one (cell, head): T keys, t queries, head width w.
//!
//! P = softmax(Q·Kᵀ / √w), O = (P∘M)·V with dropout factors M. Kept: the log-sum-exp of each row.
//! Backward, by blocks of query rows, P and M computed again: D = rowsum(dO∘O),
//! dS = P∘(M∘(dO·Vᵀ) − D), dV = (P∘M)ᵀ·dO, dQ = dS·K / √w, dK = dSᵀ·Q / √w.
//! FLOP: 4·t·T·w forward, 10·t·T·w backward. Nothing of size t×T is kept.

use super::product::{Panels, product, rows_of, transposed};
use super::rowwise::sum;
use super::softmax::{Softmax, SoftmaxBackward, padded};
use super::vector::Vector;
use super::windows::{Window, windows};
use crate::dropout::{RowDropout, SiteDropout};
use rayon::prelude::*;
use std::ops::Range;

/// Query rows of a block.
const BLOCK: usize = 60;

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
        contexts.into_par_iter().zip(lses).enumerate().for_each(|(task, (o, lse))| {
            self.forward_one(task / self.heads, task % self.heads, q, kv, o, lse);
        });
    }

    fn forward_one(
        &self,
        cell: usize,
        head: usize,
        q: &[f32],
        kv: &[f32],
        mut o: Window<'_>,
        mut lse: Window<'_>,
    ) {
        let (w, d) = (self.head_width(), self.width);
        let span = self.keys[cell]..self.keys[cell + 1];
        let (first, count, t) = (self.queries[cell], o.rows(), span.len());
        let queries = gather(q, d, first..first + count, head * w, w, self.scale());
        let (mut keys, mut values) = (Panels::default(), Panels::default());
        let of_cell = &kv[span.start * 2 * d..span.end * 2 * d];
        keys.pack(self.vector, w, t, transposed(&of_cell[head * w..], 2 * d));
        values.pack(self.vector, t, w, rows_of(&of_cell[d + head * w..], 2 * d));
        let stride = row_stride(t);
        let mut scores = vec![0.0; BLOCK * stride];
        let mut words = vec![0; padded(t) / 2];
        let mut out = vec![0.0; BLOCK * w];
        let (mut lses, mut inverses) = ([0.0; BLOCK], [0.0; BLOCK]);
        for start in (0..count).step_by(BLOCK) {
            let n = BLOCK.min(count - start);
            product(self.vector, &mut scores, stride, n, rows_of(&queries[start * w..], w), &keys, false);
            self.vector.run(Softmax {
                scores: &mut scores[..n * stride],
                stride,
                t,
                dropout: &self.dropout_rows(head, first + start..first + start + n),
                lse: &mut lses[..n],
                inverse: &mut inverses[..n],
                words: &mut words,
            });
            product(self.vector, &mut out, w, n, rows_of(&scores, stride), &values, false);
            for (r, out) in out.chunks_exact(w).take(n).enumerate() {
                lse.row(start + r)[0] = lses[r];
                let factor = inverses[r] * self.dropout.scale;
                for (to, from) in o.row(start + r).iter_mut().zip(out) {
                    *to = from * factor;
                }
            }
        }
    }

    /// Gradients of q and kv, in place of q and kv.
    pub fn backward(&self, q: &mut [f32], kv: &mut [f32], context: &[f32], lse: &[f32], d_context: &[f32]) {
        let w = self.head_width();
        let qs = windows(q, self.width, self.queries, w);
        let (mut ks, mut vs) = (Vec::with_capacity(qs.len()), Vec::with_capacity(qs.len()));
        for (i, window) in windows(kv, 2 * self.width, self.keys, w).into_iter().enumerate() {
            if i % (2 * self.heads) < self.heads { ks.push(window) } else { vs.push(window) }
        }
        qs.into_par_iter().zip(ks).zip(vs).enumerate().for_each(|(task, ((q, k), v))| {
            self.backward_one(task / self.heads, task % self.heads, (q, k, v), context, lse, d_context);
        });
    }

    fn backward_one(
        &self,
        cell: usize,
        head: usize,
        (mut q, mut k, mut v): (Window<'_>, Window<'_>, Window<'_>),
        context: &[f32],
        lse: &[f32],
        d_context: &[f32],
    ) {
        let (w, vector) = (self.head_width(), self.vector);
        let (first, count, t) = (self.queries[cell], q.rows(), k.rows());
        let queries = take(&mut q, w, self.scale());
        let (keys, values) = (take(&mut k, w, 1.0), take(&mut v, w, 1.0));
        let [mut keys_across, mut keys_down, mut values_across] = [(); 3].map(|()| Panels::default());
        keys_across.pack(vector, w, t, transposed(&keys, w));
        keys_down.pack(vector, t, w, rows_of(&keys, w));
        values_across.pack(vector, w, t, transposed(&values, w));
        let outs = gather(context, self.width, first..first + count, head * w, w, 1.0);
        let d_outs = gather(d_context, self.width, first..first + count, head * w, w, 1.0);
        let (mut d_keys, mut d_values) = (vec![0.0; t * w], vec![0.0; t * w]);
        let stride = row_stride(t);
        let (mut scores, mut gradients) = (vec![0.0; BLOCK * stride], vec![0.0; BLOCK * stride]);
        let mut words = vec![0; padded(t) / 2];
        let mut dq = vec![0.0; BLOCK * w];
        let (mut lses, mut inner) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (mut q_panels, mut do_panels) = (Panels::default(), Panels::default());
        for start in (0..count).step_by(BLOCK) {
            let n = BLOCK.min(count - start);
            let block = start * w..(start + n) * w;
            let (q_block, o_block, do_block) =
                (&queries[block.clone()], &outs[block.clone()], &d_outs[block]);
            for r in 0..n {
                lses[r] = lse[(first + start + r) * self.heads + head];
                let (o, g) = (&o_block[r * w..][..w], &do_block[r * w..][..w]);
                inner[r] = sum(w, |i| o[i] * g[i]);
            }
            product(vector, &mut scores, stride, n, rows_of(q_block, w), &keys_across, false);
            product(vector, &mut gradients, stride, n, rows_of(do_block, w), &values_across, false);
            vector.run(SoftmaxBackward {
                scores: &mut scores[..n * stride],
                gradients: &mut gradients[..n * stride],
                stride,
                t,
                dropout: &self.dropout_rows(head, first + start..first + start + n),
                lse: &lses[..n],
                inner: &inner[..n],
                words: &mut words,
            });
            q_panels.pack(vector, n, w, rows_of(q_block, w));
            do_panels.pack(vector, n, w, rows_of(do_block, w));
            product(vector, &mut d_values, w, t, transposed(&scores, stride), &do_panels, true);
            product(vector, &mut d_keys, w, t, transposed(&gradients, stride), &q_panels, true);
            product(vector, &mut dq, w, n, rows_of(&gradients, stride), &keys_down, false);
            for (r, dq) in dq.chunks_exact(w).take(n).enumerate() {
                for (to, from) in q.row(start + r).iter_mut().zip(dq) {
                    *to = from * self.scale();
                }
            }
        }
        for r in 0..t {
            k.row(r).copy_from_slice(&d_keys[r * w..][..w]);
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

/// Some columns of some rows, times `scale`.
fn gather(
    data: &[f32],
    stride: usize,
    rows: Range<usize>,
    column: usize,
    width: usize,
    scale: f32,
) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows.len() * width);
    for r in rows {
        out.extend(data[r * stride + column..][..width].iter().map(|x| x * scale));
    }
    out
}

/// A window's numbers, times `scale`.
fn take(window: &mut Window<'_>, width: usize, scale: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(window.rows() * width);
    for r in 0..window.rows() {
        out.extend(window.row(r).iter().map(|x| x * scale));
    }
    out
}
