//! Text of any content where an import reads text: a table, bags of words of three kinds, annotations of cells, a table
//! of measured genes. The first byte says which; a zero byte parts a file from the one beside it.
#![no_main]

use genil_fuzz::{folder, import_as, import_one};
use genil_import::ImportOptions;
use std::fs;

/// Two cells with an annotation each, for the tables that go with a file.
const CELLS: &[u8] = b",C1,C2\nACTB,1,3\nCD3E,0,4\n";
const GROUPS: &[u8] = b"cell,tissue\nC1,blood\nC2,gut\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&first, data)) = data.split_first() else { return };
    let mut parts = data.splitn(2, |&byte| byte == 0);
    let (main, beside) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let write = |name: &str, bytes: &[u8]| {
        let path = folder().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, bytes).expect("room in the folder");
        path
    };
    match first % 6 {
        0 => import_one(&write("cells.csv", main)),
        1 => {
            write("vocab.x.txt", beside);
            import_one(&write("docword.x.txt", main));
        }
        2 => {
            write("x.vocab", beside);
            import_one(&write("x.svmlight", main));
        }
        3 => {
            write("texts/a.txt", main);
            write("texts/b/c.txt", beside);
            import_one(&folder().join("texts"));
        }
        4 => import_as(
            &write("cells.csv", CELLS),
            ImportOptions { annotations: Some(write("cells.tsv", main)), ..Default::default() },
        ),
        _ => import_as(
            &write("cells.csv", CELLS),
            ImportOptions {
                annotations: Some(write("groups.csv", GROUPS)),
                measured: Some((write("measured.tsv", main), "tissue".into())),
                ..Default::default()
            },
        ),
    }
});
