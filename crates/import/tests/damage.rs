//! Damaged files end in a message, never in a panic, and leave nothing behind.

#![allow(clippy::unwrap_used)]

mod common;

use common::unpack;
use genil_import::{ImportOptions, import};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// Imports a committed file after `change`; of a folder, one of its files, by a share of their number.
fn import_damaged(name: &str, which: f64, change: impl Fn(&mut Vec<u8>)) {
    let folder = tempfile::tempdir().unwrap();
    let path = unpack(name, folder.path());
    let files = files(&path);
    let file = &files[(which * files.len() as f64) as usize];
    let mut bytes = fs::read(file).unwrap();
    change(&mut bytes);
    fs::write(file, bytes).unwrap();
    let out = folder.path().join("out.store");
    let done = import(&ImportOptions { files: vec![path], out, ..Default::default() }, &|_| {});
    // A damaged byte may fall where nothing is; then there is a store beside the file.
    let expected = if done.is_ok() { 2 } else { 1 };
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), expected, "{done:?}");
}

/// All files at a path, in order.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut inner: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    inner.sort();
    inner.iter().flat_map(|path| files(path)).collect()
}

const FILES: [&str; 13] = [
    "csr_gzip.h5ad.gz",
    "dense_lzf_int.h5ad.gz",
    "libver_latest.h5ad.gz",
    "anndata07.h5ad.gz",
    "tenx_v3.h5.gz",
    "loom.loom.gz",
    "tokens_zstd.tar.gz",
    "zarr2_csr.zarr.tar.gz",
    "zarr2_dense.zarr.tar.gz",
    "zarr2_fixed_texts.zarr.tar.gz",
    "zarr3_csr.zarr.tar.gz",
    "zarr3_csc_shards.zarr.tar.gz",
    "zarr3_dense_shards.zarr.tar.gz",
];

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for name in FILES {
        for twentieth in 0..20u8 {
            import_damaged(name, f64::from(twentieth * 7 % 20) / 20.0, |bytes| {
                bytes.truncate(bytes.len() * twentieth as usize / 20)
            });
        }
    }
}

#[test]
fn a_parquet_file_that_contradicts_itself_is_an_error() {
    let damaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/damaged");
    // Places and lengths below 0, texts of no bytes, values beyond their page, a dictionary of 1.2 billion values.
    let cases = [
        ("negative", "gene_metadata", "help:"),
        ("divided", "gene_metadata", "help:"),
        ("beyond", "cells", "help:"),
        ("dictionary", "gene_metadata", "a dictionary of 1207959551 values in"),
    ];
    for (name, part, said) in cases {
        let folder = tempfile::tempdir().unwrap();
        for whole in ["cells", "gene_metadata"] {
            let from = if whole == part { name } else { whole };
            let bytes = fs::read(damaged.join(format!("{from}.parquet"))).unwrap();
            fs::write(folder.path().join(format!("{whole}.parquet")), bytes).unwrap();
        }
        let options = ImportOptions {
            files: vec![folder.path().to_owned()],
            out: folder.path().join("out.store"),
            ..Default::default()
        };
        let error = import(&options, &|_| {}).unwrap_err().to_string();
        assert!(error.contains(&format!("{part}.parquet")) && error.contains("help:"), "{name}: {error}");
        assert!(error.contains(said), "{name}: {error}");
        assert!(!options.out.exists());
    }
}

#[test]
fn a_packed_chunk_beyond_the_matrix_is_left_out() {
    // The column of the first chunk of X, in the tree of its chunks.
    import_damaged("dense_blosc.h5ad.gz", 0.0, |bytes| bytes[31472..31474].fill(0xff));
}

#[test]
fn a_column_whose_group_holds_itself_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = unpack("cycle.h5ad.gz", folder.path());
    let out = folder.path().join("out.store");
    let done = import(&ImportOptions { files: vec![path], out, ..Default::default() }, &|_| {}).unwrap();
    assert_eq!(done.files[0].skipped[0].name, "tissue");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_damaged_bytes_are_an_error_or_harmless(
        file in 0..FILES.len(),
        which in 0.0..1.0f64,
        at in prop::collection::vec((0.0..1.0f64, any::<u8>()), 1..12),
    ) {
        import_damaged(FILES[file], which, |bytes| for &(place, byte) in &at {
            let place = (place * bytes.len() as f64) as usize;
            if let Some(at) = bytes.get_mut(place) {
                *at = byte;
            }
        });
    }
}
