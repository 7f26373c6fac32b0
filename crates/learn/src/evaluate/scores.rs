//! All figures of a run together, as tidy tables in its folder.
//!
//! | file | one row per | columns |
//! |---|---|---|
//! | `scores.csv` | method, seed, stage, gene set, metric | value, low, high (95 %, over cells), cells |
//! | `genes.csv` | method, seed, stage, gene set, gene | mse, cells |
//! | `confusion.csv` | method, seed, stage, gene set, truth, prediction | cells, over all trials |
//! | `summary.csv` | method, metric | value, low, high (95 %, over seeds), seeds |
//! | `paired.csv` | method, against, metric | difference, low, high (95 %), p, seeds: see [`super::paired`] |
//!
//! The rows of [`genil_score::forgetting`] stand in `scores.csv` at the last stage, those of gene set `all` also in
//! `summary.csv`, beside `new_…`: the figures of the last stage's own genes.

use super::paired;
use super::table::{Table, text};
use super::unit::{SetScores, read};
use crate::run::Run;
use crate::settings::UNTRAINED;
use genil_base::Result;
use genil_score::{Better, Contrast, Interval, contrasts, over_seeds};
use indexmap::IndexMap;
use std::collections::BTreeSet;

/// The gene set of a mean over gene sets.
const ALL: &str = "all";

/// The figures of one method and seed: after stage `k`, on gene set `j`.
pub(super) type Units = Vec<Vec<SetScores>>;

/// What the figures of one seed are compared with.
pub(super) struct Bounds {
    /// Joint training's figures, when it is among the methods.
    pub joint: Option<Units>,
    /// An untrained model's figure on set `k + 1` at place `k`.
    pub untrained: Units,
}

/// By method and metric of `summary.csv`, the values of all seeds in order.
pub(super) type BySeed<'a> = IndexMap<(&'a str, String), Vec<f64>>;

/// Writes the tables.
///
/// # Errors
/// When a model was not measured yet.
pub fn write(run: &Run) -> Result<()> {
    let mut scores = Table::new("method,seed,stage,gene_set,metric,value,low,high,cells");
    let mut genes = Table::new("method,seed,stage,gene_set,gene,mse,cells");
    let mut confusion = Table::new("method,seed,stage,gene_set,truth,predicted,cells");
    let mut by_seed = BySeed::new();
    let last = run.stages.last();
    let bounds: Vec<Bounds> =
        run.settings.seeds.iter().map(|&seed| Bounds::of(run, seed)).collect::<Result<_>>()?;
    for method in run.settings.methods.keys() {
        for (&seed, bounds) in run.settings.seeds.iter().zip(&bounds) {
            let units = units_of(run, seed, method)?;
            let who = [method.clone(), seed.to_string()];
            for (stage, sets) in units.iter().enumerate() {
                for set in sets {
                    let name = run.stages.name(set.set);
                    let what = [who[0].clone(), who[1].clone(), stage.to_string(), name.to_owned()];
                    for (metric, figure) in &set.metrics {
                        let figures = figures(metric, figure.value, figure.interval, figure.cells());
                        scores.row(what.iter().cloned().chain(figures));
                    }
                    for &(token, mse, cells) in &set.genes {
                        let gene = run.stages.partition.symbol(token).to_owned();
                        genes.row(what.iter().cloned().chain([gene, mse.to_string(), cells.to_string()]));
                    }
                    let classes = run.stages.probes[set.set].as_ref().map_or(&[][..], |p| &p.split.classes);
                    for (truth, counts) in classes.iter().zip(&set.confusion) {
                        for (said, cells) in classes.iter().zip(counts) {
                            confusion.row(what.iter().cloned().chain([
                                truth.clone(),
                                said.clone(),
                                cells.to_string(),
                            ]));
                        }
                    }
                }
            }
            let contrasts = all_contrasts(&units, bounds, run.settings.evaluate.resamples);
            for (metric, it) in &contrasts {
                let set = it.set.map_or(ALL, |set| run.stages.name(set));
                let what = [who[0].clone(), who[1].clone(), last.to_string(), set.to_owned()];
                scores.row(what.into_iter().chain(figures(metric, it.value, it.interval, it.cells)));
            }
            for (metric, it) in summary_of(&units, contrasts) {
                by_seed.entry((method, metric)).or_default().push(it.value);
            }
        }
    }
    let mut summary = Table::new("method,metric,value,low,high,seeds");
    for ((method, metric), values) in &by_seed {
        let mean = over_seeds(values);
        let figures = figures(metric, mean.value, bounds_of(&mean), values.len());
        summary.row(std::iter::once((*method).to_owned()).chain(figures));
    }
    scores.write(&run.folder.join("scores.csv"))?;
    genes.write(&run.folder.join("genes.csv"))?;
    confusion.write(&run.folder.join("confusion.csv"))?;
    summary.write(&run.folder.join("summary.csv"))?;
    paired::write(run, &by_seed, &bounds)
}

