//! What is kept of a stage: for each group of cells its size, its depth, and the share of each gene in its counts.
//!
//! No number is of fewer than [`LEAST_CELLS`] cells' group, and a gene counts in a group only where at least
//! [`LEAST_EXPRESSING`] of its cells express it: nothing of a single cell can be read off.

use super::{Context, Grouping, Noise, PrototypeSettings};
use crate::cluster::k_means;
use crate::embed::embed;
use genil_base::random::Key;
use genil_base::{Error, Result};
use genil_data::CellRef;
use genil_data::partition::NONE;
use genil_data::sample::Shown;
use genil_engine::{Engine, Tensor, Tensors};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The least cells of a group.
pub const LEAST_CELLS: usize = 20;
/// The least cells of a group that express a gene, for the gene to be kept.
pub const LEAST_EXPRESSING: u32 = 3;
/// Dimensions of the random projection that cells are grouped by: one bit of a word each.
const PROJECTED: usize = 64;

/// The groups of one stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Aggregate {
    /// The groups.
    pub groups: Vec<Group>,
}

/// A group of cells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// Its cells.
    pub cells: f32,
    /// Mean and standard deviation of ln(total count) over its cells.
    pub depth: [f32; 2],
    /// Its genes, ascending.
    pub tokens: Vec<u32>,
    /// For each gene its share of all counts.
    pub share: Vec<f32>,
    /// For each gene the dispersion φ of a negative binomial, variance = μ + φ μ²; empty for Poisson.
    pub dispersion: Vec<f32>,
}

/// The shown genes of a cell with their counts, ascending.
type Counts = Vec<(u32, f32)>;

impl Aggregate {
    /// The groups of the training cells of stage `of`, with the genes that it showed.
    ///
    /// # Errors
    /// When the stage has fewer than [`LEAST_CELLS`] cells, or its values are no counts.
    pub fn of_stage(
        of: usize,
        settings: &PrototypeSettings,
        context: Context<'_>,
        engine: &mut dyn Engine,
    ) -> Result<Self> {
        let cells = &context.stages.cells[of].train;
        let counts: Vec<Counts> = cells.par_iter().map(|&cell| counts_of(cell, of, context)).collect();
        let place = || format!("stage {of} '{}'", context.stages.name(of));
        if cells.len() < LEAST_CELLS {
            return Err(Error::new(format!("{} training cells are too few for prototypes", cells.len()))
                .at(place())
                .help(format!(
                    "a group needs {LEAST_CELLS} cells, so that no single cell is stored; use 'replay'"
                )));
        }
        if let Some(value) = counts.iter().flatten().map(|(_, c)| *c).find(|c| c.fract() != 0.0) {
            return Err(Error::new(format!("prototypes need whole counts, but a value is {value}"))
                .at(place())
                .help("import the raw counts ('genil import --layer'), or use 'replay'"));
        }
        let key = context.key().with(2).with(of as u64);
        let (rows, width) = match settings.by {
            Grouping::Expression => (projected(&counts, key), PROJECTED),
            Grouping::Embedding => {
                let shown = Shown::Stage(of);
                (embed(engine, context.stages, context.settings, cells, shown)?, engine.config().width)
            }
        };
        let group_of = k_means(&rows, width, settings.clusters, LEAST_CELLS, key.with(1));
        let groups = group_of.iter().max().map_or(0, |&g| g as usize + 1);
        let mut members: Vec<Vec<&Counts>> = vec![Vec::new(); groups];
        counts.iter().zip(&group_of).for_each(|(counts, &g)| members[g as usize].push(counts));
        let dispersed = settings.noise == Noise::NegativeBinomial;
        Ok(Self { groups: members.par_iter().map(|cells| Group::of(cells, dispersed)).collect() })
    }

    /// Appends the groups as arrays, behind the stage's number.
    pub fn write(&self, stage: usize, to: &mut Tensors) {
        let mut add = |name: &str, data: Vec<f32>| {
            let shape = vec![data.len()];
            to.0.push(Tensor { name: format!("stage-{stage}.{name}"), shape, data });
        };
        let each = |of: fn(&Group) -> f32| self.groups.iter().map(of).collect();
        add("cells", each(|g| g.cells));
        add("depth_mean", each(|g| g.depth[0]));
        add("depth_deviation", each(|g| g.depth[1]));
        add("genes", each(|g| g.tokens.len() as f32));
        add("tokens", self.groups.iter().flat_map(|g| &g.tokens).map(|&t| t as f32).collect());
        add("share", self.groups.iter().flat_map(|g| g.share.clone()).collect());
        add("dispersion", self.groups.iter().flat_map(|g| g.dispersion.clone()).collect());
    }

