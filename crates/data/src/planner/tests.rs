//! What the planner promises.

use super::*;
use crate::importance::Importance;
use crate::synthetic::{PROBES, SyntheticConfig};
use crate::testing;
use genil_base::files;
use tempfile::TempDir;

fn synthetic() -> (TempDir, SyntheticConfig, crate::synthetic::SyntheticTruth) {
    let folder = tempfile::tempdir().unwrap();
    let config = SyntheticConfig::default();
    let truth = config.write(folder.path()).unwrap();
    (folder, config, truth)
}

#[test]
fn the_known_markers_of_synthetic_cells_are_found_by_both_scores() {
    let (folder, config, truth) = synthetic();
    for by in [Importance::Anova, Importance::Wilcoxon] {
        let request = PlanRequest { by, ..config.request(folder.path(), true) };
        let (plan, summary) = build(&request).unwrap();
        for (stage, truth) in plan.stages[1..].iter().zip(&truth.stages) {
            let found = truth.markers().filter(|marker| stage.genes.iter().any(|g| g == marker)).count();
            assert!(found as f64 >= 0.9 * truth.markers().count() as f64, "{by}: {found}");
            assert_eq!(stage.probe.as_ref().unwrap().group.as_deref(), Some("donor"));
        }
        let rows = |k: usize| summary.stages[k].cells.train + summary.stages[k].cells.held_out;
        assert_eq!([rows(0), rows(1), rows(2)], [1800, 900, 900]);
        assert!(summary.base_genes >= 170, "{}", summary.base_genes);
    }
}

#[test]
fn the_same_request_makes_the_same_plan_and_the_file_says_it_all() {
    let (folder, config, _) = synthetic();
    let request = config.request(folder.path(), false);
    let (plan, summary) = build(&request).unwrap();
    assert_eq!(build(&request).unwrap(), (plan.clone(), summary.clone()));
    let path = folder.path().join("plan.toml");
    plan.write(&path).unwrap();
    let read = Plan::read(&path).unwrap();
    assert_eq!(read.fingerprint().unwrap(), plan.fingerprint().unwrap());
    let stores = read.open_stores().unwrap();
    let cells = stage_cells(&read, &stores).unwrap();
    assert_eq!(cells[1].train.len(), summary.stages[1].cells.train);
    let tokens = GenePartition::new(&read, &stores, &cells).unwrap();
    assert_eq!(tokens.tokens_of(0).len(), summary.base_genes);
    assert_eq!(tokens.tokens_of(2).len(), summary.stages[2].genes.len());
    let words = summary.to_string();
    for wanted in
        ["stage 1 'blood'", "to train on", "base genes", "each donor on one side", "4 classes: blood-A"]
    {
        assert!(words.contains(wanted), "{wanted} in:\n{words}");
    }
}

#[test]
fn random_genes_differ_by_seed_and_stage() {
    let (folder, config, _) = synthetic();
    let of = |seed| {
        let request = PlanRequest { by: Importance::Random, seed, ..config.request(folder.path(), false) };
        build(&request).unwrap().0.stages.iter().map(|stage| stage.genes.clone()).collect::<Vec<_>>()
    };
    let (one, other) = (of(1), of(2));
    assert_ne!(one[1], other[1]);
    assert!(one[1].iter().all(|gene| !one[2].contains(gene)));
}

/// A corpus of 40 cells with the genes B, M, R, and a probe with M, R, X, whose classes X marks best.
struct Small {
    folder: TempDir,
}

impl Small {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cells: Vec<_> = (0..40u8)
            .map(|i| {
                let rare = if i == 0 { 1.0 } else { 0.0 };
                (vec![1.0, f32::from(i % 4), rare], vec![if i < 20 { "blood" } else { "gut" }])
            })
            .collect();
        testing::store(&folder.path().join("corpus.store"), &["B", "M", "R"], &["tissue"], &cells);
        let cells: Vec<_> = (0..40u8)
            .map(|i| {
                let of = f32::from(i % 2);
                let label = if i < 6 { "unassigned" } else { ["a", "b"][usize::from(i % 2)] };
                let (m, r) = (of * 3.0 + f32::from(i % 3), of * 5.0 + f32::from(i % 5));
                (vec![m, r, of * 9.0], vec![label, "only one"])
            })
            .collect();
        testing::store(&folder.path().join("probe.store"), &["M", "R", "X"], &["type", "donor"], &cells);
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn request(&self) -> PlanRequest {
        let stage = StageRequest::new("one", self.path("probe.store"), "type");
        PlanRequest { top: 2, ..PlanRequest::new(self.path("corpus.store"), vec![stage]) }
    }
}

