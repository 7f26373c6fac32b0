//! `confusion.csv`: what the probes took for what.

use super::{Manifest, rows};
use genil_base::Result;
use serde::Deserialize;
use std::path::Path;

/// So many cells of class `truth` were taken for `predicted`. Method and set are places in `run.json`.
#[derive(Debug, Clone)]
pub struct Confusion {
    /// The method.
    pub method: usize,
    /// After this stage.
    pub stage: usize,
    /// On the data set of this stage.
    pub set: usize,
    /// The class.
    pub truth: String,
    /// What the probe said.
    pub predicted: String,
    /// Number of cells.
    pub cells: usize,
}

#[derive(Deserialize)]
struct Row {
    method: String,
    seed: u64,
    stage: usize,
    gene_set: String,
    truth: String,
    predicted: String,
    cells: usize,
}

/// Reads `confusion.csv`.
pub fn read(path: &Path, manifest: &Manifest) -> Result<Vec<Confusion>> {
    rows::read(path, |row: Row| {
        manifest.seed(row.seed)?;
        Ok(Some(Confusion {
            method: manifest.method(&row.method)?,
            stage: manifest.stage(row.stage)?,
            set: manifest.set(&row.gene_set)?,
            truth: row.truth,
            predicted: row.predicted,
            cells: row.cells,
        }))
    })
}
