//! `kill -9` at any moment: the same command then ends as if nothing had been, with the same bytes.
//!
//! Slow: `GENIL_SLOW=1`, and another number than 200 by `GENIL_KILLS`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "bad_inputs/anndata.rs"]
#[allow(dead_code, reason = "made for other tests")]
mod anndata;
mod common;

use anndata::AnnData;
use common::{assert_same, demo_plan, genil, matrix_market, settings_file, slow, store_of_cells};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Kills in all, a quarter each of imports, trainings, evaluations and embeddings.
fn kills() -> u32 {
    std::env::var("GENIL_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

/// When kill number `i` comes, as a share of a command's time: spread evenly, no two alike.
fn moment(i: u32) -> f64 {
    (f64::from(i) * 0.618_033_988_749_895).fract()
}

/// How long an undisturbed command takes.
fn time_of(command: &mut Command) -> Duration {
    let begun = Instant::now();
    assert!(command.status().unwrap().success());
    begun.elapsed()
}

/// Starts a command and kills it after `time`, whether it has ended or not.
fn kill_after(command: &mut Command, time: Duration) {
    let mut running = command.spawn().unwrap();
    std::thread::sleep(time);
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn an_import_killed_again_and_again_ends_as_an_undisturbed_one() {
    if !slow() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mtx = folder.path().join("mtx");
    matrix_market(&mtx, 3000, 300);
    let import = |out: &str| {
        let mut command = genil();
        command.args(["import", "--quiet", "--replace", "--out"]).arg(folder.path().join(out)).arg(&mtx);
        command
    };
    let whole = time_of(&mut import("whole/all.store"));
    for i in 0..kills() / 4 {
        kill_after(&mut import("killed/all.store"), whole.mul_f64(1.1 * moment(i)));
        // What is there is whole.
        let store = folder.path().join("killed/all.store");
        if store.exists() {
            assert!(genil().args(["inspect", "--quiet", "--verify"]).arg(&store).status().unwrap().success());
        }
    }
    assert!(import("killed/all.store").status().unwrap().success());
    // Nothing that a kill left is there any more.
    assert_same(&folder.path().join("whole"), &folder.path().join("killed"));
}

#[test]
fn a_run_killed_again_and_again_ends_as_an_undisturbed_one() {
    if !slow() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let plan = demo_plan(folder.path());
    let settings = settings_file(folder.path(), &plan);
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let train = |out: &Path| {
        let mut command = genil();
        command.arg("train").arg(&settings).arg("--out").arg(out).args([
            "--save-every",
            "0",
            "--tensorboard",
            "--quiet",
        ]);
        command.stderr(Stdio::null());
        command
    };
    let evaluate = |out: &Path| {
        let mut command = genil();
        command.args(["evaluate", "--quiet"]).arg(out);
        command
    };
    let (training, evaluation) = (time_of(&mut train(&whole)), time_of(&mut evaluate(&whole)));

    // Kills of one run: each a quarter of the way on at most, so that progress is made between them.
    const OF_A_RUN: u32 = 20;
    let mut left = kills() / 4;
    while left > 0 {
        let _ = std::fs::remove_dir_all(&killed);
        for i in 0..left.min(OF_A_RUN) {
            kill_after(&mut train(&killed), training.mul_f64(0.25 * moment(left + i)));
        }
        assert!(train(&killed).status().unwrap().success());
        for i in 0..left.min(OF_A_RUN) {
            kill_after(&mut evaluate(&killed), evaluation.mul_f64(0.25 * moment(left + i)));
        }
        assert!(evaluate(&killed).status().unwrap().success());
        assert_same(&whole, &killed);
        left = left.saturating_sub(OF_A_RUN);
    }
}

#[test]
fn embedding_killed_again_and_again_ends_as_if_undisturbed() {
    if !slow() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let plan = demo_plan(folder.path());
    let settings = settings_file(folder.path(), &plan);
    let run = folder.path().join("run");
    assert!(
        genil().args(["train", "--quiet"]).arg(&settings).arg("--out").arg(&run).status().unwrap().success()
    );
    let cells = folder.path().join("cells.h5ad");
    write_anndata(folder.path(), &cells);
    let embed = |out: &str| {
        let mut command = genil();
        command
            .args(["embed", "--quiet", "--replace", "--model"])
            .arg(run.join("models/seed-0/ours/stage-2"));
        command.arg(&cells).arg("--out").arg(folder.path().join(out));
        command
    };
    let forms = ["cells.h5ad", "cells.csv", "cells.parquet"];
    let times = forms.map(|form| time_of(&mut embed(&format!("whole/{form}"))));
    for i in 0..kills() / 4 {
        let form = i as usize % forms.len();
        let out = format!("killed/{}", forms[form]);
        kill_after(&mut embed(&out), times[form].mul_f64(1.1 * moment(i)));
        // What is there is whole.
        if let Ok(bytes) = std::fs::read(folder.path().join(&out)) {
            assert!(bytes == std::fs::read(folder.path().join("whole").join(forms[form])).unwrap(), "{out}");
        }
    }
    for form in forms {
        assert!(embed(&format!("killed/{form}")).status().unwrap().success());
    }
    assert_same(&folder.path().join("whole"), &folder.path().join("killed"));
}

/// The cells of the synthetic data, three times over.
fn write_anndata(folder: &Path, to: &Path) {
    let store = store_of_cells(folder);
    let row = |row: usize| {
        let (cell, mut values) = (store.cell(row % store.cells()), vec![0.0; store.genes().len()]);
        cell.genes.iter().zip(cell.values).for_each(|(&gene, &value)| values[gene as usize] = value);
        values
    };
    let cells = 3 * store.cells();
    let file = AnnData {
        cells: (0..cells).map(|cell| format!("cell-{cell}")).collect(),
        genes: store.genes().iter().map(|(_, symbol)| symbol.to_owned()).collect(),
        values: (0..cells).map(row).collect(),
        columns: Vec::new(),
        ..AnnData::cells()
    };
    file.write(to);
}
