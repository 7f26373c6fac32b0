//! Randomness as a function, not a state.
//!
//! A [`Key`] names one random choice: the seed, what it is for, and where (stage, epoch, cell,
//! position …). The same key gives the same numbers whatever the threads, the batch order or the
//! moment of a resume. A [`Stream`] is a key with a counter, for distributions that draw an
//! unknown number of times.
//!
//! The generator is SplitMix64 (Steele, Lea, Flood 2014): a 64-bit finaliser over a Weyl sequence.

use rand_core::TryRng;
use std::convert::Infallible;

/// What a random choice is for. The numbers are part of every result: never change one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Which stage, and which of training and held-out, a cell belongs to.
    Split = 1,
    /// The order of cells in an epoch.
    Order = 2,
    /// Which genes of a cell become tokens.
    Sample = 3,
    /// Which positions are masked.
    Mask = 4,
    /// Dropout.
    Dropout = 5,
    /// Initial weights.
    Init = 6,
    /// Stored cells of earlier stages.
    Exemplar = 7,
    /// Resampling for intervals.
    Bootstrap = 8,
    /// The division and the initial weights of a probe.
    Probe = 9,
    /// Synthetic data.
    Synthetic = 10,
    /// Random gene sets.
    Genes = 11,
    /// A sample of cells for a statistic.
    Subsample = 12,
    /// What a method against forgetting draws: pseudo-cells, imagined genes.
    Method = 13,
}

/// The name of a random choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

const WEYL: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64: a bijection of 64-bit words that mixes every bit into every other.
#[inline]
pub fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Key {
    /// The key of `purpose` under `seed`.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        Self(mix(seed.wrapping_mul(WEYL) ^ 0x6765_6e69_6c00_0000)).with(purpose as u64)
    }

    /// A key for one part of this one: a stage, an epoch, a cell, a position.
    #[inline]
    #[must_use]
    pub fn with(self, part: u64) -> Self {
        Self(mix(self.0 ^ mix(part.wrapping_add(1).wrapping_mul(WEYL))))
    }

    /// 64 random bits at `counter`.
    #[inline]
    pub fn bits(self, counter: u64) -> u64 {
        mix(self.0.wrapping_add(counter.wrapping_mul(WEYL)))
    }

    /// A uniform number in [0, 1) at `counter`, with 53 random bits.
    #[inline]
    pub fn uniform(self, counter: u64) -> f64 {
        (self.bits(counter) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A uniform integer in 0..`n` at `counter` (`n` > 0; bias below n / 2⁶⁴).
    #[inline]
    pub fn below(self, counter: u64, n: usize) -> usize {
        ((u128::from(self.bits(counter)) * n as u128) >> 64) as usize
    }

    /// A generator that starts at this key.
    pub fn stream(self) -> Stream {
        Stream { key: self, counter: 0 }
    }

    /// A random permutation of `items`, in place (Fisher–Yates).
    pub fn shuffle<T>(self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64, i + 1));
        }
    }

    /// The key as a plain number, for kernels that derive their own bits from it.
    pub fn raw(self) -> u64 {
        self.0
    }
}

/// A key with a counter: drives the distributions of `rand_distr`.
#[derive(Debug, Clone)]
pub struct Stream {
    key: Key,
    counter: u64,
}

impl Stream {
    /// The next uniform number in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.counter += 1;
        self.key.uniform(self.counter)
    }

    /// The next uniform integer in 0..`n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.counter += 1;
        self.key.below(self.counter, n)
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.counter += 1;
        Ok(self.key.bits(self.counter))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_never_change() {
        let key = Key::new(7, Purpose::Mask).with(1).with(2);
        let seen: Vec<u64> = (0..3).map(|i| key.bits(i)).collect();
        assert_eq!(seen, GOLDEN, "every published figure depends on these");
    }
    const GOLDEN: [u64; 3] =
        [15_557_644_982_859_962_678, 9_178_849_210_594_869_554, 3_991_825_705_590_733_608];

    #[test]
    fn uniform_numbers_have_the_mean_and_variance_of_uniform_numbers() {
        let key = Key::new(0, Purpose::Sample);
        let n = 100_000;
        let draws: Vec<f64> = (0..n).map(|i| key.uniform(i)).collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        assert!((variance - 1.0 / 12.0).abs() < 0.001, "{variance}");
    }

    #[test]
    fn neighbouring_keys_share_nothing() {
        let a = Key::new(0, Purpose::Order).with(0);
        let b = Key::new(0, Purpose::Order).with(1);
        let same = (0..64_000).filter(|&i| (a.bits(i) ^ b.bits(i)) & 1 == 0).count();
        assert!((31_500..32_500).contains(&same), "{same}");
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<usize> = (0..100).collect();
        Key::new(3, Purpose::Split).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
