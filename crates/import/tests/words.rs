//! Bags of words become a store: documents are cells, words are genes, labels are annotations.

#![allow(clippy::unwrap_used)]

mod common;

use common::import_one;
use flate2::Compression;
use flate2::write::GzEncoder;
use genil_data::{Column, Store};
use genil_import::{ImportOptions, import};
use std::fs;
use std::io::Write;
use std::path::Path;

/// Writes files by their paths below `folder`.
fn write(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if name.ends_with(".gz") {
            let mut out = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap();
        } else {
            fs::write(&path, bytes).unwrap();
        }
    }
}

fn cell(store: &Store, row: usize) -> (String, Vec<(String, f32)>) {
    let cell = store.cell(row);
    let words = cell.genes.iter().map(|&gene| store.genes().symbol(gene).to_owned());
    (store.cell_id(row).to_owned(), words.zip(cell.values.iter().copied()).collect())
}

fn words(all: &[(&str, f32)]) -> Vec<(String, f32)> {
    all.iter().map(|&(word, n)| (word.to_owned(), n)).collect()
}

fn labels(store: &Store) -> Vec<Option<String>> {
    let Column::Category { codes, names } = store.column("label").unwrap() else { panic!("no category") };
    codes.iter().map(|code| code.map(|code| names[code as usize].clone())).collect()
}

fn refused(path: &Path) -> String {
    let out = path.with_extension("store");
    let options = ImportOptions { files: vec![path.into()], out, ..Default::default() };
    import(&options, &|_| {}).unwrap_err().to_string()
}

#[test]
fn a_folder_of_texts_is_a_store_of_bags_of_words_labelled_by_sub_folder() {
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("reviews");
    write(
        &texts,
        &[
            ("pos/1.txt", "A fine film; a FINE day".as_bytes()),
            ("neg/2.txt.gz", b"no film at all, no."),
            ("neg/3.txt", b"\xe9t\xe9 Film"),
            ("pos/empty.txt", b""),
            ("about.csv", b"not a document"),
            (".hidden.txt", b"neither"),
        ],
    );
    let (summary, store) = import_one(&texts, folder.path(), |_| {});
    assert_eq!(summary.columns, ["label"]);
    assert!(summary.whole_numbers && summary.files[0].notes.join(" ").contains("1 documents are not UTF-8"));
    let symbols: Vec<&str> = store.genes().iter().map(|(_, word)| word).collect();
    assert_eq!(symbols, ["all", "at", "day", "film", "fine", "no", "été"]);
    let expected = [
        ("neg/2.txt.gz", words(&[("all", 1.), ("at", 1.), ("film", 1.), ("no", 2.)])),
        ("neg/3.txt", words(&[("film", 1.), ("été", 1.)])),
        ("pos/1.txt", words(&[("day", 1.), ("film", 1.), ("fine", 2.)])),
        ("pos/empty.txt", words(&[])),
    ];
    for (row, (id, bag)) in expected.into_iter().enumerate() {
        assert_eq!(cell(&store, row), (id.to_owned(), bag));
    }
    assert_eq!(labels(&store), ["neg", "neg", "pos", "pos"].map(|name| Some(name.to_owned())));
}

#[test]
fn texts_without_an_ending_are_documents_where_no_other_is() {
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("news");
    write(&texts, &[("sci.space/101", b"orbit orbit"), ("rec.autos/7", b"engine")]);
    let (_, store) = import_one(&texts, folder.path(), |_| {});
    assert_eq!(cell(&store, 1), ("sci.space/101".into(), words(&[("orbit", 2.)])));
    fs::write(texts.join("sci.space/102"), b"PNG\0\0").unwrap();
    let error = refused(&texts);
    assert!(error.contains("is no text") && error.contains("102"), "{error}");
}

