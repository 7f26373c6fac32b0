//! An embedding is added to a copy; everything else is as it was.

#![allow(clippy::unwrap_used)]

mod common;

use common::{import_one, unpack};
use genil_base::Result;
use genil_import::EmbeddedCopy;
use hdf5_pure::File;
use std::fs;
use std::path::Path;

fn write_embedding(input: &Path, out: &Path, key: &str, rows: &[f32], d: usize) -> Result<()> {
    let mut copy = EmbeddedCopy::begin(input, out, key, d)?;
    rows.chunks(7).try_for_each(|rows| copy.push(rows))?;
    copy.finish()
}

#[test]
fn a_copy_has_the_embedding_and_the_same_cells() {
    for name in ["csr.h5ad.gz", "dense_lzf_int.h5ad.gz", "anndata07.h5ad.gz"] {
        let folder = tempfile::tempdir().unwrap();
        let input = unpack(name, folder.path());
        let before = fs::read(&input).unwrap();
        let out = folder.path().join("out.h5ad");
        for first in [0.0, 100.0] {
            let rows: Vec<f32> = (0..12 * 4).map(|i| i as f32 + first).collect();
            write_embedding(&input, &out, "X_genil", &rows, 4).unwrap();
            let array = File::open(&out).unwrap().dataset("obsm/X_genil").unwrap();
            assert_eq!(array.shape().unwrap(), [12, 4]);
            assert_eq!(array.read_f32().unwrap(), rows, "{name}");
        }
        assert_eq!(fs::read(&input).unwrap(), before, "the input is not touched");
        let (a, _) = import_one(&input, folder.path(), |options| options.out = folder.path().join("a"));
        let (b, _) = import_one(&out, folder.path(), |options| options.out = folder.path().join("b"));
        assert_eq!(b.cells, 12);
        let cells =
            |summary: &genil_import::Summary| fs::read(summary.store.join("cells-00000.arrow")).unwrap();
        assert!(cells(&a) == cells(&b), "{name}: the same bytes of cells");
    }
}

#[test]
fn an_embedding_of_an_embedded_file_replaces_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let input = unpack("csr.h5ad.gz", folder.path());
    let (once, twice) = (folder.path().join("1.h5ad"), folder.path().join("2.h5ad"));
    write_embedding(&input, &once, "X_genil", &[1.0; 24], 2).unwrap();
    write_embedding(&once, &twice, "X_genil", &[2.0; 36], 3).unwrap();
    let array = File::open(&twice).unwrap().dataset("obsm/X_genil").unwrap();
    assert_eq!(array.read_f32().unwrap(), [2.0; 36]);
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let input = unpack("csr.h5ad.gz", folder.path());
    let out = folder.path().join("out.h5ad");
    // Written with libver="latest", which anndata never asks for: the editor cannot add to it.
    let latest = unpack("libver_latest.h5ad.gz", folder.path());
    let error = write_embedding(&latest, &out, "X_genil", &[0.0; 24], 2).unwrap_err().to_string();
    assert!(error.contains("write the file again"), "{error}");
    fs::remove_file(latest).unwrap();
    let error = write_embedding(&input, &out, "X_genil", &[0.0; 23], 2).unwrap_err().to_string();
    assert!(error.contains("23 numbers are not 2 for each of the 12 cells"), "{error}");
    assert!(write_embedding(&input, &out, "a/b", &[0.0; 24], 2).is_err());
    assert!(write_embedding(&input, &input, "X_genil", &[0.0; 24], 2).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
