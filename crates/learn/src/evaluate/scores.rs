//! All figures of a run together, as tidy tables in its folder.
//!
//! | file | one row per | columns |
//! |---|---|---|
//! | `scores.csv` | method, seed, stage, gene set, metric | value, low, high (95 %, over cells), cells |
//! | `genes.csv` | method, seed, stage, gene set, gene | mse, cells |
//! | `confusion.csv` | method, seed, stage, gene set, truth, prediction | cells, over all trials |
//! | `summary.csv` | method, metric | value, low, high (95 %, over seeds), seeds |
//!
//! The rows of [`genil_score::forgetting`] stand in `scores.csv` at the last stage, those of gene set `all` also in
//! `summary.csv`, beside `new_…`: the figures of the last stage's own genes.

use super::unit::{SetScores, read};
use crate::method::MethodSettings;
use crate::run::Run;
use crate::settings::UNTRAINED;
use genil_base::{Error, Result, files};
use genil_score::{Better, Contrast, contrasts, over_seeds};
use indexmap::IndexMap;
use std::collections::BTreeSet;
use std::path::Path;

/// The gene set of a mean over gene sets.
const ALL: &str = "all";

/// The figures of one method and seed: after stage `k`, on gene set `j`.
type Units = Vec<Vec<SetScores>>;

/// Writes the tables.
///
/// # Errors
/// When a model was not measured yet.
pub fn write(run: &Run) -> Result<()> {
    let mut scores = Table::new("method,seed,stage,gene_set,metric,value,low,high,cells");
    let mut genes = Table::new("method,seed,stage,gene_set,gene,mse,cells");
    let mut confusion = Table::new("method,seed,stage,gene_set,truth,predicted,cells");
    let mut by_seed: IndexMap<(&str, String), Vec<f64>> = IndexMap::new();
    let last = run.stages.last();
    for method in run.settings.methods.keys() {
        for &seed in &run.settings.seeds {
            let units = units_of(run, seed, method)?;
            let who = [method.clone(), seed.to_string()];
            let mut summarise =
                |metric: String, value| by_seed.entry((method, metric)).or_default().push(value);
            for (stage, sets) in units.iter().enumerate() {
                for set in sets {
                    let name = run.stages.name(set.set);
                    let what = [who[0].clone(), who[1].clone(), stage.to_string(), name.to_owned()];
                    for (metric, figure) in &set.metrics {
                        let cells = figure.weights.len();
                        scores.row(what.iter().cloned().chain(figures(
                            metric,
                            figure.value,
                            figure.interval,
                            cells,
                        )));
                        if stage == last && set.set == last {
                            summarise(format!("new_{metric}"), figure.value);
                        }
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
            let joint = joint_of(run, seed)?;
            let untrained = (0..last).map(|k| read(run, (seed, UNTRAINED, k))).collect::<Result<Units>>()?;
            for (metric, it) in
                all_contrasts(&units, joint.as_ref(), &untrained, run.settings.evaluate.resamples)
            {
                let set = it.set.map_or(ALL, |set| run.stages.name(set));
                let what = [who[0].clone(), who[1].clone(), last.to_string(), set.to_owned()];
                scores.row(what.into_iter().chain(figures(&metric, it.value, it.interval, it.cells)));
                if it.set.is_none() {
                    summarise(metric, it.value);
                }
            }
        }
    }
    let mut summary = Table::new("method,metric,value,low,high,seeds");
    for ((method, metric), values) in by_seed {
        let mean = over_seeds(&values);
        let interval = (values.len() > 1).then_some((mean.low, mean.high));
        let figures = figures(&metric, mean.value, interval, values.len());
        summary.row(std::iter::once(method.to_owned()).chain(figures));
    }
    scores.write(&run.folder.join("scores.csv"))?;
    genes.write(&run.folder.join("genes.csv"))?;
    confusion.write(&run.folder.join("confusion.csv"))?;
    summary.write(&run.folder.join("summary.csv"))
}

/// The contrasts of every metric, by their name in the table: `forgetting_mse`.
fn all_contrasts(
    units: &Units,
    joint: Option<&Units>,
    untrained: &Units,
    resamples: usize,
) -> Vec<(String, Contrast)> {
    let last = units.len() - 1;
    let metrics: BTreeSet<&String> = units[last].iter().flat_map(|set| set.metrics.keys()).collect();
    let mut all = Vec::new();
    for metric in metrics {
        let better = if metric.starts_with("mse") { Better::Lower } else { Better::Higher };
        let at = |k: usize, j: usize| units[k][j].metrics.get(metric);
        let joint = |k: usize| joint.and_then(|joint| joint[k][k].metrics.get(metric));
        let untrained = |j: usize| untrained[j - 1].first().and_then(|set| set.metrics.get(metric));
        let of_metric = contrasts(last, better, at, joint, untrained, resamples);
        all.extend(of_metric.into_iter().map(|it| (format!("{}_{metric}", it.name), it)));
    }
    all
}

fn units_of(run: &Run, seed: u64, method: &str) -> Result<Units> {
    (0..=run.stages.last()).map(|stage| read(run, (seed, method, stage))).collect()
}

/// The oracle's figures, when it is among the methods.
fn joint_of(run: &Run, seed: u64) -> Result<Option<Units>> {
    let joint = run.settings.methods.iter().find(|(_, m)| matches!(m, MethodSettings::Joint {}));
    joint.map(|(name, _)| units_of(run, seed, name)).transpose()
}

/// The last columns of a row: metric, value, low, high, cells or seeds.
fn figures(metric: &str, value: f64, interval: Option<(f64, f64)>, of: usize) -> [String; 5] {
    let (low, high) = interval.unzip();
    let text = |bound: Option<f64>| bound.map(|b| b.to_string()).unwrap_or_default();
    [metric.to_owned(), value.to_string(), text(low), text(high), of.to_string()]
}

/// A CSV file in memory.
pub(super) struct Table(Vec<Vec<String>>);

impl Table {
    pub(super) fn new(columns: &str) -> Self {
        Self(vec![columns.split(',').map(str::to_owned).collect()])
    }

    pub(super) fn row(&mut self, fields: impl Iterator<Item = String>) {
        self.0.push(fields.collect());
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        files::write_whole(path, |out| {
            let mut csv = csv::Writer::from_writer(out);
            let failed = |e: csv::Error| Error::new(format!("cannot write: {e}")).at_path(path);
            for row in &self.0 {
                csv.write_record(row).map_err(failed)?;
            }
            csv.flush().map_err(|e| Error::io("write", path, &e))
        })
    }
}
