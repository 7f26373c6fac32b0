//! The same twelve cells in every form that files take in the wild are read as the same cells.
//! The files are made by `tools/make_h5ad_variants.py`, `make_zarr_variants.py` and `make_parquet_variants.py`.

#![allow(clippy::unwrap_used)]

mod common;

use common::{data, import_one, unpack};
use genil_data::{Column, Store};
use serde_json::Value;
use std::fs;

/// Checks ids, genes and counts against what Python says they are.
fn check(store: &Store, expected: &Value, variant: &str) {
    let list =
        |key: &str| expected[key].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect::<Vec<_>>();
    let ids: Vec<&str> = (0..store.cells()).map(|row| store.cell_id(row)).collect();
    assert_eq!(ids, list("cells"), "{variant}");
    let symbols: Vec<&str> = store.genes().iter().map(|(_, symbol)| symbol).collect();
    assert_eq!(symbols, list("genes"), "{variant}");
    for (symbol, ensembl) in list("genes").iter().zip(list("ensembl")) {
        assert_eq!(store.genes().find(ensembl), store.genes().find(symbol), "{variant}: {symbol}");
    }
    for row in 0..store.cells() {
        let counts = expected["counts"][row].as_array().unwrap().iter().map(|n| n.as_f64().unwrap() as f32);
        let (genes, values): (Vec<u32>, Vec<f32>) = (0u32..).zip(counts).filter(|(_, n)| *n > 0.0).unzip();
        assert_eq!(
            (store.cell(row).genes, store.cell(row).values),
            (&genes[..], &values[..]),
            "{variant}: {row}"
        );
    }
    assert!(store.manifest().whole_numbers, "{variant}");
}

/// Checks the annotations; those in `without` are not there.
fn check_columns(store: &Store, expected: &Value, variant: &str, without: &[&str]) {
    for (name, entries) in expected["columns"].as_object().unwrap() {
        if without.contains(&name.as_str()) {
            assert!(store.column(name).is_err(), "{variant}: {name}");
            continue;
        }
        let found: Vec<Value> = match store.column(name).unwrap() {
            Column::Category { codes, names } => codes
                .iter()
                .map(|code| code.map_or(Value::Null, |code| names[code as usize].clone().into()))
                .collect(),
            Column::Number(numbers) => {
                numbers.iter().map(|number| number.map_or(Value::Null, Into::into)).collect()
            }
            Column::Text(texts) => texts.iter().map(|text| text.clone().into()).collect(),
        };
        let same = |(a, b): (&Value, &Value)| a == b || (a.is_number() && a.as_f64() == b.as_f64());
        let expected = entries.as_array().unwrap();
        assert!(
            expected.len() == found.len() && expected.iter().zip(&found).all(same),
            "{variant}: {name}: {found:?}"
        );
    }
}

#[test]
fn every_variant_is_read_as_the_same_cells() {
    let expected: Value = serde_json::from_str(&fs::read_to_string(data("expected.json")).unwrap()).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(data("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "expected.json" || name == "cycle.h5ad.gz" || name.starts_with("packed") {
            continue;
        }
        seen += 1;
        let variant = name.trim_end_matches(".gz").trim_end_matches(".tar");
        let folder = tempfile::tempdir().unwrap();
        let (summary, store) = import_one(&unpack(&name, folder.path()), folder.path(), |_| {});
        check(&store, &expected, variant);
        let without: &[&str] = match variant {
            "anndata07.h5ad" | "zarr2_anndata07.zarr" => &["maybe", "age"],
            "unreadable_column.h5ad" => &["score", "age"],
            "tokens_zstd" => &["stage", "cluster", "n", "good", "maybe", "age"],
            "loom.loom" | "loom_layer.loom" => &["cell_type", "stage", "cluster", "good", "maybe", "age"],
            _ => &[],
        };
        if [".h5ad", ".zarr", ".loom", "tokens_zstd"].iter().any(|ending| variant.ends_with(ending)) {
            check_columns(&store, &expected, variant, without);
        }
        let skipped: Vec<&str> = summary.files[0].skipped.iter().map(|column| column.name.as_str()).collect();
        let expected_skips: &[&str] = match variant {
            "unreadable_column.h5ad" => without,
            "loom.loom" | "loom_layer.loom" => &["embedding"],
            _ => &[],
        };
        assert_eq!(skipped, expected_skips, "{variant}");
        let taken = match variant {
            "layer_counts.h5ad" | "zarr2_layer_counts.zarr" | "loom_layer.loom" => "layers/counts",
            "raw_counts.h5ad" | "zarr3_raw_counts.zarr" => "raw/X",
            "tenx_v2.h5" => "GRCh38",
            "tenx_v3.h5" | "loom.loom" => "matrix",
            "tokens_zstd" => "expressions",
            _ if variant.starts_with("mtx") => "matrix.mtx",
            _ => "X",
        };
        assert_eq!(summary.files[0].taken, taken, "{variant}");
        let said = summary.files[0].notes.join("\n");
        match variant {
            "layer_counts.h5ad" | "raw_counts.h5ad" => {
                assert!(said.contains("X does not hold whole numbers"), "{said}")
            }
            "tenx_v3.h5" => assert!(said.contains("1 features of the type 'Antibody Capture'"), "{said}"),
            "ensembl_index.h5ad" => assert!(said.contains("symbols from 'feature_name'"), "{said}"),
            _ => {}
        }
    }
    assert!(seen >= 50, "{seen}");
}

