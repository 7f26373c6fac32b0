//! What a run promises: the same bytes whatever happens, and the known answer of the synthetic data.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{assert_same, contents, demo_plan, genil, settings_file, slow};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

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
fn progress_for_a_pipeline_is_one_whole_object_a_line_without_colours() {
    let folder = tempfile::tempdir().unwrap();
    let plan = demo_plan(folder.path());
    let settings = settings_file(folder.path(), &plan);
    let out = folder.path().join("run");
    let told = genil()
        .args(["train", "--progress", "json", "--tensorboard"])
        .arg(&settings)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(told.status.success());
    let lines = String::from_utf8(told.stderr).unwrap();
    let mut ended = 0;
    for line in lines.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(object["done"].as_u64() <= object["total"].as_u64(), "{line}");
        assert!(object["part"].as_str().is_some_and(|part| part.starts_with("seed 0")), "{line}");
        ended += usize::from(object["event"] == "end");
    }
    let stages = contents(&out).keys().filter(|path| path.ends_with("model.json")).count();
    assert_eq!(ended, stages);
    let mirrors = contents(&out).keys().filter(|path| path.starts_with("tensorboard/")).count();
    assert_eq!(mirrors, stages);
    assert!(
        !String::from_utf8(told.stdout).unwrap().contains('\x1b'),
        "no colours where there is no terminal"
    );
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
    assert!(said.contains("train.epochs was 2 and is now 3") && said.contains("--out"), "{said}");
    assert_eq!(contents(&out), before, "the run that was there is as it was");
}

#[test]
fn a_run_that_grew_is_the_run_that_was_begun_with_everything() {
    let folder = tempfile::tempdir().unwrap();
    let plan = demo_plan(folder.path());
    let settings = settings_file(folder.path(), &plan);
    let whole = std::fs::read_to_string(&settings).unwrap().replace("seeds = [0]", "seeds = [0, 1]");
    let run = |text: &str, out: &str| {
        let out = folder.path().join(out);
        std::fs::write(&settings, text).unwrap();
        let train =
            genil().args(["train", "--quiet"]).arg(&settings).arg("--out").arg(&out).output().unwrap();
        assert!(train.status.success(), "{}", String::from_utf8_lossy(&train.stderr));
        assert!(genil().args(["evaluate", "--quiet"]).arg(&out).status().unwrap().success());
        contents(&out)
    };
    let few: String = whole
        .replace("seeds = [0, 1]", "seeds = [0]")
        .split_inclusive('\n')
        .filter(|l| !l.contains("joint"))
        .collect();
    let before = run(&few.replace("[evaluate]", "[evaluate]\nmax_genes = 96"), "grown");
    let grown = run(&whole, "grown");
    let again = ["scores.json", "drift.json", "maps.json"];
    let measured = |path: &str| again.iter().any(|file| path.ends_with(file));
    for (path, bytes) in before.iter().filter(|(path, _)| path.starts_with("models") && !measured(path)) {
        assert!(bytes == &grown[path], "{path} was trained again");
    }
    let at_once = run(&whole, "at-once");
    assert_eq!(grown.keys().collect::<Vec<_>>(), at_once.keys().collect::<Vec<_>>());
    for (path, bytes) in &at_once {
        assert!(bytes == &grown[path], "{path} differs");
    }
    for (tables, seeds) in [(&before, "1"), (&grown, "2")] {
        the_paired_difference_is_that_of_the_summary(tables, seeds);
    }
    assert_ne!(
        before["models/seed-0/shared/stage-2/scores.json"],
        grown["models/seed-0/shared/stage-2/scores.json"]
    );
}

fn the_paired_difference_is_that_of_the_summary(tables: &BTreeMap<String, Vec<u8>>, seeds: &str) {
    let numbers = |file: &str, row: &str| -> Vec<String> {
        let text = String::from_utf8_lossy(&tables[file]).into_owned();
        let line =
            text.lines().find(|line| line.starts_with(row)).unwrap_or_else(|| panic!("{row} in {file}"));
        line[row.len()..].split(',').map(str::to_owned).collect()
    };
    let number = |text: &String| text.parse::<f64>().expect("a number");
    for metric in ["forgetting_mse", "backward_transfer_accuracy", "new_mse"] {
        let mean = |method: &str| number(&numbers("summary.csv", &format!("{method},{metric},"))[0]);
        let paired = numbers("paired.csv", &format!("distill,finetune,{metric},"));
        let difference = number(&paired[0]);
        assert!((difference - (mean("distill") - mean("finetune"))).abs() < 1e-9, "{metric}: {difference}");
        assert!(number(&paired[1]) <= difference && difference <= number(&paired[2]));
        assert_eq!(paired[4], seeds);
        assert_eq!(paired[3].is_empty(), seeds == "1", "a paired test needs two seeds");
    }
}

