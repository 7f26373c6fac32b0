//! Which vector instructions the kernels run with, and what their products are computed in.

use super::half::HalfKernel;
use crate::Precision;
use genil_base::{Error, Result};
use pulp::{Arch, Simd, WithSimd};

/// A choice of vector instructions. Results are the same bits with each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instructions {
    /// The widest that the processor has, chosen at run time.
    Best,
    /// No vectors.
    Scalar,
    /// AVX2 with fused multiply–add: 8 lanes.
    Avx2,
    /// AVX-512: 16 lanes.
    Avx512,
}

/// The instructions in use; runs kernels compiled for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vector {
    arch: Arch,
    precision: Precision,
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

impl Vector {
    /// The given instructions, and what is needed for products of this precision.
    ///
    /// # Errors
    /// When the processor lacks them.
    pub fn new(instructions: Instructions, precision: Precision) -> Result<Self> {
        let vector = Self { arch: arch(instructions)?, precision };
        if precision == Precision::Bf16 && !super::half::runs_on(vector.arch) {
            let what = "products in bf16 need AVX-512 BF16, which this processor (or the choice of instructions) lacks";
            return Err(Error::new(what).at("[model] precision").help("set precision = \"f32\""));
        }
        Ok(vector)
    }

    /// Runs a kernel.
    #[inline]
    pub fn run<K: WithSimd>(self, kernel: K) -> K::Output {
        self.arch.dispatch(kernel)
    }

    /// Whether factors are rounded to bf16.
    pub fn half(self) -> bool {
        self.precision == Precision::Bf16
    }

    /// Runs a kernel in bf16.
    pub fn run_half(self, kernel: HalfKernel<'_>) {
        super::half::run(self.arch, kernel);
    }

    /// Lanes of a vector of f32.
    pub fn lanes(self) -> usize {
        self.run(Lanes)
    }
}

fn arch(instructions: Instructions) -> Result<Arch> {
    let lacking = || Error::new(format!("this processor lacks {instructions:?}")).help("use Best");
    match instructions {
        Instructions::Best => Ok(Arch::new()),
        Instructions::Scalar => Ok(Arch::Scalar),
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => pulp::x86::V3::try_new().map(Arch::V3).ok_or_else(lacking),
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => pulp::x86::V4::try_new().map(Arch::V4).ok_or_else(lacking),
        #[cfg(not(target_arch = "x86_64"))]
        Instructions::Avx2 | Instructions::Avx512 => Err(lacking()),
    }
}
