//! Softmax and dropout of rows of attention scores, forward and backward.
//!
//! In base 2, with c the score times log₂ e / √w. Forward: e = 2^(c − max), kept or zeroed; the row's factor
//! 1 / (Σe · keep probability) is left to the caller, who has fewer numbers to multiply after the product with V.
//! Backward: p = 2^(c − lse), ds = p·(f·dp − D) and p·f, with dropout factors f.
//! In bf16 both return pairs: in their registers they cost one conversion and one permutation.
//! A row is padded to a multiple of 32 columns; 16 interleaved partial sums whatever the lanes.
//! About 25 vector operations for every vector of scores, of which the hash takes 9.

use super::exp::exp2_vector;
use super::half::{Pairing, depth, low_of};
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
    /// Receives log₂ Σ 2^c of each row.
    pub lse: &'a mut [f32],
    /// Receives 1 / Σ 2^(c − max) of each row.
    pub inverse: &'a mut [f32],
    /// Scratch for the hashes of a row, half as many as `stride`.
    pub words: &'a mut [u32],
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.rows(simd, |_| ());
    }
}

impl Softmax<'_> {
    /// The same, and each row in pairs of bf16, in the first half of its place.
    #[inline(always)]
    pub fn pairs<S: Simd, P: Pairing<S>>(self, simd: S) {
        assert!(S::F32_LANES == 16);
        self.rows(simd, |row| {
            for i in 0..row.len() / 2 {
                row[i] = P::pair(simd, row[2 * i], row[2 * i + 1]);
            }
        });
    }

    /// All rows; each is handed on while it is in the first cache.
    #[inline(always)]
    fn rows<S: Simd>(self, simd: S, hand_on: impl Fn(&mut [S::f32s])) {
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
                            *x = exp2_vector(simd, simd.mul_add_f32s(*x, scale, shift));
                            *part = simd.add_f32s(*part, *x);
                        }
                    }
                }
                Some(dropout) => {
                    let bits = Bits::new(simd, dropout, self.words);
                    for (group, words) in row.chunks_exact_mut(2 * half).zip(bits.words.chunks_exact(half)) {
                        for (i, x) in group.iter_mut().enumerate() {
                            let e = exp2_vector(simd, simd.mul_add_f32s(*x, scale, shift));
                            parts[i % half] = simd.add_f32s(parts[i % half], e);
                            *x = simd.select_f32s(bits.dropped(simd, words, i), zero, e);
                        }
                    }
                }
            }
            let total = total(simd, &parts);
            (*lse, *inverse) = (most + total.log2(), 1.0 / total);
            hand_on(row);
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
    /// Scratch for the hashes of two rows: as many as a padded row has numbers.
    pub words: &'a mut [u32],
    /// In bf16 receives ds in pairs along its rows, half a padded row each, while the other two become p·f and ds
    /// in pairs along their columns, in their first rows.
    pub across: &'a mut [f32],
}

/// What a row's numbers share.
#[derive(Clone, Copy)]
struct RowBackward<S: Simd> {
    shift: S::f32s,
    inner: S::f32s,
    scale: S::f32s,
}

impl<S: Simd> RowBackward<S> {
    #[inline(always)]
    fn new(simd: S, scale: f32, &[lse, inner]: &[f32; 2]) -> Self {
        let [shift, inner, scale] = [-lse, inner, scale].map(|x| simd.splat_f32s(x));
        Self { shift, inner, scale }
    }

    /// p·f and ds from scores `x`, dO·Vᵀ `g` and dropout factors `f`.
    #[inline(always)]
    fn of(&self, simd: S, f: S::f32s, x: S::f32s, g: S::f32s) -> (S::f32s, S::f32s) {
        let exponent = simd.min_f32s(simd.mul_add_f32s(x, self.scale, self.shift), simd.splat_f32s(0.0));
        let p = exp2_vector(simd, exponent);
        let ds = simd.mul_f32s(p, simd.sub_f32s(simd.mul_f32s(g, f), self.inner));
        (simd.mul_f32s(p, f), ds)
    }
}

impl WithSimd for SoftmaxBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows =
            self.scores.chunks_exact_mut(self.stride).zip(self.gradients.chunks_exact_mut(self.stride));
        for ((row, gradient), (dropout, of_row)) in rows.zip(self.dropout.iter().zip(self.of_rows)) {
            let numbers = RowBackward::new(simd, self.scale, of_row);
            let (row, _) = S::as_mut_simd_f32s(&mut row[..padded(self.t)]);
            let (gradient, _) = S::as_mut_simd_f32s(&mut gradient[..padded(self.t)]);
            let Some(dropout) = dropout else {
                for (x, g) in row.iter_mut().zip(gradient) {
                    (*x, *g) = numbers.of(simd, simd.splat_f32s(1.0), *x, *g);
                }
                continue;
            };
            let bits = Bits::new(simd, dropout, &mut self.words[..padded(self.t) / 2]);
            let half = 16 / S::F32_LANES;
            let groups = row.chunks_exact_mut(2 * half).zip(gradient.chunks_exact_mut(2 * half));
            for ((row, gradient), words) in groups.zip(bits.words.chunks_exact(half)) {
                for (i, (x, g)) in row.iter_mut().zip(gradient).enumerate() {
                    (*x, *g) = numbers.of(simd, bits.factor(simd, words, i), *x, *g);
                }
            }
        }
    }
}

