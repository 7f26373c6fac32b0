//! `genes.csv`: the loss of every gene.

use super::{Manifest, rows};
use genil_base::Result;
use serde::Deserialize;
use std::path::Path;

/// The loss of one gene after one stage, in one run. Method and set are places in `run.json`.
#[derive(Debug, Clone)]
pub struct GeneScore {
    /// The method.
    pub method: usize,
    /// After this stage.
    pub stage: usize,
    /// The gene's set.
    pub set: usize,
    /// The gene's name.
    pub gene: String,
    /// Its mean squared error.
    pub mse: f64,
    /// Over so many cells.
    pub cells: usize,
}

#[derive(Deserialize)]
struct Row {
    method: String,
    seed: u64,
    stage: usize,
    gene_set: String,
    gene: String,
    #[serde(deserialize_with = "rows::number")]
    mse: Option<f64>,
    #[serde(default)]
    cells: usize,
}

/// Reads `genes.csv`.
pub fn read(path: &Path, manifest: &Manifest) -> Result<Vec<GeneScore>> {
    rows::read(path, |row: Row| {
        let Some(mse) = row.mse else { return Ok(None) };
        manifest.seed(row.seed)?;
        Ok(Some(GeneScore {
            method: manifest.method(&row.method)?,
            stage: manifest.stage(row.stage)?,
            set: manifest.set(&row.gene_set)?,
            gene: row.gene,
            mse,
            cells: row.cells,
        }))
    })
}
