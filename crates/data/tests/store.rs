//! What the store promises: what goes in comes out, and nothing broken is ever half-believed.

#![allow(clippy::unwrap_used)]

use genil_data::{Annotation, Column, ColumnKind, Gene, Measured, Panel, Source, Store, StoreWriter};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn genes(n: usize) -> Vec<Gene> {
    (0..n)
        .map(|i| Gene { symbol: format!("G{i}"), ensembl: (i % 2 == 0).then(|| format!("ENSG{i:011}")) })
        .collect()
}

fn all() -> Vec<Panel> {
    vec![Panel { name: "all".into(), genes: Measured::All }]
}

/// A store of three cells with every kind of column.
fn write_small(path: &Path) -> Store {
    let panels = vec![
        Panel { name: "chip, old".into(), genes: Measured::Only(vec![3, 0, 1]) },
        Panel { name: "all".into(), genes: Measured::All },
    ];
    let columns = vec![
        ("cell_type".into(), ColumnKind::Category),
        ("panel".into(), ColumnKind::Number),
        ("note".into(), ColumnKind::Text),
    ];
    let source = Source { file: "small.h5ad".into(), sha256: "00".into(), taken: "X".into() };
    let mut writer = StoreWriter::create(path, genes(5), panels, columns).unwrap();
    let missing = Annotation::Missing;
    writer
        .push("c0", 0, &[0, 3], &[1.0, 2.0], &[Annotation::Text("B"), Annotation::Number(0.5), missing])
        .unwrap();
    writer
        .push(
            "c1",
            1,
            &[],
            &[],
            &[Annotation::Text("A"), Annotation::Number(f64::NAN), Annotation::Text("é\n")],
        )
        .unwrap();
    writer.push("c2", 1, &[2, 4], &[7.0, 9.0], &[missing, Annotation::Number(-1e300), missing]).unwrap();
    let manifest = writer.close(vec![source]).unwrap();
    let store = Store::open(path).unwrap();
    assert_eq!((store.manifest(), store.fingerprint()), (&manifest, &*manifest.fingerprint()));
    store
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = write_small(&folder.path().join("small.store"));
    assert_eq!((store.cells(), store.genes().len(), store.panels()), (3, 5, 2));
    assert_eq!(store.cell(0).genes, [0, 3]);
    assert_eq!(store.cell(0).values, [1.0, 2.0]);
    assert!(store.cell(1).genes.is_empty());
    assert_eq!((store.cell_id(2), store.panel(2), store.panel(0)), ("c2", 1, 0));
    assert_eq!(store.panel_name(0), "chip, old");
    let measured: Vec<bool> = (0..5).map(|gene| store.measured(0, gene)).collect();
    assert_eq!(measured, [true, true, false, true, false]);
    assert_eq!(store.genes().find("ENSG00000000002.7"), Some(2));
    assert_eq!(store.columns(), ["cell_type", "panel_obs", "note"], "a reserved name gets a suffix");
    let types = Column::Category { codes: vec![Some(1), Some(0), None], names: vec!["A".into(), "B".into()] };
    assert_eq!(store.column("cell_type").unwrap(), types);
    assert_eq!(store.column("panel_obs").unwrap(), Column::Number(vec![Some(0.5), None, Some(-1e300)]));
    assert_eq!(store.column("note").unwrap(), Column::Text(vec![None, Some("é\n".into()), None]));
    assert!(store.manifest().whole_numbers);
    assert_eq!(store.manifest().values, 4);
    store.verify().unwrap();
    let detected = fs::read_to_string(store.path().join("genes.csv")).unwrap();
    assert!(detected.starts_with("id,symbol,ensembl,cells\n0,G0,ENSG00000000000,1\n1,G1,,0\n"), "{detected}");
}

#[test]
fn a_missing_column_is_answered_with_those_that_exist() {
    let folder = tempfile::tempdir().unwrap();
    let error = write_small(&folder.path().join("s")).column("celltype").unwrap_err();
    assert!(error.to_string().contains("the columns are: cell_type, panel_obs, note"), "{error}");
}

#[test]
fn the_same_content_gives_the_same_bytes_and_fingerprint() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (write_small(&folder.path().join("a")), write_small(&folder.path().join("b")));
    assert_eq!(a.fingerprint(), b.fingerprint());
    assert_eq!(a.manifest(), b.manifest());
}

