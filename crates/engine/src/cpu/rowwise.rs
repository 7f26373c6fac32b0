//! What happens to one row between products: bias, activation, dropout, residual, LayerNorm.
//!
//! LayerNorm: x̂ = (s − mean) / √(variance + 1e-5), y = gain·x̂ + shift; x̂ and 1/√ are kept.
//! Sums run over 16 interleaved partial sums in a fixed order, whatever the vector width.

use crate::dropout::RowDropout;
use pulp::{Simd, WithSimd};

const EPSILON: f32 = 1e-5;
/// Slope of LeakyReLU below zero.
pub(crate) const LEAK: f32 = 0.01;

/// Σ xᵢ.
#[inline(always)]
fn total(x: &[f32]) -> f32 {
    let mut parts = [0.0f32; 16];
    let (groups, rest) = x.as_chunks::<16>();
    for x in groups {
        for (part, x) in parts.iter_mut().zip(x) {
            *part += x;
        }
    }
    for (part, x) in parts.iter_mut().zip(rest) {
        *part += x;
    }
    by_halves(parts)
}

/// Σ xᵢ·yᵢ.
#[inline(always)]
pub(crate) fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut parts = [0.0f32; 16];
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<16>(), y.as_chunks::<16>());
    for (x, y) in x.iter().zip(y) {
        for (part, (x, y)) in parts.iter_mut().zip(x.iter().zip(y)) {
            *part += x * y;
        }
    }
    for (part, (x, y)) in parts.iter_mut().zip(x_rest.iter().zip(y_rest)) {
        *part += x * y;
    }
    by_halves(parts)
}

/// The sum of 16 partial sums.
#[inline(always)]
fn by_halves(mut parts: [f32; 16]) -> f32 {
    let mut half = 8;
    while half > 0 {
        for w in 0..half {
            parts[w] += parts[w + half];
        }
        half /= 2;
    }
    parts[0]
}

/// row += bias.
#[inline(always)]
pub(crate) fn add(row: &mut [f32], bias: &[f32]) {
    for (x, b) in row.iter_mut().zip(bias) {
        *x += b;
    }
}

/// rows += bias, then LeakyReLU with this slope below zero (1: none).
pub(crate) struct AddBias<'a> {
    pub rows: &'a mut [f32],
    pub bias: &'a [f32],
    pub slope: f32,
}

impl WithSimd for AddBias<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.rows.chunks_exact_mut(self.bias.len()) {
            for (x, b) in row.iter_mut().zip(self.bias) {
                let y = *x + b;
                *x = if y > 0.0 { y } else { self.slope * y };
            }
        }
    }
}

/// sums = column sums of rows.
pub(crate) struct ColumnSums<'a> {
    pub rows: &'a [f32],
    pub sums: &'a mut [f32],
}

impl WithSimd for ColumnSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.sums.fill(0.0);
        for row in self.rows.chunks_exact(self.sums.len()) {
            add(self.sums, row);
        }
    }
}

/// Gradient through LeakyReLU, whose output `y` has the sign of its input.
#[inline(always)]
pub(crate) fn leaky_gradient(dy: &mut [f32], y: &[f32]) {
    for (g, y) in dy.iter_mut().zip(y) {
        *g *= if *y > 0.0 { 1.0 } else { LEAK };
    }
}

/// The parameters of a LayerNorm.
#[derive(Clone, Copy)]
pub(crate) struct Norm<'a> {
    pub gain: &'a [f32],
    pub shift: &'a [f32],
}

impl Norm<'_> {
    /// y = gain·x̂ + shift.
    #[inline(always)]
    fn apply(&self, normal: &[f32], y: &mut [f32]) {
        for (((y, x), g), s) in y.iter_mut().zip(normal).zip(self.gain).zip(self.shift) {
            *y = x * g + s;
        }
    }
}

/// y = gain·x̂ + shift for some rows.
pub(crate) struct Affine<'a> {
    pub norm: Norm<'a>,
    pub normal: &'a [f32],
    pub y: &'a mut [f32],
}

impl WithSimd for Affine<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let d = self.norm.gain.len();
        for (normal, y) in self.normal.chunks_exact(d).zip(self.y.chunks_exact_mut(d)) {
            self.norm.apply(normal, y);
        }
    }
}

/// A residual branch's end: s = dropout(branch + bias) + stream, stream = LayerNorm(s). `branch`
/// becomes x̂, `inverse` 1/√(variance + ε).
pub(crate) struct Close<'a, F> {
    pub norm: Norm<'a>,
    pub branch: &'a mut [f32],
    pub bias: &'a [f32],
    pub stream: &'a mut [f32],
    pub inverse: &'a mut [f32],
    pub dropout: F,
}

