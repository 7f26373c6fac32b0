//! `scores.csv`, `summary.csv` and `costs.csv`.

use super::{Manifest, rows};
use genil_base::{Error, Result};
use genil_score::Interval;
use serde::Deserialize;
use std::path::Path;

/// The gene set of a mean over gene sets.
const ALL: &str = "all";

/// One figure: an entry of a matrix, or what is derived from one (`forgetting_mse` …). Method, seed and set are
/// places in `run.json`.
#[derive(Debug, Clone)]
pub struct Score {
    /// The method.
    pub method: usize,
    /// The seed.
    pub seed: usize,
    /// After this stage.
    pub stage: usize,
    /// On this gene set; `None` for a mean over sets.
    pub set: Option<usize>,
    /// In this measure.
    pub metric: String,
    /// The score, with its interval over cells where there is one.
    pub score: Interval,
}

#[derive(Deserialize)]
struct ScoreRow {
    method: String,
    seed: u64,
    stage: usize,
    gene_set: String,
    metric: String,
    #[serde(deserialize_with = "rows::number")]
    value: Option<f64>,
    #[serde(deserialize_with = "rows::number")]
    low: Option<f64>,
    #[serde(deserialize_with = "rows::number")]
    high: Option<f64>,
}

/// Reads `scores.csv`.
pub fn read(path: &Path, manifest: &Manifest) -> Result<Vec<Score>> {
    if !path.is_file() {
        return Err(Error::new("the run has no scores yet: there is no scores.csv")
            .at_path(path)
            .help("run 'genil evaluate' on the folder first"));
    }
    let scores = rows::read(path, |row: ScoreRow| {
        let Some(value) = row.value else { return Ok(None) };
        Ok(Some(Score {
            method: manifest.method(&row.method)?,
            seed: manifest.seed(row.seed)?,
            stage: manifest.stage(row.stage)?,
            set: if row.gene_set == ALL { None } else { Some(manifest.set(&row.gene_set)?) },
            metric: row.metric,
            score: rows::interval(value, row.low, row.high),
        }))
    })?;
    if scores.is_empty() {
        return Err(Error::new("there is no score in it").at_path(path).help("evaluate the run again"));
    }
    Ok(scores)
}

/// One line of `summary.csv`, shown as it is.
#[derive(Debug, Clone, Deserialize)]
pub struct SummaryRow {
    /// The method.
    pub method: String,
    /// The measure.
    pub metric: String,
    /// The mean over seeds.
    #[serde(deserialize_with = "rows::number")]
    pub value: Option<f64>,
    /// Its interval; empty with one seed.
    #[serde(deserialize_with = "rows::number")]
    pub low: Option<f64>,
    /// As `low`.
    #[serde(deserialize_with = "rows::number")]
    pub high: Option<f64>,
    /// Number of seeds.
    pub seeds: Option<usize>,
}

impl SummaryRow {
    /// The value with the bounds that are known.
    pub fn interval(&self) -> Option<Interval> {
        let (low, high) = (self.low.unwrap_or(f64::NAN), self.high.unwrap_or(f64::NAN));
        Some(Interval { value: self.value?, low, high })
    }
}

/// Reads `summary.csv`.
pub fn read_summary(path: &Path) -> Result<Vec<SummaryRow>> {
    rows::read(path, |row| Ok(Some(row)))
}

/// One line of `costs.csv`.
#[derive(Debug, Clone, Deserialize)]
pub struct Cost {
    /// The chain of models: a method, or `shared`.
    pub chain: String,
    /// The seed.
    pub seed: u64,
    /// The stage.
    pub stage: usize,
    /// Cells of an epoch.
    pub cells: usize,
    /// Wall time of training; unknown where it was interrupted.
    #[serde(deserialize_with = "rows::number")]
    pub seconds: Option<f64>,
    /// Time of all threads.
    #[serde(deserialize_with = "rows::number")]
    pub processor_seconds: Option<f64>,
    /// Cells whose counts are kept for later stages.
    pub kept_cells: usize,
    /// Bytes that are kept for later stages besides the model.
    pub kept_bytes: usize,
}

/// Reads `costs.csv`.
pub fn read_costs(path: &Path) -> Result<Vec<Cost>> {
    rows::read(path, |row| Ok(Some(row)))
}
