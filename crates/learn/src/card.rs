//! `run.json`: what a run is, for readers that have neither its stores nor this crate.

use genil_base::{Error, Result, files};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCard {
    /// The genil that began it.
    pub genil: String,
    /// The command that makes it again.
    pub command: String,
    /// Fingerprint of the settings.
    pub settings_hash: String,
    /// Fingerprint of the plan.
    pub plan_hash: String,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The methods in order.
    pub methods: Vec<MethodCard>,
    /// The stages in order.
    pub stages: Vec<StageCard>,
    /// The stores.
    pub stores: Vec<StoreCard>,
}

/// A method in [`RunCard`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodCard {
    /// Its name in the run.
    pub name: String,
    /// Its settings.
    pub settings: serde_json::Value,
    /// For each stage, the chain that holds its model.
    pub chains: Vec<String>,
}

/// A stage in [`RunCard`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageCard {
    /// `k`.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Base genes of stage 0, else specific genes.
    pub genes: usize,
    /// Cells that it is trained on.
    pub train_cells: usize,
    /// Cells that it is measured on.
    pub held_out_cells: usize,
    /// Its labelled data set.
    pub probe: Option<ProbeCard>,
}

/// A labelled data set in [`RunCard`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeCard {
    /// Its store's name.
    pub store: String,
    /// The column of its labels.
    pub label: String,
    /// The classes, sorted.
    pub classes: Vec<String>,
    /// Training cells, validation cells among them.
    pub train: usize,
    /// Test cells.
    pub test: usize,
    /// What is worth knowing of its division.
    pub notices: Vec<String>,
}

/// A store in [`RunCard`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoreCard {
    /// Its name in the plan.
    pub name: String,
    /// SHA-256 of its content.
    pub fingerprint: String,
    /// Cells.
    pub cells: usize,
    /// Genes.
    pub genes: usize,
}

/// Reads a run's card.
///
/// # Errors
/// When the folder holds no run.
pub fn read_card(folder: &Path) -> Result<RunCard> {
    let path = folder.join("run.json");
    if !path.is_file() {
        return Err(Error::new("no run is here: it has no run.json")
            .at_path(folder)
            .help("begin one with 'genil train run.toml', or name another folder"));
    }
    serde_json::from_str(&files::read_text(&path)?).map_err(|e| {
        Error::new(format!("not a run's card that can be read: {e}"))
            .at_path(&path)
            .help("it is cut short or of another version of genil: copy the run again, or train it again")
    })
}
