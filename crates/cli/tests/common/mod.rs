//! What the tests of the command share.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses its part; a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The command under test.
pub fn genil() -> Command {
    Command::new(env!("CARGO_BIN_EXE_genil"))
}

/// A small synthetic data set and its plan, made by the command itself.
pub fn demo_plan(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    let made = genil().args(["demo", "--data-only", "--quiet", "--out"]).arg(folder).status().unwrap();
    assert!(made.success());
    data.join("plan.toml")
}

/// Settings of a run of seconds.
pub fn settings_file(folder: &Path, plan: &Path) -> PathBuf {
    let path = folder.join("run.toml");
    let text = format!(
        "plan = {plan:?}\nseeds = [0]\n\
         [model]\nwidth = 16\nlayers = 1\nheads = 2\nffn = 16\n\
         [tokens]\nmax_genes = 48\n\
         [train]\nepochs = 2\nbatch = 32\nlearning_rate = 2e-3\nlog_every = 2\n\
         [evaluate]\ncells = 60\ntrials = 2\nprobe_epochs = 5\nresamples = 50\ndrift = true\n\
         [methods]\nfinetune = {{ method = \"finetune\" }}\n\
         replay = {{ method = \"replay\", cells = 40, choose = \"herding\" }}\n\
         distill = {{ method = \"distill\", lambda = 1.0 }}\njoint = {{ method = \"joint\" }}\n\
         ours = [{{ method = \"prototypes\", clusters = 4, targets = \"both\" }}, \
                 {{ method = \"imagine\", genes = 4, context = 0.3 }}]\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// A matrix-market folder of so many cells and genes, a tenth of whose counts are above 0.
pub fn matrix_market(folder: &Path, cells: usize, genes: usize) {
    std::fs::create_dir_all(folder).unwrap();
    let names = |of: &str, n: usize| (0..n).map(|i| format!("{of}-{i}\n")).collect::<String>();
    std::fs::write(folder.join("barcodes.tsv"), names("cell", cells)).unwrap();
    std::fs::write(folder.join("features.tsv"), names("gene", genes)).unwrap();
    let entries: Vec<(usize, usize)> = (0..cells)
        .flat_map(|cell| (0..genes).filter(move |gene| (cell + gene) % 10 == 0).map(move |g| (g, cell)))
        .collect();
    let mut text =
        format!("%%MatrixMarket matrix coordinate integer general\n{genes} {cells} {}\n", entries.len());
    for (gene, cell) in entries {
        text += &format!("{} {} {}\n", gene + 1, cell + 1, 1 + (gene * cell) % 7);
    }
    std::fs::write(folder.join("matrix.mtx"), text).unwrap();
}

/// Every file of a run by its path, without the one that times may differ in and the lock.
pub fn contents(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![run.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(run).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name != "costs.csv" && name != ".lock" {
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// The first store of what [`demo_plan`] made.
pub fn store_of_cells(folder: &Path) -> genil_data::Store {
    let stores = std::fs::read_dir(folder.join("data")).unwrap().map(|entry| entry.unwrap().path());
    let store = stores.filter(|path| path.join("store.json").is_file()).min().unwrap();
    genil_data::Store::open(&store).unwrap()
}

/// Asserts that two folders hold the same files with the same bytes.
pub fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (contents(one), contents(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (path, bytes) in &one {
        assert!(bytes == &other[path], "{path} differs");
    }
}

/// Whether slow tests run; says so when they do not.
pub fn slow() -> bool {
    let slow = std::env::var_os("GENIL_SLOW").is_some();
    if !slow {
        eprintln!("skipped: set GENIL_SLOW=1 to run it");
    }
    slow
}
