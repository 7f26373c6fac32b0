//! eˣ for x ≤ 0 in vectors.
//!
//! x = n·ln 2 + r with |r| ≤ ln 2 / 2; eʳ by a polynomial of degree 6, 2ⁿ by the exponent's bits.
//! Relative error below 2.5e-7; arguments below −87 count as −87.

use pulp::Simd;

const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it leaves the nearest integer in the low bits.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// eˣ for x ≤ 0, lane by lane.
#[inline(always)]
pub(crate) fn exp_vector<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |c| simd.splat_f32s(c);
    let x = simd.max_f32s(x, splat(-87.0));
    let rounded = simd.mul_add_f32s(x, splat(std::f32::consts::LOG2_E), splat(ROUND));
    let n = simd.sub_f32s(rounded, splat(ROUND));
    let r = simd.mul_add_f32s(n, splat(-LN2_LOW), simd.mul_add_f32s(n, splat(-LN2_HIGH), x));
    let mut p = splat(1.0 / 720.0);
    for c in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = simd.mul_add_f32s(p, r, splat(c));
    }
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(rounded), simd.splat_u32s(23));
    simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(p), exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exp(x: f32) -> f32 {
        exp_vector(pulp::Scalar, x)
    }

    #[test]
    fn the_relative_error_is_below_the_stated_bound() {
        let mut worst = 0.0f64;
        for i in 0..=870_000 {
            let x = -(i as f32) * 1e-4;
            let exact = f64::from(x).exp();
            worst = worst.max(((f64::from(exp(x)) - exact) / exact).abs());
        }
        assert!(worst < 2.5e-7, "{worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1000.0), exp(-87.0));
    }
}
