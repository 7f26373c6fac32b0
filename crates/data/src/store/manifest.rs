//! `store.json`: what a store says about itself.

use crate::cells::ColumnKind;
use genil_base::files::{read_text, sha256};
use genil_base::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The name of the manifest in a store's folder.
pub(crate) const MANIFEST: &str = "store.json";
const FORMAT: &str = "genil store";
const VERSION: u32 = 1;

/// What a store says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always `genil store`.
    pub format: String,
    /// The version of the layout; another one is refused.
    pub version: u32,
    /// The program that wrote it.
    pub written_by: String,
    /// The number of cells.
    pub cells: usize,
    /// The number of genes in the vocabulary.
    pub genes: usize,
    /// The number of values: (cell, gene) pairs with a value > 0.
    pub values: u64,
    /// Whether every value is a whole number, as counts are.
    pub whole_numbers: bool,
    /// The names of the panels (sets of measured genes), in the order of their numbers.
    pub panels: Vec<String>,
    /// The annotation columns, in the order in which they are written.
    pub columns: Vec<ColumnEntry>,
    /// What the cells came from.
    pub sources: Vec<Source>,
    /// The files of the store, without the manifest itself.
    pub files: Vec<FileEntry>,
}

/// An annotation column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnEntry {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
}

/// A file that cells came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name, without the folder, so that a store does not depend on where it was made.
    pub file: String,
    /// Its SHA-256; of a folder, that of its parts.
    pub sha256: String,
    /// What was taken from it, in words: "X", "raw/X", "layers/counts" …
    pub taken: String,
}

/// A file of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name in the folder.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// A manifest of this version without any content.
    pub(crate) fn empty() -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            written_by: format!("genil {}", env!("CARGO_PKG_VERSION")),
            cells: 0,
            genes: 0,
            values: 0,
            whole_numbers: true,
            panels: Vec::new(),
            columns: Vec::new(),
            sources: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Reads the manifest of the store at `folder` and checks the format and the sizes of all files.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        if !folder.is_dir() {
            let what = if folder.exists() { "is a file, not a store" } else { "does not exist" };
            return Err(Error::new(format!("{} {what}", folder.display())).help(HELP));
        }
        if !path.exists() {
            let what = format!("{} is not a store: it has no {MANIFEST}", folder.display());
            return Err(Error::new(what).help(HELP));
        }
        let text = read_text(&path)?;
        let unreadable = |e: serde_json::Error| {
            Error::new(format!("{MANIFEST} cannot be read: {e}")).at_path(folder).help(AGAIN)
        };
        // Format and version first: another version may have other fields.
        let head: Head = serde_json::from_str(&text).map_err(unreadable)?;
        if head.format != FORMAT {
            return Err(Error::new(format!("the format is '{}', not '{FORMAT}'", head.format))
                .at_path(&path)
                .help(HELP));
        }
        if head.version != VERSION {
            let what = format!("the store has version {}, this program reads {VERSION}", head.version);
            return Err(Error::new(what).at_path(folder).help("import the source files again"));
        }
        let manifest: Self = serde_json::from_str(&text).map_err(unreadable)?;
        manifest.files.iter().try_for_each(|file| file.check_size(folder))?;
        Ok(manifest)
    }

    /// SHA-256 over the names and hashes of the files: the same for the same content.
    pub fn fingerprint(&self) -> String {
        let mut files: Vec<_> = self.files.iter().collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let lines: String = files.iter().map(|f| format!("{} {}\n", f.sha256, f.name)).collect();
        sha256(lines.as_bytes())
    }
}

impl FileEntry {
    fn check_size(&self, folder: &Path) -> Result<()> {
        if self.name.contains(['/', '\\']) || self.name.starts_with('.') {
            let what = format!("{MANIFEST} names a file outside of the store: '{}'", self.name);
            return Err(Error::new(what).at_path(folder).help(AGAIN));
        }
        let path = folder.join(&self.name);
        let found = std::fs::metadata(&path).map_err(|e| Error::io("open", &path, &e).help(AGAIN))?.len();
        if found != self.bytes {
            let what =
                format!("{} has {found} bytes instead of {}: half-written or changed", self.name, self.bytes);
            return Err(Error::new(what).at_path(folder).help(AGAIN));
        }
        Ok(())
    }
}

/// The part of a manifest that every version has.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

const HELP: &str = "make a store with `genil import FILE --out STORE`";
pub(super) const AGAIN: &str = "import the source files again, or copy the store again as a whole";
