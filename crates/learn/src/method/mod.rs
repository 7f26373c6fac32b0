//! Methods against forgetting: what a stage trains on, and by which loss.
//!
//! A method meets the training loop in five places ([`Method`]) and knows no kernel. One file, one method:
//! * [`FineTune`]: the stage's cells, nothing else (the lower bound).
//! * [`Joint`]: the cells of all stages so far with all their genes (the upper bound).
//! * [`Replay`]: besides the stage's cells some stored ones of earlier stages.
//! * [`Distill`]: besides the loss, agreement with the frozen previous model on older genes.

mod distill;
mod exemplars;
mod finetune;
mod joint;
mod loss;
mod replay;

pub use distill::Distill;
pub use exemplars::Choice;
pub use finetune::FineTune;
pub use joint::Joint;
pub use loss::{Loss, prediction_loss};
pub use replay::Replay;

use crate::batch::{Example, Part};
use crate::{RunSettings, Stages};
use genil_base::{Error, Result};
use genil_data::sample::Shown;
use genil_engine::{Engine, OutputGradients, Outputs};
use serde::{Deserialize, Serialize};

/// Where in a run a method is.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Data and plan.
    pub stages: &'a Stages,
    /// The run's settings.
    pub settings: &'a RunSettings,
    /// The run's seed.
    pub seed: u64,
    /// `k`: the stage that is trained.
    pub stage: usize,
}

impl Context<'_> {
    /// The stage's own training cells with base genes and `G_k`: what fine-tuning trains on.
    pub fn own_cells(&self) -> Vec<Example> {
        self.cells_of(self.stage, Shown::Stage(self.stage))
    }

    /// The training cells of one stage, each with the genes of `shown`.
    pub fn cells_of(&self, stage: usize, shown: Shown) -> Vec<Example> {
        self.stages.cells[stage].train.iter().map(|&cell| Example { cell, shown }).collect()
    }
}

/// One training step: its parts, and the one at hand.
pub struct Step<'a> {
    /// Where in a run this is.
    pub context: Context<'a>,
    /// All parts of the step.
    pub parts: &'a [Part],
    /// Which part `outputs` belong to.
    pub at: usize,
}

impl Step<'_> {
    /// The part at hand.
    pub fn part(&self) -> &Part {
        &self.parts[self.at]
    }

    /// Positions asked for in the whole step whose token satisfies `of`: means are over the step, not the part.
    pub fn count(&self, of: impl Fn(u32) -> bool) -> usize {
        self.parts.iter().map(|p| (0..p.truth.len()).filter(|&i| of(p.asked_token(i))).count()).sum()
    }
}

/// A method against forgetting.
pub trait Method: Send {
    /// Whether stage `k` is trained otherwise than by fine-tuning. Stages before the first such one are
    /// trained once for all methods.
    fn departs_at(&self, stage: usize) -> bool;

    /// Before stage `k`, with the model of stage `k - 1`, its vocabulary grown: the cells to train on.
    fn begin_stage(&mut self, context: Context<'_>, engine: &mut dyn Engine) -> Result<Vec<Example>>;

    /// The loss of one part of a step, and its gradients in the outputs.
    fn loss(&mut self, step: &Step<'_>, outputs: &Outputs, gradients: &mut OutputGradients) -> Result<Loss> {
        Ok(prediction_loss(step, outputs, gradients))
    }

    /// After a step.
    fn after_step(&mut self, _: Context<'_>, _: &mut dyn Engine) -> Result<()> {
        Ok(())
    }

    /// After stage `k`; the model is saved as this leaves it.
    fn end_stage(&mut self, _: Context<'_>, _: &mut dyn Engine) -> Result<()> {
        Ok(())
    }

    /// What later stages need besides the model; saved with the stage.
    fn memory(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Takes up what [`Method::memory`] gave after the previous stage.
    ///
    /// # Errors
    /// When it is not of this method's form.
    fn restore(&mut self, _: serde_json::Value) -> Result<()> {
        Ok(())
    }
}

/// A method and its settings, as in `run.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase", deny_unknown_fields)]
pub enum MethodSettings {
    /// The stage's cells, nothing else.
    FineTune {},
    /// All cells of stages 1..k with all genes seen so far.
    Joint {},
    /// Stored cells of earlier stages.
    Replay {
        /// Stored cells of each earlier stage.
        cells: usize,
        /// How they are chosen.
        #[serde(default)]
        choose: Choice,
        /// Whether cells of the base stage are stored too.
        #[serde(default)]
        base: bool,
    },
    /// Agreement with the frozen previous model.
    Distill {
        /// Weight of the agreement.
        lambda: f64,
    },
}

impl MethodSettings {
    /// Checks the ranges.
    ///
    /// # Errors
    /// A number of cells of 0, or a λ that is not above 0.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Replay { cells: 0, .. } => {
                Err(Error::new("replay needs cells of at least 1")
                    .help("without stored cells it is 'finetune'"))
            }
            Self::Distill { lambda } if !(lambda > 0.0 && lambda.is_finite()) => {
                Err(Error::new(format!("lambda = {lambda} must be above 0")))
            }
            _ => Ok(()),
        }
    }

    /// The method, at its beginning.
    pub fn build(&self) -> Box<dyn Method> {
        match *self {
            Self::FineTune {} => Box::new(FineTune),
            Self::Joint {} => Box::new(Joint),
            Self::Replay { cells, choose, base } => Box::new(Replay::new(cells, choose, base)),
            Self::Distill { lambda } => Box::new(Distill::new(lambda)),
        }
    }
}
