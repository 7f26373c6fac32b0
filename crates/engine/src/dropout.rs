//! Which numbers dropout drops: a function of (key, layer, site, row, head, column), computed
//! again wherever it is needed and never stored.
//!
//! A number is dropped when 16 hashed bits are below the threshold ⌊65536·p + ½⌋; what is kept is
//! divided by the exact probability of being kept. Each 32-bit hash decides two columns of a
//! group of 32, `w` and `w + 16`, so that 4, 8 and 16 lanes all find their bits in lane order.
//! The hash is a two-round multiply–xorshift finaliser over a Weyl sequence in the column, with
//! 64 bits of row key, half before the first and half before the second round.

use genil_base::random::Key;

/// Where dropout happens in an encoder layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// Attention probabilities: rows are queries, columns are keys.
    Attention = 0,
    /// After the attention's output projection.
    OutProj = 1,
    /// After the feed-forward part's ReLU.
    Hidden = 2,
    /// After the feed-forward part's second product.
    Linear2 = 3,
}

/// Probability and key of one forward pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dropout {
    key: Option<Key>,
    threshold: u32,
    /// What a kept number is multiplied by.
    pub scale: f32,
}

/// Dropout of one site in one layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SiteDropout {
    key: Option<Key>,
    pub threshold: u32,
    pub scale: f32,
}

/// Dropout of one row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowDropout {
    before: u32,
    between: u32,
    pub threshold: u32,
    pub scale: f32,
}

impl Dropout {
    /// Dropout with probability `p`.
    pub fn new(p: f32, key: Key) -> Self {
        let threshold = (f64::from(p) * 65536.0).round().min(65535.0) as u32;
        let scale = (65536.0 / f64::from(65536 - threshold)) as f32;
        Self { key: (threshold > 0).then_some(key), threshold, scale }
    }

    /// No dropout.
    pub fn none() -> Self {
        Self { key: None, threshold: 0, scale: 1.0 }
    }

    pub fn site(&self, layer: usize, site: Site) -> SiteDropout {
        let key = self.key.map(|k| k.with(4 * layer as u64 + site as u64));
        SiteDropout { key, threshold: self.threshold, scale: self.scale }
    }
}

impl SiteDropout {
    /// Dropout of row `row`, or nothing when all is kept. `row` is the position in the batch; for
    /// attention, position × heads + head.
    #[inline(always)]
    pub fn row(&self, row: usize) -> Option<RowDropout> {
        self.key.map(|key| {
            let bits = key.bits(row as u64);
            let (before, between) = (bits as u32, (bits >> 32) as u32);
            RowDropout { before, between, threshold: self.threshold, scale: self.scale }
        })
    }
}

impl RowDropout {
    /// The hash that decides columns `32 g + w` (low half) and `32 g + w + 16` (high half) where
    /// `word` = 16 g + w.
    #[inline(always)]
    pub fn word(&self, word: u32) -> u32 {
        let mut x = word.wrapping_mul(0x9e37_79b9).wrapping_add(self.before);
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        x ^= self.between;
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        x ^ (x >> 16)
    }

    /// What column `column` is multiplied by: 0 or the scale.
    #[inline(always)]
    pub fn factor(&self, column: usize) -> f32 {
        let (group, within) = (column / 32, column % 32);
        let word = self.word((16 * group + within % 16) as u32);
        let bits = if within < 16 { word & 0xffff } else { word >> 16 };
        if bits < self.threshold { 0.0 } else { self.scale }
    }

    /// Multiplies a row by its factors.
    #[inline(always)]
    pub fn apply(&self, row: &mut [f32]) {
        let mut groups = row.chunks_exact_mut(32);
        let mut first = 0;
        for group in &mut groups {
            let mut words = [0; 16];
            for (w, word) in words.iter_mut().enumerate() {
                *word = self.word(first + w as u32);
            }
            let (low, high) = group.split_at_mut(16);
            for w in 0..16 {
                low[w] *= if (words[w] & 0xffff) < self.threshold { 0.0 } else { self.scale };
                high[w] *= if (words[w] >> 16) < self.threshold { 0.0 } else { self.scale };
            }
            first += 16;
        }
        for (w, x) in groups.into_remainder().iter_mut().enumerate() {
            *x *= self.factor(2 * first as usize + w);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genil_base::random::Purpose;

    fn site(p: f32) -> SiteDropout {
        Dropout::new(p, Key::new(1, Purpose::Dropout)).site(2, Site::Attention)
    }

    #[test]
    fn the_share_dropped_is_p_and_the_mean_is_kept() {
        for p in [0.15, 0.5, 0.01] {
            let (rows, columns) = (400, 500);
            let factors = (0..rows).flat_map(|r| {
                let row = site(p).row(r).unwrap();
                (0..columns).map(move |c| f64::from(row.factor(c)))
            });
            let factors: Vec<f64> = factors.collect();
            let n = factors.len() as f64;
            let dropped = factors.iter().filter(|&&f| f == 0.0).count() as f64 / n;
            let mean = factors.iter().sum::<f64>() / n;
            let sigma = (f64::from(p) * (1.0 - f64::from(p)) / n).sqrt();
            assert!((dropped - f64::from(p)).abs() < 4.0 * sigma + 1e-5, "{p}: {dropped}");
            assert!((mean - 1.0).abs() < 8.0 * sigma / (1.0 - f64::from(p)), "{p}: {mean}");
        }
    }

    #[test]
    fn neighbours_in_row_and_column_are_independent() {
        let (rows, columns) = (512, 512);
        let kept: Vec<Vec<f64>> = (0..rows)
            .map(|r| {
                let row = site(0.5).row(r).unwrap();
                (0..columns).map(|c| f64::from(row.factor(c)) - 1.0).collect()
            })
            .collect();
        for (dr, dc) in [(0, 1), (1, 0), (1, 1), (0, 8), (0, 16), (0, 32), (7, 3), (8, 0), (16, 16)] {
            let mut sum = 0.0;
            let mut n = 0.0;
            for r in 0..rows - dr {
                for c in 0..columns - dc {
                    sum += kept[r][c] * kept[r + dr][c + dc];
                    n += 1.0;
                }
            }
            let correlation: f64 = sum / n;
            assert!(correlation.abs() < 4.5 / f64::sqrt(n), "({dr}, {dc}): {correlation}");
        }
    }

    #[test]
    fn a_row_at_once_equals_column_by_column() {
        let row = site(0.3).row(5).unwrap();
        for width in [0, 1, 8, 31, 32, 33, 100] {
            let mut all = vec![1.0; width];
            row.apply(&mut all);
            let each: Vec<f32> = (0..width).map(|c| row.factor(c)).collect();
            assert_eq!(all, each);
        }
    }

    #[test]
    fn probability_zero_drops_nothing() {
        assert!(site(0.0).row(0).is_none());
    }
}
