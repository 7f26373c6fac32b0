//! Methods against forgetting, the stage loop, evaluation and the run folder.
//!
//! The flow of a run, in order:
//! * [`settings`]: `run.toml`, checked.
//! * [`stages`]: the plan with its stores opened: cells, genes and probes of every stage.
//! * [`method`]: what a stage trains on and by which loss.
//! * [`train_stage`]: one stage: batches, steps, resume.
//! * [`tensorboard`]: its events, for a viewer.
//! * [`chain`]: what decides a chain of models.
//! * [`costs`]: what each stage cost.
//! * [`run`]: the folder and the order of stages, methods and seeds.
//! * [`evaluate`]: what each gene set lost.
//! * [`mod@bench`]: several runs in one go.
//! * [`frozen`]: a finished model outside its run.

pub mod batch;
pub mod bench;
pub mod card;
pub mod chain;
pub mod checkpoint;
mod cluster;
pub mod costs;
pub mod embed;
pub mod evaluate;
pub mod events;
pub mod frozen;
pub mod method;
pub mod progress;
pub mod run;
pub mod settings;
pub mod stages;
pub mod tensorboard;
pub mod train_stage;

pub use bench::Bench;
pub use frozen::Frozen;
pub use progress::{Progress, Silent};
pub use run::Run;
pub use settings::RunSettings;
pub use stages::Stages;
