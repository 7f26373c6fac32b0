//! What the real anndata wrote, in several of its versions and in every form that it knows, is read as that version reads
//! it itself. The files are made by `tools/make_anndata_versions.sh`.

#![allow(clippy::unwrap_used)]

use flate2::read::GzDecoder;
use genil_data::{Column, Store};
use genil_import::{ImportOptions, import};
use serde_json::{Map, Value};
use std::fs::{self, File};
use std::io::copy;
use std::path::{Path, PathBuf};

fn made(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/anndata").join(name)
}

#[test]
fn every_form_of_every_version_is_read_as_anndata_reads_it() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(made("")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some(version) = name.strip_suffix(".json.gz") else { continue };
        let forms: Map<String, Value> =
            serde_json::from_reader(GzDecoder::new(File::open(&path).unwrap())).unwrap();
        for (form, expected) in forms {
            seen += 1;
            wrong.extend(check(&format!("{version}-{form}.h5ad"), &expected));
        }
    }
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen >= 250, "{seen}");
}

/// Imports a file; what is not as it should be, in words.
fn check(file: &str, expected: &Value) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    let mut packed = GzDecoder::new(File::open(made(&format!("{file}.gz"))).unwrap());
    copy(&mut packed, &mut File::create(&path).unwrap()).unwrap();
    let out = folder.path().join("out.store");
    let options = ImportOptions { files: vec![path], out, ..Default::default() };
    let summary = match import(&options, &|_| {}) {
        Ok(summary) => summary,
        Err(error) => return Some(format!("{file}: {error}")),
    };
    let store = Store::open(&summary.store).unwrap();
    let of = &summary.files[0];
    let skipped: Vec<&str> = of.skipped.iter().map(|column| column.name.as_str()).collect();
    let found = [
        ("counts", Value::from(of.taken.as_str())),
        ("cells", (0..store.cells()).map(|row| store.cell_id(row)).collect()),
        ("genes", store.genes().iter().map(|(_, symbol)| symbol).collect()),
        ("values", values(&store)),
        ("columns", columns(&store)),
        ("skipped", skipped.into()),
    ];
    let wrong: Vec<String> = found
        .iter()
        .filter(|(what, found)| !same(found, &expected[what]))
        .map(|(what, found)| format!("{file}: {what}:\n    {found}\n    {}", expected[what]))
        .collect();
    (!wrong.is_empty()).then(|| wrong.join("\n"))
}

/// Cells × genes.
fn values(store: &Store) -> Value {
    let row = |row| {
        let mut all = vec![0.0; store.genes().len()];
        let cell = store.cell(row);
        cell.genes.iter().zip(cell.values).for_each(|(&gene, &value)| all[gene as usize] = value);
        Value::from(all)
    };
    (0..store.cells()).map(row).collect()
}

fn columns(store: &Store) -> Value {
    let entries = |name: &String| -> Value {
        match store.column(name).unwrap() {
            Column::Category { codes, names } => {
                codes.iter().map(|code| code.map(|code| names[code as usize].clone())).collect()
            }
            Column::Number(numbers) => numbers.into(),
            Column::Text(texts) => texts.into(),
        }
    };
    store.columns().iter().map(|name| (name.clone(), entries(name))).collect::<Map<_, _>>().into()
}

/// Numbers may differ by what `f32` keeps of them: anndata reads what it wrote, a store has `f32`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-6 * b.abs()
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}
