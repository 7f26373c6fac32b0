//! The rules of an import: several files, genes that meet, panels, and what is refused.

#![allow(clippy::unwrap_used)]

mod common;

use common::{data, import_one, unpack};
use genil_data::{Column, Store};
use genil_import::{GenesBy, ImportOptions, import};
use hdf5_pure::{FileBuilder, GroupBuilder};
use std::fs;
use std::path::{Path, PathBuf};

/// A small AnnData file: cells × genes with dense values, and one column of text in `obs`.
fn h5ad(path: &Path, cells: &[&str], genes: &[&str], x: &[f32], column: (&str, &[&str])) -> PathBuf {
    let mut file = FileBuilder::new();
    file.create_dataset("X").with_f32_data(x).with_shape(&[cells.len() as u64, genes.len() as u64]);
    let table = |mut group: GroupBuilder, rows: &[&str], column: Option<(&str, &[&str])>| {
        group.create_dataset("_index").with_vlen_strings(rows);
        if let Some((name, entries)) = column {
            group.create_dataset(name).with_vlen_strings(entries);
        }
        group.finish()
    };
    let obs = table(file.create_group("obs"), cells, Some(column));
    file.add_group(obs);
    let var = table(file.create_group("var"), genes, None);
    file.add_group(var);
    file.write(path).unwrap();
    path.to_owned()
}

fn cell<'a>(store: &'a Store, id: &str) -> Vec<(&'a str, f32)> {
    let row = (0..store.cells()).find(|&row| store.cell_id(row) == id).unwrap();
    let cell = store.cell(row);
    cell.genes.iter().map(|&gene| store.genes().symbol(gene)).zip(cell.values.iter().copied()).collect()
}

/// What is said about an import that must fail and leave nothing behind.
fn refused(files: &[PathBuf], change: impl FnOnce(&mut ImportOptions)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut options =
        ImportOptions { files: files.to_vec(), out: folder.path().join("s"), ..Default::default() };
    change(&mut options);
    let error = import(&options, &|_| {}).unwrap_err().to_string();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left: {error}");
    error
}

#[test]
fn two_files_become_one_store_with_a_panel_each() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let a = h5ad(&at("a.h5ad"), &["c1", "c2"], &["A", "B"], &[1., 2., 0., 3.], ("kind", &["x", "x"]));
    let b = h5ad(&at("b.h5ad"), &["c1", "c3"], &["C", "A"], &[5., 6., 7., 0.], ("source", &["lab", "lab"]));
    let options = ImportOptions { files: vec![a, b], out: at("s"), ..Default::default() };
    let summary = import(&options, &|_| {}).unwrap();
    let store = Store::open(&at("s")).unwrap();
    assert_eq!(cell(&store, "c1"), [("A", 1.), ("B", 2.)]);
    assert_eq!(cell(&store, "c1-1"), [("A", 6.), ("C", 5.)], "columns of a file in any order");
    assert_eq!(cell(&store, "c3"), [("C", 7.)]);
    assert_eq!(summary.files[1].renamed_cells, 1);
    assert_eq!((store.panel_name(0), store.panel_name(1)), ("a", "b"));
    let gene = |symbol| store.genes().find(symbol).unwrap();
    assert!(store.measured(0, gene("B")) && !store.measured(0, gene("C")) && !store.measured(1, gene("B")));
    let category = |codes: &[Option<u32>], names: &[&str]| Column::Category {
        codes: codes.to_vec(),
        names: names.iter().map(|name| name.to_string()).collect(),
    };
    assert_eq!(store.columns(), ["source", "kind", "source_obs"]);
    assert_eq!(store.column("source").unwrap(), category(&[Some(0), Some(0), Some(1), Some(1)], &["a", "b"]));
    assert_eq!(store.column("kind").unwrap(), category(&[Some(0), Some(0), None, None], &["x"]));
    assert_eq!(store.column("source_obs").unwrap(), category(&[None, None, Some(0), Some(0)], &["lab"]));
}

