//! `run.toml`: raw settings become checked settings here and nowhere else.

use crate::method::MethodSettings;
use genil_base::{Error, Result, files};
use genil_data::sample::Sampling;
use genil_engine::ModelConfig;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything that decides a run's results, besides the plan's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSettings {
    /// The plan; a relative path is relative to this file's folder.
    pub plan: PathBuf,
    /// One whole run of all methods for each seed.
    #[serde(default = "one_seed")]
    pub seeds: Vec<u64>,
    /// Size of the model.
    #[serde(default)]
    pub model: ModelConfig,
    /// How a cell becomes tokens.
    #[serde(default)]
    pub tokens: Sampling,
    /// The loop of one stage.
    #[serde(default)]
    pub train: TrainSettings,
    /// What is measured afterwards.
    #[serde(default)]
    pub evaluate: EvaluateSettings,
    /// The methods by name: `replay-50 = { method = "replay", cells = 50 }`.
    pub methods: IndexMap<String, MethodSettings>,
}

fn one_seed() -> Vec<u64> {
    vec![0]
}

/// The loop of one stage. The defaults are the paper's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSettings {
    /// Epochs of every stage.
    pub epochs: usize,
    /// Epochs of the base stage, if not the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_epochs: Option<usize>,
    /// Cells of one step.
    pub batch: usize,
    /// Adam's learning rate.
    pub learning_rate: f64,
    /// How the rate changes within a stage.
    pub schedule: Schedule,
    /// Linear warm-up over so many steps of the base stage, at most a tenth of them.
    pub warmup: u64,
    /// Tokens that are in memory at once: a step's cells are taken in parts of this size. It decides the
    /// order of sums, so it belongs to the results.
    pub part_tokens: usize,
    /// Steps between two lines of `events.jsonl`.
    pub log_every: u64,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            epochs: 5,
            base_epochs: None,
            batch: 128,
            learning_rate: 5e-4,
            schedule: Schedule::Constant,
            warmup: 5000,
            part_tokens: 8192,
            log_every: 10,
        }
    }
}

/// How the learning rate changes within a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// It does not (the paper).
    #[default]
    Constant,
    /// Linearly to zero. The last iterate then moves less than the effects that are measured.
    Linear,
    /// Along half a cosine to zero.
    Cosine,
}

impl Schedule {
    /// The rate beside the one that a stage begins with, once `share` of its steps is over, in 0..1.
    pub fn factor(self, share: f64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Linear => 1.0 - share,
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * share).cos()),
        }
    }
}

/// What is measured afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateSettings {
    /// At most so many held-out cells of a stage, drawn by the seed (0: all).
    pub cells: usize,
    /// At most so many genes of a cell, if not as in training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_genes: Option<usize>,
    /// Trials of the linear probe.
    pub trials: u64,
    /// Epochs of the linear probe.
    pub probe_epochs: usize,
    /// Whether the linear probe brings every feature of the embeddings to mean 0 and variance 1 of its training
    /// cells. The paper does not; embeddings that differ little from cell to cell are then hardly learnt from.
    pub standardise: bool,
    /// Neighbours of the kNN classifier.
    pub neighbours: usize,
    /// Resamples of a bootstrap interval.
    pub resamples: usize,
    /// Besides, the classification as the paper's authors compute it: a new division every trial, the best
    /// epoch chosen on the test part. It flatters; its rows are called `accuracy_paper`.
    pub paper: bool,
    /// Besides, how far each model has moved since the older stages, layer by layer: `drift.csv`.
    pub drift: bool,
}

impl Default for EvaluateSettings {
    fn default() -> Self {
        Self {
            cells: 2000,
            max_genes: None,
            trials: 3,
            probe_epochs: 50,
            standardise: true,
            neighbours: 10,
            resamples: 1000,
            paper: false,
            drift: false,
        }
    }
}

impl EvaluateSettings {
    /// What decides a figure, as text: all but which tables are wanted.
    ///
    /// # Errors
    /// Never for checked settings.
    pub fn to_text(&self) -> Result<String> {
        toml::to_string(&Self { drift: false, ..self.clone() })
            .map_err(|e| Error::new(format!("cannot write the settings: {e}")))
    }
}

impl RunSettings {
    /// Reads and checks `run.toml`; the plan's path comes back relative to the current folder.
    ///
    /// # Errors
    /// An unknown key, a value out of range, no method, two equal seeds: with the file and the key.
    pub fn read(path: &Path) -> Result<Self> {
        let mend = "change it there; 'genil train --help' shows a whole example";
        let mut settings = Self::parse(&files::read_text(path)?).map_err(|e| e.at_path(path).help(mend))?;
        if settings.plan.is_relative() {
            settings.plan = files::parent(path).join(&settings.plan);
        }
        Ok(settings)
    }

