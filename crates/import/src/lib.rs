//! Files of other programs into a store of genil.
//!
//! An import goes through these parts, in this order:
//!
//! 1. `hdf5`, `text`: bytes on disk as arrays and lines;
//! 2. `frame`, `matrix` (with `transpose`, `triples`): the tables and matrices of a file;
//! 3. `opened`: one file — AnnData `anndata`, 10x `tenx`, a matrix-market folder `mtx`, or bags of words:
//!    a folder of texts `words`, UCI's `uci`, `svmlight`;
//! 4. `names`: which rows are the same gene; `measured`: which genes were measured where;
//! 5. `merge`: one set of genes and of columns for all files;
//! 6. `write`: cell by cell into the store;
//! 7. `summary`: what was done.
//!
//! The other way: `embed` writes cell embeddings into a copy of an AnnData file.

mod anndata;
mod embed;
mod frame;
mod hdf5;
mod matrix;
mod measured;
mod merge;
mod mtx;
mod names;
mod opened;
mod summary;
mod svmlight;
mod tenx;
mod text;
mod transpose;
mod triples;
mod uci;
mod words;
mod write;

pub use embed::write_embedding;
pub use summary::{FileSummary, Progress, Skipped, Summary};

use genil_base::{Error, Result};
use std::path::PathBuf;

/// What is imported, and how.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// AnnData files (`.h5ad`), 10x files (`.h5`) and 10x matrix folders, in the order in which
    /// their cells enter the store.
    pub files: Vec<PathBuf>,
    /// The store to write.
    pub out: PathBuf,
    /// Where an AnnData file has its counts: the name of a layer, `raw` for `raw/X`, or `X`.
    /// `None`: the first of `X`, `layers/counts` and `raw/X` that holds whole numbers, or else `X`.
    pub layer: Option<String>,
    /// A table of genes × groups that says which genes were measured, and the annotation column
    /// that has each cell's group. `None`: all genes of a file were measured in all its cells.
    pub measured: Option<(PathBuf, String)>,
    /// What makes two rows the same gene.
    pub genes_by: GenesBy,
    /// Whether a store that exists at `out` is replaced.
    pub replace: bool,
}

/// What makes two rows the same gene, within a file and across files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GenesBy {
    /// The symbol, as models and marker lists name genes. A gene without a symbol goes by its id.
    #[default]
    Symbol,
    /// The Ensembl id, without version. A gene without an id goes by its symbol.
    Ensembl,
}

/// Imports files into a store, telling `progress` now and then.
///
/// Rules, each of which the summary reports when it applied:
/// - rows of one gene in one file are added up when the values are counts (the counts of a symbol
///   are those of all its loci), else the largest is kept;
/// - a cell whose id another cell has gets `-1`, `-2` … appended, as anndata does it;
/// - annotation columns of several files are united; a column `source` says where a cell is from;
/// - each file is a panel of measured genes of its own, unless a table says more.
///
/// # Errors
/// When a file cannot be read, a value is negative or not finite, or the store cannot be written.
/// Nothing is left behind then, and a store that was to be replaced is as it was.
pub fn import(options: &ImportOptions, progress: &dyn Fn(Progress<'_>)) -> Result<Summary> {
    if options.files.is_empty() {
        return Err(Error::new("no file to import").help("name one or more .h5ad or 10x files"));
    }
    write::check_target(options)?;
    let counts = anndata::Counts::named(options.layer.as_deref());
    let files = options.files.iter().map(|path| opened::open(path, &counts)).collect::<Result<Vec<_>>>()?;
    for (opened, path) in files.iter().zip(&options.files) {
        let none = match (opened.index.is_empty(), opened.genes.is_empty()) {
            (true, _) => "cell",
            (_, true) => "gene",
            _ => continue,
        };
        return Err(Error::new(format!("there is no {none} in the file"))
            .at_path(path)
            .help("name another file"));
    }
    let merged = merge::merge(files, options)?;
    write::write(merged, options, progress)
}