#[test]
fn rows_of_one_gene_are_added_when_they_are_counts_and_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5ad");
    let notes = ("k", &["x"][..]);
    h5ad(&path, &["c"], &["A", "B", "A"], &[1., 2., 4.], notes);
    let (summary, store) = import_one(&path, folder.path(), |_| {});
    assert_eq!(cell(&store, "c"), [("A", 5.), ("B", 2.)]);
    assert_eq!((summary.genes, summary.files[0].duplicate_genes), (2, 1));
    assert!(summary.files[0].notes.join("").contains("'A' has 2): their values were added up"));
    h5ad(&path, &["c"], &["A", "B", "A"], &[1.5, 2., 4.5], notes);
    let (summary, store) = import_one(&path, folder.path(), |options| options.replace = true);
    assert_eq!(cell(&store, "c"), [("A", 4.5), ("B", 2.)], "values that are not counts are not added");
    assert!(!summary.whole_numbers && summary.notes.join("").contains("not raw counts"));
}

#[test]
fn by_ensembl_id_versions_meet_and_symbols_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let genes = ["ENSG00000000001.4", "ENSG00000000002.1", "ENSG00000000001.9"];
    let path = h5ad(&folder.path().join("a.h5ad"), &["c"], &genes, &[1., 2., 4.], ("k", &["x"]));
    let (_, store) = import_one(&path, folder.path(), |options| options.genes_by = GenesBy::Ensembl);
    assert_eq!(cell(&store, "c"), [("ENSG00000000001", 5.), ("ENSG00000000002", 2.)]);
}

#[test]
fn a_table_of_measured_genes_makes_a_panel_of_each_group() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let file =
        h5ad(&at("a.h5ad"), &["c1", "c2"], &["A", "B", "N"], &[1., 0., 1., 1., 2., 0.], ("set", &["p", "q"]));
    fs::write(at("t.tsv"), "\tq\tp\nA\t1\t1\nB\t1\t0\nZ\t0\t0\n").unwrap();
    let measured = Some((at("t.tsv"), "set".to_string()));
    let (summary, store) = import_one(&file, folder.path(), |options| options.measured = measured.clone());
    assert_eq!(summary.panels, ["p", "q"]);
    assert!(!store.measured(0, 1) && store.measured(1, 1) && store.measured(0, 2));
    assert!(summary.notes[0].contains("1 genes of a are not in the table"), "{:?}", summary.notes);

    let with = |table: &str, column: &str| {
        fs::write(at("t.tsv"), table).unwrap();
        refused(std::slice::from_ref(&file), |options| options.measured = Some((at("t.tsv"), column.into())))
    };
    let error = with("\tp\nA\t1\nB\t1\n", "set");
    assert!(
        error.contains("the group 'q' is not in the table") && error.contains("cell 'c2' of a"),
        "{error}"
    );
    let error = with("\tp\tq\nA\t1\t0\n", "set");
    assert!(error.contains("'A' has a value, but was not measured in panel 'q'"), "{error}");
    let error = with("\tp\tq\nA\t1\t0\n", "dataset");
    assert!(error.contains("'dataset'") && error.contains("the columns are: set"), "{error}");
    let error = with("\tp\tq\nA\t1\tyes\n", "set");
    assert!(error.contains("'yes' for the gene 'A'"), "{error}");
}