#[test]
fn a_store_of_no_cells_is_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let writer = StoreWriter::create(&folder.path().join("e"), genes(2), all(), vec![]).unwrap();
    assert_eq!(writer.finish().unwrap().cells(), 0);
}

#[test]
fn an_existing_path_is_kept_unless_it_is_a_store_to_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let old = write_small(&path);
    assert!(StoreWriter::create(&path, genes(2), all(), vec![]).is_err());
    let mut writer = StoreWriter::replace(&path, genes(2), all(), vec![]).unwrap();
    writer.push("new", 0, &[1], &[1.5], &[]).unwrap();
    assert_eq!(Store::open(&path).unwrap().cells(), 3, "the old one until the new one is whole");
    let new = writer.finish().unwrap();
    assert_eq!((new.cells(), new.manifest().whole_numbers), (1, false));
    assert_eq!(old.cell(2).values, [7.0, 9.0], "an open store keeps its cells when it is replaced");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");

    let precious = folder.path().join("precious");
    fs::create_dir(&precious).unwrap();
    assert!(StoreWriter::replace(&precious, genes(2), all(), vec![]).is_err());
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::create(&folder.path().join("s"), genes(2), all(), vec![]).unwrap();
    writer.push("c", 0, &[1], &[1.0], &[]).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_cell_that_cannot_be_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let panels = vec![Panel { name: "chip".into(), genes: Measured::Only(vec![0, 1]) }];
    let columns = vec![("n".into(), ColumnKind::Number)];
    let mut writer = StoreWriter::create(&folder.path().join("s"), genes(3), panels, columns).unwrap();
    let n = [Annotation::Number(1.0)];
    type Case<'a> = (&'a str, u16, &'a [u32], &'a [f32], &'a [Annotation<'a>]);
    let cases: [Case<'_>; 9] = [
        ("'G1' is not finite", 0, &[0, 1], &[1.0, f32::NAN], &n),
        ("'G0' is not finite", 0, &[0], &[-1.0], &n),
        ("'G0' is not finite", 0, &[0], &[f32::INFINITY], &n),
        ("'G2' has a value, but was not measured in panel 'chip'", 0, &[2], &[1.0], &n),
        ("gene 1 does not come before gene 1", 0, &[1, 1], &[1.0, 1.0], &n),
        ("gene 3 does not exist", 0, &[3], &[1.0], &n),
        ("panel 1 does not exist", 1, &[0], &[1.0], &n),
        ("0 annotations for 1 columns", 0, &[0], &[1.0], &[]),
        ("does not fit the column 'n'", 0, &[0], &[1.0], &[Annotation::Text("x")]),
    ];
    for (expected, panel, genes, values, annotations) in cases {
        let error = writer.push("bad cell", panel, genes, values, annotations).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("bad cell"), "{expected}: {error}");
    }
    writer.push("good", 0, &[0], &[1.0], &n).unwrap();
    assert_eq!(writer.finish().unwrap().cells(), 1, "a refused cell leaves no trace");
}

#[test]
fn what_is_no_store_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "x").unwrap();
    let says = |path: &Path, expected: &str| {
        let error = Store::open(path).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("help:"), "{expected}: {error}");
    };
    says(&at("nowhere"), "does not exist");
    says(&at("file"), "is a file, not a store");
    says(folder.path(), "it has no store.json");
    let edit = |name: &str, file: &str, change: &dyn Fn(String) -> String| {
        write_small(&at(name));
        let path = at(name).join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, change(text)).unwrap();
        at(name)
    };
    let version = |t: String| t.replace("\"version\": 1", "\"version\": 9");
    says(&edit("version", "store.json", &version), "the store has version 9");
    says(&edit("outside", "store.json", &|t| t.replace("genes.csv", "../genes.csv")), "outside of the store");
    says(&edit("cut", "store.json", &|t| t[..t.len() / 2].into()), "cannot be read");
    says(&edit("size", "genes.csv", &|t| t + "9"), "half-written or changed");
    says(&edit("genes", "genes.csv", &|t| t.replace("G1", "G0")), "'G0' occurs twice");
    says(&edit("panels", "panels.csv", &|t| t.replace(",1\n", ",7\n")), "neither 0 nor 1");
    let other = edit("hash", "genes.csv", &|t| t.replace("G4", "X4"));
    says(&other, "is not gene 4");
    let renamed = edit("column", "store.json", &|t| t.replace("\"note\"", "\"notes\""));
    says(&renamed, "its columns are not those of store.json");
    let quiet = edit("quiet", "genes.csv", &|t| t.replace("ENSG00000000002", "ENSG00000000009"));
    let error = Store::open(&quiet).unwrap().verify().unwrap_err().to_string();
    assert!(error.contains("has changed") && error.contains("genes.csv"), "{error}");
}

