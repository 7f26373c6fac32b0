//! `A[k][j]`: gene-based classification (Qi et al., AAAI 2026, arXiv 2511.13762).
//!
//! The cells of the data set of stage `j` are embedded by the frozen model of stage `k` with the genes seen
//! through stage `k`; a linear classifier and `k`-nearest neighbours tell their classes. The test part is the
//! plan's and the same for every model; a trial draws another validation part, on which the classifier's epoch
//! is chosen, and other initial weights.

use crate::embed::embed;
use crate::run::Run;
use crate::stages::ProbeCells;
use genil_base::Result;
use genil_base::random::{Key, Purpose};
use genil_data::sample::Shown;
use genil_data::{CellRef, Labelled, ProbeSplit};
use genil_engine::Engine;
use genil_score::classification::{self, Choose, LinearProbe, linear_probe};
use std::collections::HashMap;

/// The share of the training part on which a trial chooses its epoch.
const VALIDATION: f64 = 0.2;

/// What the classifiers said of the test part, in the order of its cells.
pub struct Classified {
    /// Share of trials in which the linear classifier was right, for each test cell.
    pub right: Vec<f64>,
    /// Macro-averaged F1 of the linear classifier, mean of trials.
    pub macro_f1: f64,
    /// 1 where the nearest neighbours were right, else 0, for each test cell.
    pub knn_right: Vec<f64>,
    /// Counts over all trials of the linear classifier, truth × prediction.
    pub confusion: Vec<Vec<usize>>,
    /// Mean accuracy as the authors compute it, when asked for.
    pub paper: Option<f64>,
}

/// Classifies the data set of a stage by the model of stage `stage`.
///
/// # Errors
/// As [`Engine::predict`].
pub fn classify(
    run: &Run,
    engine: &mut dyn Engine,
    stage: usize,
    probe: &ProbeCells,
    seed: u64,
) -> Result<Classified> {
    let settings = &run.settings.evaluate;
    let split = &probe.split;
    let all: Vec<Labelled> = split.train.iter().chain(&split.test).copied().collect();
    let cells: Vec<CellRef> = all.iter().map(|cell| CellRef { store: probe.store, row: cell.row }).collect();
    let labels: Vec<u32> = all.iter().map(|cell| cell.label).collect();
    let place: HashMap<u32, usize> = (0..).zip(&all).map(|(i, cell)| (cell.row, i)).collect();
    let places = |cells: &[Labelled]| cells.iter().map(|cell| place[&cell.row]).collect::<Vec<usize>>();
    let x = embed(engine, &run.stages, &run.settings.when_measured(), &cells, Shown::Through(stage))?;
    let classes = split.classes.len();
    let (train_all, test) = (places(&split.train), places(&split.test));
    let truth: Vec<u32> = split.test.iter().map(|cell| cell.label).collect();
    let key = Key::new(seed, Purpose::Probe);

    let linear = LinearProbe {
        epochs: settings.probe_epochs,
        standardise: settings.standardise,
        ..LinearProbe::default()
    };
    let mut right = vec![0.0; test.len()];
    let mut macro_f1 = 0.0;
    let mut confusion = vec![vec![0; classes]; classes];
    let share = 1.0 / settings.trials as f64;
    for trial in 0..settings.trials {
        let key = key.with(trial);
        let (train, validation) = split.divide(&split.train, VALIDATION, key);
        let parts = [places(&train), places(&validation)];
        let said = linear_probe(&x, &labels, classes, &parts[0], &parts[1], &test, &linear, key)?;
        macro_f1 += said.macro_f1 * share;
        for (i, (&said, &true_class)) in said.predictions.iter().zip(&truth).enumerate() {
            right[i] += if said == true_class { share } else { 0.0 };
            confusion[true_class as usize][said as usize] += 1;
        }
    }
    let near = classification::knn(&x, &labels, classes, &train_all, &test, settings.neighbours)?;
    let knn_right =
        near.iter().zip(&truth).map(|(said, truth)| if said == truth { 1.0 } else { 0.0 }).collect();
    let mut result = Classified { right, macro_f1, knn_right, confusion, paper: None };
    if settings.paper {
        // The authors divide all cells anew in every trial, without regard to donors (70/30), and report the
        // best epoch of the test part.
        let ungrouped = ProbeSplit { grouped: false, ..split.clone() };
        let best = LinearProbe { choose: Choose::PaperBestOfTest, standardise: false, ..linear };
        let accuracy = |trial| {
            let key = key.with(trial).with(u64::MAX);
            let (train, test) = ungrouped.divide(&all, 0.3, key);
            let parts = [places(&train), places(&test)];
            Ok(linear_probe(&x, &labels, classes, &parts[0], &parts[1], &parts[1], &best, key)?.accuracy)
        };
        result.paper = Some((0..settings.trials).map(accuracy).sum::<Result<f64>>()? * share);
    }
    Ok(result)
}
