//! One model measured on every gene set, kept beside it as `scores.json`.

use super::classification::classify;
use super::regression::errors;
use crate::checkpoint;
use crate::run::Run;
use crate::settings::UNTRAINED;
use genil_base::{Error, Result, files};
use genil_engine::Engine;
use genil_score::Measured;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A model's figures on every gene set, and what they are the figures of.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Scores {
    /// SHA-256 of what was measured and how.
    of: String,
    /// By gene set.
    sets: Vec<SetScores>,
}

/// A model's figures on one gene set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SetScores {
    /// `j`.
    pub set: usize,
    /// By metric: `mse`, `mse_cell_head`, `accuracy`, `knn_accuracy`, `macro_f1`, `accuracy_paper`.
    pub metrics: BTreeMap<String, Measured>,
    /// For each gene: its token, the mean squared error of the value head, the cells that express it.
    pub genes: Vec<(u32, f64, usize)>,
    /// Truth × prediction of the linear probe over all trials.
    pub confusion: Vec<Vec<usize>>,
}

impl SetScores {
    /// Whether genes and classes are those of the run's set, and every cell has its weight.
    fn are_of(&self, run: &Run) -> bool {
        let classes = run.stages.probes[self.set].as_ref().map_or(0, |probe| probe.split.classes.len());
        let square = self.confusion.len() == classes && self.confusion.iter().all(|row| row.len() == classes);
        let genes = self.genes.iter().all(|&(token, ..)| (token as usize) < run.stages.partition.len());
        let weighted = |m: &Measured| m.sums.is_empty() || m.sums.len() == m.weights.len();
        square && genes && self.metrics.values().all(weighted)
    }

    /// Adds a figure, if there is one.
    fn add(&mut self, metric: &str, figure: Option<Measured>) {
        if let Some(figure) = figure {
            self.metrics.insert(metric.to_owned(), figure);
        }
    }
}

fn path(run: &Run, (seed, method, stage): (u64, &str, usize)) -> PathBuf {
    run.model_folder(seed, method, stage).join("scores.json")
}

/// SHA-256 of a model and the settings of its evaluation. An untrained model is what the run's settings make it.
pub(super) fn fingerprint(run: &Run, (seed, method, stage): (u64, &str, usize)) -> Result<String> {
    let model = if method == UNTRAINED {
        run.chain_fingerprint(method, stage)?
    } else {
        checkpoint::read_card(&run.model_folder(seed, method, stage))?.weights
    };
    Ok(files::sha256(format!("{model}\n{}", run.settings.evaluate.to_text()?).as_bytes()))
}

/// Reads a model's figures, if they are those of this model and these settings.
///
/// # Errors
/// When the model is not trained yet.
fn read_present(run: &Run, unit: (u64, &str, usize)) -> Result<Option<Vec<SetScores>>> {
    let path = path(run, unit);
    if !path.is_file() {
        return Ok(None);
    }
    // Of another version, or damaged: measured again.
    let Ok(scores) = serde_json::from_str::<Scores>(&files::read_text(&path)?) else { return Ok(None) };
    // A baseline has the figures of the next set only.
    let (_, method, stage) = unit;
    let expected = if method == UNTRAINED { stage + 1..stage + 2 } else { 0..run.stages.last() + 1 };
    let sound =
        scores.sets.iter().map(|it| it.set).eq(expected) && scores.sets.iter().all(|it| it.are_of(run));
    Ok((sound && scores.of == fingerprint(run, unit)?).then_some(scores.sets))
}

/// A model's figures.
///
/// # Errors
/// When it was not measured yet, or otherwise than the settings now ask for.
pub fn read(run: &Run, unit: (u64, &str, usize)) -> Result<Vec<SetScores>> {
    read_present(run, unit)?.ok_or_else(|| {
        Error::new("this model was not measured yet")
            .at_path(&run.model_folder(unit.0, unit.1, unit.2))
            .help("run 'genil evaluate' on the run")
    })
}

/// Whether a model's figures are those of this model and these settings.
///
/// # Errors
/// When they cannot be read.
pub fn is_measured(run: &Run, unit: (u64, &str, usize)) -> Result<bool> {
    Ok(read_present(run, unit)?.is_some())
}

/// Measures a model, unless that was done before with the same settings.
///
/// # Errors
/// As [`Engine::predict`]; when the model is not trained yet.
pub fn measure(run: &Run, unit: (u64, &str, usize)) -> Result<()> {
    if read_present(run, unit)?.is_some() {
        return Ok(());
    }
    let (seed, method, stage) = unit;
    let sets = if method == UNTRAINED {
        let mut engine = run.engine_untrained(seed, stage)?;
        vec![classification(run, &mut *engine, seed, stage, stage + 1)?]
    } else {
        let mut engine = run.engine_after(seed, method, stage)?;
        let one = |set| measure_set(run, &mut *engine, seed, stage, set);
        (0..=run.stages.last()).map(one).collect::<Result<_>>()?
    };
    let path = path(run, unit);
    let scores = Scores { of: fingerprint(run, unit)?, sets };
    let text = serde_json::to_string(&scores).map_err(|e| Error::new(e).at_path(&path))?;
    files::write_bytes(&path, text.as_bytes())
}

/// Regression where the model knows the genes, classification where the stage has a data set.
fn measure_set(run: &Run, engine: &mut dyn Engine, seed: u64, stage: usize, set: usize) -> Result<SetScores> {
    let mut scores = classification(run, engine, seed, stage, set)?;
    if set <= stage {
        let errors = errors(run, engine, stage, set)?;
        let resamples = run.settings.evaluate.resamples;
        scores.add("mse", errors.value.measured(resamples));
        scores.add("mse_cell_head", errors.cell.measured(resamples));
        scores.genes = errors.value.per_gene();
    }
    Ok(scores)
}

fn classification(
    run: &Run,
    engine: &mut dyn Engine,
    seed: u64,
    stage: usize,
    set: usize,
) -> Result<SetScores> {
    let mut scores = SetScores { set, ..SetScores::default() };
    let Some(probe) = &run.stages.probes[set] else { return Ok(scores) };
    let said = classify(run, engine, stage, probe, seed)?;
    let cells = said.right.len();
    let over_cells = |right| Measured::over_cells(right, vec![1.0; cells], run.settings.evaluate.resamples);
    scores.add("accuracy", over_cells(said.right));
    scores.add("knn_accuracy", over_cells(said.knn_right));
    scores.add("macro_f1", Some(Measured::plain(said.macro_f1, cells)));
    scores.add("accuracy_paper", said.paper.map(|accuracy| Measured::plain(accuracy, cells)));
    scores.confusion = said.confusion;
    Ok(scores)
}
