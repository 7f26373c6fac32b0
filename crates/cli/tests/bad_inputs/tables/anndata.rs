//! `genil import` of AnnData files.

use crate::world::{World, gzipped};
use crate::{Case, fine, refused, wrong};

const IMPORT: &str = "import cells.h5ad --out new.store";

const PLAIN: &str = "import plain.h5ad --out new.store";

pub const CASES: &[Case] = &[
    refused("no file", |w| w.remove("cells.h5ad"), IMPORT, &["cannot open cells.h5ad", "check the path"]),
    refused("an empty file", |w| w.write("cells.h5ad", ""), IMPORT, &["cells.h5ad is not an HDF5 file"]),
    refused(
        "an error page",
        |w| w.write("cells.h5ad", "<html>404</html>"),
        IMPORT,
        &["cells.h5ad", "error page"],
    ),
    refused(
        "the first 8 bytes",
        |w| w.edit("cells.h5ad", |b| b.truncate(8)),
        IMPORT,
        &["cells.h5ad", "cut short"],
    ),
    refused("half of the file", |w| w.cut("cells.h5ad", 0.5), IMPORT, &["cells.h5ad"]),
    refused("nine tenths of the file", |w| w.cut("cells.h5ad", 0.9), IMPORT, &["cells.h5ad"]),
    refused("a flipped signature", |w| w.flip("cells.h5ad", 1), IMPORT, &["not an HDF5 file"]),
    refused("a flipped superblock", |w| w.flip("cells.h5ad", 40), IMPORT, &["cells.h5ad"]),
    refused(
        "zeros in the middle",
        |w| {
            w.edit("cells.h5ad", |b| {
                let n = b.len();
                b[n / 4..3 * n / 4].fill(0)
            })
        },
        IMPORT,
        &["cells.h5ad"],
    ),
    refused("an HDF5 file of something else", |w| w.rename("var"), PLAIN, &["neither AnnData", "obs"]),
    refused("no matrix", |w| w.anndata(|a| a.matrix = "Y"), IMPORT, &["no matrix 'X'", "cells.h5ad"]),
    refused(
        "a folder of an empty text",
        |w| w.write("empty/x", ""),
        "import empty --out new.store",
        &["no gene", "empty"],
    ),
    refused("2^60 rows", |w| w.lengthen(13), PLAIN, &["indptr", "more than the file can hold"]),
    refused("2^60 cells", |w| w.lengthen(12), PLAIN, &["obs/_index", "more than the file can hold"]),
    refused("2^60 genes", |w| w.lengthen(9), PLAIN, &["var/_index", "more than the file can hold"]),
    refused("2^60 values", |w| w.lengthen(81), PLAIN, &["X/", "more than the file can hold"]),
    refused(
        "2^60 in the shape",
        |w| w.anndata(|a| a.spoil = |x| x.shape = vec![1 << 60, 1 << 60]),
        IMPORT,
        &["shape", "96 cells"],
    ),
    refused(
        "a negative shape",
        |w| w.anndata(|a| a.spoil = |x| x.shape = vec![-1, -1]),
        IMPORT,
        &["shape", "16 genes"],
    ),
    refused("fewer names than rows", |w| w.anndata(|a| drop(a.cells.pop())), IMPORT, &["cells.h5ad"]),
    refused(
        "fewer genes than columns",
        |w| w.anndata(|a| a.spoil = |x| x.shape[1] = 17),
        IMPORT,
        &["17", "16 genes"],
    ),
    refused(
        "a row too few",
        |w| w.anndata(|a| a.spoil = |x| x.indptr.truncate(96)),
        IMPORT,
        &["indptr", "96 elements instead of 97"],
    ),
    refused(
        "rows that descend",
        |w| w.anndata(|a| a.spoil = |x| x.indptr[5] = 0),
        IMPORT,
        &["indptr", "ascend"],
    ),
    refused(
        "rows that do not start at 0",
        |w| w.anndata(|a| a.spoil = |x| x.indptr[0] = 1),
        IMPORT,
        &["indptr", "ascend"],
    ),
    refused(
        "a negative start of a row",
        |w| w.anndata(|a| a.spoil = |x| x.indptr[1] = -1),
        IMPORT,
        &["indptr", "ascend"],
    ),
    refused(
        "a row of 2^60 values",
        |w| w.anndata(|a| a.spoil = |x| x.indptr[96] = 1 << 60),
        IMPORT,
        &["indptr", "ascend"],
    ),
    refused(
        "a column beyond the last gene",
        |w| w.anndata(|a| a.spoil = |x| x.indices[9] = 16),
        IMPORT,
        &["indices", "16 is not in 0..16"],
    ),
    refused(
        "a negative column",
        |w| w.anndata(|a| a.spoil = |x| x.indices[9] = -1),
        IMPORT,
        &["indices", "cells.h5ad"],
    ),
    refused(
        "fewer columns than values",
        |w| w.anndata(|a| a.spoil = |x| x.indices.truncate(400)),
        IMPORT,
        &["cells.h5ad"],
    ),
    refused(
        "an unknown encoding",
        |w| w.anndata(|a| a.encoding = "coo_matrix"),
        IMPORT,
        &["coo_matrix", "anndata"],
    ),
    refused(
        "a value that is no number",
        |w| w.anndata(|a| a.values[7][3] = f32::NAN),
        IMPORT,
        &["NaN", "'G3'", "cell-7", "cells.h5ad"],
    ),
    refused(
        "an infinite value",
        |w| w.anndata(|a| a.values[7][3] = f32::INFINITY),
        IMPORT,
        &["inf", "'G3'", "not finite"],
    ),
    refused(
        "a value of minus infinity",
        |w| w.anndata(|a| a.values[7][3] = f32::NEG_INFINITY),
        IMPORT,
        &["-inf", "'G3'"],
    ),
    refused(
        "a negative count",
        |w| w.anndata(|a| a.values[7][3] = -2.0),
        IMPORT,
        &["-2", "'G3'", "negative", "layer"],
    ),
    refused(
        "a gene without a name",
        |w| w.anndata(|a| a.genes[2].clear()),
        IMPORT,
        &["row 2", "name", "cells.h5ad"],
    ),
    refused(
        "no cell",
        |w| {
            w.anndata(|a| {
                a.cells.clear();
                a.values.clear();
                a.columns.clear()
            })
        },
        IMPORT,
        &["no cell", "cells.h5ad"],
    ),
    refused(
        "no gene",
        |w| {
            w.anndata(|a| {
                a.genes.clear();
                a.values.iter_mut().for_each(Vec::clear)
            })
        },
        IMPORT,
        &["no gene", "cells.h5ad"],
    ),
    refused(
        "a layer that is not there",
        |_| (),
        "import cells.h5ad --layer spliced --out new.store",
        &["layers/spliced", "it has: X"],
    ),
    refused(
        "a layer out of the file",
        |_| (),
        "import cells.h5ad --layer ../../obs --out new.store",
        &["../../obs", "it has: X"],
    ),
    refused(
        "a file twice",
        |_| (),
        "import cells.h5ad ./cells.h5ad --out new.store",
        &["cells.h5ad is named twice"],
    ),
    refused(
        "a target that is there",
        |_| (),
        "import cells.h5ad --out cells.store",
        &["cells.store exists already", "--replace"],
    ),
    refused(
        "a target that is a run",
        |_| (),
        "import cells.h5ad --out run --replace",
        &["run exists and is not a store"],
    ),
    refused(
        "a target that is the input",
        |_| (),
        "import cells.h5ad --out cells.h5ad --replace",
        &["is not a store"],
    ),
    refused(
        "a target below a file",
        |_| (),
        "import cells.h5ad --out run.toml/new.store",
        &["run.toml", "folder"],
    ),
    wrong("a target without a name", "import cells.h5ad --out ''", &["--out"]),
    refused("a target that is the folder above", |_| (), "import cells.h5ad --out ..", &["exists already"]),
    refused(
        "a target of 300 letters",
        |_| (),
        "import cells.h5ad --out $(printf %0300d 0)",
        &["000000", "shorter name"],
    ),
    refused(
        "no table of measured genes",
        |_| (),
        "import cells.h5ad --measured gone.tsv:tissue --out new.store",
        &["gone.tsv", "check the path"],
    ),
    refused(
        "a column that is not there for measured genes",
        |w| w.write("m.tsv", "gene\tmarrow\nG0\t1\n"),
        "import cells.h5ad --measured m.tsv:organ --out new.store",
        &["'organ'", "tissue"],
    ),
    refused(
        "a 2 among the measured genes",
        |w| w.write("m.tsv", "gene\tmarrow\tblood\tgut\nG0\t1\t2\t1\n"),
        "import cells.h5ad --measured m.tsv:tissue --out new.store",
        &["'2'", "'G0'", "m.tsv"],
    ),
    refused(
        "a short row of measured genes",
        |w| w.write("m.tsv", "gene\tmarrow\tblood\tgut\nG0\t1\n"),
        "import cells.h5ad --measured m.tsv:tissue --out new.store",
        &["m.tsv", "line"],
    ),
    refused(
        "a cut table of measured genes",
        |w| w.write("m.tsv.gz", &gzipped("gene\tmarrow\tblood\tgut\nG0\t1\t1\t1\n")[..20]),
        "import cells.h5ad --measured m.tsv.gz:tissue --out new.store",
        &["m.tsv.gz"],
    ),
    refused(
        "a group that the measured genes do not know",
        |w| w.write("m.tsv", "gene\tmarrow\nG0\t1\n"),
        "import cells.h5ad --measured m.tsv:tissue --out new.store",
        &["'blood'", "cell-1", "marrow"],
    ),
    refused(
        "a value where nothing was measured",
        |w| w.write("m.tsv", "gene\tmarrow\tblood\tgut\nG1\t0\t0\t0\n"),
        "import cells.h5ad --measured m.tsv:tissue --out new.store",
        &["'G1'", "not measured"],
    ),
    refused(
        "a bad second file",
        |w| w.cut("gut.h5ad", 0.3),
        "import cells.h5ad gut.h5ad --out new.store",
        &["gut.h5ad"],
    ),
    fine("cells without genes", |w| w.anndata(|a| a.values[7].fill(0.0)), IMPORT, &["96 cells"]),
    fine("cells with one gene", |w| w.anndata(|a| a.values[7][1..].fill(0.0)), IMPORT, &["96 cells"]),
    fine(
        "names in all scripts, and long ones",
        |w| {
            w.anndata(|a| {
                a.genes[0] = "Ω-δ→基因🧬".into();
                a.cells[0] = "é".repeat(4000);
                a.columns[0].1[0] = "骨髓 | = , \" marrow".into();
            });
        },
        "import cells.h5ad --out '新 store'",
        &["96 cells", "新 store"],
    ),
];

impl World {
    /// Makes every axis of this length in `plain.h5ad` one of 2⁶⁰.
    fn lengthen(&self, axis: u64) {
        // A dataspace of version 1, of one axis with a largest length, and that axis.
        let of = |axis: u64| [[1, 1, 1, 0, 0, 0, 0, 0], axis.to_le_bytes()].concat();
        self.patch("plain.h5ad", &of(axis), &of(1 << 60));
    }

    /// Gives a group in the root of `plain.h5ad` another name.
    fn rename(&self, name: &str) {
        // The first of these in the file is in the root's heap of names, filled up to 8 bytes.
        let padded = format!("\0{name:\0<8}");
        self.edit("plain.h5ad", |bytes| {
            let at = bytes.windows(9).position(|window| window == padded.as_bytes()).unwrap();
            bytes[at + 1..=at + name.len()].fill(b'_');
        });
    }
}
