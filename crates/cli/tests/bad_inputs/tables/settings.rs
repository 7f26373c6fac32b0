//! `run.toml`.

use crate::world::World;
use crate::{Case, refused, stopped};

const TRAIN: &str = "train run.toml --out new";

impl World {
    fn settings(&self, from: &str, to: &str) {
        self.replace("run.toml", from, to);
    }
}

pub const CASES: &[Case] = &[
    refused("no settings", |_| (), "train gone.toml", &["gone.toml", "check the path"]),
    refused("a folder without a run", |_| (), "train mtx", &["mtx", "run.json"]),
    refused("empty settings", |w| w.write("run.toml", ""), TRAIN, &["run.toml", "plan"]),
    refused("half of the settings", |w| w.cut("run.toml", 0.4), TRAIN, &["run.toml"]),
    refused(
        "settings that are no text",
        |w| w.write("run.toml", b"\xff\xfep"),
        TRAIN,
        &["run.toml", "UTF-8"],
    ),
    refused("an HDF5 file", |_| (), "train cells.h5ad", &["cells.h5ad"]),
    refused("a plan instead of settings", |_| (), "train plan.toml", &["plan.toml", "format"]),
    refused("an endless file", |_| (), "train /dev/zero --out new", &["/dev/zero", "larger than"]),
    refused("an unknown key", |w| w.settings("epochs", "epoch"), TRAIN, &["run.toml", "epoch", "line 11"]),
    refused(
        "a negative number of epochs",
        |w| w.settings("epochs = 1", "epochs = -1"),
        TRAIN,
        &["run.toml", "-1", "line 11"],
    ),
    refused("no epochs", |w| w.settings("epochs = 1", "epochs = 0"), TRAIN, &["run.toml", "epochs = 0"]),
    refused(
        "2^62 epochs",
        |w| w.settings("epochs = 1", "epochs = 4611686018427387904"),
        TRAIN,
        &["run.toml", "epochs"],
    ),
    refused(
        "epochs in words",
        |w| w.settings("epochs = 1", "epochs = 'one'"),
        TRAIN,
        &["run.toml", "line 11"],
    ),
    refused(
        "no cells in a step",
        |w| w.settings("batch = 4", "batch = 0"),
        TRAIN,
        &["run.toml", "batch = 0"],
    ),
    refused(
        "a learning rate that is no number",
        |w| w.settings("learning_rate = 2e-3", "learning_rate = nan"),
        TRAIN,
        &["run.toml", "learning_rate = NaN"],
    ),
    refused(
        "an infinite learning rate",
        |w| w.settings("learning_rate = 2e-3", "learning_rate = inf"),
        TRAIN,
        &["run.toml", "learning_rate = inf"],
    ),
    refused(
        "a learning rate at which nothing converges",
        |w| w.settings("learning_rate = 2e-3", "learning_rate = 10.0"),
        TRAIN,
        &["run.toml", "learning_rate = 10", "between 0 and 1"],
    ),
    refused(
        "an unknown schedule",
        |w| w.settings("epochs = 1", "schedule = 'random'"),
        TRAIN,
        &["run.toml", "random", "linear"],
    ),
    refused(
        "dropout of everything",
        |w| w.settings("heads = 1", "heads = 1\ndropout = 1.0"),
        TRAIN,
        &["run.toml", "dropout 1"],
    ),
    refused("no heads", |w| w.settings("heads = 1", "heads = 0"), TRAIN, &["run.toml", "heads"]),
    refused(
        "heads that do not fit",
        |w| w.settings("heads = 1", "heads = 3"),
        TRAIN,
        &["run.toml", "width 8", "24"],
    ),
    refused(
        "2^61 heads",
        |w| w.settings("heads = 1", "heads = 2305843009213693952"),
        TRAIN,
        &["run.toml", "heads"],
    ),
    refused(
        "a width of 2^60",
        |w| w.settings("width = 8", "width = 1152921504606846976"),
        TRAIN,
        &["run.toml", "width"],
    ),
    refused(
        "2^60 layers",
        |w| w.settings("layers = 1", "layers = 1152921504606846976"),
        TRAIN,
        &["run.toml", "layers"],
    ),
    stopped(
        "a model larger than the memory",
        |w| w.settings("width = 8", "width = 16384"),
        TRAIN,
        &["memory", "width", "GB"],
    ),
    refused("no genes", |w| w.settings("max_genes = 12", "max_genes = 0"), TRAIN, &["run.toml", "max_genes"]),
    refused("a mask of 2", |w| w.settings("max_genes = 12", "mask = 2.0"), TRAIN, &["run.toml", "mask = 2"]),
    refused("no trials", |w| w.settings("trials = 1", "trials = 0"), TRAIN, &["run.toml", "trials"]),
    refused(
        "2^60 trials",
        |w| w.settings("trials = 1", "trials = 1152921504606846976"),
        TRAIN,
        &["run.toml", "trials"],
    ),
    refused(
        "2^60 resamples",
        |w| w.settings("resamples = 10", "resamples = 1152921504606846976"),
        TRAIN,
        &["run.toml", "resamples"],
    ),
    refused(
        "no methods",
        |w| {
            w.edit("run.toml", |b| {
                let at = String::from_utf8_lossy(b).find("finetune").unwrap();
                b.truncate(at)
            })
        },
        TRAIN,
        &["run.toml", "no method"],
    ),
    refused(
        "an unknown method",
        |w| w.settings("'finetune'", "'remember'"),
        TRAIN,
        &["run.toml", "remember", "replay"],
    ),
    refused(
        "a method named like a way out",
        |w| w.settings("finetune = {", "'../../x' = {"),
        TRAIN,
        &["run.toml", "'../../x' cannot name a method"],
    ),
    refused(
        "a method named like the shared chain",
        |w| w.settings("finetune = {", "shared = {"),
        TRAIN,
        &["run.toml", "'shared' cannot name a method"],
    ),
    refused(
        "a method of 300 letters",
        |w| w.settings("finetune = {", &format!("{} = {{", "m".repeat(300))),
        TRAIN,
        &["run.toml", "mmm", "cannot name a method"],
    ),
    refused("replay of no cells", |w| w.settings("cells = 5", "cells = 0"), TRAIN, &["run.toml", "replay"]),
    refused(
        "replay of a negative number",
        |w| w.settings("cells = 5", "cells = -5"),
        TRAIN,
        &["run.toml", "replay"],
    ),
    refused(
        "distillation without end",
        |w| w.settings("{ method = 'finetune' }", "{ method = 'distill', lambda = inf }"),
        TRAIN,
        &["run.toml", "lambda = inf"],
    ),
    refused("a seed twice", |w| w.settings("seeds = [0]", "seeds = [1, 1]"), TRAIN, &["run.toml", "seeds"]),
    refused("no seeds", |w| w.settings("seeds = [0]", "seeds = []"), TRAIN, &["run.toml", "seeds"]),
    refused("a negative seed", |w| w.settings("seeds = [0]", "seeds = [-1]"), TRAIN, &["run.toml", "line 2"]),
    refused("a run folder below a file", |_| (), "train run.toml --out plan.toml/new", &["plan.toml"]),
    refused("a run folder that is a file", |_| (), "train run.toml --out plan.toml", &["plan.toml"]),
    refused(
        "a run folder with other settings",
        |w| w.settings("epochs = 1", "epochs = 2"),
        "train run.toml --out run",
        &["run", "other settings", "--out"],
    ),
    refused(
        "a run folder with another plan",
        |w| w.replace("plan.toml", "seed = 0", "seed = 1"),
        "train run.toml --out run",
        &["run", "another plan", "--out"],
    ),
    stopped(
        "agreement that is too heavy",
        |w| w.settings("{ method = 'finetune' }", "{ method = 'distill', lambda = 1e300 }"),
        TRAIN,
        &["diverged", "seed 0", "stage 1", "lower [train] learning_rate", "--out"],
    ),
];
