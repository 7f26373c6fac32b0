//! `costs.csv` and `paired.csv`: what a method costs, and how it differs from another, seed by seed.

use super::{Manifest, rows};
use genil_base::Result;
use genil_score::Interval;
use serde::Deserialize;
use std::path::Path;

/// What one stage of one method cost. Method and seed are places in `run.json`.
#[derive(Debug, Clone)]
pub struct Cost {
    /// The method.
    pub method: usize,
    /// The seed.
    pub seed: usize,
    /// The stage.
    pub stage: usize,
    /// Training time by the clock, in seconds.
    pub seconds: Option<f64>,
    /// Processor time, in seconds.
    pub cpu_seconds: Option<f64>,
    /// What the method keeps for later stages, in bytes.
    pub memory_bytes: Option<f64>,
}

#[derive(Deserialize)]
struct CostRow {
    method: String,
    seed: u64,
    stage: usize,
    #[serde(deserialize_with = "rows::number")]
    seconds: Option<f64>,
    #[serde(deserialize_with = "rows::number")]
    cpu_seconds: Option<f64>,
    #[serde(deserialize_with = "rows::number")]
    memory_bytes: Option<f64>,
}

/// Reads `costs.csv`.
pub fn read(path: &Path, manifest: &Manifest) -> Result<Vec<Cost>> {
    rows::read(path, |row: CostRow| {
        Ok(Some(Cost {
            method: manifest.method(&row.method)?,
            seed: manifest.seed(row.seed)?,
            stage: manifest.stage(row.stage)?,
            seconds: row.seconds,
            cpu_seconds: row.cpu_seconds,
            memory_bytes: row.memory_bytes,
        }))
    })
}

/// How a method differs from another in one measure, over the seeds of both. Methods are places in `run.json`.
#[derive(Debug, Clone)]
pub struct Paired {
    /// The method.
    pub method: usize,
    /// What it is compared with.
    pub against: usize,
    /// The measure, as in `summary.csv`.
    pub metric: String,
    /// Method minus the other.
    pub difference: Interval,
    /// p-value of no difference.
    pub p: Option<f64>,
    /// Number of pairs.
    pub seeds: Option<usize>,
}

#[derive(Deserialize)]
struct PairedRow {
    method: String,
    against: String,
    metric: String,
    #[serde(deserialize_with = "rows::number")]
    difference: Option<f64>,
    #[serde(deserialize_with = "rows::number")]
    low: Option<f64>,
    #[serde(deserialize_with = "rows::number")]
    high: Option<f64>,
    #[serde(deserialize_with = "rows::number")]
    p: Option<f64>,
    seeds: Option<usize>,
}

/// Reads `paired.csv`.
pub fn read_paired(path: &Path, manifest: &Manifest) -> Result<Vec<Paired>> {
    rows::read(path, |row: PairedRow| {
        let Some(value) = row.difference else { return Ok(None) };
        Ok(Some(Paired {
            method: manifest.method(&row.method)?,
            against: manifest.method(&row.against)?,
            metric: row.metric,
            difference: rows::interval(value, row.low, row.high),
            p: row.p,
            seeds: row.seeds,
        }))
    })
}
