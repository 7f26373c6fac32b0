//! Softmax and dropout of rows of attention scores, forward and backward.
//!
//! Forward: e = exp(s·c − max), kept or zeroed; the row's factor 1 / (Σe · keep probability) is left
//! to the caller, who has fewer numbers to multiply after the product with V.
//! Backward: p = exp(s·c − lse), ds = p·(f·dp − D) and p·f, with dropout factors f.
//! A row is padded to a multiple of 32 columns; 16 interleaved partial sums whatever the lanes.
//! About 25 vector operations for every vector of scores, of which the hash takes 9.

use super::exp::exp_vector;
use crate::dropout::RowDropout;
use pulp::{Simd, WithSimd};

/// Numbers of a padded row.
pub(crate) fn padded(t: usize) -> usize {
    t.next_multiple_of(32)
}

/// Forward over a block of rows of `stride` numbers, `t` of them scores.
pub(crate) struct Softmax<'a> {
    pub scores: &'a mut [f32],
    pub stride: usize,
    pub t: usize,
    /// What scores are multiplied by first, above zero.
    pub scale: f32,
    pub dropout: &'a [Option<RowDropout>],
    /// Receives log Σ exp(s·c) of each row.
    pub lse: &'a mut [f32],
    /// Receives 1 / Σ exp(s·c − max) of each row.
    pub inverse: &'a mut [f32],
    /// Scratch for the hashes of a row, half as many as `stride`.
    pub words: &'a mut [u32],
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.scores.chunks_exact_mut(self.stride).zip(self.dropout);
        for ((row, dropout), (lse, inverse)) in rows.zip(self.lse.iter_mut().zip(self.inverse)) {
            let row = &mut row[..padded(self.t)];
            row[self.t..].fill(f32::NEG_INFINITY);
            let (row, _) = S::as_mut_simd_f32s(row);
            let mut most = simd.splat_f32s(f32::NEG_INFINITY);
            for x in row.iter() {
                most = simd.max_f32s(most, *x);
            }
            let most = simd.reduce_max_f32s(most) * self.scale;
            let (scale, shift) = (simd.splat_f32s(self.scale), simd.splat_f32s(-most));
            let mut parts = [simd.splat_f32s(0.0); 16];
            let (half, zero) = (16 / S::F32_LANES, simd.splat_f32s(0.0));
            match dropout {
                None => {
                    for group in row.chunks_exact_mut(half) {
                        for (x, part) in group.iter_mut().zip(&mut parts) {
                            *x = exp_vector(simd, simd.mul_add_f32s(*x, scale, shift));
                            *part = simd.add_f32s(*part, *x);
                        }
                    }
                }
                Some(dropout) => {
                    let bits = Bits::new(simd, dropout, self.words);
                    for (group, words) in row.chunks_exact_mut(2 * half).zip(bits.words.chunks_exact(half)) {
                        for (i, x) in group.iter_mut().enumerate() {
                            let e = exp_vector(simd, simd.mul_add_f32s(*x, scale, shift));
                            parts[i % half] = simd.add_f32s(parts[i % half], e);
                            *x = simd.select_f32s(bits.dropped(simd, words, i), zero, e);
                        }
                    }
                }
            }
            let total = total(simd, &parts);
            (*lse, *inverse) = (most + total.ln(), 1.0 / total);
        }
    }
}

/// Backward over a block of rows.
pub(crate) struct SoftmaxBackward<'a> {
    /// Scores; become p·f.
    pub scores: &'a mut [f32],
    /// dO·Vᵀ; becomes ds.
    pub gradients: &'a mut [f32],
    pub stride: usize,
    pub t: usize,
    /// What scores are multiplied by first, above zero.
    pub scale: f32,
    pub dropout: &'a [Option<RowDropout>],
    /// Log-sum-exp and D of each row.
    pub of_rows: &'a [[f32; 2]],
    pub words: &'a mut [u32],
}

impl WithSimd for SoftmaxBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows =
            self.scores.chunks_exact_mut(self.stride).zip(self.gradients.chunks_exact_mut(self.stride));
        for ((row, gradient), (dropout, &[lse, inner])) in rows.zip(self.dropout.iter().zip(self.of_rows)) {
            let (row, _) = S::as_mut_simd_f32s(&mut row[..padded(self.t)]);
            let (gradient, _) = S::as_mut_simd_f32s(&mut gradient[..padded(self.t)]);
            let [shift, inner, zero, scale] = [-lse, inner, 0.0, self.scale].map(|x| simd.splat_f32s(x));
            let half = 16 / S::F32_LANES;
            match dropout {
                None => {
                    for (x, g) in row.iter_mut().zip(gradient) {
                        *x = exp_vector(simd, simd.min_f32s(simd.mul_add_f32s(*x, scale, shift), zero));
                        *g = simd.mul_f32s(*x, simd.sub_f32s(*g, inner));
                    }
                }
                Some(dropout) => {
                    let bits = Bits::new(simd, dropout, self.words);
                    let kept = simd.splat_f32s(dropout.scale);
                    let groups = row.chunks_exact_mut(2 * half).zip(gradient.chunks_exact_mut(2 * half));
                    for ((row, gradient), words) in groups.zip(bits.words.chunks_exact(half)) {
                        for (i, (x, g)) in row.iter_mut().zip(gradient).enumerate() {
                            let factor = simd.select_f32s(bits.dropped(simd, words, i), zero, kept);
                            let p =
                                exp_vector(simd, simd.min_f32s(simd.mul_add_f32s(*x, scale, shift), zero));
                            *g = simd.mul_f32s(p, simd.sub_f32s(simd.mul_f32s(*g, factor), inner));
                            *x = simd.mul_f32s(p, factor);
                        }
                    }
                }
            }
        }
    }
}

/// Sum of 16 interleaved partial sums, by halves.
#[inline(always)]
fn total<S: Simd>(simd: S, parts: &[S::f32s; 16]) -> f32 {
    let mut flat = [0.0f32; 16];
    let (flat_parts, _) = S::as_mut_simd_f32s(&mut flat);
    for (to, from) in flat_parts.iter_mut().zip(parts) {
        *to = simd.add_f32s(*from, simd.splat_f32s(0.0));
    }
    let mut half = 8;
    while half > 0 {
        for w in 0..half {
            flat[w] += flat[w + half];
        }
        half /= 2;
    }
    flat[0]
}

/// The hashes of a row, ready to be compared.
struct Bits<'a, S: Simd> {
    words: &'a [S::u32s],
    threshold: S::i32s,
    low: S::u32s,
}

impl<'a, S: Simd> Bits<'a, S> {
    #[inline(always)]
    fn new(simd: S, dropout: &RowDropout, words: &'a mut [u32]) -> Self {
        for (w, word) in words.iter_mut().enumerate() {
            *word = dropout.word(w as u32);
        }
        let threshold = simd.splat_i32s(dropout.threshold as i32);
        Self { words: S::as_simd_u32s(words).0, threshold, low: simd.splat_u32s(0xffff) }
    }

    /// Which lanes of the group's vector `i` are dropped.
    #[inline(always)]
    fn dropped(&self, simd: S, words: &[S::u32s], i: usize) -> S::m32s {
        let half = words.len();
        let bits = if i < half {
            simd.and_u32s(words[i], self.low)
        } else {
            simd.wrapping_dyn_shr_u32s(words[i - half], simd.splat_u32s(16))
        };
        simd.less_than_i32s(simd.transmute_i32s_u32s(bits), self.threshold)
    }
}
