//! Methods against forgetting: what a stage trains on, and by which loss.
//!
//! A method meets the training loop in the places of [`Method`] and knows no kernel. One file, one method:
//! * [`FineTune`]: the stage's cells, nothing else (the lower bound).
//! * [`Joint`]: the cells of all stages so far with all their genes (the upper bound).
//! * [`Replay`]: besides the stage's cells some stored ones of earlier stages.
//! * [`Distill`]: besides the loss, agreement with the frozen previous model on older genes.
//! * [`Prototypes`]: pseudo-cells drawn from group means of earlier stages; no cell is stored.
//! * [`Imagine`]: old genes put back into today's cells, as the previous model predicts them; no cell is stored.
//!
//! References, to compare with and to combine:
//! * [`Freeze`]: only the rows of new genes move. [`StartRows`]: these rows begin as means of base rows.
//! * [`Average`]: the mean of the models before and after a stage. [`Ema`]: a moving average within a stage.
//! * [`L2`], [`Measured`] (EWC, MAS), [`Si`]: pulls to old values. [`Lora`]: matrices move by low-rank updates only.
//! * [`Features`]: agreement of cell embeddings. [`EmaTeacher`]: the teacher follows the model.
//! * [`Derpp`], [`Agem`], [`Gdumb`]: other uses of stored cells.
//!
//! `settings` has their names in `run.toml`; [`Composed`] makes several of them one; `teacher` is the frozen
//! previous model, asked once for all that want to know; [`Memory`] is what they keep for later stages.

mod agem;
mod average;
mod composed;
mod derpp;
mod distill;
mod ema;
mod ema_teacher;
mod exemplars;
mod features;
mod finetune;
mod focus;
mod freeze;
mod gdumb;
mod imagine;
mod joint;
mod lora;
mod loss;
mod memory;
mod prototypes;
mod pull;
mod replay;
mod settings;
mod start_rows;
mod stored;
mod teacher;
#[cfg(test)]
pub(crate) mod testing;
mod weights;

pub use agem::Agem;
pub use average::{Average, AverageSettings};
pub use composed::Composed;
pub use derpp::{Derpp, DerppSettings};
pub use distill::Distill;
pub use ema::{Ema, EmaSettings};
pub use ema_teacher::{EmaTeacher, EmaTeacherSettings};
pub use exemplars::Choice;
pub use features::{FeatureSettings, Features, On};
pub use finetune::FineTune;
pub use focus::Focus;
pub use freeze::{Freeze, FreezeSettings};
pub use gdumb::Gdumb;
pub use imagine::{Imagine, ImagineSettings};
pub use joint::Joint;
pub use lora::{Lora, LoraSettings, Matrices};
pub use loss::{Loss, prediction_loss};
pub use memory::Memory;
pub use prototypes::{PrototypeSettings, Prototypes};
pub use pull::{EwcSettings, L2, L2Settings, MasSettings, Measured, Si, SiSettings};
pub use replay::Replay;
pub use settings::{Ingredient, MethodSettings};
pub use start_rows::{RowsFrom, StartRows, StartRowsSettings};
pub use stored::StoredSettings;
pub use teacher::Teacher;

use crate::batch::{Example, Kind, Origin, Part, StepCell};
use crate::{RunSettings, Stages};
use genil_base::Result;
use genil_base::random::{Key, Purpose};
use genil_data::CellRef;
use genil_data::sample::Shown;
use genil_engine::{Engine, OutputGradients, Outputs, Tensors};

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

    /// The key of this method's own random choices in this stage.
    pub fn key(&self) -> Key {
        Key::new(self.seed, Purpose::Method).with(self.stage as u64)
    }

    /// The training cells of one stage, each with the genes of `shown`.
    pub fn cells_of(&self, stage: usize, shown: Shown) -> Vec<Example> {
        self.stages.cells[stage].train.iter().map(|&cell| Example::new(cell, shown)).collect()
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

    /// Positions asked for in the whole step that satisfy `of`: means are over the step, not the part.
    pub fn count(&self, of: impl Fn(&Part, usize) -> bool) -> usize {
        self.parts.iter().map(|p| (0..p.truth.len()).filter(|&i| of(p, i)).count()).sum()
    }

    /// Positions of one kind in the whole step.
    pub fn count_kind(&self, kind: Kind) -> usize {
        self.count(|part, i| part.kind[i] == kind)
    }

    /// Cells of the whole step.
    pub fn cells(&self) -> usize {
        self.parts.iter().map(|p| p.batch.cells()).sum()
    }
}