#[test]
fn a_bag_of_words_of_uci_has_its_words_from_the_file_beside() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("docword.kos.txt.gz", b"3\n4\n5\n1 2 3\n1 4 1\n3 1 2\n3 2 1\n3 3 7\n"),
            ("vocab.kos.txt", b"vote\nparty\npoll\nhouse\n"),
        ],
    );
    let path = folder.path().join("docword.kos.txt.gz");
    let (_, store) = import_one(&path, folder.path(), |_| {});
    assert_eq!(store.cells(), 3);
    assert_eq!(cell(&store, 0), ("1".into(), words(&[("party", 3.), ("house", 1.)])));
    assert_eq!(cell(&store, 1), ("2".into(), words(&[])));
    assert_eq!(cell(&store, 2), ("3".into(), words(&[("vote", 2.), ("party", 1.), ("poll", 7.)])));

    let says = |text: &[u8], part: &str| {
        let path = folder.path().join("docword.kos.txt");
        fs::write(&path, text).unwrap();
        let error = refused(&path);
        assert!(error.contains(part) && error.contains("docword.kos.txt"), "{part}: {error}");
    };
    says(b"3\n4\n2\n1 2 3\n", "1 entries instead of 2");
    says(b"3\n4\n1\n1 5 3\n", "'1 5 3' is not: cell, gene, value");
    says(b"3\nfour\n1\n", "'four' is no number of words");
    says(b"4000000000\n4\n1\n1 1 1\n", "more than the file can hold");
    fs::write(folder.path().join("vocab.kos.txt"), "vote\n").unwrap();
    assert!(refused(&path).contains("1 words, but the counts have 4"));
    fs::remove_file(folder.path().join("vocab.kos.txt")).unwrap();
    assert!(refused(&path).contains("vocab.NAME.txt"));
}

#[test]
fn svmlight_lines_are_documents_with_their_labels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mail.svmlight");
    write(
        folder.path(),
        &[("mail.svmlight", b"# spam or not\n+1 1:2 3:1 # first\n-1 qid:4 2:1 2:2\n\n+1\n")],
    );
    let (summary, store) = import_one(&path, folder.path(), |_| {});
    assert!(summary.files[0].notes.join(" ").contains("called by their numbers"));
    assert_eq!(cell(&store, 0), ("1".into(), words(&[("1", 2.), ("3", 1.)])));
    assert_eq!(cell(&store, 1), ("2".into(), words(&[("2", 3.)])), "a word that is there twice is added up");
    assert_eq!(cell(&store, 2), ("3".into(), words(&[])));
    assert_eq!(labels(&store), ["1", "-1", "1"].map(|name| Some(name.to_owned())));

    write(folder.path(), &[("mail.vocab", b"buy\nhello\nnow\n")]);
    let named = |options: &mut ImportOptions| options.out = folder.path().join("named.store");
    let (_, store) = import_one(&path, folder.path(), named);
    assert_eq!(cell(&store, 0), ("1".into(), words(&[("buy", 2.), ("now", 1.)])));

    let zero = folder.path().join("zero.feat");
    write(folder.path(), &[("zero.feat", b"8 0:1 2:1\n"), ("vocab.txt", b"a\nb\nc\n")]);
    let (_, store) = import_one(&zero, folder.path(), |options| options.out = folder.path().join("z.store"));
    assert_eq!(cell(&store, 0), ("1".into(), words(&[("a", 1.), ("c", 1.)])), "words numbered from 0");

    for (text, part) in [
        ("1 2:x\n", "'2:x' is not word:count"),
        ("1:2\n", "not with a label"),
        ("1 4294967295:1\n", "is not word:count"),
        ("1\n", "no line has a word"),
        ("1 9:1\n", "3 words, but a word has the number 9"),
    ] {
        fs::write(&zero, text).unwrap();
        let error = refused(&zero);
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn lines_without_end_are_refused_before_they_fill_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    // Members of gzip follow each other: 80 MiB of one line in 80 kB.
    let mut member = GzEncoder::new(Vec::new(), Compression::fast());
    member.write_all(&vec![b' '; 16 << 20]).unwrap();
    let line = member.finish().unwrap().repeat(5);
    for name in ["mail.svmlight.gz", "counts.csv.gz"] {
        fs::write(folder.path().join(name), &line).unwrap();
        let error = refused(&folder.path().join(name));
        assert!(error.contains("a line has more than 64 MiB") && error.contains(name), "{error}");
    }
    let kos = folder.path().join("docword.kos.txt");
    write(folder.path(), &[("docword.kos.txt", &[b'9'; 8 << 20]), ("vocab.kos.txt", b"vote\n")]);
    let error = refused(&kos);
    assert!(error.contains("999' is no number of documents") && error.len() < 400, "{error}");
}