/// Checks that all annotations of a file are the same numbers, whatever has packed them, and the column `text`.
fn check_packed(name: &str, cells: u64, number: impl Fn(u64) -> u64, columns: usize) {
    let folder = tempfile::tempdir().unwrap();
    let (summary, store) = import_one(&unpack(name, folder.path()), folder.path(), |_| {});
    assert!(summary.files[0].skipped.is_empty(), "{:?}", summary.files[0].skipped);
    let expected: Vec<Option<f64>> = (0..cells).map(|n| Some(number(n) as f64)).collect();
    for name in store.columns() {
        match store.column(name).unwrap() {
            Column::Number(numbers) => assert!(numbers == expected, "{name}"),
            Column::Text(texts) => {
                assert_eq!(texts.last().unwrap().as_deref(), Some(&*format!("c{}", cells - 1)));
            }
            Column::Category { .. } => panic!("{name}"),
        }
    }
    assert_eq!(store.columns().len(), columns);
}

#[test]
fn columns_that_plugins_have_packed_are_read_whatever_the_codec_and_the_type() {
    check_packed("packed.h5ad.gz", 4000, |n| n * n % 251 + n / 100 * 1000, 18);
}

#[test]
fn columns_of_zarr_folders_are_read_whatever_the_codec_and_the_type() {
    check_packed("packed2.zarr.tar.gz", 1000, |n| n * n % 251 + n / 100 * 100, 23);
    check_packed("packed3.zarr.tar.gz", 1000, |n| n * n % 251 + n / 100 * 100, 28);
}

#[test]
fn a_matrix_that_is_asked_for_is_taken() {
    let all = [
        ("layer_counts.h5ad.gz", "X"),
        ("zarr2_layer_counts.zarr.tar.gz", "X"),
        ("loom_layer.loom.gz", "matrix"),
    ];
    for (name, place) in all {
        let folder = tempfile::tempdir().unwrap();
        let path = unpack(name, folder.path());
        let (summary, store) = import_one(&path, folder.path(), |options| options.layer = Some("X".into()));
        assert_eq!(summary.files[0].taken, place);
        assert!(!summary.whole_numbers && !store.manifest().whole_numbers);
        assert!(summary.notes.join("").contains("not raw counts"), "{:?}", summary.notes);
    }
}

#[test]
fn anndata_with_real_data_agrees_when_a_folder_is_named() {
    let Some(folder) = std::env::var_os("GENIL_DATA") else { return };
    let scratch = tempfile::tempdir().unwrap();
    let path = std::path::Path::new(&folder).join("pbmc3k.h5ad");
    let (summary, store) = import_one(&path, scratch.path(), |_| {});
    assert_eq!((summary.cells, summary.genes, summary.values), (2700, 13_714, 2_282_976));
    assert_eq!(store.columns(), ["cell_type", "donor"]);
}