#[test]
fn genes_that_the_training_cells_lack_are_passed_over_and_said() {
    let small = Small::new();
    let (plan, summary) = build(&small.request()).unwrap();
    assert_eq!(plan.stages[1].genes, ["M"]);
    assert_eq!(summary.stages[1].unmeasured, ["X"]);
    assert_eq!(summary.stages[1].rare, ["R"]);
    assert_eq!(plan.stores.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["corpus", "probe"]);
    let words = summary.to_string();
    assert!(words.contains("1 better ones are not measured in its cells: X"), "{words}");
    assert!(words.contains("2 genes were asked for, 1 can be had"), "{words}");
}

#[test]
fn labels_that_are_no_classes_and_donors_that_cannot_be_kept_apart_are_said() {
    let small = Small::new();
    let (plan, summary) = build(&small.request()).unwrap();
    let probe = plan.stages[1].probe.clone().unwrap();
    assert_eq!((probe.leave_out, probe.group), (vec!["unassigned".to_owned()], None));
    let notices = summary.stages[1].notices.join("\n");
    assert!(notices.contains("'unassigned'") && notices.contains("'donor' kept together"), "{notices}");
    let names: Vec<_> = summary.stages[1].probe.as_ref().unwrap().classes.iter().map(|c| &c.name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_stage_without_labels_brings_the_genes_that_vary_most_among_its_own_cells() {
    let small = Small::new();
    let stage = StageRequest::unlabelled("two");
    let request = PlanRequest { top: 1, ..PlanRequest::new(small.path("corpus.store"), vec![stage]) };
    let (plan, summary) = build(&request).unwrap();
    assert_eq!((plan.stages[1].probe.clone(), &plan.stages[1].genes[..]), (None, &["M".to_owned()][..]));
    assert!(summary.to_string().contains("no labelled data set: genes by highly-variable"), "{summary}");
    plan.write(&small.path("plan.toml")).unwrap();
    assert_eq!(Plan::read(&small.path("plan.toml")).unwrap().stages, plan.stages);
}

#[test]
fn a_list_of_the_user_is_taken_in_its_own_order() {
    let small = Small::new();
    files::write_bytes(&small.path("list.txt"), b"B\nZZZ\nM\n").unwrap();
    let mut request = small.request();
    request.top = 1;
    request.stages[0].genes = Some(small.path("list.txt"));
    request.min_cells = 1;
    let (plan, summary) = build(&request).unwrap();
    assert_eq!(plan.stages[1].genes, ["B", "M"]);
    assert_eq!(summary.stages[1].unmeasured, ["ZZZ"]);
}

#[test]
fn a_stage_without_genes_or_cells_is_refused_with_the_reason() {
    let small = Small::new();
    files::write_bytes(&small.path("list.txt"), b"X\nR\n").unwrap();
    let mut request = small.request();
    request.stages[0].genes = Some(small.path("list.txt"));
    let error = build(&request).unwrap_err().to_string();
    assert!(error.contains("1 are not measured there, 1 are expressed by fewer than 3"), "{error}");
    assert!(error.contains("wanted: X, R") && error.contains("stage 1 'one'"), "{error}");

    let mut request = small.request();
    request.stages[0].cells = Some(CellFilter { column: "tissue".into(), values: vec!["lung".into()] });
    let error = build(&request).unwrap_err().to_string();
    assert!(
        error.contains("no cell has tissue = 'lung'") && error.contains("blood (20), gut (20)"),
        "{error}"
    );

    request.stages[0].cells = Some(CellFilter { column: "tisue".into(), values: vec!["lung".into()] });
    let error = build(&request).unwrap_err().to_string();
    assert!(error.contains("the columns are: tissue") && error.contains("stage 'one'"), "{error}");
}

#[test]
fn numbers_out_of_range_are_refused() {
    let small = Small::new();
    let request = small.request();
    for wrong in [
        PlanRequest { top: 0, ..request.clone() },
        PlanRequest { held_out: 1.0, ..request.clone() },
        PlanRequest { probe_test: f64::NAN, ..request.clone() },
        PlanRequest { shares: Some(vec![0.5]), ..request.clone() },
        PlanRequest { shares: Some(vec![0.5, -1.0]), ..request.clone() },
        PlanRequest { stages: Vec::new(), ..request.clone() },
    ] {
        assert!(build(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn two_stages_that_want_the_same_genes_are_told_so() {
    let (folder, config, _) = synthetic();
    let mut request = config.request(folder.path(), false);
    if let Some(probe) = &mut request.stages[1].probe {
        probe.store = folder.path().join(PROBES[0]);
    }
    request.top = 10;
    let error = build(&request).unwrap_err().to_string();
    assert!(error.contains("other stages want all of them"), "{error}");
    request.top = 48;
    let words = build(&request).unwrap_err().to_string();
    assert!(words.contains("stage 2"), "{words}");
}
