//! The run folder, and the order of seeds, methods and stages.
//!
//! ```text
//! RUN/run.toml     the settings, every default written out
//! RUN/plan.toml    the plan
//! RUN/run.json     what is in the run: versions, hashes, stages, methods and where their models are
//! RUN/costs.csv    what each stage cost (the only file that two equal runs do not share)
//! RUN/models/seed-S/CHAIN/settings.toml    what decides the chain's models
//! RUN/models/seed-S/CHAIN/stage-K/{model.safetensors, model.json, memory.json, memory.safetensors, events.jsonl}
//! ```
//! `CHAIN` is a method's name, or `shared` for the stages that a method trains as fine-tuning does: those are
//! trained once. A run may grow by methods and seeds; see [`crate::chain`].

use crate::card::{MethodCard, ProbeCard, RunCard, StageCard, StoreCard, read_card};
use crate::chain::ChainSettings;
use crate::checkpoint::{self, ModelCard};
use crate::costs::{self, Clock, Cost, Kept};
use crate::method::Context;
use crate::progress::Progress;
use crate::settings::{RunSettings, SHARED, UNTRAINED};
use crate::stages::Stages;
use crate::train_stage::train_stage;
use genil_base::{Error, Result, files};
use genil_engine::{CpuEngine, Engine};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A run folder, its settings and its data.
pub struct Run {
    /// The folder.
    pub folder: PathBuf,
    /// The settings.
    pub settings: RunSettings,
    /// The data.
    pub stages: Stages,
    /// Fingerprint of the plan.
    pub plan_hash: String,
    /// Fingerprint of the settings.
    pub settings_hash: String,
    #[expect(dead_code, reason = "held as long as the run is")]
    lock: Option<File>,
}

impl Run {
    /// Begins a run in `folder`, or takes up the one that is there, with the methods, seeds and evaluation that
    /// `settings` name now.
    ///
    /// # Errors
    /// When the folder holds models that were trained with other settings or on another plan, another process
    /// works on it, or its `costs.csv` is a link that may lead elsewhere.
    pub fn begin(folder: &Path, settings: RunSettings) -> Result<Self> {
        // A plan that cannot be used leaves no folder behind.
        let stages = Stages::open(&settings.plan)?;
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
        let lock = lock(folder)?;
        files::refuse_link(&folder.join(costs::FILE))?;
        files::remove_partial(folder)?;
        let run = Self { lock: Some(lock), ..Self::of(folder, settings, stages)? };
        run.write_cards()?;
        Ok(run)
    }

    /// A run as [`Run::begin`] would begin it, only to be looked at: nothing is locked or written.
    ///
    /// # Errors
    /// As [`Run::begin`].
    pub fn look_at(folder: &Path, settings: RunSettings) -> Result<Self> {
        let stages = Stages::open(&settings.plan)?;
        Self::of(folder, settings, stages)
    }

    /// A run whose models, as far as there are any, are those of these settings.
    fn of(folder: &Path, settings: RunSettings, stages: Stages) -> Result<Self> {
        let (plan_hash, settings_hash) = (stages.plan.fingerprint()?, settings.fingerprint()?);
        let run = Self { folder: folder.to_owned(), settings, stages, plan_hash, settings_hash, lock: None };
        for (seed, method, stage) in run.units() {
            run.chain_settings(method, stage).check(&run.chain_folder(seed, method, stage))?;
        }
        Ok(run)
    }

    /// Opens a run that was begun.
    ///
    /// # Errors
    /// When the folder holds no run, its stores are gone, or another process works on it.
    pub fn open(folder: &Path) -> Result<Self> {
        read_card(folder)?;
        let settings = RunSettings::read(&folder.join("run.toml"))?;
        Self::begin(folder, settings)
    }

    /// Writes the settings, the plan and the card; the card last.
    fn write_cards(&self) -> Result<()> {
        let mut plan = self.stages.plan.clone();
        for (store, open) in plan.stores.iter_mut().zip(&self.stages.stores) {
            store.path = files::relative_to(open.path(), &self.folder);
        }
        let settings = RunSettings { plan: "plan.toml".into(), ..self.settings.clone() };
        files::write_bytes(&self.folder.join("plan.toml"), plan.to_text()?.as_bytes())?;
        files::write_bytes(&self.folder.join("run.toml"), settings.to_text()?.as_bytes())?;
        let text = serde_json::to_string_pretty(&self.card()?)
            .map_err(|e| Error::new(format!("cannot write run.json: {e}")).at_path(&self.folder))?;
        files::write_bytes(&self.folder.join("run.json"), text.as_bytes())
    }

