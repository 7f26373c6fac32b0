//! The tokens of one cell: which genes are shown, which of them are drawn, which are masked.
//!
//! Qi et al. (AAAI 2026, arXiv 2511.13762): a cell's expressed genes that the stage shows; at most `S`
//! of them, drawn without replacement, for half of the draws uniformly and for half weighted by value;
//! each position masked with probability 0.40. All draws are functions of a key and the gene's token,
//! so they do not depend on the order of the genes, the batch or the thread.

use crate::partition::NONE;
use crate::{Cell, CellRef, GenePartition, Store};
use genil_base::random::Key;
use genil_base::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::LazyLock;

/// From a raw count to the value that the model sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transform {
    /// `ln(1 + count)`.
    #[default]
    Log1p,
    /// `ln(1 + count · 10⁴ / total)`, with the cell's total over all its genes.
    Log1pCp10k,
    /// The value as it is in the store.
    AsIs,
}

/// How a cell becomes tokens. The defaults are the paper's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// `S`: at most so many genes of a cell (at least 1).
    pub max_genes: usize,
    /// Probability that a position is masked, in 0..=1.
    pub mask: f64,
    /// From a raw count to a value.
    pub transform: Transform,
}

impl Transform {
    /// The value of a count in a cell with this total over all its genes.
    pub fn value(self, count: f32, total: f32) -> f32 {
        let value = match self {
            Self::AsIs => count,
            Self::Log1p => log1p(count),
            Self::Log1pCp10k => (count * (1e4 / total.max(f32::MIN_POSITIVE))).ln_1p(),
        };
        value.min(LARGEST_VALUE)
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self { max_genes: 512, mask: 0.40, transform: Transform::Log1p }
    }
}

impl Sampling {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When `max_genes` is 0 or `mask` is no probability.
    pub fn check(&self) -> Result<()> {
        if self.max_genes == 0 {
            return Err(Error::new("max_genes must be at least 1").at("[tokens]"));
        }
        if !(0.0..=1.0).contains(&self.mask) {
            return Err(Error::new(format!("mask = {} is not in 0..=1", self.mask)).at("[tokens]"));
        }
        Ok(())
    }
}

/// Values above this are cut to it before they are encoded.
pub const LARGEST_VALUE: f32 = 512.0;

/// Which genes of a cell are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// Base genes and the specific genes of this stage: what the stage is trained on.
    Stage(usize),
    /// Base genes and the specific genes of all stages up to this one.
    Through(usize),
}

impl Shown {
    /// The tokens shown, in one range or two; [`NONE`](crate::partition::NONE) is in neither.
    fn ranges(self, partition: &GenePartition) -> [Range<u32>; 2] {
        let base = partition.tokens_of(0);
        match self {
            Self::Stage(0) => [base, 0..0],
            Self::Stage(k) => [base, partition.tokens_of(k)],
            Self::Through(k) => [base.start..partition.tokens_through(k) as u32, 0..0],
        }
    }

    /// Whether a gene of stage `of` is shown.
    pub fn shows(self, of: usize) -> bool {
        match self {
            Self::Stage(k) => of == 0 || of == k,
            Self::Through(k) => of <= k,
        }
    }
}

/// Which positions of a drawn cell are masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masking {
    /// None: the cell is embedded.
    Nothing,
    /// Each position by itself, with [`Sampling::mask`].
    Random,
    /// Each gene of this stage by itself, with [`Sampling::mask`].
    RandomOf(usize),
    /// Each position by itself; all genes of this stage are drawn first, the rest fills up to `S`.
    RandomFirst(usize),
    /// Exactly the genes of this stage; all of them are drawn first, the rest fills up to `S`.
    GenesOf(usize),
}

/// One cell as the model meets it. `T - 1` genes in ascending order of their tokens; the `<cls>` in front is
/// left to whoever builds a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CellTokens {
    /// `T - 1` gene tokens.
    pub tokens: Vec<u32>,
    /// `T - 1` true values.
    pub values: Vec<f32>,
    /// Positions among them that are masked, ascending.
    pub masked: Vec<u32>,
}

