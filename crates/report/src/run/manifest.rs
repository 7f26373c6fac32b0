//! `run.json`: what was run.

use super::unlisted;
use genil_base::{Error, Result, files};
use serde::Deserialize;
use std::path::Path;

/// `run.json`. Keys that are not listed here are left alone.
#[derive(Debug, Clone, Deserialize)]
pub struct Manifest {
    /// Version of genil.
    pub genil: String,
    /// The command line that made the run.
    #[serde(default)]
    pub command: String,
    /// SHA-256 of the resolved settings.
    #[serde(default)]
    pub settings_hash: String,
    /// SHA-256 of the plan.
    #[serde(default)]
    pub plan_hash: String,
    /// The seeds, each with all methods and stages.
    pub seeds: Vec<u64>,
    /// The metric that the verdict goes by.
    #[serde(default = "mse")]
    pub main_metric: String,
    /// The methods, in the order of the settings.
    pub methods: Vec<Method>,
    /// The stages, the base stage first.
    pub stages: Vec<Stage>,
    /// The data.
    #[serde(default)]
    pub stores: Vec<Store>,
}

fn mse() -> String {
    "mse".to_owned()
}

/// A method against forgetting.
#[derive(Debug, Clone, Deserialize)]
pub struct Method {
    /// Its name in the run, unique.
    pub name: String,
    /// Its settings.
    #[serde(default)]
    pub settings: serde_json::Value,
    /// The model folder that holds each stage: the method's own, or one shared by several methods.
    #[serde(default)]
    pub chains: Vec<String>,
}

impl Method {
    /// Whether it trains on everything at once: a bound to compare with, not a competitor.
    pub fn is_joint(&self) -> bool {
        self.kind() == "joint"
    }

    /// Whether it does nothing against forgetting: the baseline.
    pub fn is_finetune(&self) -> bool {
        self.kind() == "finetune"
    }

    fn kind(&self) -> &str {
        let kind = ["kind", "method"].iter().find_map(|key| self.settings.get(key)?.as_str());
        // Several ingredients have no kind of their own; an old run may have a name alone.
        kind.unwrap_or(if self.settings.is_null() { &self.name } else { "" })
    }
}

/// A stage and its gene set.
#[derive(Debug, Clone, Deserialize)]
pub struct Stage {
    /// Its place, from 0.
    pub index: usize,
    /// Its name, unique; its gene set has the same.
    pub name: String,
    /// Number of genes in its set.
    #[serde(default)]
    pub genes: usize,
    /// Number of cells trained on.
    #[serde(default)]
    pub train_cells: usize,
    /// Number of cells never trained on.
    #[serde(default)]
    pub held_out_cells: usize,
    /// Its labelled data set.
    #[serde(default)]
    pub probe: Option<Probe>,
}

/// A labelled data set.
#[derive(Debug, Clone, Deserialize)]
pub struct Probe {
    /// The store.
    pub store: String,
    /// The annotation column.
    pub label: String,
    /// The classes.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Number of training cells.
    #[serde(default)]
    pub train: usize,
    /// Number of test cells.
    #[serde(default)]
    pub test: usize,
    /// What the reader should know.
    #[serde(default)]
    pub notices: Vec<String>,
}

/// A data set.
#[derive(Debug, Clone, Deserialize)]
pub struct Store {
    /// Its name in the plan.
    pub name: String,
    /// SHA-256 of its content.
    #[serde(default)]
    pub fingerprint: String,
    /// Number of cells.
    #[serde(default)]
    pub cells: usize,
    /// Number of genes.
    #[serde(default)]
    pub genes: usize,
}

impl Manifest {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("run.json");
        if !path.is_file() {
            return Err(Error::new(format!("{} is no run folder: it has no run.json", folder.display()))
                .help("give the folder that 'genil train' wrote"));
        }
        files::refuse_link(&path)?;
        let text = files::read_text(&path)?;
        let manifest: Self = serde_json::from_str(&text).map_err(|e| {
            Error::new(format!("run.json cannot be read: {e}"))
                .at_path(&path)
                .help("it is cut short or of another version of genil: copy the run again, or train it again")
        })?;
        manifest.check().map_err(|e| e.at_path(&path))?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        let bad = |what: String| Err(Error::new(what).help("the file was changed, or is of another version"));
        if self.methods.is_empty() || self.stages.is_empty() || self.seeds.is_empty() {
            return bad("a run has at least one method, one stage and one seed".into());
        }
        for (k, stage) in self.stages.iter().enumerate() {
            if stage.index != k {
                return bad(format!(
                    "stage '{}' has index {}, but stands at place {k}",
                    stage.name, stage.index
                ));
            }
            if stage.name == "all" || self.stages[..k].iter().any(|s| s.name == stage.name) {
                return bad(format!("the stage name '{}' is taken", stage.name));
            }
        }
        for (m, method) in self.methods.iter().enumerate() {
            if self.methods[..m].iter().any(|other| other.name == method.name) {
                return bad(format!("two methods are called '{}'", method.name));
            }
        }
        Ok(())
    }

    /// K, the index of the last stage.
    pub fn last(&self) -> usize {
        self.stages.len().saturating_sub(1)
    }

    /// The names of stages and gene sets.
    pub fn set_names(&self) -> Vec<String> {
        self.stages.iter().map(|stage| stage.name.clone()).collect()
    }

    pub(super) fn method(&self, name: &str) -> Result<usize> {
        self.methods.iter().position(|m| m.name == name).ok_or_else(|| unlisted("the method", &name))
    }

    pub(super) fn seed(&self, seed: u64) -> Result<usize> {
        self.seeds.iter().position(|&s| s == seed).ok_or_else(|| unlisted("the seed", &seed))
    }

    pub(super) fn set(&self, name: &str) -> Result<usize> {
        self.stages.iter().position(|s| s.name == name).ok_or_else(|| unlisted("the gene set", &name))
    }

    pub(super) fn stage(&self, index: usize) -> Result<usize> {
        if index < self.stages.len() { Ok(index) } else { Err(unlisted("the stage", &index)) }
    }
}
