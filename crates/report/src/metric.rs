//! The measures that a report knows how to show.

use crate::run::Run;
use genil_score::Better;

/// A measure of `scores.csv`.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name in the files.
    pub key: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// How it is measured, in a sentence.
    pub how: &'static str,
    /// Which way it improves.
    pub better: Better,
}

const KNOWN: [Metric; 6] = [
    Metric {
        key: "mse",
        title: "Regression loss",
        how: "Mean squared error of the value head on held-out cells, the genes of the set masked.",
        better: Better::Lower,
    },
    Metric {
        key: "mse_cell_head",
        title: "Regression loss of the cell head",
        how: "Mean squared error of the values predicted from the cell embedding alone, on held-out cells.",
        better: Better::Lower,
    },
    Metric {
        key: "accuracy",
        title: "Accuracy of the linear probe",
        how: "Share of test cells whose label a linear classifier on frozen cell embeddings predicts.",
        better: Better::Higher,
    },
    Metric {
        key: "macro_f1",
        title: "Macro F1 of the linear probe",
        how: "Unweighted mean over the classes of the probe's F1.",
        better: Better::Higher,
    },
    Metric {
        key: "knn_accuracy",
        title: "Accuracy of nearest neighbours",
        how: "Share of test cells whose label the majority of their nearest training cells has.",
        better: Better::Higher,
    },
    Metric {
        key: "accuracy_paper",
        title: "Accuracy, the best of ten test scores",
        how: "As the paper's authors measured it: the epoch is chosen on the test cells, which flatters.",
        better: Better::Higher,
    },
];

/// The regression measure that a run is judged by.
pub fn regression(run: &Run) -> Metric {
    let main = KNOWN.iter().find(|m| m.key == run.manifest.main_metric);
    main.copied().filter(|m| m.better == Better::Lower).unwrap_or(KNOWN[0])
}

/// The classification measure that a run is judged by, when the run has one.
pub fn classification(run: &Run) -> Option<Metric> {
    measured(run).into_iter().find(|m| m.better == Better::Higher)
}

/// The measures that the run has scores of, the most important first.
pub fn measured(run: &Run) -> Vec<Metric> {
    KNOWN.into_iter().filter(|m| run.scores.iter().any(|s| s.metric == m.key)).collect()
}

/// The methods that `paired.csv` compares others with, fine-tuning first.
pub fn baselines(run: &Run) -> Vec<usize> {
    let mut all: Vec<usize> = run.paired.iter().map(|p| p.against).collect();
    all.sort_unstable_by_key(|&m| (!run.manifest.methods[m].is_finetune(), m));
    all.dedup();
    all
}

/// The paired measures that are shown, with their names for people.
pub const PAIRED: [(&str, &str); 4] = [
    ("forgetting_mse", "forgetting, regression"),
    ("forgetting_accuracy", "forgetting, classification"),
    ("new_mse", "loss on newest genes"),
    ("new_accuracy", "accuracy on newest classes"),
];
