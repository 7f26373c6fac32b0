//! What an import did, for people and for scripts.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What an import did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Where the store is.
    pub store: PathBuf,
    /// The store's fingerprint: the same for the same content.
    pub fingerprint: String,
    /// The number of cells.
    pub cells: usize,
    /// The number of genes.
    pub genes: usize,
    /// The number of values > 0.
    pub values: u64,
    /// Whether all values are whole numbers, as counts are.
    pub whole_numbers: bool,
    /// The names of the panels: sets of genes that were measured together.
    pub panels: Vec<String>,
    /// The names of the annotation columns.
    pub columns: Vec<String>,
    /// What was done with each file.
    pub files: Vec<FileSummary>,
    /// What the person who imports should know, over all files.
    pub notes: Vec<String>,
}

/// What was done with one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSummary {
    /// The file.
    pub file: PathBuf,
    /// Its name in the store: the value of `source` and the name of its panel.
    pub source: String,
    /// The number of its cells.
    pub cells: usize,
    /// The number of its genes, after duplicates met.
    pub genes: usize,
    /// What the values were taken from.
    pub taken: String,
    /// The annotation columns that could not be read.
    pub skipped: Vec<Skipped>,
    /// How many genes several rows of the file had.
    pub duplicate_genes: usize,
    /// How many cells got another id because theirs was taken.
    pub renamed_cells: usize,
    /// What the person who imports should know.
    pub notes: Vec<String>,
}

/// A column that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// How far an import is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The file that is being read.
    pub file: &'a str,
    /// Cells written so far, over all files.
    pub cells: usize,
    /// Cells of all files.
    pub total: usize,
}
