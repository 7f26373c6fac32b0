//! 2ʸ for y ≤ 0 in vectors.
//!
//! y = n + r with |r| ≤ ½; 2ʳ by a polynomial of degree 5, 2ⁿ by the exponent's bits. The coefficients, of which
//! the lowest is 1 so that 2⁰ is exact, have the smallest largest relative error (7e-8).
//! Relative error below 2.5e-7; exponents below −125 count as −125.

use pulp::Simd;

const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it leaves the nearest integer in the low bits.
const HIGHEST: f32 = 0.001_320_286;
const LOWER: [f32; 5] = [0.009_674_953, 0.055_510_476, 0.240_221_66, 0.693_146_6, 1.0];

/// 2ʸ for y ≤ 0, lane by lane.
#[inline(always)]
pub(crate) fn exp2_vector<S: Simd>(simd: S, y: S::f32s) -> S::f32s {
    let splat = |c| simd.splat_f32s(c);
    let y = simd.max_f32s(y, splat(-125.0));
    let rounded = simd.add_f32s(y, splat(ROUND));
    let r = simd.sub_f32s(y, simd.sub_f32s(rounded, splat(ROUND)));
    let mut p = splat(HIGHEST);
    for c in LOWER {
        p = simd.mul_add_f32s(p, r, splat(c));
    }
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(rounded), simd.splat_u32s(23));
    simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(p), exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exp2(y: f32) -> f32 {
        exp2_vector(pulp::Scalar, y)
    }

    #[test]
    fn the_relative_error_is_below_the_stated_bound() {
        let mut worst = 0.0f64;
        for i in 0..=1_250_000 {
            let y = -(i as f32) * 1e-4;
            let exact = f64::from(y).exp2();
            worst = worst.max(((f64::from(exp2(y)) - exact) / exact).abs());
        }
        assert!(worst < 2.5e-7, "{worst:e}");
        assert_eq!(exp2(0.0), 1.0);
        assert_eq!(exp2(-1000.0), exp2(-125.0));
    }
}
