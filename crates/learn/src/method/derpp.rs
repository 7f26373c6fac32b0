//! Dark experience replay, DER++ (Buzzega et al., NeurIPS 2020, eq. 6): stored cells keep, besides their counts, what the
//! model said of them right after their stage. Later stages add to the loss
//! `α · mean (value − said)² + β · mean (value − truth)²`, for both heads, over the masked positions of stored cells.
//!
//! A stored cell is stored as it was drawn, masks and all, as what was said belongs to them. Both terms are then one
//! squared error of weight α + β from the mean of `said` and `truth`, up to a constant, and take one pass.
//!
//! Cost: `share` stored cells for each cell of a step. Stores the cells' counts and two numbers a masked position.

use super::settings::positive;
use super::stored::{Stored, StoredSettings, draw_stored};
use super::{Choice, Context, Memory, Method};
use crate::batch::{Example, Origin, StepCell, step_parts};
use genil_base::random::{Key, Purpose};
use genil_base::{Error, Result};
use genil_data::CellRef;
use genil_engine::{Engine, Tensor, Tensors};
use serde::{Deserialize, Serialize};

/// Settings of DER++.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DerppSettings {
    /// α: weight of what the model said.
    pub alpha: f64,
    /// β: weight of the truth; 0 is DER.
    pub beta: f64,
    /// Stored cells for each cell of a step.
    pub share: f64,
    /// Stored cells of each stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cells: Option<usize>,
    /// Or megabytes of each stage, as in replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub megabytes: Option<f64>,
    /// How they are chosen.
    pub choose: Choice,
    /// Whether cells of the base stage are stored too.
    pub base: bool,
}

impl Default for DerppSettings {
    fn default() -> Self {
        let StoredSettings { cells, megabytes, choose, base } = StoredSettings::default();
        Self { alpha: 0.5, beta: 0.5, share: 0.5, cells, megabytes, choose, base }
    }
}

impl DerppSettings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        positive("alpha", self.alpha)?;
        positive("share", self.share)?;
        if !(self.beta >= 0.0 && self.beta.is_finite()) {
            return Err(Error::new(format!("beta = {} must be at least 0", self.beta)));
        }
        self.stored().check()
    }

    fn stored(&self) -> StoredSettings {
        let Self { cells, megabytes, choose, base, .. } = *self;
        StoredSettings { cells, megabytes, choose, base }
    }
}

/// Stored cells with stored outputs.
pub struct Derpp {
    settings: DerppSettings,
    stored: Stored,
    /// For each stage, `said(stage, head)`: outputs at the masked positions of its stored cells, end to end.
    said: Tensors,
    /// The stored cells with their targets.
    cells: Vec<StepCell>,
}

impl Derpp {
    /// DER++ with these settings.
    pub fn new(settings: DerppSettings) -> Self {
        let stored = Stored::new(settings.stored());
        Self { settings, stored, said: Tensors::default(), cells: Vec::new() }
    }

    /// What both heads said of a stage's stored cells, asked now if it was not before.
    fn said_of(
        &mut self,
        stage: usize,
        cells: &[StepCell],
        context: Context<'_>,
        engine: &mut dyn Engine,
    ) -> Result<[Vec<f32>; 2]> {
        let names = ["value", "cell_value"].map(|head| format!("stage-{stage}.{head}"));
        if let [Some(value), Some(cell_value)] = names.each_ref().map(|name| self.said.get(name)) {
            return Ok([value.data.clone(), cell_value.data.clone()]);
        }
        let mut said = [Vec::new(), Vec::new()];
        for part in step_parts(cells, context.settings.train.part_tokens) {
            let outputs = engine.predict(&part.batch)?;
            said[0].extend_from_slice(&outputs.value);
            said[1].extend_from_slice(&outputs.cell_value);
        }
        for (name, said) in names.into_iter().zip(&said) {
            self.said.0.push(Tensor { name, shape: vec![said.len()], data: said.clone() });
        }
        Ok(said)
    }
}