    fn card(&self) -> Result<RunCard> {
        let plan = &self.stages.plan;
        let stages = plan.stages.iter().enumerate().map(|(index, stage)| {
            let cells = &self.stages.cells[index];
            let probe = self.stages.probes[index].as_ref().zip(stage.probe.as_ref()).map(|(cells, probe)| {
                ProbeCard {
                    store: probe.store.clone(),
                    label: probe.label.clone(),
                    classes: cells.split.classes.clone(),
                    train: cells.split.train.len(),
                    test: cells.split.test.len(),
                    notices: cells.split.notices.clone(),
                }
            });
            StageCard {
                index,
                name: stage.name.clone(),
                genes: self.stages.partition.tokens_of(index).len(),
                train_cells: cells.train.len(),
                held_out_cells: cells.held_out.len(),
                probe,
            }
        });
        let methods = self.settings.methods.iter().map(|(name, settings)| {
            Ok(MethodCard {
                name: name.clone(),
                settings: serde_json::to_value(settings).map_err(|e| Error::new(e).at(name))?,
                chains: (0..=self.stages.last()).map(|k| self.chain(name, k).to_owned()).collect(),
            })
        });
        let stores = plan.stores.iter().zip(&self.stages.stores).map(|(named, store)| StoreCard {
            name: named.name.clone(),
            fingerprint: named.fingerprint.clone(),
            cells: store.cells(),
            genes: store.genes().len(),
        });
        Ok(RunCard {
            genil: env!("CARGO_PKG_VERSION").into(),
            command: "genil train run.toml && genil evaluate . && genil report .".into(),
            settings_hash: self.settings_hash.clone(),
            plan_hash: self.plan_hash.clone(),
            seeds: self.settings.seeds.clone(),
            methods: methods.collect::<Result<_>>()?,
            stages: stages.collect(),
            stores: stores.collect(),
        })
    }

