//! Products whose factors are rounded to bf16 and whose sums are f32, on AVX-512 BF16.
//!
//! Two bf16 share the 32 bits of a lane: of each 32 along k, number w in the low half and number w + 16 in
//! the high one (zero where k ends before), so that rows and columns are paired vector by vector whichever way
//! they run. One instruction adds both products of a pair to the sum, the high one first, each rounded to
//! nearest, tiny numbers as zero. Rounding to bf16 is to nearest, ties to even: relative error at most 2⁻⁸.
//! Extra work: one conversion and one permutation for every 32 numbers of A, once a product; what softmax
//! returns is paired while it is in registers or in the first cache.

use super::product::{Pack, Product, View, rows_of, transposed};
use super::softmax::{Softmax, SoftmaxBackward};
use super::vector::Vector;
use pulp::{Arch, Simd};

/// What runs on AVX-512 BF16.
pub(crate) enum HalfKernel<'a> {
    Product(Product<'a>),
    Pack(Pack<'a>),
    Paired(Paired<'a>),
    Softmax(Softmax<'a>),
    SoftmaxBackward(SoftmaxBackward<'a>),
}

/// Pairs along `k` numbers.
pub(crate) fn depth(k: usize) -> usize {
    k / 32 * 16 + (k % 32).min(16)
}

/// The number in the low half of pair `p`; in the high half is that plus 16.
pub(crate) fn low_of(p: usize) -> usize {
    p / 16 * 32 + p % 16
}

/// How two vectors of numbers become one of pairs.
pub(crate) trait Pairing<S: Simd> {
    /// Two numbers in bf16 in each lane.
    fn pair(simd: S, low: S::f32s, high: S::f32s) -> S::f32s;
}

/// Two numbers in bf16 in the bits of one, with integer arithmetic.
#[inline(always)]
pub(crate) fn pair(low: f32, high: f32) -> f32 {
    let rounded = |x: f32| {
        let bits = x.to_bits();
        bits.wrapping_add(0x7fff + ((bits >> 16) & 1))
    };
    f32::from_bits((rounded(low) >> 16) | (rounded(high) & 0xffff_0000))
}

/// The `rows` × `k` matrix in `from`, in pairs along k, laid out in `to` the way `from` runs.
pub(crate) fn paired<'a>(
    vector: Vector,
    from: View<'_>,
    rows: usize,
    k: usize,
    to: &'a mut Vec<f32>,
) -> View<'a> {
    let depth = depth(k);
    to.resize(rows * depth, 0.0);
    let along_k = from.column == 1;
    assert!(along_k || from.row == 1, "a matrix runs along one of its axes");
    vector.run_half(HalfKernel::Paired(Paired { from, rows, k, to }));
    if along_k { rows_of(to, depth).in_pairs() } else { transposed(to, rows).in_pairs() }
}

/// Fills `to` for [`paired`].
pub(crate) struct Paired<'a> {
    from: View<'a>,
    rows: usize,
    k: usize,
    to: &'a mut [f32],
}

impl Paired<'_> {
    #[inline(always)]
    fn fill<S: Simd, P: Pairing<S>>(self, simd: S) {
        let Self { from, rows, k, to } = self;
        if from.column == 1 {
            for (r, to) in to.chunks_exact_mut(depth(k).max(1)).enumerate() {
                pair_along::<S, P>(simd, &from.data[r * from.row..][..k], to);
            }
        } else {
            let line = |p: usize| if p < k { &from.data[p * from.column..][..rows] } else { &[] };
            for (p, to) in to.chunks_exact_mut(rows.max(1)).enumerate() {
                let low = low_of(p);
                pair_lines::<S, P>(simd, line(low), line(low + 16), to);
            }
        }
    }
}

