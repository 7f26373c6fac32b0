//! `genil import` of AnnData in Zarr folders.

use crate::world::{World, gzipped};
use crate::{Case, fine, refused};
use serde_json::json;

const IMPORT: &str = "import cells.zarr --out new.store";

/// Folders that the tests of the import have, by their chunks.
const ZSTD: &str = "zarr3_csr";
const BLOSC: &str = "zarr2_csr";
const PLAIN: &str = "zarr2_dense";
const SHARDS: &str = "zarr3_dense_shards";

impl World {
    /// Puts twelve cells in place as `cells.zarr`.
    fn zarr(&self, variant: &str) {
        let packed = format!("{}/../import/tests/data/{variant}.zarr.tar.gz", env!("CARGO_MANIFEST_DIR"));
        let packed = flate2::read::GzDecoder::new(std::fs::File::open(packed).unwrap());
        tar::Archive::new(packed).unpack(self.path("")).unwrap();
        std::fs::rename(self.path(&format!("{variant}.zarr")), self.path("cells.zarr")).unwrap();
    }

    /// Twelve cells, of which a value in the metadata of an array is another.
    fn zarr_with(&self, variant: &str, array: &str, pointer: &str, value: serde_json::Value) {
        self.zarr(variant);
        let name = if variant.starts_with("zarr2") { ".zarray" } else { "zarr.json" };
        self.json(&format!("cells.zarr/{array}/{name}"), pointer, value);
    }

    /// Twelve cells, of which the ids are these bytes, unpacked.
    fn zarr_ids(&self, bytes: &[u8]) {
        self.zarr_with(BLOSC, "obs/_index", "/compressor", json!(null));
        self.write("cells.zarr/obs/_index/0", bytes);
    }

    fn link(&self, to: &str, from: &str) {
        self.remove(from);
        std::os::unix::fs::symlink(to, self.path(from)).unwrap();
    }
}

