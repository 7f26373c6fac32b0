//! `A[k][j]`: gene-based classification (Qi et al., AAAI 2026, arXiv 2511.13762).
//!
//! The cells of the data set of stage `j` are embedded by the frozen model of stage `k` with the genes seen
//! through stage `k`; a linear classifier and `k`-nearest neighbours tell their classes. The test part is the
//! plan's and the same for every model; a trial draws another validation part, on which the classifier's epoch
//! is chosen, and other initial weights.

use crate::embed::embed;
use crate::run::Run;
use crate::settings::EvaluateSettings;
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

/// A labelled data set as a classifier sees it: its cells in one order, its parts as places in it.
pub struct Cells {
    /// Training cells, then test cells.
    pub cells: Vec<CellRef>,
    all: Vec<Labelled>,
    labels: Vec<u32>,
    place: HashMap<u32, usize>,
}

impl Cells {
    /// The cells of a probe.
    pub fn of(probe: &ProbeCells) -> Self {
        let all: Vec<Labelled> = probe.split.train.iter().chain(&probe.split.test).copied().collect();
        let cells = all.iter().map(|cell| CellRef { store: probe.store, row: cell.row }).collect();
        let labels = all.iter().map(|cell| cell.label).collect();
        let place = (0..).zip(&all).map(|(i, cell)| (cell.row, i)).collect();
        Self { cells, all, labels, place }
    }

    fn places(&self, cells: &[Labelled]) -> Vec<usize> {
        cells.iter().map(|cell| self.place[&cell.row]).collect()
    }
}

/// What the linear classifier said in all trials.
pub struct Trials {
    /// Share of trials in which it was right, for each test cell.
    pub right: Vec<f64>,
    macro_f1: f64,
    confusion: Vec<Vec<usize>>,
}

/// The trials of the linear classifier on embeddings `x` (`N × d`) of `cells`.
///
/// # Errors
/// As [`linear_probe`].
pub fn trials(run: &Run, x: &[f32], cells: &Cells, probe: &ProbeCells, seed: u64) -> Result<Trials> {
    let settings = &run.settings.evaluate;
    let split = &probe.split;
    let classes = split.classes.len();
    let test = cells.places(&split.test);
    let linear = linear_settings(settings);
    let mut all =
        Trials { right: vec![0.0; test.len()], macro_f1: 0.0, confusion: vec![vec![0; classes]; classes] };
    let share = 1.0 / settings.trials as f64;
    for trial in 0..settings.trials {
        let key = Key::new(seed, Purpose::Probe).with(trial);
        let (train, validation) = split.divide(&split.train, VALIDATION, key);
        let parts = [cells.places(&train), cells.places(&validation)];
        let said = linear_probe(x, &cells.labels, classes, &parts[0], &parts[1], &test, &linear, key)?;
        all.macro_f1 += said.macro_f1 * share;
        for (i, (&said, truth)) in said.predictions.iter().zip(&split.test).enumerate() {
            all.right[i] += if said == truth.label { share } else { 0.0 };
            all.confusion[truth.label as usize][said as usize] += 1;
        }
    }
    Ok(all)
}

fn linear_settings(settings: &EvaluateSettings) -> LinearProbe {
    LinearProbe { epochs: settings.probe_epochs, standardise: settings.standardise, ..LinearProbe::default() }
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
    let cells = Cells::of(probe);
    let x = embed(engine, &run.stages, &run.settings.when_measured(), &cells.cells, Shown::Through(stage))?;
    let classes = split.classes.len();
    let (train, test) = (cells.places(&split.train), cells.places(&split.test));
    let Trials { right, macro_f1, confusion } = trials(run, &x, &cells, probe, seed)?;
    let near = classification::knn(&x, &cells.labels, classes, &train, &test, settings.neighbours)?;
    let knn_right = near
        .iter()
        .zip(&split.test)
        .map(|(said, truth)| if *said == truth.label { 1.0 } else { 0.0 })
        .collect();
    let mut result = Classified { right, macro_f1, knn_right, confusion, paper: None };
    if settings.paper {
        // The authors divide all cells anew in every trial, without regard to donors (70/30), and report the
        // best epoch of the test part.
        let ungrouped = ProbeSplit { grouped: false, ..split.clone() };
        let linear = linear_settings(settings);
        let best = LinearProbe { choose: Choose::PaperBestOfTest, standardise: false, ..linear };
        let accuracy = |trial| {
            let key = Key::new(seed, Purpose::Probe).with(trial).with(u64::MAX);
            let (train, test) = ungrouped.divide(&cells.all, 0.3, key);
            let parts = [cells.places(&train), cells.places(&test)];
            Ok(linear_probe(&x, &cells.labels, classes, &parts[0], &parts[1], &parts[1], &best, key)?
                .accuracy)
        };
        result.paper =
            Some((0..settings.trials).map(accuracy).sum::<Result<f64>>()? / settings.trials as f64);
    }
    Ok(result)
}