/// Damages the file of cells of a small store by `change` and opens it.
fn open_damaged(change: impl Fn(&mut Vec<u8>)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    write_small(&path);
    let cells = path.join("cells-00000.arrow");
    let mut bytes = fs::read(&cells).unwrap();
    change(&mut bytes);
    fs::write(&cells, &bytes).unwrap();
    let manifest = path.join("store.json");
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    for file in json["files"].as_array_mut().unwrap() {
        if file["name"] == "cells-00000.arrow" {
            file["bytes"] = bytes.len().into();
        }
    }
    fs::write(&manifest, json.to_string()).unwrap();
    // An error is right; so is success when only a harmless byte changed. A panic is neither.
    if let Ok(store) = Store::open(&path) {
        for row in 0..store.cells() {
            assert!(
                store.cell(row).genes.iter().all(|&gene| store.measured(store.panel(row), gene) || gene < 5)
            );
            let _ = store.cell_id(row);
        }
        for name in store.columns() {
            store.column(name).unwrap();
        }
    }
}

#[test]
fn a_file_of_cells_cut_anywhere_is_an_error_and_no_panic() {
    for tenths in 0..10 {
        open_damaged(|bytes| bytes.truncate(bytes.len() * tenths / 10));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_damaged_bytes_are_an_error_or_harmless_and_no_panic(
        at in prop::collection::vec((0.0..1.0f64, any::<u8>()), 1..6)
    ) {
        open_damaged(|bytes| for &(place, byte) in &at {
            let place = (place * bytes.len() as f64) as usize;
            bytes[place] = byte;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_cells_make_the_round_trip(
        cells in prop::collection::vec(prop::collection::btree_map(0..50u32, 1e-6..1e6f32, 0..20), 0..40),
        names in prop::collection::vec(prop::option::of(".{0,4}"), 40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let columns = vec![("label".to_string(), ColumnKind::Category)];
        let mut writer =
            StoreWriter::create(&folder.path().join("s"), genes(50), all(), columns).unwrap();
        for (row, cell) in cells.iter().enumerate() {
            let (genes, values): (Vec<u32>, Vec<f32>) = cell.iter().unzip();
            let label = names[row].as_deref().map_or(Annotation::Missing, Annotation::Text);
            writer.push(&format!("cell {row}"), 0, &genes, &values, &[label]).unwrap();
        }
        let store = writer.finish().unwrap();
        prop_assert_eq!(store.cells(), cells.len());
        let Column::Category { codes, names: sorted } = store.column("label").unwrap() else { panic!() };
        for (row, cell) in cells.iter().enumerate() {
            let found = store.cell(row);
            prop_assert!(found.genes.iter().eq(cell.keys()) && found.values.iter().eq(cell.values()));
            prop_assert_eq!(store.cell_id(row), format!("cell {row}"));
            let label = codes[row].map(|code| &sorted[code as usize]);
            prop_assert_eq!(label, names[row].as_ref());
        }
    }
}

#[test]
fn many_batches_and_rows_at_random_agree() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::create(&folder.path().join("s"), genes(100), all(), vec![]).unwrap();
    for row in 0..20_000u32 {
        writer.push(&row.to_string(), 0, &[row % 100], &[row as f32 + 1.0], &[]).unwrap();
    }
    let store = writer.finish().unwrap();
    for row in [0, 8191, 8192, 16_383, 16_384, 19_999] {
        assert_eq!(store.cell(row).values, [row as f32 + 1.0]);
        assert_eq!(store.cell_id(row), row.to_string());
    }
}

#[test]
fn pyarrow_opens_a_store_as_it_is() {
    let named = std::env::var("GENIL_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".into());
    let has = std::process::Command::new(&python).args(["-c", "import pyarrow"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        assert!(named.is_none(), "GENIL_PYTHON has no pyarrow");
        eprintln!("no python with pyarrow: not checked");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = write_small(&folder.path().join("small.store"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/check_store.py");
    let output = std::process::Command::new(&python).arg(script).arg(store.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let counts: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(counts["cells"], 3);
    assert_eq!(counts["sum"], 19.0);
    assert_eq!(counts["columns"], serde_json::json!(["cell_type", "panel_obs", "note"]));
}
