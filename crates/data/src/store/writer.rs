//! Writing a store, cell by cell, into a temporary neighbour that is renamed when whole.

use super::files::CellFiles;
use super::manifest::{ColumnEntry, FileEntry, MANIFEST, Manifest, Source};
use super::panels::{PANELS, Panel, Panels};
use super::pending::Pending;
use super::shard::{RESERVED, is_sound, schema};
use super::{GENES, Store};
use crate::cells::{Annotation, Cell, ColumnKind};
use crate::genes::{Gene, GeneVocab};
use arrow_schema::SchemaRef;
use genil_base::files::{sha256_file, write_whole};
use genil_base::{Error, FolderInTheMaking, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A record batch is closed when it has this many cells …
const BATCH_CELLS: usize = 8192;
/// … or this many values (32 MiB with their gene ids), which bounds the writer's memory.
const BATCH_VALUES: usize = 1 << 22;

/// Writes a store. Nothing is seen at its path before [`finish`](Self::finish); a writer that is
/// dropped removes what it wrote.
pub struct StoreWriter {
    path: PathBuf,
    replace: bool,
    // Before the folder: it stops before the folder is removed.
    files: CellFiles,
    folder: FolderInTheMaking,
    genes: GeneVocab,
    detected: Vec<u64>,
    panels: Panels,
    schema: SchemaRef,
    manifest: Manifest,
    batch: Pending,
}

impl StoreWriter {
    /// A writer of a new store at `path`. Columns called like those that every store has
    /// (`cell_id`, `panel`, `gene_ids`, `values`) get the suffix `_obs`.
    ///
    /// # Errors
    /// When something exists at `path`, when two genes, panels or columns have the same name, or
    /// when the folder cannot be written.
    pub fn create(
        path: &Path,
        genes: Vec<Gene>,
        panels: Vec<Panel>,
        columns: Vec<(String, ColumnKind)>,
    ) -> Result<Self> {
        refuse_existing(path)?;
        Self::begin(path, false, genes, panels, columns)
    }

    /// Like [`create`](Self::create), but a store at `path` is replaced when the new one is whole.
    ///
    /// # Errors
    /// As for `create`; what exists at `path` must be a store.
    pub fn replace(
        path: &Path,
        genes: Vec<Gene>,
        panels: Vec<Panel>,
        columns: Vec<(String, ColumnKind)>,
    ) -> Result<Self> {
        if fs::symlink_metadata(path).is_ok() && !path.join(MANIFEST).is_file() {
            return Err(Error::new(format!(
                "{} exists and is not a store: it is not replaced",
                path.display()
            ))
            .help("choose another name"));
        }
        Self::begin(path, true, genes, panels, columns)
    }

    fn begin(
        path: &Path,
        replace: bool,
        genes: Vec<Gene>,
        panels: Vec<Panel>,
        columns: Vec<(String, ColumnKind)>,
    ) -> Result<Self> {
        let genes = GeneVocab::new(genes)?;
        let panels = Panels::new(panels, genes.len())?;
        let columns = entries(columns)?;
        let folder = FolderInTheMaking::begin(path)?;
        // A store that a killed import was replacing is back now.
        if !replace {
            refuse_existing(path)?;
        }
        let schema = schema(&columns);
        Ok(Self {
            path: path.to_owned(),
            replace,
            files: CellFiles::begin(folder.path().to_owned(), schema.clone()),
            folder,
            detected: vec![0; genes.len()],
            schema,
            batch: Pending::new(&columns),
            manifest: Manifest {
                genes: genes.len(),
                panels: panels.names().to_vec(),
                columns,
                ..Manifest::empty()
            },
            genes,
            panels,
        })
    }

    /// Adds a cell: its id, the number of its panel, the ids of the genes that it expresses in
    /// ascending order, their values, and one annotation a column.
    ///
    /// # Errors
    /// When genes are out of order, out of range or not measured in the panel, when a value is not
    /// finite and > 0, when annotations do not fit the columns, or when the disk is full.
    pub fn push(
        &mut self,
        cell_id: &str,
        panel: u16,
        genes: &[u32],
        values: &[f32],
        annotations: &[Annotation<'_>],
    ) -> Result<()> {
        self.check(panel, genes, values).map_err(|e| e.at(format!("cell '{cell_id}'")))?;
        self.batch
            .annotate(annotations, &self.manifest.columns)
            .map_err(|e| e.at(format!("cell '{cell_id}'")))?;
        for &gene in genes {
            self.detected[gene as usize] += 1;
        }
        self.manifest.whole_numbers &= values.iter().map(|&v| usize::from(!is_whole(v))).sum::<usize>() == 0;
        self.manifest.cells += 1;
        self.manifest.values += genes.len() as u64;
        self.batch.push(cell_id, panel, genes, values);
        if self.batch.cells() >= BATCH_CELLS || self.batch.values() >= BATCH_VALUES {
            self.write_batch()?;
        }
        Ok(())
    }

    /// The number of cells so far.
    pub fn cells(&self) -> usize {
        self.manifest.cells
    }

    fn check(&self, panel: u16, genes: &[u32], values: &[f32]) -> Result<()> {
        if genes.len() != values.len() {
            return Err(Error::new(format!("{} genes but {} values", genes.len(), values.len())));
        }
        if usize::from(panel) >= self.panels.len() {
            return Err(Error::new(format!("panel {panel} does not exist: there are {}", self.panels.len())));
        }
        let sound = is_sound(Cell { genes, values }, self.genes.len());
        match sound && self.panels.measure(panel, genes) {
            true => Ok(()),
            false => Err(self.what_is_wrong(panel, genes, values)),
        }
    }

    /// The error of a cell that is not sound, or has a gene that was not measured.
    fn what_is_wrong(&self, panel: u16, genes: &[u32], values: &[f32]) -> Error {
        if let Some(pair) = genes.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Error::new(format!("gene {} does not come before gene {}", pair[0], pair[1]));
        }
        if let Some(&last) = genes.last().filter(|&&last| last as usize >= self.genes.len()) {
            return Error::new(format!("gene {last} does not exist: there are {}", self.genes.len()));
        }
        for (&gene, &value) in genes.iter().zip(values) {
            let symbol = self.genes.symbol(gene);
            if !(value > 0.0 && value.is_finite()) {
                return Error::new(format!("the value {value} of gene '{symbol}' is not finite and > 0"));
            }
            if !self.panels.measured(panel, gene) {
                let name = &self.panels.names()[usize::from(panel)];
                let what = format!("gene '{symbol}' has a value, but was not measured in panel '{name}'");
                return Error::new(what).help("mend the table of measured genes");
            }
        }
        Error::new("the cell is not sound")
    }

    fn write_batch(&mut self) -> Result<()> {
        if self.batch.cells() == 0 {
            return Ok(());
        }
        let record = self.batch.take(&self.schema)?;
        self.files.push(record)
    }

    /// Writes what is left, the genes, the panels and the manifest, moves the folder to its path
    /// and opens it.
    ///
    /// # Errors
    /// When the disk is full, or when something has come to exist at the path since.
    pub fn finish(self) -> Result<Store> {
        let path = self.path.clone();
        self.close(Vec::new())?;
        Store::open(&path)
    }

    /// As [`finish`](Self::finish), for cells that came from these files; the store is not opened, which would read
    /// all of it again.
    ///
    /// # Errors
    /// As for `finish`.
    pub fn close(mut self, sources: Vec<Source>) -> Result<Manifest> {
        self.write_batch()?;
        self.manifest.files = self.files.finish()?;
        let folder = self.folder.path().to_owned();
        let damaged = |e: csv::Error| Error::new(format!("cannot write a table: {e}")).at_path(&folder);
        write_whole(&folder.join(GENES), |out| {
            super::write_genes(&self.genes, &self.detected, out).map_err(damaged)
        })?;
        write_whole(&folder.join(PANELS), |out| self.panels.write(&self.genes, out).map_err(damaged))?;
        for name in [GENES, PANELS] {
            self.manifest.files.push(entry(&folder, name)?);
        }
        self.manifest.sources = sources;
        write_whole(&folder.join(MANIFEST), |out| {
            serde_json::to_writer_pretty(&mut *out, &self.manifest)
                .map_err(|e| Error::new(format!("cannot write {MANIFEST}: {e}")).at_path(&folder))
        })?;
        self.folder.finish(self.replace)?;
        Ok(self.manifest)
    }
}

/// Whether a value > 0 is a whole number, in a form that vectorises: from 2²³ on an `f32` has no fraction, and below it
/// the sum with 2²³ has none.
fn is_whole(value: f32) -> bool {
    const NO_FRACTION: f32 = (1u32 << 23) as f32;
    (value >= NO_FRACTION) | ((value + NO_FRACTION) - NO_FRACTION == value)
}

fn refuse_existing(path: &Path) -> Result<()> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    Err(Error::new(format!("{} exists already", path.display()))
        .help("choose another name, or say that it is to be replaced"))
}

/// The columns under names that are free, or an error when one occurs twice.
fn entries(columns: Vec<(String, ColumnKind)>) -> Result<Vec<ColumnEntry>> {
    let mut entries: Vec<ColumnEntry> = Vec::new();
    for (mut name, kind) in columns {
        if RESERVED.contains(&name.as_str()) {
            name.push_str("_obs");
        }
        if entries.iter().any(|entry| entry.name == name) {
            return Err(Error::new(format!("the column '{name}' occurs twice"))
                .help("a column called like one of the store's own gets the suffix _obs"));
        }
        entries.push(ColumnEntry { name, kind });
    }
    Ok(entries)
}

fn entry(folder: &Path, name: &str) -> Result<FileEntry> {
    let path = folder.join(name);
    let bytes = fs::metadata(&path).map_err(|e| Error::io("read", &path, &e))?.len();
    Ok(FileEntry { sha256: sha256_file(&path)?, bytes, name: name.to_owned() })
}