impl Method for Derpp {
    fn departs_at(&self, stage: usize) -> bool {
        self.stored.has_before(stage)
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        _: &mut Vec<Example>,
    ) -> Result<()> {
        self.stored.fill(0..context.stage, context, engine)?;
        self.cells.clear();
        let by_stage: Vec<_> = self.stored.by_stage().collect();
        for (stage, cells) in by_stage {
            // The same draw in every later stage.
            let key = Key::new(context.seed, Purpose::Method).with(stage as u64).with(8);
            let mut cells = draw_stored(context, &cells, key);
            let said = self.said_of(stage, &cells, context, engine)?;
            let masked: usize = cells.iter().map(|cell| cell.tokens.masked.len()).sum();
            if said.iter().any(|said| said.len() != masked) {
                return Err(Error::new(format!(
                    "stored outputs of stage {stage} are not of its stored cells"
                ))
                .at("the method's memory")
                .help("delete the folder of the stage before and train it again"));
            }
            let mut at = 0;
            for cell in &mut cells {
                set_targets(cell, &said, &mut at, (self.settings.alpha, self.settings.beta));
            }
            self.cells.extend(cells);
        }
        Ok(())
    }

    fn add_cells(&mut self, context: Context<'_>, step: u64, cells: &mut Vec<StepCell>) -> Result<()> {
        let own = cells.iter().filter(|c| c.origin == Origin::Data).count();
        if !self.cells.is_empty() {
            let key = context.key().with(9).with(step);
            let count = (self.settings.share * own as f64).round() as u64;
            cells.extend((0..count).map(|i| self.cells[key.below(i, self.cells.len())].clone()));
        }
        Ok(())
    }

    fn stored_cells(&self) -> Vec<CellRef> {
        self.stored.cells()
    }

    fn memory(&self) -> Memory {
        Memory { tensors: self.said.clone(), ..self.stored.memory() }
    }

    fn restore(&mut self, context: Context<'_>, memory: Memory) -> Result<()> {
        self.stored.restore(context, &memory)?;
        self.said = memory.tensors;
        Ok(())
    }
}

/// Makes a drawn cell a stored one whose targets lie between what was said, from `at` on, and the truth.
fn set_targets(cell: &mut StepCell, said: &[Vec<f32>; 2], at: &mut usize, (alpha, beta): (f64, f64)) {
    let share = (alpha / (alpha + beta)) as f32;
    let target = |&p: &u32| {
        let truth = cell.tokens.values[p as usize];
        let mixed = [0, 1].map(|head: usize| truth + share * (said[head][*at] - truth));
        *at += 1;
        mixed
    };
    cell.targets = cell.tokens.masked.iter().map(target).collect();
    cell.origin = Origin::Stored;
    cell.weight = (alpha + beta) as f32;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::train;
    use genil_data::sample::CellTokens;

    #[test]
    fn targets_lie_between_the_stored_outputs_and_the_truth() {
        let tokens = CellTokens { tokens: vec![2, 5, 9], values: vec![1.0, 2.0, 3.0], masked: vec![0, 2] };
        let mut cell = StepCell::data(tokens);
        let said = [vec![9.0, 2.0, 1.0], vec![9.0, 1.0, 3.0]];
        let mut at = 1;
        set_targets(&mut cell, &said, &mut at, (1.0, 3.0));
        assert_eq!(cell.targets, [[1.25, 1.0], [2.5, 3.0]]);
        assert_eq!((at, cell.weight, cell.origin), (3, 4.0, Origin::Stored));
        let part = step_parts(&[cell], 100).remove(0);
        assert_eq!((part.truth, part.cell_truth), (vec![1.25, 2.5], vec![1.0, 3.0]));
        assert_eq!(part.weight, [4.0, 4.0]);
    }

    #[test]
    fn stored_outputs_are_those_of_the_model_right_after_the_stage() {
        let run = train("no = { method = 'finetune' }");
        let (context, mut engine) = (run.context(2), run.engine_before("no", 2));
        let mut derpp = Derpp::new(DerppSettings { cells: Some(5), ..DerppSettings::default() });
        derpp.begin_stage(context, &mut *engine, &mut Vec::new()).unwrap();
        let targets: Vec<_> = derpp.cells.iter().map(|cell| cell.targets.clone()).collect();
        assert_eq!(targets.len(), 5);
        // A model that has moved on does not change them.
        let mut later = Derpp::new(DerppSettings { cells: Some(5), ..DerppSettings::default() });
        later.restore(context, derpp.memory()).unwrap();
        engine.parameters_mut().iter_mut().for_each(|t| t.data.iter_mut().for_each(|x| *x *= 0.9));
        later.begin_stage(context, &mut *engine, &mut Vec::new()).unwrap();
        assert_eq!(later.cells.iter().map(|cell| cell.targets.clone()).collect::<Vec<_>>(), targets);
    }
}
