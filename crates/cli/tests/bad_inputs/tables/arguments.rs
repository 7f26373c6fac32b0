//! Arguments, and sizes that no machine has.

use crate::{Case, fine, refused, wrong};

pub const CASES: &[Case] = &[
    wrong("no such command", "evalute run", &["evaluate"]),
    wrong("no such flag", "inspect run --verbose", &["--verbose"]),
    wrong("nothing to import", "import --out x.store", &["FILE"]),
    wrong("no place to write to", "import cells.h5ad", &["--out"]),
    wrong("threads in words", "inspect run --threads many", &["'many'"]),
    wrong("a negative number of threads", "inspect run --threads=-1", &["--threads"]),
    wrong("no seeds", "demo --seeds 0 --out new", &["--seeds"]),
    wrong("2^60 seeds", "demo --seeds 1152921504606846976 --out new", &["--seeds"]),
    wrong("progress of an unknown kind", "inspect run --progress fast", &["fast", "json"]),
    wrong("nothing to measure", "bench", &["BENCH.TOML"]),
    refused(
        "2^60 threads",
        |_| (),
        "bench step --threads 1152921504606846976",
        &["1152921504606846976", "--threads"],
    ),
    refused(
        "2^60 threads for anything",
        |_| (),
        "inspect run --threads 1152921504606846976",
        &["1152921504606846976", "--threads"],
    ),
    refused(
        "a save every 10^300 seconds",
        |_| (),
        "train run.toml --out new --save-every 1e300",
        &["--save-every"],
    ),
    refused(
        "a save every minus one second",
        |_| (),
        "train run.toml --out new --save-every=-1",
        &["--save-every -1"],
    ),
    refused("a save at no time", |_| (), "train run.toml --out new --save-every nan", &["--save-every NaN"]),
    refused("a bench of width 2^60", |_| (), "bench step --width 1152921504606846976", &["width"]),
    refused("a bench of width 0", |_| (), "bench step --width 0", &["width"]),
    refused("a bench of 2^61 heads", |_| (), "bench step --width 8 --heads 2305843009213693952", &["heads"]),
    refused(
        "a bench of 2^60 layers",
        |_| (),
        "bench step --width 8 --heads 1 --layers 1152921504606846976",
        &["layers"],
    ),
    refused(
        "a bench of 2^60 genes known",
        |_| (),
        "bench step --vocabulary 1152921504606846976",
        &["vocabulary"],
    ),
    refused("a bench of 2^60 cells", |_| (), "bench step --cells 1152921504606846976", &["cells"]),
    refused(
        "a bench of 2^60 genes a cell",
        |_| (),
        "bench step --cells 1 --genes 1152921504606846976",
        &["genes"],
    ),
    refused("a bench of no cells", |_| (), "bench step --cells 0", &["cells"]),
    refused(
        "a bench of no genes known",
        |_| (),
        "bench step --cells 1 --genes 3 --vocabulary 0",
        &["vocabulary"],
    ),
    refused(
        "a bench beyond the memory",
        |_| (),
        "bench step --cells 1 --genes 3 --vocabulary 1000 --width 16384",
        &["memory", "GB"],
    ),
    refused("dropout that is no number", |_| (), "bench step --dropout nan", &["dropout"]),
    refused("a demo in a file", |_| (), "demo --out run.toml", &["run.toml"]),
    refused(
        "a demo where other data are",
        |w| w.write("new/data/x", "mine"),
        "demo --out new",
        &["new/data", "--out"],
    ),
    refused(
        "a demo with a cut data set",
        |w| {
            w.must("demo --data-only --out new");
            w.cut("new/data/cells.store/cells-00000.arrow", 0.5)
        },
        "demo --out new",
        &["cells.store"],
    ),
    fine("no threads asked for", |_| (), "inspect run --threads 0", &["is a run"]),
];
