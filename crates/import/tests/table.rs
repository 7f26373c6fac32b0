//! Text tables of counts, and of annotations beside them.

#![allow(clippy::unwrap_used)]

mod common;

use common::import_one;
use genil_data::{Column, Store};
use genil_import::{GenesIn, ImportOptions, import};
use std::fs;
use std::path::Path;

fn cell(store: &Store, row: usize) -> Vec<(&str, f32)> {
    let cell = store.cell(row);
    cell.genes.iter().map(|&gene| store.genes().symbol(gene)).zip(cell.values.iter().copied()).collect()
}

fn check(store: &Store) {
    assert_eq!((store.cells(), store.genes().len()), (2, 3));
    assert_eq!((store.cell_id(0), cell(store, 0)), ("c1", vec![("ACTB", 5.), ("LYZ", 1.)]));
    assert_eq!((store.cell_id(1), cell(store, 1)), ("c2", vec![("ACTB", 7.), ("CD3E", 2.)]));
}

#[test]
fn genes_are_found_in_rows_and_in_columns_with_and_without_a_corner() {
    let tables = [
        ("rows.csv", "\"\",\"c1\",\"c2\"\nACTB,5,7\nCD3E,0,2\nLYZ,1,\n"),
        ("r.tsv", "c1\tc2\nACTB\t5\t7\nCD3E\t0\t2\nLYZ\t1\tNA\n"),
        ("columns.csv", "cell,ACTB,CD3E,LYZ\nc1,5,0,1\nc2,7,2,0\n"),
        ("dge.txt", "GENE c1 c2\nACTB 5 7\nCD3E 0 2\nLYZ 1 0\n"),
        ("points.csv", "cell;ACTB;CD3E;LYZ\nc1;5;0;1.0\nc2;7;2;0\n"),
    ];
    for (name, text) in tables {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let (summary, store) = import_one(&path, folder.path(), |_| {});
        check(&store);
        assert!(
            summary.whole_numbers && summary.files[0].notes.join("").contains("genes are in the"),
            "{name}"
        );
    }
}

#[test]
fn where_the_genes_are_can_be_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    fs::write(&path, ",a,b\nx,1,2\ny,3,4\n").unwrap();
    let to = |name: &str, genes| {
        let out = folder.path().join(name);
        import_one(&path, folder.path(), move |options| (options.out, options.genes_in) = (out, genes)).1
    };
    assert_eq!(cell(&to("guess", None), 0), [("x", 1.), ("y", 3.)], "in the rows, as most tables have them");
    assert_eq!(cell(&to("said", Some(GenesIn::Columns)), 0), [("a", 1.), ("b", 2.)]);
}

#[test]
fn annotations_are_joined_by_the_id_of_the_cell() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("t.csv"), ",c1,c2,c3\nACTB,5,7,1\n").unwrap();
    fs::write(at("cells.csv"), "type,age\nc2,NK,31\nc1,B,NA\nother,NK,4\n").unwrap();
    let annotated = |options: &mut ImportOptions| options.annotations = Some(at("cells.csv"));
    let (summary, store) = import_one(&at("t.csv"), folder.path(), annotated);
    assert_eq!(summary.columns, ["type", "age"]);
    assert!(summary.files[0].notes.join("").contains("1 cells are not in the table"));
    let text = |text: &str| Some(text.to_owned());
    let expected = Column::Text(vec![text("B"), text("NK"), None]);
    assert_eq!(store.column("type").unwrap(), expected);
    assert_eq!(store.column("age").unwrap(), Column::Number(vec![None, Some(31.), None]));

    let refused = |text: &str, say: &str| {
        fs::write(at("cells.csv"), text).unwrap();
        let options = ImportOptions {
            files: vec![at("t.csv")],
            out: at("x.store"),
            annotations: Some(at("cells.csv")),
            ..Default::default()
        };
        let error = import(&options, &|_| {}).unwrap_err().to_string();
        assert!(error.contains(say) && error.contains("cells.csv"), "{say}: {error}");
    };
    refused("id,type\nx,NK\n", "has none of the cells");
    refused("id,type\nc1,NK\nc1,B\n", "'c1' is there twice");
    refused("id,type\nc1,NK\nc2\n", "'c2' has 0 entries instead of 1");
    refused("", "is empty");
}

#[test]
fn tables_that_are_cut_or_hold_something_else_are_refused_at_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    for (text, parts) in [
        (",a,b\nx,1,2\ny,3\n", &["1 numbers instead of 2", "line 3", "cut short"][..]),
        (",a,b\nx,1,two\n", &["'two' is no number", "line 2"]),
        (",a,b\nx,1,-2\n", &["-2", "is negative", "cell 'b'"]),
        ("a,b,c,d\nx,1\n", &["4 names in the first line, but 1 numbers"]),
        (",a,b\n", &["names in the first line"]),
        ("", &["t.csv"]),
    ] {
        fs::write(&path, text).unwrap();
        let options =
            ImportOptions { files: vec![path.clone()], out: folder.path().join("x"), ..Default::default() };
        let error = import(&options, &|_| {}).unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{text:?}: {error}");
    }
}

#[test]
fn a_real_table_agrees_when_a_folder_is_named() {
    let Some(folder) = std::env::var_os("GENIL_DATA") else { return };
    let formats = Path::new(&folder).join("../formats");
    let (counts, cells) =
        (formats.join("sc_dropseq.count.csv.gz"), formats.join("sc_dropseq.metadata.csv.gz"));
    if !counts.is_file() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let (summary, store) =
        import_one(&counts, scratch.path(), |options| options.annotations = Some(cells.clone()));
    assert_eq!((summary.cells, summary.files[0].renamed_cells), (225, 0));
    let total: f32 = store.cell(0).values.iter().sum();
    // Its annotation says what was counted.
    let Column::Number(totals) = store.column("total_count_per_cell").unwrap() else { panic!("no numbers") };
    assert!(totals[0].unwrap() <= f64::from(total));
    assert!(store.genes().ensembl(0).is_some());
}
