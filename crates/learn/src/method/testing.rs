//! A small run for tests: the synthetic cells, a model of one layer, a few steps a stage.

use super::Context;
use crate::{Run, RunSettings, Silent};
use genil_data::planner::build;
use genil_data::synthetic::SyntheticConfig;
use genil_engine::{Engine, Tensors};
use std::time::Duration;
use tempfile::TempDir;

const SETTINGS: &str = "plan = 'plan.toml'
[model]
width = 16
layers = 1
heads = 2
ffn = 16
dropout = 0.0
[tokens]
max_genes = 24
[train]
epochs = 1
batch = 8
learning_rate = 5e-3
log_every = 2
[methods]
";

/// A run that is trained through its two stages.
pub struct Trained {
    run: Run,
    _folder: TempDir,
}

/// Trains these methods, given as the lines below `[methods]`.
pub fn train(methods: &str) -> Trained {
    let trained = begin(methods);
    trained.run.train(Duration::ZERO, &Silent).unwrap();
    trained
}

/// The same before training.
pub fn begin(methods: &str) -> Trained {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let config = SyntheticConfig { cells: 240, probe_cells: 80, base_genes: 60, ..Default::default() };
    config.write(&data).unwrap();
    let (plan, _) = build(&config.request(&data, true)).unwrap();
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, plan.to_text().unwrap()).unwrap();
    let settings = RunSettings { plan: path, ..RunSettings::parse(&format!("{SETTINGS}{methods}")).unwrap() };
    Trained { run: Run::begin(&folder.path().join("run"), settings).unwrap(), _folder: folder }
}

impl Trained {
    /// A method's parameters after a stage.
    pub fn parameters(&self, method: &str, stage: usize) -> Tensors {
        self.run.engine_after(0, method, stage).unwrap().parameters().clone()
    }

    /// A method's model after stage `stage − 1` with rows for the genes of `stage`.
    pub fn engine_before(&self, method: &str, stage: usize) -> Box<dyn Engine> {
        let mut engine = self.run.engine_after(0, method, stage - 1).unwrap();
        engine.grow(self.run.stages.partition.tokens_through(stage), 0);
        engine
    }

    /// Where a method is in a stage.
    pub fn context(&self, stage: usize) -> Context<'_> {
        Context { stages: &self.run.stages, settings: &self.run.settings, seed: 0, stage }
    }
}
