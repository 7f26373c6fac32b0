//! Cells as lists of tokens and values in Parquet.

#![allow(clippy::unwrap_used)]

mod common;

use arrow_array::builder::{Float32Builder, Int64Builder, ListBuilder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use common::import_one;
use genil_data::Store;
use genil_import::{ImportOptions, import};
use parquet::arrow::ArrowWriter;
use std::fs;
use std::path::Path;
use std::sync::Arc;

type Cells<'a> = &'a [(&'a [i64], &'a [f32])];

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn lists(cells: Cells<'_>) -> Vec<(&'static str, ArrayRef)> {
    let (mut tokens, mut values) =
        (ListBuilder::new(Int64Builder::new()), ListBuilder::new(Float32Builder::new()));
    for (some, of) in cells {
        tokens.append_value(some.iter().copied().map(Some));
        values.append_value(of.iter().copied().map(Some));
    }
    vec![("genes", Arc::new(tokens.finish())), ("expressions", Arc::new(values.finish()))]
}

fn cell(store: &Store, row: usize) -> Vec<(&str, f32)> {
    let cell = store.cell(row);
    cell.genes.iter().map(|&gene| store.genes().symbol(gene)).zip(cell.values.iter().copied()).collect()
}

fn texts(all: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(all.to_vec()))
}

#[test]
fn shards_of_tahoe_with_their_table_of_genes_become_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::create_dir(folder.path().join("metadata")).unwrap();
    let genes: Vec<(&str, ArrayRef)> = vec![
        ("gene_symbol", texts(&["CD3E", "LYZ", "NKG7"])),
        ("ensembl_id", texts(&["ENSG00000198851", "ENSG00000090382", "ENSG00000105374"])),
        ("token_id", Arc::new(Int64Array::from(vec![3, 4, 7]))),
    ];
    write(&folder.path().join("metadata/gene_metadata.parquet"), genes);
    // The first entry of a cell of Tahoe-100M is the mark of <cls>: token 1, value -2.
    let shards: [(Cells<'_>, &[&str], &[&str]); 2] = [
        (&[(&[1, 3, 7], &[-2., 2., 1.]), (&[1], &[-2.])], &["a", "b"], &["DMSO", "drug"]),
        (&[(&[1, 4], &[-2., 5.])], &["c"], &["DMSO"]),
    ];
    for (number, (cells, ids, drugs)) in shards.into_iter().enumerate() {
        let mut columns = lists(cells);
        columns.push(("BARCODE_SUB_LIB_ID", texts(ids)));
        columns.push(("drug", texts(drugs)));
        write(&data.join(format!("train-0000{number}.parquet")), columns);
    }
    let (summary, store) = import_one(&data, folder.path(), |_| {});
    assert_eq!((summary.cells, summary.whole_numbers), (3, true));
    assert_eq!(summary.columns, ["drug"]);
    assert_eq!(cell(&store, 0), [("CD3E", 2.), ("NKG7", 1.)]);
    assert_eq!(cell(&store, 1), []);
    assert_eq!(cell(&store, 2), [("LYZ", 5.)]);
    assert_eq!(store.cell_id(2), "c");
    assert_eq!(store.genes().ensembl(1), Some("ENSG00000090382"));
}

#[test]
fn a_file_of_scgpt_has_its_genes_from_vocab_json_or_calls_them_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counts.parquet");
    let mut columns = lists(&[(&[9, 2, 0], &[-2., 1.5, 1.]), (&[2], &[3.])]);
    columns.push(("id", Arc::new(Int64Array::from(vec![10, 11]))));
    write(&path, columns);
    let numbered = |options: &mut ImportOptions| options.out = folder.path().join("numbered");
    let (summary, store) = import_one(&path, folder.path(), numbered);
    assert!(summary.files[0].notes.join(" ").contains("called by their tokens"));
    assert_eq!(cell(&store, 0), [("0", 1.), ("2", 1.5)]);

    fs::write(folder.path().join("vocab.json"), r#"{"A": 0, "B": 2, "<cls>": 9}"#).unwrap();
    let (summary, store) = import_one(&path, folder.path(), |_| {});
    assert!(!summary.whole_numbers);
    assert_eq!(cell(&store, 0), [("A", 1.), ("B", 1.5)]);
    assert_eq!(store.cell_id(1), "11");

    let refused = |say: &str| {
        let options =
            ImportOptions { files: vec![path.clone()], out: folder.path().join("x"), ..Default::default() };
        let error = import(&options, &|_| {}).unwrap_err().to_string();
        assert!(error.contains(say) && error.contains("help:"), "{say}: {error}");
    };
    fs::write(folder.path().join("vocab.json"), r#"{"A": 0}"#).unwrap();
    refused("the token 2 is no gene of the vocabulary");
    fs::write(folder.path().join("vocab.json"), "[]").unwrap();
    refused("not an object of names and tokens");
    write(&path, vec![("a", texts(&["x"]))]);
    refused("no column of lists of gene tokens");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused("cannot be read as Parquet");
}
