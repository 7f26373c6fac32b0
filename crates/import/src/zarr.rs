//! Zarr folders of versions 2 and 3: groups and arrays are folders, their metadata JSON, each chunk of an array a file.
//!
//! `version2` and `version3` read the metadata of an array as a `layout`, `chunks` finds its chunks, `codecs` unpacks them,
//! `array` gives its rows.

mod array;
mod chunks;
mod codecs;
mod layout;
mod version2;
mod version3;

use crate::hdf5::MOST_SHRINKING;
use crate::hierarchy::{Array, Attribute, Hierarchy};
use array::{ZarrArray, cannot_read};
use genil_base::{Error, Result};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

/// Bytes of a file of metadata, at most; consolidated metadata of a large folder is some megabytes.
const LARGEST_METADATA: u64 = 64 << 20;

/// The metadata of Zarr 3: of a group or an array, with its attributes.
const NODE: &str = "zarr.json";
/// Those of Zarr 2.
const GROUP: &str = ".zgroup";
const ARRAY: &str = ".zarray";
const ATTRIBUTES: &str = ".zattrs";

/// A Zarr folder.
pub struct Zarr {
    root: PathBuf,
    /// Bytes of all its files.
    bytes: u64,
}

/// Whether a folder is one of Zarr, by its metadata or its name.
pub fn is_zarr(path: &Path) -> bool {
    [NODE, GROUP, ARRAY].iter().any(|name| path.join(name).is_file())
        || path.is_dir() && path.extension() == Some(OsStr::new("zarr"))
}

/// All files below a Zarr folder, in the order of their paths. A chunk that is not there is legal, so what is there must
/// be a file: a link could lead out of the folder.
pub fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(next) = folders.pop() {
        let io = |e: std::io::Error| Error::io("read", &next, &e);
        for entry in fs::read_dir(&next).map_err(io)? {
            let entry = entry.map_err(io)?;
            let kind = entry.file_type().map_err(io)?;
            match () {
                () if kind.is_dir() => folders.push(entry.path()),
                () if kind.is_file() => files.push(entry.path()),
                () => {
                    return Err(Error::new(format!(
                        "{} is neither a file nor a folder",
                        entry.path().display()
                    ))
                    .at_path(root)
                    .help("links are not followed: copy the folder with all its files (cp -rL)"));
                }
            }
        }
    }
    files.sort();
    Ok(files)
}

impl Zarr {
    /// Opens the folder at `root`; only what is asked for is read.
    pub fn open(root: &Path) -> Result<Self> {
        let zarr = Self { root: root.to_owned(), bytes: 0 };
        if !zarr.has_group("/") {
            return Err(Error::new("the folder is no group of Zarr: it has neither zarr.json nor .zgroup")
                .help("name the folder that AnnData was written to: adata.write_zarr(...)"));
        }
        let length =
            |file: PathBuf| file.metadata().map_err(|e| Error::io("read", &file, &e)).map(|of| of.len());
        let bytes = files(root)?.into_iter().map(length).sum::<Result<u64>>()?;
        Ok(Self { bytes, ..zarr })
    }

    /// The folder of a group or an array; `None` for a place that is none, such as one out of the folder.
    fn folder(&self, place: &str) -> Option<PathBuf> {
        let inner = Path::new(place.trim_start_matches('/'));
        let plain = inner.components().all(|part| matches!(part, Component::Normal(_)));
        plain.then(|| self.root.join(inner))
    }

    /// The JSON in a file of a group or an array; `None` where it is not there.
    fn json(&self, place: &str, name: &str) -> Result<Option<Value>> {
        let Some(path) = self.folder(place).map(|folder| folder.join(name)) else { return Ok(None) };
        let wrong = |what: String| cannot_read(place, &format!("{name}: {what}"));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
                return Ok(None);
            }
            Err(error) => return Err(wrong(error.to_string())),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST_METADATA).read_to_end(&mut bytes).map_err(|e| wrong(e.to_string()))?;
        serde_json::from_slice(&bytes).map(Some).map_err(|e| wrong(e.to_string()))
    }

    /// Whether there is a node of this kind in Zarr 3, or this file in Zarr 2.
    fn is(&self, place: &str, kind: &str, file: &str) -> bool {
        match self.json(place, NODE) {
            Ok(Some(node)) => node["node_type"] == kind,
            Ok(None) => self.folder(place).is_some_and(|folder| folder.join(file).is_file()),
            // It is there; what is wrong with it is told when it is read.
            Err(_) => kind == "array",
        }
    }

    fn read(&self, place: &str) -> Result<ZarrArray> {
        let wrong = |what: String| {
            cannot_read(place, &what).help("in Python: anndata.read_zarr(path).write_h5ad('cells.h5ad')")
        };
        let layout = if let Some(node) = self.json(place, NODE)? {
            version3::layout(node)
        } else if let Some(array) = self.json(place, ARRAY)? {
            version2::layout(array)
        } else {
            Err("there is no such array".into())
        };
        let folder = self.folder(place).unwrap_or_default();
        Ok(ZarrArray::new(folder, place, layout.map_err(wrong)?))
    }
}

impl Hierarchy for Zarr {
    fn has_group(&self, place: &str) -> bool {
        self.is(place, "group", GROUP)
    }

    fn has_array(&self, place: &str) -> bool {
        self.is(place, "array", ARRAY)
    }

    fn names(&self, place: &str) -> Result<Vec<String>> {
        let Some(folder) = self.folder(place) else { return Ok(Vec::new()) };
        let entries = fs::read_dir(&folder).map_err(|e| Error::io("read", &folder, &e))?;
        let name = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        let mut names: Vec<String> = entries.filter_map(name).collect();
        names.retain(|name| self.has(&format!("{place}/{name}")));
        names.sort();
        Ok(names)
    }

    fn attribute(&self, place: &str, name: &str) -> Option<Attribute> {
        let all = match self.json(place, NODE).ok()? {
            Some(mut node) => node.get_mut("attributes")?.take(),
            None => self.json(place, ATTRIBUTES).ok()??,
        };
        match &all[name] {
            Value::String(text) => Some(Attribute::Texts(vec![text.clone()])),
            Value::Array(all) if all.iter().all(Value::is_string) => {
                Some(Attribute::Texts(all.iter().filter_map(Value::as_str).map(Into::into).collect()))
            }
            Value::Array(all) => all.iter().map(Value::as_i64).collect::<Option<_>>().map(Attribute::Numbers),
            _ => None,
        }
    }

    fn array(&self, place: &str) -> Result<Box<dyn Array>> {
        Ok(Box::new(self.read(place)?))
    }

    fn column(&self, place: &str) -> Result<Box<dyn Array>> {
        let array = self.read(place)?;
        let [length] = array.shape()[..] else {
            return Err(array.error(&format!("{} axes instead of one", array.shape().len())));
        };
        // Chunks that are not there are legal, but the names of the rows are there: no column is longer than they are.
        let most = self.bytes.saturating_mul(MOST_SHRINKING);
        if (length as u64).saturating_mul(array.width() as u64) > most {
            return Err(array.error(&format!("it claims {length} elements, more than the folder can hold")));
        }
        Ok(Box::new(array))
    }
}