/// Draws the tokens of one cell. `key` names the draw (seed, stage, epoch …); the cell is added here.
pub fn draw(
    stores: &[Store],
    partition: &GenePartition,
    sampling: &Sampling,
    cell: CellRef,
    (shown, masking): (Shown, Masking),
    key: Key,
) -> CellTokens {
    let raw = stores[usize::from(cell.store)].cell(cell.row as usize);
    let map = partition.map(usize::from(cell.store));
    let ranges = shown.ranges(partition);
    let shows = |token| ranges.iter().any(|range| range.contains(&token));
    let genes = values_of(raw, map, sampling.transform, shows);
    let first = |token: u32| match masking {
        Masking::GenesOf(stage) | Masking::RandomFirst(stage) => partition.stage_of(token) == stage,
        Masking::Nothing | Masking::Random | Masking::RandomOf(_) => false,
    };
    tokens_of(genes, partition, sampling, (masking, first), key.with(cell.id()))
}

/// The tokens of a cell that is in no plan, none masked. `map` has the token of each of its genes, or [`NONE`];
/// `key` names the draw and the cell.
pub fn draw_unplanned(raw: Cell<'_>, map: &[u32], sampling: &Sampling, key: Key) -> CellTokens {
    let mut genes = values_of(raw, map, sampling.transform, |token| token != NONE);
    keep_at_most(&mut genes, sampling.max_genes, key, |_| false);
    genes.sort_unstable_by_key(|&(token, _)| token);
    let (tokens, values) = genes.into_iter().unzip();
    CellTokens { tokens, values, masked: Vec::new() }
}

/// The tokens of a cell that are shown, with the values that the model sees.
fn values_of(
    raw: Cell<'_>,
    map: &[u32],
    transform: Transform,
    shows: impl Fn(u32) -> bool,
) -> Vec<(u32, f32)> {
    let total = match transform {
        Transform::Log1pCp10k => raw.values.iter().sum::<f32>(),
        Transform::Log1p | Transform::AsIs => 1.0,
    };
    let mut genes = Vec::with_capacity(raw.genes.len());
    for (&gene, &count) in raw.genes.iter().zip(raw.values) {
        let token = map[gene as usize];
        if shows(token) {
            genes.push((token, transform.value(count, total)));
        }
    }
    genes
}

/// The tokens of a cell whose shown genes and values are known, in any order: at most `S` of them, those that come
/// `first` before others; the masked positions. `key` names the draw and the cell.
pub fn tokens_of(
    mut genes: Vec<(u32, f32)>,
    partition: &GenePartition,
    sampling: &Sampling,
    (masking, first): (Masking, impl Fn(u32) -> bool),
    key: Key,
) -> CellTokens {
    keep_at_most(&mut genes, sampling.max_genes, key, first);
    genes.sort_unstable_by_key(|&(token, _)| token);

    let mask_key = key.with(1);
    let chance = |token: u32| mask_key.uniform(u64::from(token)) < sampling.mask;
    let masked = (0u32..)
        .zip(&genes)
        .filter(|&(_, &(token, _))| match masking {
            Masking::Nothing => false,
            Masking::Random | Masking::RandomFirst(_) => chance(token),
            Masking::RandomOf(stage) => partition.stage_of(token) == stage && chance(token),
            Masking::GenesOf(stage) => partition.stage_of(token) == stage,
        })
        .map(|(position, _)| position)
        .collect();
    let (tokens, values) = genes.into_iter().unzip();
    CellTokens { tokens, values, masked }
}

