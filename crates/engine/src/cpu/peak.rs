//! What the machine could do: fused multiply–adds in registers on all threads, nothing else.

use super::vector::Vector;
use pulp::{Simd, WithSimd};
use std::hint::black_box;
use std::time::Instant;

/// Chains of dependent additions that run beside each other: enough to hide their latency.
const CHAINS: usize = 12;

struct Chains {
    rounds: u64,
}

impl WithSimd for Chains {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        // Different starts, hidden from the compiler, so that no chain can stand for another.
        let (x, y) = (simd.splat_f32s(black_box(0.999)), simd.splat_f32s(black_box(1e-3)));
        let mut sums = [simd.splat_f32s(0.0); CHAINS];
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = simd.splat_f32s(black_box(i as f32));
        }
        for _ in 0..self.rounds {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, x, y);
            }
        }
        let total = sums.into_iter().fold(simd.splat_f32s(0.0), |a, b| simd.add_f32s(a, b));
        simd.reduce_sum_f32s(total)
    }
}

/// FLOP a second of all threads of the current pool together: the best of short runs in `seconds`.
pub(crate) fn peak(vector: Vector, seconds: f64) -> f64 {
    let threads = rayon::current_num_threads();
    let flop = |rounds: u64| (rounds * 2 * CHAINS as u64 * vector.lanes() as u64) as f64;
    let timed = |rounds: u64| {
        let start = Instant::now();
        black_box(rayon::broadcast(|_| vector.run(Chains { rounds: black_box(rounds) })));
        let elapsed = start.elapsed().as_secs_f64();
        flop(rounds) * threads as f64 / elapsed
    };
    let mut best = timed(1 << 16);
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < seconds {
        best = best.max(timed(1 << 18));
    }
    best
}
