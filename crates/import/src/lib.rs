//! Files of other programs into a store of genil.
//!
//! An import goes through these parts, in this order:
//!
//! 1. `hdf5` (with `filters`, `blosc`, `elements` for what its library leaves packed) and `zarr`, which are both a
//!    `hierarchy` of arrays, and `text`: bytes on disk as arrays and lines;
//! 2. `frame`, `matrix` (with `transpose`, `triples`): the tables and matrices of a file;
//! 3. `opened`: one file — AnnData `anndata`, 10x `tenx`, `loom`, a matrix-market folder `mtx`, a text table `table`,
//!    lists of tokens in Parquet `tokens` (with `caught`), or bags of words: a folder of texts `words`, UCI's `uci`, `svmlight`;
//!    `annotations`: a table of its cells;
//! 4. `names`: which rows are the same gene; `measured`: which genes were measured where;
//! 5. `merge`: one set of genes and of columns for all files;
//! 6. `cells`: cell by cell; `write`: into the store;
//! 7. `summary`: what was done.
//!
//! `file` gives the cells of one file without a store. The other way: `embed` writes cell embeddings into a copy of an AnnData file,
//! `vectors` embeddings as a table; [`doctor`] compares names of genes.

mod anndata;
mod annotations;
mod beside;
mod blosc;
mod caught;
mod cells;
pub mod doctor;
mod elements;
mod embed;
mod file;
mod filters;
mod frame;
mod hdf5;
mod hierarchy;
mod loom;
mod matrix;
mod measured;
mod merge;
mod mtx;
mod names;
mod opened;
mod summary;
mod svmlight;
mod table;
mod tenx;
mod text;
mod tokens;
mod transpose;
mod triples;
mod uci;
mod vectors;
mod words;
mod write;
mod zarr;

pub use embed::{check_embedding, write_embedding};
pub use file::CellFile;
pub use summary::{FileSummary, Progress, Skipped, Summary};
pub use table::GenesIn;
pub use text::lines as read_lines;
pub use vectors::VectorTable;

use genil_base::{Error, Result};
use std::path::{Path, PathBuf};

/// What is imported, and how.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// AnnData files (`.h5ad`) and Zarr folders, 10x files (`.h5`) and 10x matrix folders, in the order in which
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
    /// Where the genes of a text table are. `None`: it is found out.
    pub genes_in: Option<GenesIn>,
    /// A text table with annotations of the cells, by their ids.
    pub annotations: Option<PathBuf>,
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
    let open = |path: &PathBuf| opened::open(path, &counts, options.genes_in);
    let mut files = options.files.iter().map(open).collect::<Result<Vec<_>>>()?;
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
    if let Some(path) = &options.annotations {
        annotate(&mut files, path)?;
    }
    let merged = merge::merge(files, options)?;
    write::write(merged, options, progress)
}

/// Adds the annotations of a table to the cells of all files.
fn annotate(files: &mut [opened::Opened], path: &Path) -> Result<()> {
    let table = annotations::Annotations::read(path)?;
    let mut found = 0;
    for file in &mut *files {
        let here = table.annotate(file);
        found += here;
        if here < file.index.len() {
            file.notes.push(format!("{} cells are not in the table of annotations", file.index.len() - here));
        }
    }
    match found {
        0 => {
            let first = files.first().and_then(|file| file.index.first()).map_or("", String::as_str);
            Err(Error::new("the table of annotations has none of the cells")
                .at_path(path)
                .help(format!("its first field must be a cell's id, such as '{first}'")))
        }
        _ => Ok(()),
    }
}
