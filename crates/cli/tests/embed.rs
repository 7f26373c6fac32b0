//! A model outside its run: it embeds the cells of a file that is in no plan.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{demo_plan, genil, store_of_cells};
use genil_data::Store;
use std::fs;
use std::path::{Path, PathBuf};

/// A trained model and a matrix folder of some cells of its store, with a gene that the model does not know.
struct Made {
    folder: tempfile::TempDir,
    model: PathBuf,
    cells: PathBuf,
}

const CELLS: usize = 40;

fn make() -> Made {
    let folder = tempfile::tempdir().unwrap();
    let plan = demo_plan(folder.path());
    let settings = folder.path().join("run.toml");
    let text = format!(
        "plan = {plan:?}\nseeds = [0]\n[model]\nwidth = 16\nlayers = 1\nheads = 2\nffn = 16\n[tokens]\nmax_genes = 48\n\
         [train]\nepochs = 1\nbatch = 64\n[methods]\nfinetune = {{ method = \"finetune\" }}\n"
    );
    fs::write(&settings, text).unwrap();
    let run = folder.path().join("run");
    assert!(
        genil().args(["train", "--quiet"]).arg(&settings).arg("--out").arg(&run).status().unwrap().success()
    );
    let model = run.join("models/seed-0/shared/stage-1");
    let cells = folder.path().join("cells");
    write_matrix(&store_of_cells(folder.path()), &cells);
    Made { folder, model, cells }
}

fn write_matrix(store: &Store, folder: &Path) {
    fs::create_dir(folder).unwrap();
    let mut genes: Vec<String> = store.genes().iter().map(|(_, symbol)| symbol.to_owned()).collect();
    genes.push("nobody".into());
    let mut lines = vec![format!("{} 1 9", genes.len())];
    for row in 0..CELLS - 1 {
        let cell = store.cell(row);
        let triples = cell.genes.iter().zip(cell.values);
        lines.extend(triples.map(|(gene, value)| format!("{} {} {value}", gene + 1, row + 2)));
    }
    let header = format!(
        "%%MatrixMarket matrix coordinate integer general\n{} {CELLS} {}\n",
        genes.len(),
        lines.len()
    );
    fs::write(folder.join("matrix.mtx"), header + &lines.join("\n") + "\n").unwrap();
    fs::write(folder.join("genes.tsv"), genes.join("\n")).unwrap();
    let ids: Vec<String> = (0..CELLS).map(|cell| format!("cell-{cell}")).collect();
    fs::write(folder.join("barcodes.tsv"), ids.join("\n")).unwrap();
}

#[test]
fn cells_and_genes_are_embedded_outside_the_run() {
    let made = make();
    let at = |name: &str| made.folder.path().join(name);
    let embed = |out: &str, threads: &str| {
        let mut command = genil();
        command.args(["embed", "--json", "--progress", "none", "--threads", threads]);
        command.arg(&made.cells).arg("--model").arg(&made.model).arg("--out").arg(at(out));
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let said = embed("one.csv", "1");
    assert!(said.contains("\"cells\": 40") && said.contains("\"without_genes\": 1"), "{said}");
    embed("three.csv", "3");
    let table = fs::read_to_string(at("one.csv")).unwrap();
    assert_eq!(table, fs::read_to_string(at("three.csv")).unwrap(), "the same for any number of threads");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((rows.len(), rows[0].len()), (CELLS + 1, 17));
    assert_eq!(rows[0][..2], ["cell_id", "x0"]);
    assert!(rows[1][1..].iter().all(|x| *x == "0"), "a cell without a known gene: {:?}", rows[1]);
    let numbers = |row: usize| rows[row][1..].iter().map(|x| x.parse::<f32>().unwrap()).collect::<Vec<_>>();
    assert!(numbers(2).iter().all(|x| x.is_finite()) && numbers(2) != numbers(3));

    let again = genil()
        .args(["embed", "--model"])
        .arg(&made.model)
        .arg(&made.cells)
        .arg("--out")
        .arg(at("one.csv"))
        .output();
    let again = again.unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--replace"));
    let other = genil()
        .args(["embed", "--model"])
        .arg(&made.model)
        .arg(&made.cells)
        .arg("--out")
        .arg(at("o.h5ad"))
        .output();
    assert!(String::from_utf8_lossy(&other.unwrap().stderr).contains("to a table"));

    for table in ["genes.csv", "genes.parquet"] {
        let done = genil()
            .args(["embed", "--quiet", "--model"])
            .arg(&made.model)
            .arg("--genes")
            .arg(at(table))
            .status();
        assert!(done.unwrap().success());
    }
    let genes = fs::read_to_string(at("genes.csv")).unwrap();
    assert!(genes.starts_with("gene,stage,x0,x1,"), "{}", &genes[..40]);
    assert!(genes.lines().last().unwrap().contains(",1,"), "the last genes are those of stage 1");
    assert!(fs::read(at("genes.parquet")).unwrap().starts_with(b"PAR1"));

    let check = |json: &str| {
        let mut command = genil();
        command.arg("check").arg(&made.cells).arg("--model").arg(&made.model);
        if !json.is_empty() {
            command.arg(json);
        }
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(check("").starts_with("Ready") && check("").contains("new to the model"), "{}", check(""));
    assert!(check("--json").contains("\"verdict\": \"ready\""), "{}", check("--json"));
}
