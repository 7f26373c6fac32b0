//! The store: cells on disk, memory-mapped, with cheap access to any one of them.
//!
//! A folder that pandas, Polars and DuckDB open as it is:
//!
//! | file | what |
//! |---|---|
//! | `cells-00000.arrow` … | Arrow IPC files, a row a cell: `cell_id`, `panel`, `gene_ids`, `values`, then the annotations |
//! | `genes.csv` | `id`, `symbol`, `ensembl`, and in how many cells a gene was found |
//! | `panels.csv` | a row a gene, a column a panel: 1 where the gene was measured |
//! | `store.json` | the [`Manifest`]: format, counts, sources, the hash of each file |
//!
//! Rows are numbered through all files of cells. Values are raw, as the source had them, and only
//! values > 0 are kept: a gene that is absent from a cell was zero if its panel measured it, and
//! unknown if not.

mod files;
mod manifest;
mod panels;
mod pending;
mod shard;
mod writer;

pub use manifest::{ColumnEntry, FileEntry, Manifest, Source};
pub use panels::{Measured, Panel};
pub use shard::RESERVED;
pub use writer::StoreWriter;

use crate::cells::{Cell, Column, ColumnKind};
use crate::genes::{Gene, GeneVocab};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use genil_base::files::sha256_file;
use genil_base::{Error, Result};
use manifest::AGAIN;
use panels::{PANELS, Panels};
use rayon::prelude::*;
use shard::{Batch, Bounds};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The name of the table of genes in a store's folder.
const GENES: &str = "genes.csv";

/// A store of cells, memory-mapped. Threads may share it.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    manifest: Manifest,
    fingerprint: String,
    genes: GeneVocab,
    panels: Panels,
    columns: Vec<String>,
    batches: Vec<Batch>,
}