/// to = the pairs along a line.
#[inline(always)]
pub(crate) fn pair_along<S: Simd, P: Pairing<S>>(simd: S, line: &[f32], to: &mut [f32]) {
    let whole = line.len() / 32;
    let (from, rest) = line.split_at(32 * whole);
    let (to, to_rest) = to.split_at_mut(16 * whole);
    let half = 16 / S::F32_LANES;
    let groups = S::as_simd_f32s(from).0.chunks_exact(2 * half);
    for (to, from) in S::as_mut_simd_f32s(to).0.chunks_exact_mut(half).zip(groups) {
        for (i, to) in to.iter_mut().enumerate() {
            *to = P::pair(simd, from[i], from[i + half]);
        }
    }
    for (w, to) in to_rest.iter_mut().enumerate() {
        *to = pair(rest[w], rest.get(w + 16).copied().unwrap_or(0.0));
    }
}

/// to = pairs of low and high; what `high` has beyond `low` is left out, what it lacks is zero.
#[inline(always)]
pub(crate) fn pair_lines<S: Simd, P: Pairing<S>>(simd: S, low: &[f32], high: &[f32], to: &mut [f32]) {
    let both = high.len().min(to.len()) / S::F32_LANES * S::F32_LANES;
    let (vectors, _) = S::as_mut_simd_f32s(&mut to[..both]);
    let pairs = S::as_simd_f32s(low).0.iter().zip(S::as_simd_f32s(high).0);
    for (to, (low, high)) in vectors.iter_mut().zip(pairs) {
        *to = P::pair(simd, *low, *high);
    }
    for (i, (to, low)) in to.iter_mut().zip(low).enumerate().skip(both) {
        *to = pair(*low, high.get(i).copied().unwrap_or(0.0));
    }
}

/// Whether these instructions can be followed by bf16's.
pub(crate) fn runs_on(arch: Arch) -> bool {
    #[cfg(target_arch = "x86_64")]
    if let Arch::V4(_) = arch {
        return is_x86_feature_detected!("avx512bf16");
    }
    let _ = arch;
    false
}

