//! `genil plan`.

use crate::anndata::AnnData;
use crate::world::World;
use crate::{Case, fine, refused, wrong};

impl World {
    /// Another data set as `gut.store`.
    fn gut(&self, change: impl FnOnce(&mut AnnData)) {
        let mut file = AnnData::probe(3);
        change(&mut file);
        file.write(&self.path("gut.h5ad"));
        self.must("import gut.h5ad --out gut.store --replace");
    }
}

const PLAN: &str = "plan --cells cells.store --stage gut.store:kind --top 4 --out new.toml";

pub const CASES: &[Case] = &[
    refused("no store", |w| w.remove("cells.store"), PLAN, &["cells.store", "check the path"]),
    refused("no data set", |w| w.remove("gut.store"), PLAN, &["gut.store", "check the path"]),
    refused(
        "no such label",
        |_| (),
        "plan --cells cells.store --stage gut.store:celltype --out new.toml",
        &["'celltype'", "kind", "gut.store"],
    ),
    refused(
        "one class only",
        |_| (),
        "plan --cells cells.store --stage gut.store:all --out new.toml",
        &["'all'", "class", "gut"],
    ),
    refused(
        "labels that are numbers, each its own",
        |w| w.must("import cells.h5ad --out gut.store --replace"),
        "plan --cells cells.store --stage gut.store:age --out new.toml",
        &["age", "class"],
    ),
    refused(
        "nobody is labelled",
        |w| w.gut(|a| a.columns[0].1.fill("unknown".into())),
        PLAN,
        &["kind", "class"],
    ),
    refused(
        "a class of one cell beside another",
        |w| {
            w.gut(|a| {
                a.columns[0].1.fill("T".into());
                a.columns[0].1[0] = "B".into()
            })
        },
        PLAN,
        &["kind", "class"],
    ),
    refused(
        "no shared genes",
        |w| w.gut(|a| a.genes.iter_mut().for_each(|g| g.insert(0, 'X'))),
        PLAN,
        &["not measured", "XG", "name genes alike"],
    ),
    refused(
        "no such group",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --group donor --out new.toml",
        &["'donor'", "kind"],
    ),
    refused(
        "no such column for cells",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind@organ=gut --out new.toml",
        &["'organ'", "tissue"],
    ),
    refused(
        "no such value for cells",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind@tissue=lung --out new.toml",
        &["'lung'", "marrow (48)"],
    ),
    refused(
        "cells without a value",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind@tissue --out new.toml",
        &["'tissue'", "COLUMN=VALUE"],
    ),
    refused(
        "one cell for a stage",
        |_| (),
        "plan --cells cells.store --base tissue=marrow --stage gut.store:kind@age=21 --out new.toml",
        &["1 cell", "age"],
    ),
    refused(
        "a stage without a label",
        |_| (),
        "plan --cells cells.store --stage gut.store --out new.toml",
        &["STORE:LABEL"],
    ),
    refused(
        "genes for no stage",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --genes x=g.txt --out new.toml",
        &["'x'", "gut"],
    ),
    refused(
        "no file of genes",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --genes gut=g.txt --out new.toml",
        &["g.txt", "check the path"],
    ),
    refused(
        "an empty file of genes",
        |w| w.write("g.txt", "\n\n"),
        "plan --cells cells.store --stage gut.store:kind --genes gut=g.txt --out new.toml",
        &["g.txt"],
    ),
    refused(
        "a file of unknown genes",
        |w| w.write("g.txt", "NOGENE\nNONE\n"),
        "plan --cells cells.store --stage gut.store:kind --genes gut=g.txt --out new.toml",
        &["NOGENE", "measured"],
    ),
    refused(
        "a file of genes that is no text",
        |w| w.write("g.txt", b"\xff\x00\xfe\n"),
        "plan --cells cells.store --stage gut.store:kind --genes gut=g.txt --out new.toml",
        &["g.txt"],
    ),
    refused(
        "no genes wanted",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --top 0 --out new.toml",
        &["0 genes", "--top"],
    ),
    refused(
        "genes of nearly every cell",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --min-cells 1152921504606846976 --out new.toml",
        &["1152921504606846976"],
    ),
    refused(
        "a share above 1",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --base-share 2 --out new.toml",
        &["--base-share 2"],
    ),
    refused(
        "a share that is no number",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --base-share nan --out new.toml",
        &["--base-share NaN"],
    ),
    refused(
        "everything held out",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --held-out 1 --out new.toml",
        &["held_out = 1"],
    ),
    refused(
        "nothing to test",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --probe-test 0 --out new.toml",
        &["probe_test = 0"],
    ),
    refused(
        "a plan that is there",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --out plan.toml",
        &["plan.toml", "--replace"],
    ),
    refused(
        "a plan below a file",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --top 4 --out run.toml/p.toml",
        &["run.toml"],
    ),
    refused(
        "a plan over a folder",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --top 4 --out run --replace",
        &["run"],
    ),
    wrong(
        "an unknown ranking",
        "plan --cells cells.store --stage gut.store:kind --by luck --out new.toml",
        &["luck"],
    ),
    wrong(
        "a negative seed",
        "plan --cells cells.store --stage gut.store:kind --seed=-1 --out new.toml",
        &["--seed"],
    ),
    wrong("no stage", "plan --cells cells.store --out new.toml", &["--stage"]),
    fine(
        "one data set under two labels",
        |_| (),
        "plan --cells cells.store --stage gut.store:kind --top 4 --dry-run --min-cells 0",
        &["a dry run"],
    ),
    fine(
        "classes in all scripts",
        |w| w.gut(|a| a.columns[0].1.iter_mut().for_each(|k| k.push_str("細胞 \"|\" ../é"))),
        PLAN,
        &["written to new.toml"],
    ),
];