impl<F: Fn(usize) -> Option<RowDropout>> WithSimd for Close<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let n = self.bias.len();
        let rows = self.branch.chunks_exact_mut(n).zip(self.stream.chunks_exact_mut(n)).zip(self.inverse);
        for (r, ((x, stream), inverse)) in rows.enumerate() {
            add(x, self.bias);
            if let Some(dropout) = (self.dropout)(r) {
                dropout.apply(x);
            }
            add(x, stream);
            let mean = total(x) / n as f32;
            for x in x.iter_mut() {
                *x -= mean;
            }
            let variance = dot(x, x) / n as f32;
            *inverse = 1.0 / (variance + EPSILON).sqrt();
            for x in x.iter_mut() {
                *x *= *inverse;
            }
            self.norm.apply(x, stream);
        }
    }
}

/// The backward of [`Close`]: from dy in `stream` to
/// ds = (dy·gain − mean(dy·gain) − x̂·mean(dy·gain·x̂))·inverse in `stream`, and ds after dropout in
/// `branch`, which holds x̂ before. Adds to `sums` the gradients of gain, shift and bias.
pub(crate) struct Open<'a, F> {
    pub norm: Norm<'a>,
    pub stream: &'a mut [f32],
    pub branch: &'a mut [f32],
    pub inverse: &'a [f32],
    pub sums: &'a mut [f32],
    pub dropout: F,
}

impl<F: Fn(usize) -> Option<RowDropout>> WithSimd for Open<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let n = self.norm.gain.len();
        let (d_gain, rest) = self.sums.split_at_mut(n);
        let (d_shift, d_bias) = rest.split_at_mut(n);
        let rows = self.stream.chunks_exact_mut(n).zip(self.branch.chunks_exact_mut(n));
        for (r, ((dy, normal), inverse)) in rows.zip(self.inverse).enumerate() {
            let gain = &self.norm.gain[..n];
            let (dy, normal) = (&mut dy[..n], &mut normal[..n]);
            add(d_shift, dy);
            for i in 0..n {
                d_gain[i] += dy[i] * normal[i];
                dy[i] *= gain[i];
            }
            let mean = total(dy) / n as f32;
            let slope = dot(dy, normal) / n as f32;
            for i in 0..n {
                dy[i] = (dy[i] - mean - normal[i] * slope) * inverse;
            }
            normal.copy_from_slice(dy);
            if let Some(dropout) = (self.dropout)(r) {
                dropout.apply(normal);
            }
            add(d_bias, normal);
        }
    }
}

/// dots = the inner products of a's and b's pieces of `width` numbers.
pub(crate) struct HeadDots<'a> {
    pub a: &'a [f32],
    pub b: &'a [f32],
    pub width: usize,
    pub dots: &'a mut [f32],
}

impl WithSimd for HeadDots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let pieces = self.a.chunks_exact(self.width).zip(self.b.chunks_exact(self.width));
        for (of_piece, (a, b)) in self.dots.iter_mut().zip(pieces) {
            *of_piece = dot(a, b);
        }
    }
}

/// rows = dropout(max(rows + bias, 0)).
pub(crate) struct Relu<'a, F> {
    pub rows: &'a mut [f32],
    pub bias: &'a [f32],
    pub dropout: F,
}

impl<F: Fn(usize) -> Option<RowDropout>> WithSimd for Relu<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (r, row) in self.rows.chunks_exact_mut(self.bias.len()).enumerate() {
            for (x, b) in row.iter_mut().zip(self.bias) {
                *x = (*x + b).max(0.0);
            }
            if let Some(dropout) = (self.dropout)(r) {
                dropout.apply(row);
            }
        }
    }
}

/// The backward of [`Relu`]: what is above zero in `hidden` was neither cut off nor dropped. Adds
/// to `sums` the gradient of the bias.
pub(crate) struct ReluBackward<'a> {
    pub rows: &'a mut [f32],
    pub hidden: &'a [f32],
    pub scale: f32,
    pub sums: &'a mut [f32],
}

impl WithSimd for ReluBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let n = self.sums.len();
        for (row, hidden) in self.rows.chunks_exact_mut(n).zip(self.hidden.chunks_exact(n)) {
            for (g, h) in row.iter_mut().zip(hidden) {
                *g = if *h > 0.0 { *g * self.scale } else { 0.0 };
            }
            add(self.sums, row);
        }
    }
}