#[test]
fn values_that_cannot_be_counts_are_refused_with_their_cell_and_gene() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5ad");
    for (value, expected) in
        [(-1.0, "is negative"), (f32::NAN, "is not finite"), (f32::INFINITY, "is not finite")]
    {
        h5ad(&path, &["c1", "c2"], &["A", "B"], &[1., 2., 3., value], ("k", &["x", "y"]));
        let error = refused(std::slice::from_ref(&path), |_| {});
        for part in [expected, "gene 'B'", "cell 'c2'", "a.h5ad", "help:"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}

#[test]
fn files_that_are_not_what_they_seem_are_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let says = |path: &Path, parts: &[&str]| {
        let error = refused(&[path.to_owned()], |_| {});
        let name = path.file_name().unwrap().to_str().unwrap();
        for part in parts.iter().copied().chain([name]) {
            assert!(error.contains(part), "{part}: {error}");
        }
    };
    says(&at("nowhere.h5ad"), &["cannot open", "check the path"]);
    fs::write(at("page.h5ad"), "<html>not found</html>").unwrap();
    says(&at("page.h5ad"), &["is not an HDF5 file", "error page"]);
    fs::create_dir(at("empty")).unwrap();
    says(&at("empty"), &["has no matrix.mtx", "10x folder holds"]);

    let build = |name: &str, change: &dyn Fn(&mut FileBuilder)| {
        let mut file = FileBuilder::new();
        change(&mut file);
        file.write(at(name)).unwrap();
        at(name)
    };
    let table = |file: &mut FileBuilder, name: &str, index: &str, rows: &[&str]| {
        let mut group = file.create_group(name);
        group.create_dataset(index).with_vlen_strings(rows);
        file.add_group(group.finish());
    };
    let other = build("other.h5", &|file| {
        file.create_dataset("matrix").with_f32_data(&[1.0]);
    });
    says(&other, &["neither AnnData", "it holds: matrix"]);
    let no_x = build("no_x.h5ad", &|file| {
        table(file, "obs", "_index", &["c"]);
        table(file, "var", "_index", &["A"]);
    });
    says(&no_x, &["no matrix 'X'", "annotations only"]);
    let no_index = build("no_index.h5ad", &|file| {
        table(file, "obs", "names", &["c"]);
        table(file, "var", "_index", &["A"]);
    });
    says(&no_index, &["'obs/_index'", "needs the names of its rows"]);
    let shape = build("shape.h5ad", &|file| {
        table(file, "obs", "_index", &["c", "d"]);
        table(file, "var", "_index", &["A"]);
        file.create_dataset("X").with_f32_data(&[1.0, 2.0, 3.0]).with_shape(&[3, 1]);
    });
    says(&shape, &["[3, 1]", "2 cells and 1 genes"]);
    let error =
        refused(&[unpack("csr.h5ad.gz", folder.path())], |options| options.layer = Some("spliced".into()));
    assert!(error.contains("no 'layers/spliced'") && error.contains("it has: X"), "{error}");
}

#[test]
fn a_text_matrix_that_is_cut_or_wrong_is_refused_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let edit = |change: &dyn Fn(String) -> String| {
        for name in ["barcodes.tsv", "genes.tsv", "matrix.mtx"] {
            fs::copy(data("mtx_v2").join(name), folder.path().join(name)).unwrap();
        }
        let path = folder.path().join("matrix.mtx");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
        refused(&[folder.path().to_owned()], |_| {})
    };
    let last_line = |text: &str| text.trim_end().rfind('\n').unwrap() + 1;
    let error = edit(&|text| text[..last_line(&text)].into());
    assert!(error.contains("80 entries instead of 81: the file is cut short"), "{error}");
    let error = edit(&|text| format!("{}999 1 1\n", &text[..last_line(&text)]));
    assert!(error.contains("'999 1 1' is not") && error.contains("line 84"), "{error}");
    let error = edit(&|text| text.replace("coordinate", "array"));
    assert!(error.contains("%%MatrixMarket"), "{error}");
    let error = edit(&|text| text.replace("9 12 81", "9 13 81"));
    assert!(error.contains("12 lines, but the matrix has 13"), "{error}");
}

#[test]
fn options_that_cannot_be_are_refused_before_anything_is_read() {
    let file = data("expected.json");
    assert!(refused(&[], |_| {}).contains("no file"));
    assert!(refused(&[file.clone(), file.clone()], |_| {}).contains("named twice"));
    let folder = tempfile::tempdir().unwrap();
    let options = ImportOptions { files: vec![file], out: folder.path().into(), ..Default::default() };
    assert!(import(&options, &|_| {}).unwrap_err().to_string().contains("exists already"));
}