    /// Reads back what [`Aggregate::write`] wrote for all stages.
    ///
    /// # Errors
    /// When an array is missing or too short.
    pub fn read_all(from: &Tensors) -> Result<BTreeMap<usize, Self>> {
        let stages = from.iter().filter_map(|t| t.name.strip_prefix("stage-")?.split_once('.'));
        let mut all = BTreeMap::new();
        for (stage, _) in stages.filter(|(_, name)| *name == "cells") {
            let number = stage.parse().map_err(|_| Error::new(format!("prototypes of a stage '{stage}'")))?;
            all.insert(number, Self::read(stage, from)?);
        }
        Ok(all)
    }

    /// Checks that the genes are those that stage `of`, an earlier one, showed, each once: what was read may be anything.
    ///
    /// # Errors
    /// Names the first group that has others.
    pub fn check(&self, of: usize, context: Context<'_>) -> Result<()> {
        let partition = &context.stages.partition;
        let shown =
            |token: u32| partition.tokens_of(0).contains(&token) || partition.tokens_of(of).contains(&token);
        let sound = |group: &Group| {
            group.tokens.iter().all(|&token| shown(token)) && group.tokens.is_sorted_by(|a, b| a < b)
        };
        match self.groups.iter().position(|group| of >= context.stage || !sound(group)) {
            None => Ok(()),
            Some(group) => {
                Err(Error::new(format!("group {group} of stage {of} has genes that the stage does not have"))
                    .at("the method's memory: memory.safetensors of the stage before"))
            }
        }
    }

    fn read(stage: &str, from: &Tensors) -> Result<Self> {
        let array = |name: &str| {
            let tensor = from.get(&format!("stage-{stage}.{name}"));
            tensor.map(|t| &t.data[..]).ok_or_else(|| missing(stage, name))
        };
        let (cells, mean, deviation) = (array("cells")?, array("depth_mean")?, array("depth_deviation")?);
        let (sizes, dispersion) = (array("genes")?, array("dispersion")?);
        let (mut tokens, mut share) = (array("tokens")?, array("share")?);
        let mut spread = dispersion;
        let mut groups = Vec::with_capacity(cells.len());
        for (g, &cells) in cells.iter().enumerate() {
            let number = |of: &[f32], name| of.get(g).copied().ok_or_else(|| missing(stage, name));
            let size = number(sizes, "genes")? as usize;
            let take = |of: &mut &[f32], name| {
                let (head, rest) = of.split_at_checked(size).ok_or_else(|| missing(stage, name))?;
                *of = rest;
                Ok::<_, Error>(head.to_vec())
            };
            groups.push(Group {
                cells,
                depth: [number(mean, "depth_mean")?, number(deviation, "depth_deviation")?],
                tokens: take(&mut tokens, "tokens")?.into_iter().map(|t| t as u32).collect(),
                share: take(&mut share, "share")?,
                dispersion: match dispersion {
                    [] => Vec::new(),
                    _ => take(&mut spread, "dispersion")?,
                },
            });
        }
        Ok(Self { groups })
    }
}

fn missing(stage: &str, name: &str) -> Error {
    Error::new(format!("the prototypes of stage {stage} lack '{name}'"))
}

impl Group {
    fn of(cells: &[&Counts], dispersed: bool) -> Self {
        let n = cells.len() as f64;
        let totals: Vec<f64> = cells.iter().map(|c| c.iter().map(|(_, x)| f64::from(*x)).sum()).collect();
        // For each gene: cells that express it, sum, and sum of count² / total.
        let mut sums: BTreeMap<u32, (u32, f64, f64)> = BTreeMap::new();
        for (counts, &total) in cells.iter().zip(&totals) {
            for &(token, count) in counts.iter() {
                let (expressing, sum, squares) = sums.entry(token).or_default();
                let count = f64::from(count);
                *expressing += 1;
                *sum += count;
                *squares += (count / total.max(1.0)).powi(2);
            }
        }
        sums.retain(|_, (expressing, ..)| *expressing >= LEAST_EXPRESSING);
        let all: f64 = sums.values().map(|(_, sum, _)| sum).sum();
        let logs: Vec<f64> = totals.iter().map(|t| t.max(1.0).ln()).collect();
        let mean = logs.iter().sum::<f64>() / n;
        let variance = logs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        // Of shares s = count / total: var(s) = m / total + φ m², by moments.
        let inverse = totals.iter().map(|t| 1.0 / t.max(1.0)).sum::<f64>() / n;
        let dispersion = |&(_, sum, squares): &(u32, f64, f64)| {
            let m = sum / totals.iter().sum::<f64>().max(1.0);
            let variance = squares / n - m * m;
            (((variance - m * inverse) / (m * m)).clamp(0.0, 10.0)) as f32
        };
        Self {
            cells: n as f32,
            depth: [mean as f32, variance.sqrt() as f32],
            tokens: sums.keys().copied().collect(),
            share: sums.values().map(|(_, sum, _)| (sum / all) as f32).collect(),
            dispersion: if dispersed { sums.values().map(dispersion).collect() } else { Vec::new() },
        }
    }
}

