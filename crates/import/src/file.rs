//! A file of cells that is read where it lies: no store is made of it.

use crate::anndata::Counts;
use crate::merge::{self, Part};
use crate::names::Duplicate;
use crate::{ImportOptions, cells, opened};
use genil_base::{Error, Result};
use genil_data::{Cell, Gene, GeneVocab};
use std::path::Path;

/// An opened file of cells, of any form that can be imported.
pub struct CellFile {
    part: Part,
    genes: GeneVocab,
}

impl CellFile {
    /// Opens a file or folder; `layer` as in [`ImportOptions::layer`]. Rows of one symbol are one gene.
    ///
    /// # Errors
    /// When it is of no form that can be imported, or damaged.
    pub fn open(path: &Path, layer: Option<&str>) -> Result<Self> {
        let opened = opened::open(path, &Counts::named(layer), None)?;
        let mut merged = merge::merge(vec![opened], &ImportOptions::default())?;
        let part = merged.files.pop().ok_or_else(|| Error::new("the file is gone").at_path(path))?;
        Ok(Self { genes: GeneVocab::new(merged.genes)?, part })
    }

    /// The genes, each once.
    pub fn genes(&self) -> &GeneVocab {
        &self.genes
    }

    /// The genes as the file has them, column by column: a gene may be there twice. `None` where a column is
    /// no gene (an antibody).
    pub fn columns(&self) -> &[Option<Gene>] {
        &self.part.opened.genes
    }

    /// Symbols that several columns have, and how many.
    pub fn duplicates(&self) -> impl Iterator<Item = (&str, usize)> {
        self.part.duplicates.iter().map(|Duplicate { gene, rows }| (gene.as_str(), *rows))
    }

    /// The number of cells.
    pub fn cells(&self) -> usize {
        self.part.opened.index.len()
    }

    /// The id of the cell in a row.
    ///
    /// # Panics
    /// When `row` is not below [`cells`](Self::cells).
    pub fn id(&self, row: usize) -> &str {
        &self.part.opened.index[row]
    }

    /// Where the values come from, such as `layers/counts`.
    pub fn taken(&self) -> &str {
        &self.part.opened.taken
    }

    /// Whether the values are whole numbers in a sample, as counts are.
    pub fn has_counts(&self) -> bool {
        self.part.opened.counts
    }

    /// What a person should know of the file.
    pub fn notes(&self) -> &[String] {
        &self.part.opened.notes
    }

    /// Calls `each` with the row and the genes and values of every cell, in order, in bounded memory.
    ///
    /// # Errors
    /// When a value is negative or not finite, or the file cannot be read; and what `each` says.
    pub fn visit(&self, each: &mut dyn FnMut(usize, Cell<'_>) -> Result<()>) -> Result<()> {
        cells::visit(&self.part, each).map_err(|e| e.at_path(&self.part.opened.path))
    }
}
