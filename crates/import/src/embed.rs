//! AnnData out: a copy of a file with cell embeddings in `obsm`.

use crate::frame::Frame;
use crate::hdf5::Hdf5;
use genil_base::files::parent;
use genil_base::{Error, Result};
use hdf5_pure::{AttrValue, DatasetBuilder, File};
use std::fs;
use std::path::Path;

/// Copies the AnnData file `input` to `out` and writes `rows` to `obsm/KEY` there: `d` numbers for
/// each cell, in the order of `obs`. An embedding of this key is replaced; all else stays as it was.
/// The copy is renamed to `out` when whole.
///
/// # Errors
/// When `input` is not AnnData, when `rows` does not have `d` numbers for each of its cells, when
/// `out` is `input`, or when the disk is full.
pub fn write_embedding(input: &Path, out: &Path, key: &str, rows: &[f32], d: usize) -> Result<()> {
    check_cells(input, rows.len(), d)?;
    if key.is_empty() || key.contains('/') {
        return Err(Error::new(format!("'{key}' is no name for an embedding")).help("such as X_genil"));
    }
    let same =
        |a: &Path, b: &Path| a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    if same(input, out) {
        return Err(Error::new("the output is the input").at_path(out).help("name another file"));
    }
    let folder = parent(out);
    fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
    let beside = tempfile::Builder::new()
        .prefix(".genil-partial-")
        .suffix(".h5ad")
        .tempfile_in(folder)
        .map_err(|e| Error::io("create a file in", folder, &e))?;
    fs::copy(input, beside.path()).map_err(|e| Error::io("copy to", beside.path(), &e))?;
    make_writable(beside.path()).map_err(|e| Error::io("write", beside.path(), &e))?;
    add(beside.path(), key, rows, d).map_err(|e| {
        Error::new(format!("the embedding cannot be added: {e}"))
            .at_path(input)
            .help("write the file again with a current anndata: adata.write_h5ad(...)")
    })?;
    beside.persist(out).map_err(|e| Error::io("write", out, &e.error))?;
    Ok(())
}

fn check_cells(input: &Path, numbers: usize, d: usize) -> Result<()> {
    let cells = Frame::read(&Hdf5::open(input)?, "obs").map_err(|e| e.at_path(input))?.index.len();
    if d > 0 && cells.checked_mul(d) == Some(numbers) {
        return Ok(());
    }
    Err(Error::new(format!("{numbers} numbers are not {d} for each of the {cells} cells"))
        .at_path(input)
        .help("embed the cells of this very file"))
}

/// A copy has the permissions of what was copied, which may be read-only.
fn make_writable(path: &Path) -> std::io::Result<()> {
    let mut permissions = fs::metadata(path)?.permissions();
    #[cfg(unix)]
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    #[cfg(not(unix))]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions)
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