/// The genes that stage `of` showed of a cell, with their counts.
fn counts_of(cell: CellRef, of: usize, context: Context<'_>) -> Counts {
    let (partition, store) = (&context.stages.partition, usize::from(cell.store));
    let map = partition.map(store);
    let raw = context.stages.stores[store].cell(cell.row as usize);
    let named = raw.genes.iter().map(|&gene| map[gene as usize]).zip(raw.values.iter().copied());
    let shown = Shown::Stage(of);
    let mut counts: Counts =
        named.filter(|&(token, _)| token != NONE && shown.shows(partition.stage_of(token))).collect();
    counts.sort_unstable_by_key(|&(token, _)| token);
    counts
}

/// `N × 64`: ln(1 + counts per ten thousand) of each cell under random signs for each gene, which keeps distances
/// (Johnson and Lindenstrauss 1984; Achlioptas 2003).
fn projected(counts: &[Counts], key: Key) -> Vec<f32> {
    let one = |counts: &Counts| {
        let total: f32 = counts.iter().map(|(_, x)| x).sum();
        let mut row = [0.0f32; PROJECTED];
        for &(token, count) in counts {
            let value = (count * 1e4 / total.max(1.0)).ln_1p();
            let signs = key.bits(u64::from(token));
            for (bit, x) in row.iter_mut().enumerate() {
                *x += if signs >> bit & 1 == 1 { value } else { -value };
            }
        }
        row
    };
    counts.par_iter().flat_map_iter(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use genil_base::random::Purpose;

    fn group(cells: &[Counts], dispersed: bool) -> Group {
        Group::of(&cells.iter().collect::<Vec<_>>(), dispersed)
    }

    #[test]
    fn a_group_keeps_shares_of_genes_that_enough_of_its_cells_express() {
        let cells =
            vec![vec![(2, 3.0), (3, 1.0)], vec![(2, 6.0), (3, 2.0)], vec![(2, 3.0), (3, 1.0), (9, 50.0)]];
        let it = group(&cells, false);
        assert_eq!((it.cells, &it.tokens[..]), (3.0, &[2, 3][..]));
        assert_eq!(it.share, [0.75, 0.25]);
        let mean = (4f32.ln() + 8f32.ln() + 54f32.ln()) / 3.0;
        assert!((it.depth[0] - mean).abs() < 1e-6);
    }

    #[test]
    fn dispersion_is_zero_for_equal_cells_and_large_for_cells_that_switch() {
        let equal: Vec<Counts> = (0..40).map(|_| vec![(2, 50.0), (3, 50.0)]).collect();
        let switching: Vec<Counts> =
            (0..40).map(|i| if i % 2 == 0 { vec![(2, 100.0)] } else { vec![(3, 100.0)] }).collect();
        assert_eq!(group(&equal, true).dispersion, [0.0, 0.0]);
        assert!(group(&switching, true).dispersion.iter().all(|&phi| phi > 0.9));
    }

    #[test]
    fn aggregates_read_back_as_themselves() {
        let cells: Vec<Counts> = (0..9).map(|i| vec![(2, 1.0 + i as f32), (7, 2.0)]).collect();
        for dispersed in [false, true] {
            let one = Aggregate { groups: vec![group(&cells, dispersed), group(&cells[..5], dispersed)] };
            let mut tensors = Tensors::default();
            one.write(1, &mut tensors);
            one.write(12, &mut tensors);
            let again = Aggregate::read_all(&tensors).unwrap();
            assert_eq!(again, BTreeMap::from([(1, one.clone()), (12, one)]));
            tensors.get_mut("stage-1.share").unwrap().data.pop();
            assert!(Aggregate::read_all(&tensors).is_err());
        }
    }

    #[test]
    fn cells_with_like_expression_are_near_each_other_after_projection() {
        let cell = |genes: std::ops::Range<u32>| genes.map(|g| (g, 5.0)).collect::<Counts>();
        let rows = projected(&[cell(2..40), cell(3..41), cell(50..88)], Key::new(0, Purpose::Method));
        let far = |a: usize, b: usize| -> f32 {
            (0..PROJECTED).map(|i| (rows[a * PROJECTED + i] - rows[b * PROJECTED + i]).powi(2)).sum()
        };
        assert!(far(0, 1) * 5.0 < far(0, 2));
    }
}
