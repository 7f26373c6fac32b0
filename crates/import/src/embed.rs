//! AnnData out: a copy of a file with cell embeddings in `obsm`.

use crate::beside::Beside;
use crate::frame::Frame;
use crate::hdf5::Hdf5;
use crate::hdf5_bytes::{Elements, move_elements, set_end};
use crate::hierarchy::Hierarchy;
use crate::zarr;
use genil_base::{Error, Result};
use hdf5_pure::{AttrValue, DatasetBuilder, File, Layout};
use std::fs;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A copy of an AnnData file that gets an embedding, in memory that does not grow with the file: the rows are written
/// behind the copy as they come, and the file is told of them at the end.
pub struct EmbeddedCopy {
    beside: Beside,
    input: PathBuf,
    rows: BufWriter<fs::File>,
    key: String,
    cells: usize,
    d: usize,
    /// Where the rows begin.
    start: u64,
    written: usize,
}

impl EmbeddedCopy {
    /// Checks all that can be checked before the embeddings are there; the number of cells of `input`.
    ///
    /// # Errors
    /// As [`EmbeddedCopy::begin`].
    pub fn check(input: &Path, out: &Path, key: &str) -> Result<usize> {
        if key.is_empty() || key.contains('/') {
            return Err(Error::new(format!("'{key}' is no name for an embedding")).help("such as X_genil"));
        }
        let same = |a: &Path, b: &Path| {
            a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
        };
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

    /// Copies the AnnData file `input` to where `out` will be: `obsm/KEY` there will have `d` numbers for each cell. An
    /// embedding of this key is replaced; all else stays as it was.
    ///
    /// # Errors
    /// When `input` is not AnnData, `key` is no name, `d` is 0, `out` is `input`, or the disk is full.
    pub fn begin(input: &Path, out: &Path, key: &str, d: usize) -> Result<Self> {
        let cells = Self::check(input, out, key)?;
        if d == 0 {
            return Err(Error::new("an embedding of 0 numbers a cell").at_path(input));
        }
        let beside = Beside::create(out)?;
        beside.copy(input)?;
        let io = |e: io::Error| Error::io("write", out, &e);
        let mut file = beside.handle()?;
        let length = file.seek(SeekFrom::End(0)).map_err(io)?;
        // Elements lie at a multiple of their size, as all readers like them.
        let start = length.next_multiple_of(8);
        file.write_all(&[0; 8][..(start - length) as usize]).map_err(io)?;
        let rows = BufWriter::with_capacity(1 << 20, file);
        let (input, key) = (input.to_owned(), key.to_owned());
        Ok(Self { beside, input, rows, key, cells, d, start, written: 0 })
    }

    /// Adds the rows of the next cells, in the order of `obs`: `d` numbers each.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn push(&mut self, rows: &[f32]) -> Result<()> {
        self.written += rows.len();
        rows.iter()
            .try_for_each(|number| self.rows.write_all(&number.to_le_bytes()))
            .map_err(|e| Error::io("write", self.beside.path(), &e))
    }

    /// Makes the file appear at its place.
    ///
    /// # Errors
    /// When not all cells have a row, when the file is of a form that cannot be added to, or when the disk is full.
    pub fn finish(mut self) -> Result<()> {
        let (cells, d) = (self.cells, self.d);
        if cells.checked_mul(d) != Some(self.written) {
            return Err(Error::new(format!(
                "{} numbers are not {d} for each of the {cells} cells",
                self.written
            ))
            .at_path(&self.input)
            .help("embed the cells of this very file"));
        }
        self.rows.flush().map_err(|e| Error::io("write", self.beside.path(), &e))?;
        self.add().map_err(|e| {
            Error::new(format!("the embedding cannot be added: {e}"))
                .at_path(&self.input)
                .help("write the file again with a current anndata: adata.write_h5ad(...)")
        })?;
        self.beside.finish()
    }

    /// Tells the file of the rows: the library adds an embedding of one row, which then becomes the rows that are there.
    fn add(&self) -> std::result::Result<(), String> {
        let file = self.rows.get_ref();
        let size = (self.written * size_of::<f32>()) as u64;
        let end = (self.start + size).next_multiple_of(8);
        file.set_len(end).map_err(|e| e.to_string())?;
        set_end(file, end)?;
        let (address, one_row) =
            add_one_row(self.beside.path(), &self.key, self.d).map_err(|e| e.to_string())?;
        let before = Elements { address, size: one_row, rows: 1 };
        let after = Elements { address: self.start, size, rows: self.cells as u64 };
        move_elements(file, end, &before, &after)
    }
}

/// Adds an embedding of one row; the address and the size of its elements.
fn add_one_row(path: &Path, key: &str, d: usize) -> std::result::Result<(u64, u64), hdf5_pure::Error> {
    const OBSM: &str = "obsm";
    // As anndata's specification of the file format says: a dict of arrays.
    let encoding = |of: &str, version: &str| {
        [("encoding-type", of), ("encoding-version", version)]
            .map(|(name, value)| (name, AttrValue::VarLenString(value.into())))
    };
    let row = vec![0.0; d];
    let place = format!("{OBSM}/{key}");
    let file = File::open_rw(path)?;
    let root = file.root();
    let array = |array: &mut DatasetBuilder| {
        array.with_f32_data(&row).with_shape(&[1, d as u64]);
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
        if file.dataset(&place).is_ok() || file.group(&place).is_ok() {
            root.delete(&place)?;
        }
        root.create_dataset(&place, array)?;
    }
    file.commit()?;
    drop(root);
    let layout = file.dataset(&place)?.layout()?;
    file.close()?;
    match layout {
        Layout::Contiguous { address: Some(address), size } => Ok((address, size)),
        // None is at the end of the file, where nothing is found then.
        _ => Ok((u64::MAX, 0)),
    }
}
