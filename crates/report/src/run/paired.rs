//! `paired.csv`: how a method differs from another, seed by seed.

use super::{Manifest, rows};
use genil_base::Result;
use genil_score::Interval;
use serde::Deserialize;
use std::path::Path;

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
pub fn read(path: &Path, manifest: &Manifest) -> Result<Vec<Paired>> {
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
