//! What the fuzz targets share: a folder for the files that one process reads.

use genil_data::Store;
use genil_import::{ImportOptions, import};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// This process's folder, in memory where the system has such a place.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let made = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        made.expect("a folder for the files").keep()
    })
}

/// Imports a file or folder; whatever it holds, nothing but a whole store may be left.
pub fn import_one(file: &Path) {
    import_as(file, ImportOptions::default());
}

/// The same with these options.
pub fn import_as(file: &Path, options: ImportOptions) {
    let out = folder().join("out.store");
    let _ = fs::remove_dir_all(&out);
    let options = ImportOptions { files: vec![file.to_owned()], out: out.clone(), ..options };
    match import(&options, &|_| {}) {
        Ok(_) => read_all(&Store::open(&out).expect("a store that was just written")),
        Err(error) => assert!(!out.exists(), "{error}"),
    }
}

/// Reads everything in a store that opened: none of it may fail.
pub fn read_all(store: &Store) {
    for row in 0..store.cells() {
        let cell = store.cell(row);
        assert_eq!(cell.genes.len(), cell.values.len());
        let _ = (store.cell_id(row), store.panel_name(store.panel(row)));
        for &gene in cell.genes {
            let _ = (store.genes().symbol(gene), store.measured(store.panel(row), gene));
        }
    }
    for column in store.columns() {
        assert_eq!(store.column(column).expect("a column that is listed").len(), store.cells());
    }
}
