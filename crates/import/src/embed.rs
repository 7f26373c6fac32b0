//! AnnData out: a copy of a file with cell embeddings in `obsm`.

use crate::beside::Beside;
use crate::frame::Frame;
use crate::hdf5::Hdf5;
use crate::hierarchy::Hierarchy;
use crate::zarr;
use genil_base::{Error, Result};
use hdf5_pure::{AttrValue, DatasetBuilder, File};
use std::path::Path;

/// Copies the AnnData file `input` to `out` and writes `rows` to `obsm/KEY` there: `d` numbers for
/// each cell, in the order of `obs`. An embedding of this key is replaced; all else stays as it was.
/// The copy is renamed to `out` when whole.
///
/// # Errors
/// When `input` is not AnnData, when `rows` does not have `d` numbers for each of its cells, when
/// `out` is `input`, or when the disk is full.
pub fn write_embedding(input: &Path, out: &Path, key: &str, rows: &[f32], d: usize) -> Result<()> {
    let cells = check_embedding(input, out, key)?;
    if d == 0 || cells.checked_mul(d) != Some(rows.len()) {
        return Err(Error::new(format!("{} numbers are not {d} for each of the {cells} cells", rows.len()))
            .at_path(input)
            .help("embed the cells of this very file"));
    }
    let beside = Beside::create(out)?;
    beside.copy(input)?;
    add(beside.path(), key, rows, d).map_err(|e| {
        Error::new(format!("the embedding cannot be added: {e}"))
            .at_path(input)
            .help("write the file again with a current anndata: adata.write_h5ad(...)")
    })?;
    beside.finish()
}

/// Checks all that can be checked before the embeddings are there; the number of cells of `input`.
///
/// # Errors
/// When `input` is not AnnData, `key` is no name, or `out` is `input`.
pub fn check_embedding(input: &Path, out: &Path, key: &str) -> Result<usize> {
    if key.is_empty() || key.contains('/') {
        return Err(Error::new(format!("'{key}' is no name for an embedding")).help("such as X_genil"));
    }
    let same =
        |a: &Path, b: &Path| a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    if same(input, out) {
        return Err(Error::new("the output is the input").at_path(out).help("name another file"));
    }
    if zarr::is_zarr(input) || out.extension().is_some_and(|ending| ending == "zarr") {
        return Err(Error::new("an embedding cannot be added to a Zarr folder")
            .at_path(if zarr::is_zarr(input) { input } else { out })
            .help(
                "write the embeddings to a table, --out cells.parquet or cells.csv; or make one file of the folder first: \
                 anndata.read_zarr(path).write_h5ad('cells.h5ad')",
            ));
    }
    if input.is_dir() {
        return Err(Error::new("a folder cannot have an embedding added")
            .at_path(input)
            .help("write the embeddings to a table: --out cells.csv or cells.parquet"));
    }
    let file = Hdf5::open(input)?;
    if !file.has("obs") {
        return Err(Error::new("the file is not AnnData: it has no 'obs'")
            .at_path(input)
            .help("write the embeddings to a table: --out cells.csv or cells.parquet"));
    }
    Ok(Frame::read(&file, "obs").map_err(|e| e.at_path(input))?.index.len())
}

fn add(path: &Path, key: &str, rows: &[f32], d: usize) -> std::result::Result<(), hdf5_pure::Error> {
    const OBSM: &str = "obsm";
    // As anndata's specification of the file format says: a dict of arrays.
    let encoding = |of: &str, version: &str| {
        [("encoding-type", of), ("encoding-version", version)]
            .map(|(name, value)| (name, AttrValue::VarLenString(value.into())))
    };
    let file = File::open_rw(path)?;
    let root = file.root();
    let array = |array: &mut DatasetBuilder| {
        array.with_f32_data(rows).with_shape(&[(rows.len() / d) as u64, d as u64]);
        for (name, value) in encoding("array", "0.2.0") {
            array.set_attr(name, value);
        }
    };
    if file.group(OBSM).is_err() {
        let group = root.create_group(OBSM)?;
        for (name, value) in encoding("dict", "0.1.0") {
            group.set_attr(name, value)?;
        }
        group.create_dataset(key, array)?;
    } else {
        let place = format!("{OBSM}/{key}");
        if file.dataset(&place).is_ok() || file.group(&place).is_ok() {
            root.delete(&place)?;
        }
        root.create_dataset(&place, array)?;
    }
    file.commit()?;
    drop(root);
    file.close()
}
