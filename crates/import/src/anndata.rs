//! AnnData files: which of their matrices has the counts, whose tables belong to it.

use crate::frame::Frame;
use crate::hierarchy::Hierarchy;
use crate::matrix::{self, Matrix};
use crate::names;
use crate::opened::Opened;
use genil_base::{Error, Result};
use std::path::Path;

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

/// Reads everything but the values of the file at `path`.
pub fn open(file: &dyn Hierarchy, path: &Path, counts: &Counts) -> Result<Opened> {
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
    matrix: Box<dyn Matrix>,
    counts: bool,
}

/// Where the values are taken from: what was asked for, or the first of X, layers/counts and raw/X
/// that holds whole numbers, or else X as it is.
fn choose(
    file: &dyn Hierarchy,
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
        let matrix = matrix::of_anndata(file, &place, cells, columns)?;
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
fn matrices(file: &dyn Hierarchy, layers: &[String]) -> Vec<String> {
    let fixed = ["X", RAW].into_iter().filter(|place| file.has(place)).map(Into::into);
    fixed.chain(layers.iter().map(|name| format!("layers/{name}"))).collect()
}