/// Runs a kernel.
pub(crate) fn run(arch: Arch, kernel: HalfKernel<'_>) {
    assert!(runs_on(arch));
    #[cfg(target_arch = "x86_64")]
    if let Arch::V4(simd) = arch {
        // SAFETY: the processor has AVX-512 BF16, and what a `V4` stands for.
        #[allow(unsafe_code)]
        unsafe {
            x86::run(simd, kernel);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)] // `pulp` does not know these instructions.
mod x86 {
    use super::super::product::Multiply;
    use super::{HalfKernel, Pairing};
    use pulp::f32x16;
    use pulp::x86::V4;
    use std::arch::x86_64::*;
    use std::mem::transmute;

    /// AVX-512 BF16. Nothing but `run` names it, whose caller has checked the processor; the types
    /// that are transmuted are all 64 bytes without invalid values.
    struct Bf16;

    impl Multiply<V4> for Bf16 {
        #[inline(always)]
        fn multiply_add(_: V4, a: f32x16, b: f32x16, sum: f32x16) -> f32x16 {
            // SAFETY: as [`Bf16`] says.
            unsafe {
                let [a, b] = [a, b].map(|x| transmute::<f32x16, __m512bh>(x));
                transmute(_mm512_dpbf16_ps(transmute::<f32x16, __m512>(sum), a, b))
            }
        }
    }

    /// Where the 32 words of a pair of converted vectors go: low 0, high 0, low 1, high 1 …
    const INTERLEAVED: [u16; 32] = {
        let mut order = [0; 32];
        let mut i = 0;
        while i < 32 {
            order[i] = (i / 2 + i % 2 * 16) as u16;
            i += 1;
        }
        order
    };

    impl Pairing<V4> for Bf16 {
        #[inline(always)]
        fn pair(_: V4, low: f32x16, high: f32x16) -> f32x16 {
            // SAFETY: as [`Bf16`] says.
            unsafe {
                let [low, high] = [low, high].map(|x| transmute::<f32x16, __m512>(x));
                let words = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
                let order = transmute::<[u16; 32], __m512i>(INTERLEAVED);
                transmute(_mm512_permutexvar_epi16(order, words))
            }
        }
    }

    #[target_feature(
        enable = "sse,sse2,fxsr,sse3,ssse3,sse4.1,sse4.2,popcnt,avx,avx2,bmi1,bmi2,fma,lzcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16"
    )]
    pub fn run(simd: V4, kernel: HalfKernel<'_>) {
        match kernel {
            HalfKernel::Product(product) => product.multiply::<V4, Bf16>(simd),
            HalfKernel::Pack(pack) => pack.pairs::<V4, Bf16>(simd),
            HalfKernel::Paired(paired) => paired.fill::<V4, Bf16>(simd),
            HalfKernel::Softmax(softmax) => softmax.pairs::<V4, Bf16>(simd),
            HalfKernel::SoftmaxBackward(softmax) => softmax.pairs::<V4, Bf16>(simd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::product::{Panels, product};
    use super::super::vector::Instructions;
    use super::*;
    use crate::Precision;
    use genil_base::random::{Key, Purpose};

    fn to_bf16(x: f32) -> f64 {
        let bits = x.to_bits();
        let rounded = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff_0000;
        f64::from(f32::from_bits(rounded))
    }

    #[test]
    fn a_pair_holds_both_numbers_rounded_to_nearest_even() {
        let parts = |x: f32| (f32::from_bits(x.to_bits() << 16), f32::from_bits(x.to_bits() & 0xffff_0000));
        let below_tie = f32::from_bits(0x3f80_8000);
        let above_tie = f32::from_bits(0x3f81_8000);
        let packed = parts(pair(below_tie, above_tie));
        assert_eq!(packed, (1.0, f32::from_bits(0x3f82_0000)));
        assert_eq!(parts(pair(-2.5, f32::NEG_INFINITY)), (-2.5, f32::NEG_INFINITY));
    }

    #[test]
    fn a_product_is_that_of_the_rounded_factors() {
        let Ok(vector) = Vector::new(Instructions::Best, Precision::Bf16) else { return };
        let random = |n: usize, part: u64| -> Vec<f32> {
            let key = Key::new(1, Purpose::Synthetic).with(part);
            (0..n as u64).map(|i| key.uniform(i) as f32 - 0.5).collect()
        };
        for (m, n, k) in
            [(1, 1, 1), (7, 17, 5), (13, 40, 3), (6, 16, 0), (25, 32, 9), (3, 8, 64), (24, 70, 33)]
        {
            let (a, b, start) = (random(m * k, 1), random(k * n, 2), random(m * n, 3));
            let (mut at, mut bt) = (vec![0.0; m * k], vec![0.0; k * n]);
            (0..m * k).for_each(|i| at[i % k * m + i / k] = a[i]);
            (0..k * n).for_each(|i| bt[i % n * k + i / n] = b[i]);
            for (add, flip_a, flip_b) in
                [(false, false, false), (true, true, false), (false, true, true), (true, false, true)]
            {
                let mut c = start.clone();
                let mut panels = Panels::default();
                panels.pack(vector, k, n, if flip_b { transposed(&bt, k) } else { rows_of(&b, n) });
                let a_view = if flip_a { transposed(&at, m) } else { rows_of(&a, k) };
                product(vector, &mut c, n, m, a_view, &panels, add);
                for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let first = if add { f64::from(start[i * n + j]) } else { 0.0 };
                    let exact: f64 = (0..k).map(|p| to_bf16(a[i * k + p]) * to_bf16(b[p * n + j])).sum();
                    let apart = (f64::from(c[i * n + j]) - first - exact).abs();
                    assert!(apart < 2e-6, "{m} {n} {k} at {i} {j}: {apart:e}");
                }
            }
        }
    }
}