impl Store {
    /// Opens the store at `path`: checks the manifest, the sizes of all files and every cell (ids
    /// ascending and in range, values finite and > 0), so that nothing read later can fail.
    ///
    /// # Errors
    /// When `path` is no store, one of another version, half-written or damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let manifest = Manifest::read(path)?;
        let open = |name: &str| {
            let path = path.join(name);
            File::open(&path).map_err(|e| Error::io("open", &path, &e).help(AGAIN))
        };
        let genes = read_genes(open(GENES)?).map_err(|e| e.at_path(path).help(AGAIN))?;
        let panels = Panels::read(open(PANELS)?, &genes).map_err(|e| e.at_path(path).help(AGAIN))?;
        let schema = shard::schema(&manifest.columns);
        let bounds = Bounds { genes: genes.len(), panels: panels.len() };
        let mut batches = Vec::new();
        let (mut cells, mut values) = (0, 0);
        for file in manifest.files.iter().filter(|file| file.name.ends_with(".arrow")) {
            for mut batch in shard::read(&path.join(&file.name), &schema, bounds)? {
                batch.first = cells;
                cells += batch.len();
                values += batch.values() as u64;
                batches.push(batch);
            }
        }
        let counted = (cells, genes.len(), values, panels.names());
        if counted != (manifest.cells, manifest.genes, manifest.values, manifest.panels.as_slice()) {
            return Err(Error::new("store.json does not agree with the other files")
                .at_path(path)
                .help(AGAIN));
        }
        Ok(Self {
            path: path.to_owned(),
            fingerprint: manifest.fingerprint(),
            columns: manifest.columns.iter().map(|column| column.name.clone()).collect(),
            manifest,
            genes,
            panels,
            batches,
        })
    }

    /// Computes the SHA-256 of every file again and compares.
    ///
    /// # Errors
    /// Names the file that has changed.
    pub fn verify(&self) -> Result<()> {
        self.manifest.files.par_iter().try_for_each(|file| {
            let path = self.path.join(&file.name);
            if sha256_file(&path)? == file.sha256 {
                return Ok(());
            }
            Err(Error::new("the content has changed since the store was written").at_path(&path).help(AGAIN))
        })
    }

    /// Where the store is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the store says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 over the hashes of all files: two stores with the same fingerprint have the same
    /// content, wherever they are.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The number of cells; rows run from 0 to this number, exclusive.
    pub fn cells(&self) -> usize {
        self.manifest.cells
    }

    /// The genes.
    pub fn genes(&self) -> &GeneVocab {
        &self.genes
    }

    /// The genes and values of a cell, straight from the memory map.
    ///
    /// # Panics
    /// When `row` is not below [`cells`](Self::cells), as for the other functions of a row.
    #[inline]
    pub fn cell(&self, row: usize) -> Cell<'_> {
        let (batch, row) = self.locate(row);
        batch.cell(row)
    }

    /// The id of a cell.
    pub fn cell_id(&self, row: usize) -> &str {
        let (batch, row) = self.locate(row);
        batch.cell_id(row)
    }

    /// The number of the panel of a cell: which genes were measured.
    #[inline]
    pub fn panel(&self, row: usize) -> u16 {
        let (batch, row) = self.locate(row);
        batch.panel(row)
    }

    #[inline]
    fn locate(&self, row: usize) -> (&Batch, usize) {
        let after = self.batches.partition_point(|batch| batch.first <= row);
        let batch = &self.batches[after - 1];
        (batch, row - batch.first)
    }

    /// The number of panels.
    pub fn panels(&self) -> usize {
        self.panels.len()
    }

    /// The name of a panel.
    pub fn panel_name(&self, panel: u16) -> &str {
        &self.panels.names()[usize::from(panel)]
    }

    /// Whether `gene` was measured in `panel`.
    #[inline]
    pub fn measured(&self, panel: u16, gene: u32) -> bool {
        self.panels.measured(panel, gene)
    }

    /// The names of the annotation columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// An annotation column.
    ///
    /// # Errors
    /// When there is no column of this name; the message lists those that exist.
    pub fn column(&self, name: &str) -> Result<Column> {
        let Some(place) = self.columns.iter().position(|column| column == name) else {
            let names = if self.columns.is_empty() { "none".into() } else { self.columns.join(", ") };
            return Err(Error::new(format!("the column '{name}' does not exist"))
                .at_path(&self.path)
                .help(format!("the columns are: {names}")));
        };
        let texts =
            || self.batches.iter().flat_map(move |batch| batch.annotation(place).as_string::<i32>().iter());
        let numbers = |batch: &'_ Batch| batch.annotation(place).as_primitive::<Float64Type>().clone();
        Ok(match self.manifest.columns[place].kind {
            ColumnKind::Category => Column::category(texts()),
            ColumnKind::Text => Column::Text(texts().map(|text| text.map(Into::into)).collect()),
            ColumnKind::Number => Column::Number(
                self.batches.iter().flat_map(|b| numbers(b).iter().collect::<Vec<_>>()).collect(),
            ),
        })
    }
}

fn write_genes(genes: &GeneVocab, detected: &[u64], out: &mut dyn Write) -> csv::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["id", "symbol", "ensembl", "cells"])?;
    for ((id, symbol), cells) in genes.iter().zip(detected) {
        let ensembl = genes.ensembl(id).unwrap_or_default();
        table.write_record([&id.to_string(), symbol, ensembl, &cells.to_string()])?;
    }
    table.flush()?;
    Ok(())
}

fn read_genes(input: impl Read) -> Result<GeneVocab> {
    let broken = |what: String| Error::new(format!("{GENES} is damaged: {what}"));
    let mut genes = Vec::new();
    for record in csv::Reader::from_reader(input).records() {
        let record = record.map_err(|e| broken(e.to_string()))?;
        let (Some(id), Some(symbol), Some(ensembl)) = (record.get(0), record.get(1), record.get(2)) else {
            return Err(broken("it does not have the columns id, symbol, ensembl".into()));
        };
        if id.parse() != Ok(genes.len()) {
            return Err(broken(format!("row {} has the id '{id}'", genes.len())));
        }
        let ensembl = Some(ensembl).filter(|e| !e.is_empty()).map(Into::into);
        genes.push(Gene { symbol: symbol.into(), ensembl });
    }
    GeneVocab::new(genes)
}
