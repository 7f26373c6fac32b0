//! A file that has been opened: everything but its values is in memory.

use crate::frame::{Frame, Values};
use crate::hdf5::Hdf5;
use crate::matrix::Matrix;
use crate::summary::Skipped;
use crate::{mtx, names, tenx};
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
    pub matrix: Matrix,
    /// Whether a sample of the values are whole numbers, as counts are.
    pub counts: bool,
    /// What the values were taken from.
    pub taken: String,
    /// The columns that could not be read.
    pub skipped: Vec<Skipped>,
    /// What the person who imports should know.
    pub notes: Vec<String>,
}

/// Where an AnnData file has its counts.
pub enum Counts {
    /// The first of X, layers/counts and raw/X that holds whole numbers, or else X.
    Auto,
    /// At this place in the file.
    At(String),
}

impl Counts {
    /// From the name of a layer, `raw` or `X`.
    pub fn named(layer: Option<&str>) -> Self {
        match layer {
            None => Self::Auto,
            Some("X") => Self::At("X".into()),
            Some("raw") => Self::At(RAW.into()),
            Some(name) => Self::At(format!("layers/{name}")),
        }
    }
}

/// Opens a file or folder of any kind that can be imported.
pub fn open(path: &Path, counts: &Counts) -> Result<Opened> {
    if path.is_dir() {
        return mtx::open(path);
    }
    let file = Hdf5::open(path)?;
    let opened =
        if tenx::is_tenx(&file) { tenx::open(&file, path) } else { open_anndata(&file, path, counts) };
    opened.map_err(|e| {
        e.at_path(path).help(
            "check that the file is whole; if it opens elsewhere, write it again with a current anndata: \
             adata.write_h5ad(...)",
        )
    })
}

fn open_anndata(file: &Hdf5, path: &Path, counts: &Counts) -> Result<Opened> {
    if !file.has("obs") || !file.has("var") {
        let found = file.names("/").unwrap_or_default().join(", ");
        return Err(Error::new("the file is neither AnnData (no 'obs' and 'var') nor 10x")
            .help(format!("it holds: {found}")));
    }
    let obs = Frame::read(file, "obs")?;
    let cells = obs.index.len();
    let var = Frame::read(file, "var")?;
    let mut notes = Vec::new();
    let chosen = choose(file, counts, cells, var.index.len(), &mut notes)?;
    let raw_var;
    let var = match chosen.place == RAW {
        true => {
            raw_var = Frame::read(file, "raw/var")?;
            &raw_var
        }
        false => &var,
    };
    let names = names::of_frame(var)?;
    notes.push(format!("genes: {}", names.origin));
    Ok(Opened {
        path: path.to_owned(),
        index: obs.index,
        columns: obs.columns,
        genes: names.genes.into_iter().map(Some).collect(),
        matrix: chosen.matrix,
        counts: chosen.counts,
        taken: chosen.place,
        skipped: obs.skipped,
        notes,
    })
}

const RAW: &str = "raw/X";

struct Chosen {
    place: String,
    matrix: Matrix,
    counts: bool,
}

/// Where the values are taken from: what was asked for, or the first of X, layers/counts and raw/X
/// that holds whole numbers, or else X as it is.
fn choose(
    file: &Hdf5,
    counts: &Counts,
    cells: usize,
    genes: usize,
    notes: &mut Vec<String>,
) -> Result<Chosen> {
    let open = |place: String| -> Result<Chosen> {
        let columns = match place == RAW {
            true => Frame::read(file, "raw/var")?.index.len(),
            false => genes,
        };
        let matrix = Matrix::of_anndata(file, &place, cells, columns)?;
        let counts = matrix.looks_like_counts()?;
        Ok(Chosen { place, matrix, counts })
    };
    let layers = || file.names("layers").unwrap_or_default();
    if let Counts::At(place) = counts {
        if !file.has(place) {
            return Err(Error::new(format!("the file has no '{place}'"))
                .help(format!("it has: {}", matrices(file, &layers()).join(", "))));
        }
        return open(place.clone());
    }
    if !file.has("X") {
        return Err(Error::new("the file has no matrix 'X'").help(match matrices(file, &layers()) {
            found if found.is_empty() => "it holds annotations only; write it again with its counts".into(),
            found => format!("name one of: {}", found.join(", ")),
        }));
    }
    let x = open("X".into())?;
    if x.counts {
        return Ok(x);
    }
    for place in ["layers/counts".to_owned(), RAW.to_owned()] {
        if file.has(&place) {
            // A second choice that cannot be read is no reason to refuse the file.
            match open(place) {
                Ok(other) if other.counts => {
                    notes.push(format!("X does not hold whole numbers: '{}' was taken", other.place));
                    return Ok(other);
                }
                Ok(_) => {}
                Err(error) => notes.push(error.what().to_owned()),
            }
        }
    }
    let found = matrices(file, &layers()).join(", ");
    notes.push(format!(
        "X does not hold whole numbers: these are not raw counts. They were imported as they are; \
         if the file has counts elsewhere, name the place (it has: {found})"
    ));
    Ok(x)
}

/// The matrices of a file.
fn matrices(file: &Hdf5, layers: &[String]) -> Vec<String> {
    let fixed = ["X", RAW].into_iter().filter(|place| file.has(place)).map(Into::into);
    fixed.chain(layers.iter().map(|name| format!("layers/{name}"))).collect()
}