/// A method against forgetting. Every step has the prediction loss of its positions ([`prediction_loss`]); a
/// method adds cells or positions to it, sets what they should be, or adds a loss of its own.
pub trait Method: Send {
    /// Whether stage `k` is trained otherwise than by fine-tuning. Stages before the first such one are
    /// trained once for all methods; what a method has to learn from such a stage it learns in [`Method::begin_stage`]
    /// of the next.
    fn departs_at(&self, stage: usize) -> bool;

    /// Whether the frozen model of stage `k - 1` is to be asked about cells of this origin.
    fn asks_teacher(&self, _: Origin) -> bool {
        false
    }

    /// Before stage `k`, with the model of stage `k - 1`, its vocabulary grown. `examples` are the cells to train
    /// on: the stage's own, until a method changes them.
    fn begin_stage(&mut self, _: Context<'_>, _: &mut dyn Engine, _: &mut Vec<Example>) -> Result<()> {
        Ok(())
    }

    /// Before step `step` is laid out: more cells, or more positions in its cells.
    fn add_cells(&mut self, _: Context<'_>, _step: u64, _cells: &mut Vec<StepCell>) -> Result<()> {
        Ok(())
    }

    /// Before a part goes through the model, with what the teacher says of it: what the heads should give.
    fn set_targets(&mut self, _: Context<'_>, _: &mut Part) -> Result<()> {
        Ok(())
    }

    /// What the method adds to the loss of one part, its gradients added to `gradients`.
    fn add_loss(&mut self, _: &Step<'_>, _: &Outputs, _: &mut OutputGradients) -> Result<f64> {
        Ok(0.0)
    }

    /// After the backward passes of a step and before Adam: the gradients may be changed. `done`: the share of the
    /// stage's steps that is over, in 0..1.
    fn change_gradients(&mut self, _: Context<'_>, _: &mut dyn Engine, _done: f64) -> Result<()> {
        Ok(())
    }

    /// After a step of Adam.
    fn after_step(
        &mut self,
        _: Context<'_>,
        _: &mut dyn Engine,
        _teacher: Option<&mut Teacher>,
    ) -> Result<()> {
        Ok(())
    }

    /// After stage `k`; the model is saved as this leaves it.
    fn end_stage(&mut self, _: Context<'_>, _: &mut dyn Engine) -> Result<()> {
        Ok(())
    }

    /// Whether [`Method::after_step`] changes the teacher, which is then part of the state of a stage.
    fn moves_teacher(&self) -> bool {
        false
    }

    /// Numbers that change from step to step within a stage, to go on from after a kill.
    fn progress(&self) -> Tensors {
        Tensors::default()
    }

    /// Takes up what [`Method::progress`] gave, after [`Method::begin_stage`].
    ///
    /// # Errors
    /// When it is not of this method's form.
    fn resume(&mut self, _: Tensors) -> Result<()> {
        Ok(())
    }

    /// What later stages need besides the model; saved with the stage.
    fn memory(&self) -> Memory {
        Memory::default()
    }

    /// The cells whose counts later stages need.
    fn stored_cells(&self) -> Vec<CellRef> {
        Vec::new()
    }

    /// Takes up what [`Method::memory`] gave after the previous stage, before [`Method::begin_stage`] of this one.
    ///
    /// # Errors
    /// When it is not of this method's form, or names cells or genes that earlier stages do not have: it comes from the disk.
    fn restore(&mut self, _: Context<'_>, _: Memory) -> Result<()> {
        Ok(())
    }
}