    /// The chain that holds a method's model of a stage: the method's own from the first stage on that it
    /// trains otherwise than fine-tuning does.
    pub fn chain<'a>(&self, method: &'a str, stage: usize) -> &'a str {
        let departs = |name: &str| {
            self.settings.methods.get(name).is_some_and(|m| {
                let method = m.build();
                (0..=stage).any(|k| method.departs_at(k))
            })
        };
        if method == UNTRAINED || departs(method) { method } else { SHARED }
    }

    /// What decides a method's model of a stage.
    fn chain_settings(&self, method: &str, stage: usize) -> ChainSettings<'_> {
        ChainSettings::new(&self.settings, &self.plan_hash, self.chain(method, stage))
    }

    /// Fingerprint of what decides a method's model of a stage, besides the seed.
    ///
    /// # Errors
    /// Never for checked settings.
    pub fn chain_fingerprint(&self, method: &str, stage: usize) -> Result<String> {
        self.chain_settings(method, stage).fingerprint()
    }

    fn chain_folder(&self, seed: u64, method: &str, stage: usize) -> PathBuf {
        self.folder.join("models").join(format!("seed-{seed}")).join(self.chain(method, stage))
    }

    /// The folder of a method's model of a stage.
    pub fn model_folder(&self, seed: u64, method: &str, stage: usize) -> PathBuf {
        self.chain_folder(seed, method, stage).join(format!("stage-{stage}"))
    }

    /// Every (seed, method, stage) whose model is trained on its own, each chain's stages in order.
    pub fn units(&self) -> Vec<(u64, &str, usize)> {
        let mut seen = std::collections::HashSet::new();
        let mut units = Vec::new();
        for &seed in &self.settings.seeds {
            for name in self.settings.methods.keys() {
                for stage in 0..=self.stages.last() {
                    if seen.insert(self.model_folder(seed, name, stage)) {
                        units.push((seed, name.as_str(), stage));
                    }
                }
            }
        }
        units
    }

    /// Trains whatever is not trained yet. `save_every`: the least time between two saved states of a stage.
    pub fn train(&self, save_every: Duration, progress: &dyn Progress) -> Result<()> {
        for (seed, method, stage) in self.units() {
            let folder = self.model_folder(seed, method, stage);
            if !checkpoint::is_finished(&folder) {
                self.train_unit((seed, method, stage), &folder, save_every, progress).map_err(|e| {
                    e.at(format!(
                        "seed {seed}, method '{method}', stage {stage} '{}'",
                        self.stages.name(stage)
                    ))
                })?;
            }
        }
        Ok(())
    }

    fn train_unit(
        &self,
        (seed, name, stage): (u64, &str, usize),
        folder: &Path,
        save_every: Duration,
        progress: &dyn Progress,
    ) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
        self.chain_settings(name, stage).note(&self.chain_folder(seed, name, stage))?;
        let mut method = self.settings.methods[name].build();
        let mut engine = self.engine_before(seed, name, stage)?;
        let context = Context { stages: &self.stages, settings: &self.settings, seed, stage };
        if stage > 0 {
            let before = self.model_folder(seed, name, stage - 1);
            let memory = checkpoint::read_memory(&before)?;
            if !memory.is_empty() {
                method.restore(context, memory).map_err(|e| e.at_path(&before).help(ANEW))?;
            }
        }
        let chain = self.chain(name, stage);
        let what = format!("seed {seed} · {chain} · stage {stage} {}", self.stages.name(stage));
        let resumed = checkpoint::has_state(folder);
        let clock = Clock::start();
        let cells = train_stage(context, &mut *method, &mut *engine, folder, save_every, (&what, progress))?;

        let mut kept = Kept::default();
        if chain != SHARED {
            checkpoint::write_memory(folder, &method.memory())?;
            let of = (&self.settings.methods[name], stage);
            kept = Kept::after(&self.stages, of, method.stored_cells(), folder)?;
        }
        checkpoint::write_model(folder, self.model_card((seed, name, stage), cells)?, engine.parameters())?;
        checkpoint::remove_state(folder)?;
        let (seconds, processor_seconds) = clock.seconds();
        let cost = Cost {
            chain: chain.to_owned(),
            seed,
            stage,
            cells,
            seconds: (!resumed).then_some(seconds),
            processor_seconds: processor_seconds.filter(|_| !resumed),
            kept_cells: kept.cells,
            kept_bytes: kept.bytes,
        };
        costs::note(&self.folder, &cost)
    }

    /// The model that stage `k` starts from: that of stage `k - 1` with rows for the new genes, or a new one.
    fn engine_before(&self, seed: u64, name: &str, stage: usize) -> Result<Box<dyn Engine>> {
        let rows = self.stages.partition.tokens_through(stage);
        if stage == 0 {
            return Ok(Box::new(CpuEngine::new(self.settings.model.clone(), rows, seed)?));
        }
        let mut engine = self.engine_after(seed, name, stage - 1)?;
        engine.grow(rows, seed);
        Ok(engine)
    }

    /// A method's model after a stage.
    ///
    /// # Errors
    /// When it is not trained yet, or was trained on something else.
    pub fn engine_after(&self, seed: u64, name: &str, stage: usize) -> Result<Box<dyn Engine>> {
        let folder = self.model_folder(seed, name, stage);
        if !checkpoint::is_finished(&folder) {
            return Err(Error::new(format!(
                "stage {stage} '{}' is not trained yet",
                self.stages.name(stage)
            ))
            .at_path(&folder)
            .help("run 'genil train' on this folder's run.toml first: it goes on where it stopped"));
        }
        let (card, parameters) = checkpoint::read_model(&folder)?;
        if card.plan != self.plan_hash || card.settings != self.chain_fingerprint(name, stage)? {
            return Err(Error::new("this model was trained with another plan or other settings")
                .at_path(&folder)
                .help(ANEW));
        }
        if card.stage != stage || card.genes != self.genes_through(stage) {
            return Err(Error::new(format!("this model has other genes than those of stage {stage}"))
                .at_path(&folder)
                .help(ANEW));
        }
        let rows = self.stages.partition.tokens_through(stage);
        let mut engine: Box<dyn Engine> = Box::new(CpuEngine::new(card.model, rows, seed)?);
        engine.restore(parameters, None).map_err(|e| e.at_path(&folder).help(ANEW))?;
        Ok(engine)
    }

    /// A model of this run's size that was never trained, with the genes of all stages up to `stage`.
    ///
    /// # Errors
    /// Never for checked settings.
    pub fn engine_untrained(&self, seed: u64, stage: usize) -> Result<Box<dyn Engine>> {
        let rows = self.stages.partition.tokens_through(stage);
        Ok(Box::new(CpuEngine::new(self.settings.model.clone(), rows, seed)?))
    }

    fn model_card(&self, (seed, name, stage): (u64, &str, usize), cells: usize) -> Result<ModelCard> {
        Ok(ModelCard {
            format: checkpoint::FORMAT,
            genil: env!("CARGO_PKG_VERSION").into(),
            model: self.settings.model.clone(),
            tokens: self.settings.tokens.clone(),
            method: self.chain(name, stage).to_owned(),
            seed,
            stage,
            stage_name: self.stages.name(stage).to_owned(),
            cells,
            plan: self.plan_hash.clone(),
            settings: self.chain_fingerprint(name, stage)?,
            weights: String::new(),
            genes: self.genes_through(stage),
        })
    }

    /// The genes of each stage so far, in the order of their tokens.
    fn genes_through(&self, stage: usize) -> Vec<Vec<String>> {
        let partition = &self.stages.partition;
        let genes = |k| partition.tokens_of(k).map(|token| partition.symbol(token).to_owned()).collect();
        (0..=stage).map(genes).collect()
    }
}

const ANEW: &str = "delete this stage's folder and train it again";

/// Locks the folder for this process; the lock goes when the process does, however it ends.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(".lock");
    files::refuse_link(&path)?;
    let io = |e: std::io::Error| Error::io("lock", &path, &e);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::new("another genil is working on this folder")
            .at_path(folder)
            .help("wait until it ends, or give this run another folder with --out")),
        Err(std::fs::TryLockError::Error(e)) => Err(io(e)),
    }
}
