//! `drift.csv`: how far a model moved from the one that had just learnt a gene set.

use super::{Manifest, rows};
use genil_base::Result;
use serde::Deserialize;
use std::path::Path;

/// One measurement. Method, seed and set are places in `run.json`.
#[derive(Debug, Clone)]
pub struct Drift {
    /// The method.
    pub method: usize,
    /// The seed.
    pub seed: usize,
    /// The stage of the model.
    pub stage: usize,
    /// The gene set.
    pub set: usize,
    /// What was measured: `cka_held_out`, `cka_probe`, `accuracy`, or a part of the weights.
    pub part: String,
    /// The encoder layer, where there is one.
    pub layer: Option<usize>,
    /// The measurement.
    pub value: f64,
}

#[derive(Deserialize)]
struct Row {
    method: String,
    seed: u64,
    stage: usize,
    gene_set: String,
    part: String,
    layer: Option<usize>,
    #[serde(deserialize_with = "rows::number")]
    value: Option<f64>,
}

/// Reads `drift.csv`.
pub fn read(path: &Path, manifest: &Manifest) -> Result<Vec<Drift>> {
    rows::read(path, |row: Row| {
        let Some(value) = row.value else { return Ok(None) };
        Ok(Some(Drift {
            method: manifest.method(&row.method)?,
            seed: manifest.seed(row.seed)?,
            stage: manifest.stage(row.stage)?,
            set: manifest.set(&row.gene_set)?,
            part: row.part,
            layer: row.layer,
            value,
        }))
    })
}
