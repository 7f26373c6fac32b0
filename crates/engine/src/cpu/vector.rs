//! Which vector instructions the kernels run with.

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
pub(crate) struct Vector(Arch);

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

impl Vector {
    /// The given instructions.
    ///
    /// # Errors
    /// When the processor lacks them.
    pub fn new(instructions: Instructions) -> Result<Self> {
        let lacking = || Error::new(format!("this processor lacks {instructions:?}")).help("use Best");
        match instructions {
            Instructions::Best => Ok(Self(Arch::new())),
            Instructions::Scalar => Ok(Self(Arch::Scalar)),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => pulp::x86::V3::try_new().map(|v| Self(Arch::V3(v))).ok_or_else(lacking),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => pulp::x86::V4::try_new().map(|v| Self(Arch::V4(v))).ok_or_else(lacking),
            #[cfg(not(target_arch = "x86_64"))]
            Instructions::Avx2 | Instructions::Avx512 => Err(lacking()),
        }
    }

    /// Runs a kernel.
    #[inline]
    pub fn run<K: WithSimd>(self, kernel: K) -> K::Output {
        self.0.dispatch(kernel)
    }

    /// Lanes of a vector of f32.
    pub fn lanes(self) -> usize {
        self.run(Lanes)
    }
}
