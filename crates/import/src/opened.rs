//! A file that has been opened: everything but its values is in memory.

use crate::anndata::{self, Counts};
use crate::frame::Values;
use crate::hdf5::{self, Hdf5};
use crate::matrix::Matrix;
use crate::summary::Skipped;
use crate::table::{self, GenesIn};
use crate::zarr::{self, Zarr};
use crate::{loom, mtx, svmlight, tenx, tokens, uci, words};
use genil_base::{Error, Result};
use genil_data::Gene;
use std::path::{Path, PathBuf};

/// A file that has been opened.
pub struct Opened {
    /// Where it is.
    pub path: PathBuf,
    /// The ids of the cells.
    pub index: Vec<String>,
    /// The annotation columns.
    pub columns: Vec<(String, Values)>,
    /// For each column of the matrix its gene; `None` where it holds something else.
    pub genes: Vec<Option<Gene>>,
    /// The values.
    pub matrix: Box<dyn Matrix>,
    /// Whether a sample of the values are whole numbers, as counts are.
    pub counts: bool,
    /// What the values were taken from.
    pub taken: String,
    /// The columns that could not be read.
    pub skipped: Vec<Skipped>,
    /// What the person who imports should know.
    pub notes: Vec<String>,
}

/// Opens a file or folder of any kind that can be imported, by what it is and then by its name. `genes` says where
/// the genes of a text table are.
pub fn open(path: &Path, counts: &Counts, genes: Option<GenesIn>) -> Result<Opened> {
    if path.is_dir() {
        return match () {
            () if zarr::is_zarr(path) => open_zarr(path, counts),
            () if mtx::is_matrix_folder(path) => mtx::open(path),
            () if tokens::is_parquet(path)? => tokens::open(path),
            () if words::is_folder_of_texts(path)? => words::open(path),
            () => mtx::open(path),
        };
    }
    if !hdf5::is_hdf5(path)? {
        return match () {
            () if tokens::is_parquet(path)? => tokens::open(path),
            () if uci::is_bag_of_words(path) => uci::open(path),
            () if svmlight::is_svmlight(path) => svmlight::open(path),
            () if table::is_table(path) => table::open(path, genes),
            () => Err(unknown(path)),
        };
    }
    let file = Hdf5::open(path)?;
    let opened = match () {
        () if tenx::is_tenx(&file) => tenx::open(&file, path),
        () if loom::is_loom(&file) => loom::open(&file, path, counts),
        () => anndata::open(&file, path, counts),
    };
    opened.map_err(|e| {
        e.at_path(path).help(
            "check that the file is whole; if it opens elsewhere, write it again with a current anndata: \
             adata.write_h5ad(...)",
        )
    })
}

fn open_zarr(path: &Path, counts: &Counts) -> Result<Opened> {
    Zarr::open(path).and_then(|zarr| anndata::open(&zarr, path, counts)).map_err(|e| {
        e.at_path(path).help(
            "check that the folder is whole; if it opens elsewhere, write it again as one file: \
             anndata.read_zarr(path).write_h5ad('cells.h5ad')",
        )
    })
}

fn unknown(path: &Path) -> Error {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("h5ad" | "h5" | "loom") => Error::new(format!("{} is not an HDF5 file", path.display())).help(
            ".h5ad, .loom and 10x .h5 files are HDF5; check that the download is whole and not an error page",
        ),
        Some("zip") => Error::new(format!("{} is an archive", path.display()))
            .help("unzip it, and name the file or the .zarr folder that was in it"),
        _ => Error::new(format!("{} is of no form that can be imported", path.display()))
            .help(format!("these can: {FORMS}")),
    }
}

const FORMS: &str = ".h5ad, .zarr folders, .loom, 10x .h5 and matrix folders, .parquet, tables (.csv, .tsv, .txt); bags of words as folders of .txt, docword.NAME.txt or .svmlight";
