//! What happens to one row between products: bias, activation, dropout, residual, LayerNorm.
//!
//! LayerNorm: x̂ = (s − mean) / √(variance + 1e-5), y = gain·x̂ + shift; x̂ and 1/√ are kept.
//! Sums run over 16 interleaved partial sums in a fixed order, whatever the vector width.

use crate::dropout::RowDropout;

const EPSILON: f32 = 1e-5;
/// Slope of LeakyReLU below zero.
pub(crate) const LEAK: f32 = 0.01;

/// Σ f(i) over 0..n in 16 interleaved partial sums.
#[inline(always)]
pub(crate) fn sum(n: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut parts = [0.0f32; 16];
    let whole = n / 16 * 16;
    let mut start = 0;
    while start < whole {
        for (w, part) in parts.iter_mut().enumerate() {
            *part += f(start + w);
        }
        start += 16;
    }
    for (w, part) in parts.iter_mut().enumerate().take(n - whole) {
        *part += f(whole + w);
    }
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

/// row = max(row + bias, 0).
#[inline(always)]
pub(crate) fn add_relu(row: &mut [f32], bias: &[f32]) {
    for (x, b) in row.iter_mut().zip(bias) {
        *x = (*x + b).max(0.0);
    }
}

/// row = LeakyReLU(row + bias).
#[inline(always)]
pub(crate) fn add_leaky(row: &mut [f32], bias: &[f32]) {
    for (x, b) in row.iter_mut().zip(bias) {
        let y = *x + b;
        *x = if y > 0.0 { y } else { LEAK * y };
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
    /// s = dropout(branch + bias) + stream, then stream = LayerNorm(s). `branch` becomes x̂; the
    /// result is 1/√(variance + ε).
    #[inline(always)]
    pub fn close(
        &self,
        branch: &mut [f32],
        bias: &[f32],
        dropout: Option<RowDropout>,
        stream: &mut [f32],
    ) -> f32 {
        let n = branch.len();
        add(branch, bias);
        if let Some(dropout) = dropout {
            dropout.apply(branch);
        }
        add(branch, stream);
        let mean = sum(n, |i| branch[i]) / n as f32;
        for x in branch.iter_mut() {
            *x -= mean;
        }
        let variance = sum(n, |i| branch[i] * branch[i]) / n as f32;
        let inverse = 1.0 / (variance + EPSILON).sqrt();
        for x in branch.iter_mut() {
            *x *= inverse;
        }
        self.apply(branch, stream);
        inverse
    }

    /// y = gain·x̂ + shift.
    #[inline(always)]
    pub fn apply(&self, normal: &[f32], y: &mut [f32]) {
        for (((y, x), g), s) in y.iter_mut().zip(normal).zip(self.gain).zip(self.shift) {
            *y = x.mul_add(*g, *s);
        }
    }

    /// From dy to ds in place: ds = (dy·gain − mean(dy·gain) − x̂·mean(dy·gain·x̂)) / √(…). Adds to
    /// the gradients of gain and shift.
    #[inline(always)]
    pub fn backward(
        &self,
        dy: &mut [f32],
        normal: &[f32],
        inverse: f32,
        d_gain: &mut [f32],
        d_shift: &mut [f32],
    ) {
        let n = dy.len();
        let (normal, gain) = (&normal[..n], &self.gain[..n]);
        for i in 0..n {
            d_gain[i] += dy[i] * normal[i];
            d_shift[i] += dy[i];
            dy[i] *= gain[i];
        }
        let mean = sum(n, |i| dy[i]) / n as f32;
        let slope = sum(n, |i| dy[i] * normal[i]) / n as f32;
        for i in 0..n {
            dy[i] = (dy[i] - mean - normal[i] * slope) * inverse;
        }
    }
}