#[test]
fn drift_says_what_moved_and_ends_at_the_accuracy_of_the_scores() {
    let folder = tempfile::tempdir().unwrap();
    let plan = demo_plan(folder.path());
    let settings = settings_file(folder.path(), &plan);
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("layers = 1", "layers = 2")).unwrap();
    let out = folder.path().join("run");
    assert!(
        genil().args(["train", "--quiet"]).arg(&settings).arg("--out").arg(&out).status().unwrap().success()
    );
    assert!(genil().args(["evaluate", "--quiet"]).arg(&out).status().unwrap().success());
    let table = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let (drift, scores) = (table("drift.csv"), table("scores.csv"));
    let number = |text: &str, row: &str, at: usize| -> f64 {
        let line = text.lines().find(|l| l.starts_with(row)).unwrap_or_else(|| panic!("no row {row}"));
        line.split(',').nth(at).unwrap().parse().unwrap()
    };
    let old =
        drift.lines().find(|l| l.starts_with("finetune,0,2,") && l.contains(",specific_rows,")).unwrap();
    assert!(old.ends_with(",0"), "an old gene's row gets no gradient when fine-tuned: {old}");
    let set = old.split(',').nth(3).unwrap();
    let last = number(&drift, &format!("finetune,0,2,{set},accuracy,2,"), 6);
    let accuracy = number(&scores, &format!("finetune,0,2,{set},accuracy,"), 5);
    assert!((last - accuracy).abs() < 1e-9, "{last} and {accuracy}");
    for (part, layer) in [("cka_held_out", "1"), ("cka_probe", "2")] {
        let cka = number(&drift, &format!("finetune,0,2,{set},{part},{layer},"), 6);
        assert!(cka > 0.0 && cka < 1.0, "{part}: {cka}");
    }
    assert!(number(&drift, &format!("joint,0,2,{set},encoder_layer,1,"), 6) > 0.0);
}

#[test]
fn a_benchmark_runs_all_its_settings_once_and_puts_them_on_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let plan = demo_plan(folder.path());
    let common = std::fs::read_to_string(settings_file(folder.path(), &plan)).unwrap();
    let bench = folder.path().join("bench.toml");
    let common = common.replace(&format!("plan = {plan:?}\n"), "");
    let text = format!(
        "{common}[settings.one]\nplan = {plan:?}\n[settings.short]\nplan = {plan:?}\ntrain.epochs = 1\n"
    );
    std::fs::write(&bench, text).unwrap();
    let run = |more: &[&str]| {
        let done = genil().arg("bench").arg(&bench).args(["--progress", "none"]).args(more).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    assert!(run(&["--dry-run"]).contains("(evaluation)"));
    let out = folder.path().join("runs/bench");
    assert!(!out.exists(), "a dry run writes nothing");
    run(&[]);
    let table = std::fs::read_to_string(out.join("bench.csv")).unwrap();
    let methods = |setting: &str| -> Vec<String> {
        let rows = table.lines().filter(|row| row.starts_with(setting));
        rows.map(|row| row.split(',').nth(1).unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(methods("one,"), methods("short,"), "{table}");
    assert_eq!(methods("one,")[0], "finetune", "{table}");
    for file in ["bench.md", "paired.csv", "bench.html", "one/report.html", "short/scores.csv"] {
        assert!(out.join(file).is_file(), "{file}");
    }
    let before = contents(&out);
    assert!(run(&["--dry-run"]).contains("everything is trained and measured"));
    run(&[]);
    assert!(contents(&out) == before, "what is done is not done again");
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
fn on_the_synthetic_data_fine_tuning_forgets_and_replay_prototypes_and_joint_training_forget_less() {
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
    for method in ["replay", "prototypes", "joint"] {
        assert!(forgetting(method) < 0.5 * forgetting("finetune"), "{method}: {}", forgetting(method));
    }
}