impl SoftmaxBackward<'_> {
    /// The same in pairs, two rows at a time, sixteen apart.
    #[inline(always)]
    pub fn pairs<S: Simd, P: Pairing<S>>(self, simd: S) {
        assert!(S::F32_LANES == 16);
        let (n, stride, width) = (self.of_rows.len(), self.stride / 16, padded(self.t) / 16);
        for rows in [&mut *self.scores, &mut *self.gradients] {
            rows.chunks_exact_mut(self.stride).take(n).for_each(|row| row[self.t..padded(self.t)].fill(0.0));
        }
        let (scores, _) = S::as_mut_simd_f32s(self.scores);
        let (gradients, _) = S::as_mut_simd_f32s(self.gradients);
        let (across, _) = S::as_mut_simd_f32s(self.across);
        let (words, words_16) = self.words.split_at_mut(padded(self.t) / 2);
        let zero = simd.splat_f32s(0.0);
        for pair in 0..depth(n) {
            let low = low_of(pair);
            // The last rows may have no partner: then their own numbers are computed twice and not used.
            let high = if low + 16 < n { low + 16 } else { low };
            let of_low = RowBackward::new(simd, self.scale, &self.of_rows[low]);
            let of_high = RowBackward::new(simd, self.scale, &self.of_rows[high]);
            let low_bits = self.dropout[low].as_ref().map(|dropout| Bits::new(simd, dropout, words));
            let high_bits = self.dropout[high].as_ref().map(|dropout| Bits::new(simd, dropout, words_16));
            for i in (0..width).step_by(2) {
                let [f0, f1] = Bits::factors(simd, &low_bits, i / 2);
                let [g0, g1] = Bits::factors(simd, &high_bits, i / 2);
                let [at_low, at_high, at_pair] = [low * stride + i, high * stride + i, pair * stride + i];
                let (p0, ds0) = of_low.of(simd, f0, scores[at_low], gradients[at_low]);
                let (p1, ds1) = of_low.of(simd, f1, scores[at_low + 1], gradients[at_low + 1]);
                let (mut q0, mut dr0) = of_high.of(simd, g0, scores[at_high], gradients[at_high]);
                let (mut q1, mut dr1) = of_high.of(simd, g1, scores[at_high + 1], gradients[at_high + 1]);
                across[(low * width + i) / 2] = P::pair(simd, ds0, ds1);
                across[(high * width + i) / 2] = P::pair(simd, dr0, dr1);
                if high == low {
                    (q0, q1, dr0, dr1) = (zero, zero, zero, zero);
                }
                // Row `pair` is `low` or was read before.
                scores[at_pair] = P::pair(simd, p0, q0);
                scores[at_pair + 1] = P::pair(simd, p1, q1);
                gradients[at_pair] = P::pair(simd, ds0, dr0);
                gradients[at_pair + 1] = P::pair(simd, ds1, dr1);
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
    kept: S::f32s,
}

impl<'a, S: Simd> Bits<'a, S> {
    #[inline(always)]
    fn new(simd: S, dropout: &RowDropout, words: &'a mut [u32]) -> Self {
        for (w, word) in words.iter_mut().enumerate() {
            *word = dropout.word(w as u32);
        }
        let threshold = simd.splat_i32s(dropout.threshold as i32);
        let kept = simd.splat_f32s(dropout.scale);
        Self { words: S::as_simd_u32s(words).0, threshold, low: simd.splat_u32s(0xffff), kept }
    }

    /// The factors of the group's vector `i`.
    #[inline(always)]
    fn factor(&self, simd: S, words: &[S::u32s], i: usize) -> S::f32s {
        simd.select_f32s(self.dropped(simd, words, i), simd.splat_f32s(0.0), self.kept)
    }

    /// The factors of both vectors of a group, where there are 16 lanes; 1 without dropout.
    #[inline(always)]
    fn factors(simd: S, bits: &Option<Self>, group: usize) -> [S::f32s; 2] {
        let Some(bits) = bits else { return [simd.splat_f32s(1.0); 2] };
        let words = &bits.words[group..=group];
        [bits.factor(simd, words, 0), bits.factor(simd, words, 1)]
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
