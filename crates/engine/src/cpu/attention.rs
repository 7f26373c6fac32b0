//! Attention of one (cell, head): T keys, t queries, head width w.
//!
//! P = softmax(Q·Kᵀ / √w), O = (P∘M)·V with dropout factors M. Kept: the log-sum-exp of each row.
//! Backward, by blocks of query rows, P and M computed again: D = rowsum(dO∘O),
//! dS = P∘(M∘(dO·Vᵀ) − D), dV = (P∘M)ᵀ·dO, dQ = dS·K / √w, dK = dSᵀ·Q / √w.
//! FLOP: 4·t·T·w forward, 10·t·T·w backward. Nothing of size t×T is kept.

use super::exp::exp;
use super::product::{product, rows_of, transposed};
use super::rowwise::sum;
use super::windows::{Window, windows};
use crate::dropout::SiteDropout;
use pulp::Arch;
use rayon::prelude::*;

/// Query rows of a block.
const BLOCK: usize = 64;

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
        let w = self.head_width();
        let contexts = windows(context, self.width, self.queries, w);
        let lses = windows(lse, self.heads, self.queries, 1);
        contexts.into_par_iter().zip(lses).enumerate().for_each(|(task, (mut o, mut lse))| {
            let (cell, head) = (task / self.heads, task % self.heads);
            let (first, count) = (self.queries[cell], o.rows());
            let queries = gather(q, self.width, first..first + count, head * w, w, self.scale());
            let span = self.keys[cell]..self.keys[cell + 1];
            let t = span.len();
            let keys = gather(kv, 2 * self.width, span.clone(), head * w, w, 1.0);
            let values = gather(kv, 2 * self.width, span, self.width + head * w, w, 1.0);
            let mut s = vec![0.0; BLOCK * t];
            let mut out = vec![0.0; BLOCK * w];
            for start in (0..count).step_by(BLOCK) {
                let n = BLOCK.min(count - start);
                product(&mut s, t, (n, t, w), rows_of(&queries[start * w..], w), transposed(&keys, w), false);
                for (r, row) in s.chunks_exact_mut(t).take(n).enumerate() {
                    let dropout = self.dropout.row(self.position(first + start + r) * self.heads + head);
                    lse.row(start + r)[0] = Arch::new().dispatch(
                        #[inline(always)]
                        || {
                            let lse = softmax(row);
                            if let Some(dropout) = dropout {
                                dropout.apply(row);
                            }
                            lse
                        },
                    );
                }
                product(&mut out, w, (n, w, t), rows_of(&s, t), rows_of(&values, w), false);
                for (r, out) in out.chunks_exact(w).take(n).enumerate() {
                    o.row(start + r).copy_from_slice(out);
                }
            }
        });
    }

    /// Gradients of q and kv, in place of q and kv.
    pub fn backward(&self, q: &mut [f32], kv: &mut [f32], context: &[f32], lse: &[f32], d_context: &[f32]) {
        let w = self.head_width();
        let qs = windows(q, self.width, self.queries, w);
        let mut ks = Vec::with_capacity(qs.len());
        let mut vs = Vec::with_capacity(qs.len());
        for (i, window) in windows(kv, 2 * self.width, self.keys, w).into_iter().enumerate() {
            if i % (2 * self.heads) < self.heads { ks.push(window) } else { vs.push(window) }
        }
        qs.into_par_iter().zip(ks).zip(vs).enumerate().for_each(|(task, ((mut q, mut k), mut v))| {
            let (cell, head) = (task / self.heads, task % self.heads);
            let (first, count, t) = (self.queries[cell], q.rows(), k.rows());
            let queries = take(&mut q, w, self.scale());
            let keys = take(&mut k, w, 1.0);
            let values = take(&mut v, w, 1.0);
            let outs = gather(context, self.width, first..first + count, head * w, w, 1.0);
            let d_outs = gather(d_context, self.width, first..first + count, head * w, w, 1.0);
            let mut d_keys = vec![0.0; t * w];
            let mut d_values = vec![0.0; t * w];
            let mut p = vec![0.0; BLOCK * t];
            let mut ds = vec![0.0; BLOCK * t];
            let mut dq = vec![0.0; BLOCK * w];
            for start in (0..count).step_by(BLOCK) {
                let n = BLOCK.min(count - start);
                let (q_block, do_block) = (&queries[start * w..], &d_outs[start * w..]);
                product(&mut p, t, (n, t, w), rows_of(q_block, w), transposed(&keys, w), false);
                product(&mut ds, t, (n, t, w), rows_of(do_block, w), transposed(&values, w), false);
                for (r, (p, ds)) in p.chunks_exact_mut(t).zip(ds.chunks_exact_mut(t)).take(n).enumerate() {
                    let query = first + start + r;
                    let dropout = self.dropout.row(self.position(query) * self.heads + head);
                    let (o, g) = (&outs[(start + r) * w..][..w], &do_block[r * w..][..w]);
                    let lse = lse[query * self.heads + head];
                    Arch::new().dispatch(
                        #[inline(always)]
                        || {
                            let d = sum(w, |i| o[i] * g[i]);
                            for p in p.iter_mut() {
                                *p = exp((*p - lse).min(0.0));
                            }
                            if let Some(dropout) = dropout {
                                dropout.apply(ds);
                            }
                            for (p, ds) in p.iter_mut().zip(ds.iter_mut()) {
                                *ds = *p * (*ds - d);
                            }
                            if let Some(dropout) = dropout {
                                dropout.apply(p);
                            }
                        },
                    );
                }
                product(&mut d_values, w, (t, w, n), transposed(&p, t), rows_of(do_block, w), true);
                product(&mut d_keys, w, (t, w, n), transposed(&ds, t), rows_of(q_block, w), true);
                product(&mut dq, w, (n, w, t), rows_of(&ds, t), rows_of(&keys, w), false);
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
        });
    }
}

/// Softmax of a row in place; its log-sum-exp.
#[inline(always)]
fn softmax(row: &mut [f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; 16];
    let (groups, rest) = row.as_chunks::<16>();
    for group in groups {
        for (m, x) in most.iter_mut().zip(group) {
            *m = m.max(*x);
        }
    }
    for (m, x) in most.iter_mut().zip(rest) {
        *m = m.max(*x);
    }
    let most = most.into_iter().fold(f32::NEG_INFINITY, f32::max);
    for x in row.iter_mut() {
        *x = exp(*x - most);
    }
    let total = sum(row.len(), |i| row[i]);
    let inverse = 1.0 / total;
    for x in row.iter_mut() {
        *x *= inverse;
    }
    most + total.ln()
}

fn gather(
    data: &[f32],
    stride: usize,
    rows: std::ops::Range<usize>,
    column: usize,
    width: usize,
    scale: f32,
) -> Vec<f32> {
    rows.flat_map(|r| data[r * stride + column..][..width].iter().map(move |x| x * scale)).collect()
}

fn take(window: &mut Window<'_>, width: usize, scale: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(window.rows() * width);
    for r in 0..window.rows() {
        out.extend(window.row(r).iter().map(|x| x * scale));
    }
    out
}
