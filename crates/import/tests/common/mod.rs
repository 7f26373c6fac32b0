//! What the tests of the import share; not every test uses all of it.

#![allow(dead_code)]

use flate2::read::GzDecoder;
use genil_data::Store;
use genil_import::{ImportOptions, Summary, import};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A committed file.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The path of a committed file or folder as a person has it: a packed one is unpacked to `folder`.
pub fn unpack(name: &str, folder: &Path) -> PathBuf {
    if let Some(plain) = name.strip_suffix(".tar.gz") {
        let packed = GzDecoder::new(fs::File::open(data(name)).unwrap());
        tar::Archive::new(packed).unpack(folder).unwrap();
        return folder.join(plain);
    }
    let Some(plain) = name.strip_suffix(".gz") else { return data(name) };
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(data(name)).unwrap()).read_to_end(&mut bytes).unwrap();
    let path = folder.join(plain);
    fs::write(&path, bytes).unwrap();
    path
}

/// Imports one file into a store in `folder`, with other options where `change` says so.
pub fn import_one(file: &Path, folder: &Path, change: impl FnOnce(&mut ImportOptions)) -> (Summary, Store) {
    let mut options =
        ImportOptions { files: vec![file.into()], out: folder.join("out.store"), ..Default::default() };
    change(&mut options);
    let summary = import(&options, &|_| {}).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    (summary, Store::open(&options.out).unwrap())
}