impl Bounds {
    fn of(run: &Run, seed: u64) -> Result<Self> {
        let joint = run.settings.methods.iter().find(|(_, m)| m.is_joint());
        let joint = joint.map(|(name, _)| units_of(run, seed, name)).transpose()?;
        let untrained =
            (0..run.stages.last()).map(|k| read(run, (seed, UNTRAINED, k))).collect::<Result<_>>()?;
        Ok(Self { joint, untrained })
    }
}

/// The contrasts of every metric, by their name in the table: `forgetting_mse`.
pub(super) fn all_contrasts(units: &Units, bounds: &Bounds, resamples: usize) -> Vec<(String, Contrast)> {
    let last = units.len() - 1;
    let metrics: BTreeSet<&String> = units[last].iter().flat_map(|set| set.metrics.keys()).collect();
    let mut all = Vec::new();
    for metric in metrics {
        let better = if metric.starts_with("mse") { Better::Lower } else { Better::Higher };
        let at = |k: usize, j: usize| units[k][j].metrics.get(metric);
        let joint = |k: usize| bounds.joint.as_ref().and_then(|joint| joint[k][k].metrics.get(metric));
        let untrained = |j: usize| bounds.untrained[j - 1].first().and_then(|set| set.metrics.get(metric));
        let of_metric = contrasts(last, better, at, joint, untrained, resamples);
        all.extend(of_metric.into_iter().map(|it| (format!("{}_{metric}", it.name), it)));
    }
    all
}

/// A figure of a whole model.
pub(super) struct Figure {
    /// The figure.
    pub value: f64,
    /// Its 95 % interval over cells.
    pub interval: Option<(f64, f64)>,
}

/// What stands in `summary.csv` of one seed: contrasts over all gene sets, and the figures of the last stage's own.
pub(super) fn summary_of(units: &Units, contrasts: Vec<(String, Contrast)>) -> Vec<(String, Figure)> {
    let last = units.len() - 1;
    let new = units[last][last].metrics.iter();
    let new =
        new.map(|(metric, it)| (format!("new_{metric}"), Figure { value: it.value, interval: it.interval }));
    let all = contrasts.into_iter().filter(|(_, it)| it.set.is_none());
    let all = all.map(|(metric, it)| (metric, Figure { value: it.value, interval: it.interval }));
    new.chain(all).collect()
}

/// A method's figures of one seed.
///
/// # Errors
/// When a model was not measured yet.
pub(super) fn units_of(run: &Run, seed: u64, method: &str) -> Result<Units> {
    (0..=run.stages.last()).map(|stage| read(run, (seed, method, stage))).collect()
}

fn bounds_of(interval: &Interval) -> Option<(f64, f64)> {
    interval.has_bounds().then_some((interval.low, interval.high))
}

/// The last columns of a row: metric, value, low, high, cells or seeds.
fn figures(metric: &str, value: f64, interval: Option<(f64, f64)>, of: usize) -> [String; 5] {
    let (low, high) = interval.unzip();
    [metric.to_owned(), value.to_string(), text(low), text(high), of.to_string()]
}
