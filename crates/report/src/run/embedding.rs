//! `embedding.csv`: where cells lie in the plane under a model.

use super::{Manifest, rows};
use genil_base::Result;
use serde::Deserialize;
use std::path::Path;

/// One cell of the map of one data set under one model. Method and set are places in `run.json`.
#[derive(Debug, Clone)]
pub struct Place {
    /// The method.
    pub method: usize,
    /// The stage of the model.
    pub stage: usize,
    /// The data set.
    pub set: usize,
    /// The cell's class.
    pub class: String,
    /// Across.
    pub x: f64,
    /// Up.
    pub y: f64,
}

#[derive(Deserialize)]
struct Row {
    method: String,
    seed: u64,
    stage: usize,
    gene_set: String,
    class: String,
    #[serde(deserialize_with = "rows::number")]
    x: Option<f64>,
    #[serde(deserialize_with = "rows::number")]
    y: Option<f64>,
}

/// Reads `embedding.csv`.
pub fn read(path: &Path, manifest: &Manifest) -> Result<Vec<Place>> {
    rows::read(path, |row: Row| {
        let (Some(x), Some(y)) = (row.x, row.y) else { return Ok(None) };
        manifest.seed(row.seed)?;
        Ok(Some(Place {
            method: manifest.method(&row.method)?,
            stage: manifest.stage(row.stage)?,
            set: manifest.set(&row.gene_set)?,
            class: row.class,
            x,
            y,
        }))
    })
}