/// `ln(1 + count)`; of whole numbers below 1024, as most counts are, from a table of the same values.
fn log1p(count: f32) -> f32 {
    static TABLE: LazyLock<Vec<f32>> = LazyLock::new(|| (0..1024u16).map(|n| f32::from(n).ln_1p()).collect());
    let whole = count as usize;
    match TABLE.get(whole) {
        Some(&value) if whole as f32 == count => value,
        _ => count.ln_1p(),
    }
}

/// Keeps `most` genes: those that come `first`, then a draw without replacement, uniform or weighted with
/// probability ½ each. Both draws keep the genes with the smallest arrival times of independent exponential
/// clocks of rate 1 or `value - min + 1e-5` (Efraimidis and Spirakis 2006).
fn keep_at_most(genes: &mut Vec<(u32, f32)>, most: usize, key: Key, first: impl Fn(u32) -> bool) {
    if genes.len() <= most {
        return;
    }
    let weighted = key.with(0).uniform(0) < 0.5;
    let least = genes.iter().fold(f32::INFINITY, |least, &(_, value)| least.min(value));
    let clock = key.with(2);
    let time = |token: u32, value: f32| {
        let u = clock.uniform(u64::from(token));
        if first(token) {
            -1.0
        } else if weighted {
            -(1.0 - u).ln() / (f64::from(value - least) + 1e-5)
        } else {
            // It rises with -ln(1 - u), and only the order counts.
            u
        }
    };
    let mut timed: Vec<(f64, u32, f32)> =
        genes.iter().map(|&(token, value)| (time(token, value), token, value)).collect();
    timed.select_nth_unstable_by(most - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    genes.clear();
    genes.extend(timed[..most].iter().map(|&(_, token, value)| (token, value)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use genil_base::random::Purpose;

    fn genes(n: u32) -> Vec<(u32, f32)> {
        (0..n).map(|i| (i + 2, i as f32)).collect()
    }

    #[test]
    fn few_genes_are_all_kept() {
        let mut few = genes(5);
        keep_at_most(&mut few, 5, Key::new(0, Purpose::Sample), |_| false);
        assert_eq!(few, genes(5));
    }

    #[test]
    fn half_of_the_draws_prefer_high_values_and_half_are_uniform() {
        let (n, most, draws) = (100, 10, 4000);
        let mut kept = vec![0u32; n as usize];
        for draw in 0..draws {
            let mut drawn = genes(n);
            keep_at_most(&mut drawn, most, Key::new(draw, Purpose::Sample), |_| false);
            assert_eq!(drawn.len(), most);
            for (token, _) in drawn {
                kept[token as usize - 2] += 1;
            }
        }
        // The gene with the least value is only ever kept by a uniform draw: ½ · 10/100.
        let least = f64::from(kept[0]) / draws as f64;
        assert!((least - 0.05).abs() < 0.012, "{least}");
        // The highest decile is kept about twice as often as uniform draws alone would.
        let high = f64::from(kept[90..].iter().sum::<u32>()) / (draws * 10) as f64;
        assert!(high > 0.12 && high < 0.16, "{high}");
    }

    #[test]
    fn genes_that_come_first_are_never_dropped() {
        for draw in 0..50 {
            let mut drawn = genes(100);
            keep_at_most(&mut drawn, 10, Key::new(draw, Purpose::Sample), |token| token < 8);
            assert_eq!(drawn.iter().filter(|&&(token, _)| token < 8).count(), 6);
        }
    }

    #[test]
    fn logarithms_from_the_table_are_the_same_bits_as_computed_ones() {
        for count in [0.0f32, 1.0, 2.5, 17.0, 1023.0, 1023.5, 1024.0, 1e9, f32::MAX] {
            assert_eq!(log1p(count).to_bits(), count.ln_1p().to_bits());
        }
    }

    #[test]
    fn a_stage_shows_base_genes_and_its_own() {
        assert!(Shown::Stage(2).shows(0) && Shown::Stage(2).shows(2) && !Shown::Stage(2).shows(1));
        assert!(Shown::Through(2).shows(1) && !Shown::Through(2).shows(3));
    }
}
