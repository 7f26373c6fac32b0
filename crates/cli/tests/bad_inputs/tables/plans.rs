//! `plan.toml`, as `train` reads it.

use crate::world::World;
use crate::{Case, fine, refused};

const TRAIN: &str = "train run.toml --out new";

impl World {
    fn plan(&self, from: &str, to: &str) {
        self.replace("plan.toml", from, to);
    }
}

pub const CASES: &[Case] = &[
    refused("no plan", |w| w.remove("plan.toml"), TRAIN, &["plan.toml", "check the path"]),
    refused("an empty plan", |w| w.write("plan.toml", ""), TRAIN, &["plan.toml", "format"]),
    refused("half a plan", |w| w.cut("plan.toml", 0.5), TRAIN, &["plan.toml", "genil plan"]),
    refused(
        "a plan that is no text",
        |w| w.write("plan.toml", b"\xff\xfeplan"),
        TRAIN,
        &["plan.toml", "UTF-8"],
    ),
    refused(
        "a plan that is a folder",
        |w| {
            w.remove("plan.toml");
            w.write("plan.toml/x", "")
        },
        TRAIN,
        &["plan.toml"],
    ),
    refused(
        "a hundred thousand brackets",
        |w| w.write("plan.toml", "a = ".to_owned() + &"[".repeat(100_000)),
        TRAIN,
        &["plan.toml"],
    ),
    refused("an unknown key", |w| w.plan("seed", "sead"), TRAIN, &["plan.toml", "sead", "line 2"]),
    refused(
        "another format",
        |w| w.plan("format = 1", "format = 99"),
        TRAIN,
        &["plan.toml", "format 99", "reads 1"],
    ),
    refused("a negative seed", |w| w.plan("seed = 0", "seed = -1"), TRAIN, &["plan.toml", "line 2", "-1"]),
    refused(
        "a seed that is no whole number",
        |w| w.plan("seed = 0", "seed = 0.5"),
        TRAIN,
        &["plan.toml", "line 2"],
    ),
    refused(
        "everything held out",
        |w| w.plan("held_out = 0.1", "held_out = 1.0"),
        TRAIN,
        &["plan.toml", "held_out = 1"],
    ),
    refused(
        "a test part that is no number",
        |w| w.plan("probe_test = 0.3", "probe_test = nan"),
        TRAIN,
        &["plan.toml", "probe_test = NaN"],
    ),
    refused(
        "2^60 cells for a base gene",
        |w| w.plan("min_cells = 3", "min_cells = 1152921504606846976"),
        TRAIN,
        &["plan.toml", "no base gene", "min_cells"],
    ),
    refused(
        "one stage only",
        |w| {
            w.edit("plan.toml", |b| {
                let text = String::from_utf8_lossy(b);
                let end = text.match_indices("[[stages]]").nth(1).unwrap().0;
                b.truncate(end)
            })
        },
        TRAIN,
        &["plan.toml", "at least one more"],
    ),
    refused(
        "two stages of one name",
        |w| w.plan("name = \"gut\"\ngenes", "name = \"blood\"\ngenes"),
        TRAIN,
        &["plan.toml", "two stages are called 'blood'"],
    ),
    refused(
        "an unknown gene",
        |w| w.plan("genes = [\"", "genes = [\"NOGENE\", \""),
        TRAIN,
        &["plan.toml", "NOGENE", "stage 1"],
    ),
    refused(
        "a gene twice",
        |w| w.plan("genes = [\"", "genes = [\"G8\", \"G8\", \""),
        TRAIN,
        &["plan.toml", "'G8' is listed twice", "stage 1"],
    ),
    refused(
        "a special token as a gene",
        |w| w.plan("genes = [\"", "genes = [\"<cls>\", \""),
        TRAIN,
        &["plan.toml", "<cls>"],
    ),
    refused(
        "an unknown base gene",
        |w| w.plan("min_cells = 3", "min_cells = 3\nbase_genes = [\"NOGENE\"]"),
        TRAIN,
        &["plan.toml", "NOGENE", "base_genes"],
    ),
    refused(
        "no base genes",
        |w| w.plan("min_cells = 3", "min_cells = 3\nbase_genes = []"),
        TRAIN,
        &["plan.toml", "no base gene"],
    ),
    refused(
        "a share of nothing",
        |w| w.plan("share = 0.5", "share = 0.0"),
        TRAIN,
        &["plan.toml", "share", "base"],
    ),
    refused(
        "a share without end",
        |w| w.plan("share = 0.5", "share = inf"),
        TRAIN,
        &["plan.toml", "share", "base"],
    ),
    refused(
        "a store that is not listed",
        |w| w.plan("store = \"blood\"", "store = \"lung\""),
        TRAIN,
        &["plan.toml", "'lung'", "listed"],
    ),
    refused(
        "two stores of one name",
        |w| w.plan("name = \"gut\"\npath", "name = \"blood\"\npath"),
        TRAIN,
        &["plan.toml", "blood"],
    ),
    refused("a store that is gone", |w| w.remove("blood.store"), TRAIN, &["plan.toml", "blood.store"]),
    refused(
        "a store that is a file",
        |w| w.plan("path = \"blood.store\"", "path = \"run.toml\""),
        TRAIN,
        &["plan.toml", "run.toml is a file"],
    ),
    refused(
        "another store",
        |w| w.plan("path = \"blood.store\"", "path = \"gut.store\""),
        TRAIN,
        &["plan.toml", "gut.store", "not the one that the plan was made for"],
    ),
    refused(
        "another fingerprint",
        |w| w.plan("fingerprint = \"", "fingerprint = \"0"),
        TRAIN,
        &["plan.toml", "not the one", "genil plan"],
    ),
    refused(
        "no such column",
        |w| w.plan("column = \"tissue\"", "column = \"organ\""),
        TRAIN,
        &["plan.toml", "'organ'", "tissue"],
    ),
    refused(
        "no such value",
        |w| w.plan("values = [\"blood\"]", "values = [\"lung\"]"),
        TRAIN,
        &["plan.toml", "'lung'", "blood (24)"],
    ),
    refused(
        "a column without values",
        |w| w.plan("values = [\"blood\"]", "values = []"),
        TRAIN,
        &["plan.toml", "column and values", "blood"],
    ),
    refused(
        "no such label",
        |w| w.plan("label = \"kind\"", "label = \"type\""),
        TRAIN,
        &["plan.toml", "'type'", "kind"],
    ),
    refused(
        "a label of one class",
        |w| w.plan("label = \"kind\"", "label = \"all\""),
        TRAIN,
        &["plan.toml", "'all'", "class"],
    ),
    refused(
        "no such group",
        |w| w.plan("label = \"kind\"", "label = \"kind\"\ngroup = \"donor\""),
        TRAIN,
        &["plan.toml", "'donor'", "kind"],
    ),
    refused(
        "a plan of 300 MB",
        |w| drop(std::fs::File::create(w.path("plan.toml")).unwrap().set_len(300 << 20)),
        TRAIN,
        &["plan.toml", "larger than"],
    ),
    fine(
        "a stage named like a way out",
        |w| {
            w.plan("name = \"gut\"\ngenes", "name = \"../../gut 腸\"\ngenes");
            w.must("train run.toml --out new");
            w.must("evaluate new")
        },
        "report new",
        &["open new/report.html"],
    ),
];
