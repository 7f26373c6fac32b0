//! Stores: read by `inspect`, `plan`, `train` and `evaluate` alike.

use crate::{Case, refused};
use serde_json::json;

const INSPECT: &str = "inspect cells.store";
const JSON: &str = "cells.store/store.json";
const ARROW: &str = "cells.store/cells-00000.arrow";

pub const CASES: &[Case] = &[
    refused("nothing", |_| (), "inspect gone.store", &["gone.store", "nothing"]),
    refused(
        "a file",
        |_| (),
        "plan --cells run.toml --stage gut.store:kind --out p.toml",
        &["run.toml", "not a store"],
    ),
    refused(
        "a folder of something else",
        |_| (),
        "plan --cells mtx --stage gut.store:kind --out p.toml",
        &["mtx is not a store", "genil import"],
    ),
    refused("an empty store.json", |w| w.write(JSON, ""), INSPECT, &["store.json", "cells.store"]),
    refused("half of store.json", |w| w.cut(JSON, 0.5), INSPECT, &["store.json", "cells.store"]),
    refused(
        "a store.json that is no text",
        |w| w.write(JSON, b"\xff\xfe{}"),
        INSPECT,
        &["store.json", "cells.store"],
    ),
    refused(
        "a store.json of a hundred thousand brackets",
        |w| w.write(JSON, "[".repeat(100_000)),
        INSPECT,
        &["store.json"],
    ),
    refused("another format", |w| w.json(JSON, "/format", json!("zarr")), INSPECT, &["'zarr'", "store.json"]),
    refused(
        "another version",
        |w| w.json(JSON, "/version", json!(2)),
        INSPECT,
        &["version 2", "reads 1", "cells.store"],
    ),
    refused(
        "a negative number of cells",
        |w| w.json(JSON, "/cells", json!(-1)),
        INSPECT,
        &["store.json", "-1"],
    ),
    refused(
        "2^60 cells",
        |w| w.json(JSON, "/cells", json!(1u64 << 60)),
        INSPECT,
        &["does not agree", "cells.store"],
    ),
    refused("2^60 genes", |w| w.json(JSON, "/genes", json!(1u64 << 60)), INSPECT, &["does not agree"]),
    refused("2^63 values", |w| w.json(JSON, "/values", json!(1u64 << 63)), INSPECT, &["does not agree"]),
    refused(
        "a file outside",
        |w| w.json(JSON, "/files/0/name", json!("../cells.h5ad")),
        INSPECT,
        &["outside", "../cells.h5ad"],
    ),
    refused(
        "an absolute file",
        |w| w.json(JSON, "/files/0/name", json!("/etc/passwd")),
        INSPECT,
        &["outside", "/etc/passwd"],
    ),
    refused(
        "no cells at all in the list",
        |w| w.json(JSON, "/files", json!([])),
        INSPECT,
        &["does not agree"],
    ),
    refused(
        "another column",
        |w| w.json(JSON, "/columns/0/name", json!("organ")),
        INSPECT,
        &["columns", "cells-00000.arrow"],
    ),
    refused(
        "a missing file of cells",
        |w| w.remove(ARROW),
        INSPECT,
        &["cells-00000.arrow", "check the path"],
    ),
    refused(
        "half of a file of cells",
        |w| w.cut(ARROW, 0.5),
        INSPECT,
        &["cells-00000.arrow", "half-written"],
    ),
    refused(
        "zeros instead of cells",
        |w| w.edit(ARROW, |b| b.fill(0)),
        INSPECT,
        &["cells-00000.arrow", "damaged"],
    ),
    refused("a flipped end", |w| w.flip(ARROW, -2), INSPECT, &["cells-00000.arrow", "damaged"]),
    refused(
        "a footer of 2 GB",
        |w| {
            w.edit(ARROW, |b| {
                let n = b.len();
                b[n - 10..n - 6].copy_from_slice(&i32::MAX.to_le_bytes())
            })
        },
        INSPECT,
        &["cells-00000.arrow", "footer"],
    ),
    refused(
        "a negative footer",
        |w| {
            w.edit(ARROW, |b| {
                let n = b.len();
                b[n - 10..n - 6].copy_from_slice(&(-8i32).to_le_bytes())
            })
        },
        INSPECT,
        &["cells-00000.arrow"],
    ),
    refused(
        "2^60 cells in a batch",
        |w| w.patch(ARROW, &96i64.to_le_bytes(), &(1i64 << 60).to_le_bytes()),
        INSPECT,
        &["cells-00000.arrow", "damaged"],
    ),
    refused(
        "a value that is no number",
        |w| w.patch(ARROW, &3f32.to_le_bytes(), &f32::NAN.to_le_bytes()),
        INSPECT,
        &["cells-00000.arrow", "finite"],
    ),
    refused(
        "a negative value",
        |w| w.patch(ARROW, &3f32.to_le_bytes(), &(-3f32).to_le_bytes()),
        INSPECT,
        &["cells-00000.arrow", "> 0"],
    ),
    refused(
        "genes out of order",
        |w| w.patch(ARROW, &[1, 0, 0, 0, 2, 0, 0, 0], &[2, 0, 0, 0, 1, 0, 0, 0]),
        INSPECT,
        &["cells-00000.arrow", "out of order"],
    ),
    refused("no genes.csv", |w| w.remove("cells.store/genes.csv"), INSPECT, &["genes.csv"]),
    refused(
        "a gene twice",
        |w| w.replace("cells.store/genes.csv", "G2", "G1"),
        INSPECT,
        &["'G1' occurs twice", "cells.store"],
    ),
    refused(
        "a gene out of order",
        |w| w.replace("cells.store/genes.csv", "2,G2", "3,G2"),
        INSPECT,
        &["genes.csv", "row 2"],
    ),
    refused(
        "a gene without a name",
        |w| w.replace("cells.store/genes.csv", "\n2,G2,,", "\n2,,,GG"),
        INSPECT,
        &["gene 2 has no symbol", "cells.store"],
    ),
    refused(
        "genes that are no text",
        |w| w.edit("cells.store/genes.csv", |b| b[30] = 0xff),
        INSPECT,
        &["genes.csv"],
    ),
    refused(
        "another gene in panels.csv",
        |w| w.replace("cells.store/panels.csv", "G2", "G9"),
        INSPECT,
        &["panels", "row 2"],
    ),
    refused(
        "a 7 in panels.csv",
        |w| w.replace("cells.store/panels.csv", "2,G2,1", "2,G2,7"),
        INSPECT,
        &["panels", "'7'", "row 2"],
    ),
    refused(
        "an annotation that was changed",
        |w| w.patch(ARROW, b"gutmarrow", b"gutmirrow"),
        "inspect cells.store --verify",
        &["cells-00000.arrow", "changed"],
    ),
    refused("an h5ad file to inspect", |_| (), "inspect cells.h5ad", &["cells.h5ad", "genil import"]),
];