    /// The settings of a text, checked.
    ///
    /// # Errors
    /// As [`RunSettings::read`], with the line and the key.
    pub fn parse(text: &str) -> Result<Self> {
        let settings: Self = toml::from_str(text).map_err(|e| {
            Error::new(format!("settings that cannot be read: {}", e.to_string().trim_end()))
                .help("'genil train --help' shows a whole example")
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// As [`RunSettings::read`].
    pub fn check(&self) -> Result<()> {
        self.model.check()?;
        self.tokens.check()?;
        let train = &self.train;
        // Beyond these a value is a mistake, and a product of two may overflow.
        const MOST: u64 = 1 << 31;
        let bounded = [
            ("[train] epochs", train.epochs as u64, 1 << 24),
            ("[train] base_epochs", train.base_epochs.unwrap_or(1) as u64, 1 << 24),
            ("[train] batch", train.batch as u64, MOST),
            ("[train] part_tokens", train.part_tokens as u64, MOST),
            ("[train] log_every", train.log_every, MOST),
            ("[evaluate] max_genes", self.evaluate.max_genes.unwrap_or(1) as u64, MOST),
            ("[evaluate] trials", self.evaluate.trials, 1 << 16),
            ("[evaluate] probe_epochs", self.evaluate.probe_epochs as u64, 1 << 24),
            ("[evaluate] neighbours", self.evaluate.neighbours as u64, MOST),
            ("[evaluate] resamples", self.evaluate.resamples as u64, 1 << 24),
        ];
        if let Some((key, value, most)) = bounded.iter().find(|(_, value, most)| !(1..=*most).contains(value))
        {
            return Err(Error::new(format!("{key} = {value} is not in 1..={most}")));
        }
        if !(train.learning_rate > 0.0 && train.learning_rate < 1.0) {
            return Err(Error::new(format!(
                "[train] learning_rate = {} must lie between 0 and 1",
                train.learning_rate
            )));
        }
        if self.methods.is_empty() {
            return Err(
                Error::new("no method in [methods]").help("add one: finetune = { method = \"finetune\" }")
            );
        }
        for (name, method) in &self.methods {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if name.is_empty()
                || name.len() > 100
                || !name.chars().all(plain)
                || name.starts_with('.')
                || RESERVED.contains(&name.as_str())
            {
                return Err(Error::new(format!("'{name}' cannot name a method"))
                    .help("use at most 100 letters, digits, '-', '_' and '.'; it becomes a folder ('shared' and 'untrained' are taken)"));
            }
            method.check().map_err(|e| e.at(format!("[methods] {name}")))?;
        }
        let mut seeds = self.seeds.clone();
        seeds.sort_unstable();
        seeds.dedup();
        if seeds.is_empty() || seeds.len() != self.seeds.len() {
            return Err(Error::new("seeds must be at least one, all different"));
        }
        Ok(())
    }

    /// The settings as the text of a resolved `run.toml`, every default written out.
    ///
    /// # Errors
    /// Never for settings that pass [`RunSettings::check`].
    pub fn to_text(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::new(format!("cannot write the settings: {e}")))
    }

    /// The settings with the tokens of an evaluation in place of those of training.
    pub fn when_measured(&self) -> Self {
        let max_genes = self.evaluate.max_genes.unwrap_or(self.tokens.max_genes);
        Self { tokens: Sampling { max_genes, ..self.tokens.clone() }, ..self.clone() }
    }

    /// SHA-256 of everything but the plan's place.
    ///
    /// # Errors
    /// As [`RunSettings::to_text`].
    pub fn fingerprint(&self) -> Result<String> {
        let placeless = Self { plan: PathBuf::new(), ..self.clone() };
        Ok(files::sha256(placeless.to_text()?.as_bytes()))
    }
}

/// The chain of stages that several methods share: those that each would train as fine-tuning does.
pub const SHARED: &str = "shared";
/// The chain of models that were never trained: the baseline of forward transfer.
pub const UNTRAINED: &str = "untrained";
const RESERVED: [&str; 2] = [SHARED, UNTRAINED];

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "plan = 'plan.toml'\n[methods]\nfinetune = { method = 'finetune' }\n";

    fn parse(text: &str) -> Result<RunSettings> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        files::write_bytes(&path, text.as_bytes()).unwrap();
        RunSettings::read(&path)
    }

    #[test]
    fn the_defaults_are_the_papers() {
        let settings = parse(SMALL).unwrap();
        assert_eq!(settings.model, ModelConfig::default());
        assert_eq!((settings.train.batch, settings.train.epochs), (128, 5));
        assert_eq!(settings.train.learning_rate, 5e-4);
        assert_eq!((settings.tokens.max_genes, settings.tokens.mask), (512, 0.4));
    }

    #[test]
    fn resolved_settings_read_back_as_themselves() {
        let settings = parse(SMALL).unwrap();
        let again: RunSettings = toml::from_str(&settings.to_text().unwrap()).unwrap();
        assert_eq!(again, settings);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = parse(&format!("{SMALL}[train]\nepoch = 3\n")).unwrap_err().to_string();
        assert!(error.contains("epoch") && error.contains("line 5") && error.contains("epochs"), "{error}");
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for bad in [
            "[train]\nbatch = 0\n",
            "[train]\nlearning_rate = 2.0\n",
            "[tokens]\nmask = 1.5\n",
            "[model]\nwidth = 100\n",
            "[evaluate]\ntrials = 0\n",
            "[evaluate]\nmax_genes = 0\n",
        ] {
            assert!(parse(&format!("{SMALL}{bad}")).is_err(), "{bad}");
        }
        assert!(parse(&format!("seeds = [1, 1]\n{SMALL}")).is_err());
        assert!(parse("plan = 'p'\n[methods]\n'a/b' = { method = 'joint' }\n").is_err());
    }
}
