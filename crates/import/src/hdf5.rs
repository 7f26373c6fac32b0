//! HDF5 files as this crate wants them: arrays read in windows by all cores, and errors that name
//! the file and the place in it. The only file that knows the HDF5 library.

use crate::elements::{self, Number};
use crate::fields;
use crate::filters::Packed;
use crate::hierarchy::{Array, Attribute, Hierarchy, Kind};
use genil_base::{Error, Result};
use hdf5_pure::{AttrValue, Dataset, Datatype, File, Group};
use rayon::prelude::*;
use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Elements that one task reads at a time: enough to pay for a task, few enough to share.
const PIECE: usize = 1 << 18;
/// Deflate cannot shrink by more than 1032 : 1, so an honest array has at most this many bytes for
/// each byte of its file.
pub const MOST_SHRINKING: u64 = 1100;

/// An open HDF5 file.
pub struct Hdf5 {
    file: File,
    /// The same file, for what is read without the library.
    disk: Arc<std::fs::File>,
    path: PathBuf,
    bytes: u64,
}

/// Whether a file begins as HDF5 does.
pub fn is_hdf5(path: &Path) -> Result<bool> {
    hdf5_pure::is_hdf5(path).map_err(|e| Error::io("open", path, &e))
}

/// A dataset of an HDF5 file.
struct Hdf5Array {
    dataset: Dataset,
    /// The file, for texts.
    disk: Arc<std::fs::File>,
    /// Its chunks, where genil unpacks them itself.
    packed: Option<Packed>,
    place: String,
    path: PathBuf,
    shape: Vec<usize>,
}

impl Hdf5 {
    /// Opens `path` for reading; only what is asked for is read.
    pub fn open(path: &Path) -> Result<Self> {
        let disk = std::fs::File::open(path).map_err(|e| Error::io("open", path, &e))?;
        let bytes = disk.metadata().map_err(|e| Error::io("read", path, &e))?.len();
        if !is_hdf5(path)? {
            return Err(Error::new(format!("{} is not an HDF5 file", path.display())).help(
                ".h5ad, .loom and 10x .h5 files are HDF5; check that the download is whole and not an error page",
            ));
        }
        let again = disk.try_clone().map_err(|e| Error::io("open", path, &e))?;
        let file = open_shared(path, again, bytes).map_err(|e| {
            Error::new(format!("{} cannot be read as HDF5: {e}", path.display()))
                .help("the file may be cut short: compare its size with the original's, or copy it again")
        })?;
        Ok(Self { file, disk: Arc::new(disk), path: path.to_owned(), bytes })
    }

    fn dataset(&self, place: &str) -> Result<Hdf5Array> {
        let dataset = self.file.dataset(place).map_err(|e| self.error(place, e))?;
        let shape = dataset.shape().map_err(|e| self.error(place, e))?;
        let shape: Vec<usize> = shape.iter().map(|&n| usize::try_from(n).unwrap_or(usize::MAX)).collect();
        let packed = Packed::of(&dataset, &self.disk, self.bytes).map_err(|e| self.error(place, e))?;
        let (disk, place, path) = (Arc::clone(&self.disk), place.to_owned(), self.path.clone());
        Ok(Hdf5Array { dataset, disk, packed, place, path, shape })
    }

    fn group(&self, place: &str) -> Result<Group> {
        self.file.group(place).map_err(|e| self.error(place, e))
    }

    fn error(&self, place: &str, what: impl Display) -> Error {
        cannot_read(&self.path, place, what)
    }
}

impl Hierarchy for Hdf5 {
    fn has_group(&self, place: &str) -> bool {
        self.file.group(place).is_ok()
    }

    fn has_array(&self, place: &str) -> bool {
        self.file.dataset(place).is_ok()
    }

    fn names(&self, place: &str) -> Result<Vec<String>> {
        let group = self.group(place)?;
        let mut names = group.datasets().map_err(|e| self.error(place, e))?;
        names.extend(group.groups().map_err(|e| self.error(place, e))?);
        names.sort();
        Ok(names)
    }

    fn attribute(&self, place: &str, name: &str) -> Option<Attribute> {
        let mut all = match self.file.dataset(place) {
            Ok(dataset) => dataset.attrs(),
            Err(_) => self.file.group(place).ok()?.attrs(),
        };
        let found = all.as_mut().ok()?.remove(name)?;
        Some(match found {
            AttrValue::I64Array(all) => Attribute::Numbers(all),
            AttrValue::I32Array(all) => Attribute::Numbers(all.into_iter().map(i64::from).collect()),
            AttrValue::U64Array(all) => Attribute::Numbers(all.into_iter().map(|n| n as i64).collect()),
            AttrValue::U32Array(all) => Attribute::Numbers(all.into_iter().map(i64::from).collect()),
            other => Attribute::Texts(other.as_strings()?.to_vec()),
        })
    }

    fn array(&self, place: &str) -> Result<Box<dyn Array>> {
        Ok(Box::new(self.dataset(place)?))
    }

    fn column(&self, place: &str) -> Result<Box<dyn Array>> {
        Ok(Box::new(self.one_axis(place)?))
    }

    fn fields(&self, place: &str) -> Result<Vec<(String, Box<dyn Array>)>> {
        let table = self.one_axis(place)?;
        let datatype = table.datatype().map_err(|e| self.error(place, e))?;
        let bytes = table.bytes(0..table.rows())?;
        let fields =
            fields::of_rows(&bytes, &datatype, &self.disk, place).map_err(|e| e.at_path(&self.path))?;
        Ok(fields.into_iter().map(|(name, field)| (name, Box::new(field) as Box<dyn Array>)).collect())
    }
}

