//! `genil import` of 10x files and matrix-market folders.

use crate::world::{World, gzipped, tenx, tenx_parts};
use crate::{Case, fine, refused};

const TENX: &str = "import tenx.h5 --out new.store";
const MTX: &str = "import mtx --out new.store";

impl World {
    fn tenx_without(&self, parts: &[&str]) {
        tenx(&self.path("tenx.h5"), |matrix| tenx_parts(matrix, parts));
    }

    /// A matrix.mtx of these lines behind its first one.
    fn matrix(&self, lines: &str) {
        self.write("mtx/matrix.mtx", format!("%%MatrixMarket matrix coordinate integer general\n{lines}"));
    }
}

pub const CASES: &[Case] = &[
    refused("10x without barcodes", |w| w.tenx_without(&["barcodes"]), TENX, &["tenx.h5", "neither AnnData"]),
    refused("10x without pointers", |w| w.tenx_without(&["indptr"]), TENX, &["tenx.h5"]),
    refused("10x without features", |w| w.tenx_without(&["features"]), TENX, &["tenx.h5", "matrix/genes"]),
    refused("10x without a shape", |w| w.tenx_without(&["shape"]), TENX, &["tenx.h5", "shape"]),
    refused(
        "10x with another shape",
        |w| {
            tenx(&w.path("tenx.h5"), |m| {
                tenx_parts(m, &["shape"]);
                m.create_dataset("shape").with_i32_data(&[3, 5]);
            });
        },
        TENX,
        &["tenx.h5", "shape", "genes and cells"],
    ),
    refused(
        "10x of antibodies only",
        |w| w.tenx_without(&["expression"]),
        TENX,
        &["tenx.h5", "Gene Expression"],
    ),
    refused("half of a 10x file", |w| w.cut("tenx.h5", 0.5), TENX, &["tenx.h5"]),
    refused("no matrix.mtx", |w| w.remove("mtx/matrix.mtx"), MTX, &["mtx", "matrix.mtx (or .gz)"]),
    refused("no barcodes.tsv", |w| w.remove("mtx/barcodes.tsv"), MTX, &["mtx", "barcodes.tsv (or .gz)"]),
    refused("no features.tsv", |w| w.remove("mtx/features.tsv"), MTX, &["mtx", "features.tsv or genes.tsv"]),
    refused("an empty matrix.mtx", |w| w.write("mtx/matrix.mtx", ""), MTX, &["matrix.mtx", "first line"]),
    refused(
        "another first line",
        |w| w.write("mtx/matrix.mtx", "1 2 3\n"),
        MTX,
        &["matrix.mtx", "MatrixMarket"],
    ),
    refused(
        "a dense matrix.mtx",
        |w| w.replace("mtx/matrix.mtx", "coordinate", "array"),
        MTX,
        &["matrix.mtx", "coordinate"],
    ),
    refused(
        "a complex matrix.mtx",
        |w| w.replace("mtx/matrix.mtx", "integer", "complex"),
        MTX,
        &["matrix.mtx", "complex"],
    ),
    refused("no sizes", |w| w.matrix("% nothing\n"), MTX, &["matrix.mtx", "genes, cells, entries"]),
    refused(
        "2^60 genes",
        |w| w.matrix("1152921504606846976 4 0\n"),
        MTX,
        &["matrix.mtx", "1152921504606846976 is too many"],
    ),
    refused(
        "4 thousand million cells",
        |w| w.matrix("3 4294967295 0\n"),
        MTX,
        &["barcodes.tsv", "4 lines, but the matrix has 4294967295"],
    ),
    refused(
        "2^60 entries",
        |w| w.matrix("3 4 1152921504606846976\n1 1 1\n"),
        MTX,
        &["matrix.mtx", "1 entries instead of 1152921504606846976"],
    ),
    refused(
        "more entries than it says",
        |w| w.matrix("3 4 1\n1 1 1\n2 2 1\n"),
        MTX,
        &["matrix.mtx", "2 entries instead of 1"],
    ),
    refused(
        "a gene beyond the last",
        |w| w.matrix("3 4 1\n4 1 1\n"),
        MTX,
        &["matrix.mtx", "line 3", "'4 1 1'"],
    ),
    refused("a gene 0", |w| w.matrix("3 4 1\n0 1 1\n"), MTX, &["matrix.mtx", "line 3", "'0 1 1'"]),
    refused(
        "a value that is text",
        |w| w.matrix("3 4 1\n1 1 many\n"),
        MTX,
        &["matrix.mtx", "line 3", "many"],
    ),
    refused(
        "an entry without a value",
        |w| w.matrix("3 4 1\n1 1\n"),
        MTX,
        &["matrix.mtx", "line 3", "'1 1'"],
    ),
    refused("a negative count", |w| w.matrix("3 4 1\n1 1 -3\n"), MTX, &["mtx", "-3", "negative", "AAA"]),
    refused("a count that is no number", |w| w.matrix("3 4 1\n1 1 nan\n"), MTX, &["mtx", "NaN", "AAA"]),
    refused("a count beyond all numbers", |w| w.matrix("3 4 1\n1 1 1e400\n"), MTX, &["mtx", "inf", "AAA"]),
    refused("a line of 8 MB", |w| w.matrix(&"9".repeat(8 << 20)), MTX, &["matrix.mtx", "999"]),
    refused(
        "a cut gzip file",
        |w| {
            let text = w.read("mtx/matrix.mtx");
            w.remove("mtx/matrix.mtx");
            let zipped = gzipped(&String::from_utf8(text).unwrap());
            w.write("mtx/matrix.mtx.gz", &zipped[..zipped.len() - 12]);
        },
        MTX,
        &["matrix.mtx.gz"],
    ),
    refused(
        "a flipped gzip file",
        |w| {
            let text = w.read("mtx/matrix.mtx");
            w.remove("mtx/matrix.mtx");
            w.write("mtx/matrix.mtx.gz", gzipped(&String::from_utf8(text).unwrap()));
            w.flip("mtx/matrix.mtx.gz", 30);
        },
        MTX,
        &["matrix.mtx.gz"],
    ),
    refused(
        "a gzip file that unpacks to 2 GB",
        |w| {
            w.remove("mtx/barcodes.tsv");
            w.write(
                "mtx/barcodes.tsv.gz",
                [gzipped("AAA\nCCC\nGGG\n"), gzipped(&"T".repeat(1 << 24)).repeat(128)].concat(),
            );
        },
        MTX,
        &["barcodes.tsv.gz"],
    ),
    refused(
        "fewer barcodes than cells",
        |w| w.write("mtx/barcodes.tsv", "AAA\n"),
        MTX,
        &["barcodes.tsv", "1 lines", "4"],
    ),
    refused(
        "barcodes that are no text",
        |w| w.write("mtx/barcodes.tsv", b"A\nC\n\xff\xfe\nT\n"),
        MTX,
        &["barcodes.tsv"],
    ),
    refused(
        "a feature without a name",
        |w| w.write("mtx/features.tsv", "X1\tA\n\t\nX3\tC\n"),
        MTX,
        &["features.tsv", "line 2"],
    ),
    refused(
        "antibodies only",
        |w| w.write("mtx/features.tsv", "1\tA\tAb\n2\tB\tAb\n3\tC\tAb\n"),
        MTX,
        &["mtx", "Gene Expression"],
    ),
    fine("two cells of one barcode", |w| w.write("mtx/barcodes.tsv", "A\nA\nA-1\nT\n"), MTX, &["4 cells"]),
    fine("a cell without entries", |w| w.matrix("3 4 1\n1 1 1\n"), MTX, &["4 cells"]),
];