pub const CASES: &[Case] = &[
    refused(
        "an empty folder",
        |w| std::fs::create_dir(w.path("cells.zarr")).unwrap(),
        IMPORT,
        &["cells.zarr", "neither zarr.json nor .zgroup"],
    ),
    refused(
        "an archive",
        |w| w.write("cells.zarr.zip", "PK"),
        "import cells.zarr.zip --out new.store",
        &["unzip"],
    ),
    refused(
        "an array and no group",
        |w| w.zarr(PLAIN),
        "import cells.zarr/X --out new.store",
        &["cells.zarr/X", "no group"],
    ),
    refused(
        "a group of something else",
        |w| w.zarr(ZSTD),
        "import cells.zarr/obs --out new.store",
        &["neither AnnData", "it holds: ", "cell_type"],
    ),
    refused(
        "no matrix",
        |w| {
            w.zarr(ZSTD);
            w.remove("cells.zarr/X");
        },
        IMPORT,
        &["no matrix 'X'", "cells.zarr"],
    ),
    refused(
        "half of the metadata",
        |w| {
            w.zarr(ZSTD);
            w.cut("cells.zarr/X/data/zarr.json", 0.5);
        },
        IMPORT,
        &["X/data", "zarr.json", "cells.zarr"],
    ),
    refused(
        "metadata that are a list",
        |w| {
            w.zarr(ZSTD);
            w.write("cells.zarr/obs/zarr.json", "[]");
        },
        IMPORT,
        &["cells.zarr", "obs"],
    ),
    refused(
        "metadata of a million levels",
        |w| {
            w.zarr(ZSTD);
            w.write("cells.zarr/X/data/zarr.json", "[".repeat(1 << 20));
        },
        IMPORT,
        &["X/data", "recursion"],
    ),
    refused(
        "2^60 cells",
        |w| w.zarr_with(ZSTD, "obs/_index", "/shape", json!([1u64 << 60])),
        IMPORT,
        &["obs/_index", "more than the folder can hold"],
    ),
    refused(
        "2^60 values",
        |w| w.zarr_with(BLOSC, "X/data", "/shape", json!([1u64 << 60])),
        IMPORT,
        &["X/data", "more than the folder can hold"],
    ),
    refused(
        "2^60 rows",
        |w| w.zarr_with(PLAIN, "X", "/shape", json!([1u64 << 60, 9])),
        IMPORT,
        &["shape", "12 cells"],
    ),
    refused(
        "2^60 columns of texts",
        |w| {
            w.zarr_with(ZSTD, "obs/_index", "/shape", json!([12, 1u64 << 60]));
            w.json(
                "cells.zarr/obs/_index/zarr.json",
                "/chunk_grid/configuration/chunk_shape",
                json!([12, 1]),
            );
        },
        IMPORT,
        &["obs/_index", "2 axes instead of one"],
    ),
    refused(
        "chunks of 2^60 values",
        |w| w.zarr_with(ZSTD, "X/data", "/chunk_grid/configuration/chunk_shape", json!([1u64 << 60])),
        IMPORT,
        &["X/data", "chunks of"],
    ),
    refused(
        "chunks of no value",
        |w| w.zarr_with(BLOSC, "X/data", "/chunks", json!([0])),
        IMPORT,
        &["X/data", "chunks of [0]"],
    ),
    refused(
        "chunks of two axes",
        |w| w.zarr_with(BLOSC, "X/data", "/chunks", json!([9, 9])),
        IMPORT,
        &["X/data", "chunks of [9, 9]"],
    ),
    refused(
        "chunks that do not fill their file",
        |w| w.zarr_with(SHARDS, "X", "/codecs/0/configuration/chunk_shape", json!([4, 3])),
        IMPORT,
        &["'X'", "[4, 3]", "[6, 6]"],
    ),
    refused(
        "chunks of unequal length",
        |w| w.zarr_with(ZSTD, "X/data", "/chunk_grid/name", json!("rectilinear")),
        IMPORT,
        &["X/data", "rectilinear"],
    ),
    refused(
        "a codec of Zarr 3 that is not known",
        |w| w.zarr_with(ZSTD, "X/data", "/codecs/1/name", json!("numcodecs.pcodec")),
        IMPORT,
        &["X/data", "'numcodecs.pcodec'", "write_h5ad"],
    ),
    refused(
        "a codec of Zarr 2 that is not known",
        |w| w.zarr_with(BLOSC, "X/data", "/compressor", json!({"id": "lzma"})),
        IMPORT,
        &["X/data", "'lzma'", "write_h5ad"],
    ),
    refused(
        "pickled names",
        |w| w.zarr_with(BLOSC, "obs/_index", "/filters", json!([{"id": "pickle"}])),
        IMPORT,
        &["obs/_index", "'pickle'"],
    ),
    refused(
        "complex values",
        |w| w.zarr_with(ZSTD, "X/data", "/data_type", json!("complex64")),
        IMPORT,
        &["X/data", "'complex64'"],
    ),
    refused(
        "values of several parts",
        |w| w.zarr_with(BLOSC, "X/data", "/dtype", json!([["a", "<f4"]])),
        IMPORT,
        &["X/data", "several parts"],
    ),
    refused(
        "a cut chunk of Zstandard",
        |w| {
            w.zarr(ZSTD);
            w.cut("cells.zarr/X/data/c/0", 0.5);
        },
        IMPORT,
        &["X/data", "c/0"],
    ),
    refused(
        "a cut chunk of Blosc",
        |w| {
            w.zarr(BLOSC);
            w.cut("cells.zarr/X/data/0", 0.5);
        },
        IMPORT,
        &["X/data/0", "cut short"],
    ),
    refused(
        "a cut chunk",
        |w| {
            w.zarr(PLAIN);
            w.cut("cells.zarr/X/1.1", 0.5);
        },
        IMPORT,
        &["X/1.1", "40 bytes instead of 80"],
    ),
    refused(
        "an empty chunk",
        |w| {
            w.zarr(ZSTD);
            w.write("cells.zarr/X/data/c/0", "");
        },
        IMPORT,
        &["X/data", "c/0"],
    ),
    refused(
        "a chunk that is a folder",
        |w| {
            w.zarr(PLAIN);
            w.remove("cells.zarr/X/1.1");
            w.write("cells.zarr/X/1.1/0", "");
        },
        IMPORT,
        &["X/1.1"],
    ),
    refused(
        "a buffer of Blosc that claims 4 GB",
        |w| {
            w.zarr(BLOSC);
            w.edit("cells.zarr/X/data/0", |bytes| bytes[4..8].fill(0xff));
        },
        IMPORT,
        &["X/data/0", "4294967295 bytes"],
    ),
    refused(
        "a chunk that unpacks to 128 KB",
        |w| {
            w.zarr_with(ZSTD, "X/data", "/codecs/1", json!({"name": "gzip", "configuration": {"level": 1}}));
            w.write("cells.zarr/X/data/c/0", gzipped(&"T".repeat(1 << 17)));
        },
        IMPORT,
        &["X/data", "c/0", "too much"],
    ),
    refused(
        "ids that unpack to 2 GB",
        |w| {
            w.zarr_with(
                ZSTD,
                "obs/_index",
                "/codecs/1",
                json!({"name": "gzip", "configuration": {"level": 1}}),
            );
            w.write("cells.zarr/obs/_index/c/0", gzipped(&"T".repeat(1 << 24)).repeat(128));
        },
        IMPORT,
        &["obs/_index", "c/0", "too much"],
    ),
    refused(
        "a chunk of 2^32 texts",
        |w| w.zarr_ids(&[0xff; 4]),
        IMPORT,
        &["obs/_index", "4294967295 texts instead of 12"],
    ),
    refused(
        "a text of 2^32 bytes",
        |w| w.zarr_ids(&[12, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, b'a']),
        IMPORT,
        &["obs/_index", "cut short"],
    ),
    refused(
        "a cut file of many chunks",
        |w| {
            w.zarr(SHARDS);
            w.edit("cells.zarr/X/c/0/0", |bytes| bytes.truncate(20));
        },
        IMPORT,
        &["'X'", "shorter than its index"],
    ),
    refused(
        "a file of many chunks with another checksum",
        |w| {
            w.zarr(SHARDS);
            w.flip("cells.zarr/X/c/0/0", -1);
        },
        IMPORT,
        &["'X'", "its index", "checksum"],
    ),
    refused(
        "a chunk behind the end of its file",
        |w| {
            // Without a checksum, so that the damage reaches what is behind it.
            let bytes = json!([{"name": "bytes", "configuration": {"endian": "little"}}]);
            w.zarr_with(SHARDS, "X", "/codecs/0/configuration/index_codecs", bytes);
            w.edit("cells.zarr/X/c/0/0", |bytes| {
                let end = bytes.len() - 4;
                bytes.truncate(end);
                bytes[end - 12] = 0xff;
            });
        },
        IMPORT,
        &["'X'", "behind its end"],
    ),
    refused(
        "no starts of rows",
        |w| {
            w.zarr(ZSTD);
            w.remove("cells.zarr/X/indptr/c/0");
        },
        IMPORT,
        &["X/indptr", "ascend"],
    ),
    refused(
        "a chunk that is a link out of the folder",
        |w| {
            w.zarr(PLAIN);
            w.write("secret", [0; 80]);
            w.link("../../secret", "cells.zarr/X/1.1");
        },
        IMPORT,
        &["cells.zarr/X/1.1", "neither a file nor a folder", "cp -rL"],
    ),
    refused(
        "an array that is a link out of the folder",
        |w| {
            w.zarr(PLAIN);
            w.link("/tmp", "cells.zarr/X");
        },
        IMPORT,
        &["cells.zarr/X", "neither a file nor a folder"],
    ),
    refused(
        "names of rows out of the folder",
        |w| {
            w.zarr(ZSTD);
            w.zarr_aside();
            w.json("cells.zarr/obs/zarr.json", "/attributes/_index", json!("../../aside/obs/_index"));
        },
        IMPORT,
        &["obs/../../aside/obs/_index", "no such array"],
    ),
    refused(
        "a layer out of the folder",
        |w| {
            w.zarr(ZSTD);
            w.zarr_aside();
        },
        "import cells.zarr --layer ../../aside/X --out new.store",
        &["../../aside/X", "it has: X"],
    ),
    refused(
        "an unknown encoding",
        |w| {
            w.zarr(ZSTD);
            w.json("cells.zarr/X/zarr.json", "/attributes/encoding-type", json!("coo_matrix"));
        },
        IMPORT,
        &["coo_matrix", "cells.zarr"],
    ),
    refused(
        "an embedding into a Zarr folder",
        |w| w.zarr(ZSTD),
        "embed cells.zarr --model run/models/seed-0/shared/stage-1 --out new.h5ad",
        &["cells.zarr", "Zarr folder", "--out cells.parquet", "write_h5ad"],
    ),
    refused(
        "an embedding as a Zarr folder",
        |_| (),
        "embed cells.h5ad --model run/models/seed-0/shared/stage-1 --out new.zarr",
        &["new.zarr", "Zarr folder", "--out cells.parquet"],
    ),
    fine(
        "a chunk that is not there",
        |w| {
            w.zarr(PLAIN);
            w.remove("cells.zarr/X/1.1");
        },
        IMPORT,
        &["12 cells"],
    ),
    fine(
        "a column out of the folder",
        |w| {
            w.zarr(ZSTD);
            w.zarr_aside();
            w.json("cells.zarr/obs/zarr.json", "/attributes/column-order", json!(["../../aside/obs/text"]));
        },
        IMPORT,
        &["12 cells", "../../aside/obs/text", "no such array"],
    ),
    fine(
        "a column of a codec that is not known",
        |w| w.zarr_with(ZSTD, "obs/text", "/codecs/1/name", json!("bz2")),
        IMPORT,
        &["12 cells", "text", "'bz2'"],
    ),
    fine("a table of the cells", |w| w.zarr(BLOSC), "check cells.zarr --model cells.store", &["9"]),
];

impl World {
    /// A copy of the folder beside it.
    fn zarr_aside(&self) {
        std::fs::rename(self.path("cells.zarr"), self.path("aside")).unwrap();
        crate::world::copy_new(&self.path("aside"), &self.path("cells.zarr"));
    }
}