impl Hdf5 {
    /// The one-dimensional dataset at `place`, of a length that the file can hold.
    fn one_axis(&self, place: &str) -> Result<Hdf5Array> {
        let array = self.dataset(place)?;
        let [length] = array.shape[..] else {
            return Err(self.error(place, format!("{} axes instead of one", array.shape.len())));
        };
        let width = array.dataset.element_size().map_err(|e| self.error(place, e))?;
        let most = self.bytes.saturating_mul(MOST_SHRINKING);
        if (length as u64).saturating_mul(width) > most {
            return Err(
                self.error(place, format!("it claims {length} elements, more than the file can hold"))
            );
        }
        Ok(array)
    }
}

/// Opens a file so that threads read it at the same time, where the system can.
#[cfg(unix)]
fn open_shared(_: &Path, disk: std::fs::File, bytes: u64) -> std::result::Result<File, hdf5_pure::Error> {
    struct Shared(std::fs::File, u64);
    impl hdf5_pure::Source for Shared {
        fn len(&self) -> u64 {
            self.1
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<(), hdf5_pure::FormatError> {
            std::os::unix::fs::FileExt::read_exact_at(&self.0, buffer, offset).map_err(|_| {
                let available = usize::try_from(self.1.saturating_sub(offset)).unwrap_or(usize::MAX);
                hdf5_pure::FormatError::UnexpectedEof { expected: buffer.len(), available }
            })
        }
    }
    File::from_source(Shared(disk, bytes))
}

#[cfg(not(unix))]
fn open_shared(path: &Path, _: std::fs::File, _: u64) -> std::result::Result<File, hdf5_pure::Error> {
    File::open_streaming(path)
}

fn cannot_read(path: &Path, place: &str, what: impl Display) -> Error {
    let what = what.to_string();
    let error = Error::new(format!("'{place}' cannot be read: {what}")).at_path(path);
    match what.to_lowercase().contains("filter") {
        true => error.help(
            "a plugin has packed it: write the file again with gzip, in Python with `import hdf5plugin, anndata`: \
             anndata.read_h5ad(path).write_h5ad(other, compression='gzip')",
        ),
        false => error,
    }
}

impl Array for Hdf5Array {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn error(&self, what: &str) -> Error {
        cannot_read(&self.path, &self.place, what)
    }

    fn f32s(&self, rows: Range<usize>) -> Result<Vec<f32>> {
        self.numbers(rows)
    }

    fn f64s(&self, rows: Range<usize>) -> Result<Vec<f64>> {
        self.numbers(rows)
    }

    fn i64s(&self, rows: Range<usize>) -> Result<Vec<i64>> {
        self.numbers(rows)
    }

    fn u32s(&self, rows: Range<usize>) -> Result<Vec<u32>> {
        self.numbers(rows)
    }

    fn texts(&self) -> Result<Vec<String>> {
        let datatype = self.datatype().map_err(|e| self.error(e))?;
        let texts = elements::texts(&self.bytes(0..self.rows())?, &datatype, &self.disk);
        // The library reads one text at a time, but also where addresses do not count from the beginning of the file.
        texts.or_else(|e| self.dataset.read_string().map_err(|_| self.error(e)))
    }

    fn kind(&self) -> Result<Kind> {
        let datatype = self.datatype().map_err(|e| self.error(e))?;
        let unknown = || self.error(format!("its type is not supported ({})", fields::short(&datatype)));
        fields::kind(&datatype).ok_or_else(unknown)
    }
}

impl Hdf5Array {
    /// An error about this dataset, of whatever can be told.
    fn error(&self, what: impl Display) -> Error {
        cannot_read(&self.path, &self.place, what)
    }

    /// The bytes of rows.
    fn bytes(&self, rows: Range<usize>) -> Result<Vec<u8>> {
        let raw = match &self.packed {
            None => self.stored(rows),
            Some(packed) => packed.rows(rows),
        };
        raw.map_err(|e| self.error(e))
    }

    /// The bytes of rows, by the library.
    fn stored(&self, rows: Range<usize>) -> std::result::Result<Vec<u8>, String> {
        self.dataset.read_raw_rows(rows.start as u64, rows.len() as u64).map_err(|e| e.to_string())
    }

    fn datatype(&self) -> std::result::Result<Datatype, String> {
        self.dataset.datatype().map_err(|e| e.to_string())
    }

    /// Rows as numbers of any kind, by all cores.
    fn numbers<T: Number + Default + Send>(&self, rows: Range<usize>) -> Result<Vec<T>> {
        let datatype = self.datatype().map_err(|e| self.error(e))?;
        let make = |bytes: &[u8]| elements::numbers(bytes, &datatype);
        match &self.packed {
            None => self.pieces(rows, |part| make(&self.stored(part)?)),
            Some(packed) => packed.elements(rows, make).map_err(|e| self.error(e)),
        }
    }

    /// Reads `rows` in pieces by all cores; the result is in order and of the right length.
    fn pieces<T: Send + Copy>(
        &self,
        rows: Range<usize>,
        read: impl Fn(Range<usize>) -> std::result::Result<Vec<T>, String> + Sync,
    ) -> Result<Vec<T>> {
        let width: usize = self.shape.iter().skip(1).product();
        let step = (PIECE / width.max(1)).max(1);
        let starts: Vec<usize> = rows.clone().step_by(step).collect();
        let parts: Vec<Vec<T>> = starts
            .into_par_iter()
            .map(|start| read(start..(start + step).min(rows.end)))
            .collect::<std::result::Result<_, _>>()
            .map_err(|e| self.error(e))?;
        let all: Vec<T> = parts.concat();
        if all.len() != rows.len() * width {
            return Err(self.error(format!("{} elements instead of {}", all.len(), rows.len() * width)));
        }
        Ok(all)
    }
}
