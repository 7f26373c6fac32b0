//! What a run promises: the same bytes whatever happens, and the known answer of the synthetic data.

mod common;

use common::{contents, demo_plan, genil, matrix_market, settings_file, slow};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Kills in all, a third each of imports, trainings and evaluations.
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

fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (contents(one), contents(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (path, bytes) in &one {
        assert!(bytes == &other[path], "{path} differs");
    }
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
    for i in 0..kills() / 3 {
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
        command.arg("train").arg(&settings).arg("--out").arg(out).args(["--save-every", "0", "--quiet"]);
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
    let mut left = kills() / 3;
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
fn one_thread_or_three_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let plan = demo_plan(folder.path());
    let settings = settings_file(folder.path(), &plan);
    let run = |threads: &str| {
        let out = folder.path().join(threads);
        let train = genil()
            .args(["train", "--quiet", "--threads", threads])
            .arg(&settings)
            .arg("--out")
            .arg(&out)
            .status();
        assert!(train.unwrap().success());
        assert!(
            genil().args(["evaluate", "--quiet", "--threads", threads]).arg(&out).status().unwrap().success()
        );
    };
    run("1");
    run("3");
    assert_same(&folder.path().join("1"), &folder.path().join("3"));
}

#[test]
fn a_run_with_other_settings_is_refused_in_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    let plan = demo_plan(folder.path());
    let settings = settings_file(folder.path(), &plan);
    let out = folder.path().join("run");
    let train = || genil().args(["train", "--quiet"]).arg(&settings).arg("--out").arg(&out).output().unwrap();
    assert!(train().status.success());
    let before = contents(&out);
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("epochs = 2", "epochs = 3")).unwrap();
    let refused = train();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("other settings") && said.contains("--out"), "{said}");
    assert_eq!(contents(&out), before, "the run that was there is as it was");
}

#[test]
fn a_second_process_on_the_same_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plan = demo_plan(folder.path());
    let settings = settings_file(folder.path(), &plan);
    let out = folder.path().join("run");
    let mut first = genil();
    first.arg("train").arg(&settings).arg("--out").arg(&out).arg("--quiet").stderr(Stdio::null());
    let mut first = first.spawn().unwrap();
    let begun = Instant::now();
    while !out.join(".lock").is_file() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = genil().arg("train").arg(&settings).arg("--out").arg(&out).output().unwrap();
    let was_running = first.try_wait().unwrap().is_none();
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(was_running, "the first run ended too early for this test");
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another genil is working on this folder"), "{said}");
}

#[test]
fn on_the_synthetic_data_fine_tuning_forgets_and_replay_and_joint_training_forget_less() {
    if !slow() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let demo = genil().args(["demo", "--seeds", "1", "--quiet", "--out"]).arg(&out).status().unwrap();
    assert!(demo.success());
    assert!(out.join("report.html").is_file());
    let forgetting = |method: &str| -> f64 {
        let scores = std::fs::read_to_string(out.join("scores.csv")).unwrap();
        let row =
            scores.lines().find(|l| l.starts_with(&format!("{method},0,2,all,forgetting_mse,"))).unwrap();
        row.split(',').nth(5).unwrap().parse().unwrap()
    };
    assert!(forgetting("finetune") > 0.1, "{}", forgetting("finetune"));
    assert!(forgetting("replay") < 0.5 * forgetting("finetune"), "{}", forgetting("replay"));
    assert!(forgetting("joint") < 0.5 * forgetting("finetune"), "{}", forgetting("joint"));
}
