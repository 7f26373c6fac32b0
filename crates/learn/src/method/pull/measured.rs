//! Importances that are measured on cells of a stage, right after it, one cell at a time.
//!
//! * *EWC*, online (Kirkpatrick et al., PNAS 2017, eq. 3; Schwarz et al., "Progress & Compress", ICML 2018, eq. 9): the
//!   diagonal of the Fisher information, `Ω ← γ Ω + F`, one Ω for all stages. Squared error is the likelihood of a normal
//!   law, whose Fisher information needs no truth: `F = mean over cells of 2 / P · Σ (∂value / ∂θ)²` over the `P` masked
//!   positions and both heads, here by random signs, whose square sum it is in the mean. In these units λ = 1 makes the
//!   penalty the second-order change of the earlier stage's own loss, were parameters independent.
//! * *MAS* (Aljundi et al., ECCV 2018, eq. 3): `mean over cells of |∂ (1 / P · Σ value²) / ∂θ|`, summed over stages.
//!
//! Cost: a pass over `cells` cells one by one before each later stage. Stores one number a parameter.

use super::Pull;
use crate::batch::{Example, step_parts};
use crate::method::exemplars::{Choice, choose};
use crate::method::settings::{base_or_later, positive, share_of_one};
use crate::method::stored::draw_stored;
use crate::method::{Context, Memory, Method, weights};
use genil_base::Result;
use genil_base::random::Key;
use genil_engine::{Engine, OutputGradients, Outputs, Tensors};
use serde::{Deserialize, Serialize};

/// Settings of EWC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EwcSettings {
    /// Weight of the penalty.
    pub lambda: f64,
    /// γ: what is left of older importances after each stage, in 0..=1.
    pub decay: f64,
    /// Training cells of a stage that importances are measured on.
    pub cells: usize,
    /// Whether the base stage is measured too, and stage 1 treated so.
    pub base: bool,
}

impl Default for EwcSettings {
    fn default() -> Self {
        Self { lambda: 1.0, decay: 1.0, cells: 256, base: false }
    }
}

impl EwcSettings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        positive("lambda", self.lambda)?;
        positive("cells", self.cells as f64)?;
        share_of_one("decay", self.decay)
    }
}

/// Settings of MAS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MasSettings {
    /// Weight of the penalty.
    pub lambda: f64,
    /// Training cells of a stage that importances are measured on.
    pub cells: usize,
    /// Whether the base stage is measured too, and stage 1 treated so.
    pub base: bool,
}

impl Default for MasSettings {
    fn default() -> Self {
        Self { lambda: 1.0, cells: 256, base: false }
    }
}

impl MasSettings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        positive("lambda", self.lambda)?;
        positive("cells", self.cells as f64)
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Fisher,
    Sensitivity,
}

impl Measure {
    /// Gradients in the outputs of one cell.
    fn gradients(self, outputs: &Outputs, key: Key) -> OutputGradients {
        let positions = outputs.value.len() as f32;
        let by_head = |head: u64, values: &[f32]| match self {
            Self::Fisher => {
                let size = (2.0 / positions).sqrt();
                let sign = |i: usize| if key.with(head).bits(i as u64) & 1 == 0 { size } else { -size };
                (0..values.len()).map(sign).collect()
            }
            Self::Sensitivity => values.iter().map(|value| 2.0 * value / positions).collect(),
        };
        OutputGradients {
            value: by_head(0, &outputs.value),
            cell_value: by_head(1, &outputs.cell_value),
            ..OutputGradients::default()
        }
    }

    /// What one cell's gradient adds to the importance.
    fn of(self, gradient: f32) -> f32 {
        match self {
            Self::Fisher => gradient * gradient,
            Self::Sensitivity => gradient.abs(),
        }
    }
}

/// Importances of all parameters for stage `of`: the mean over `n` of its training cells.
fn measure(
    by: Measure,
    (of, n): (usize, usize),
    context: Context<'_>,
    engine: &mut dyn Engine,
) -> Result<Tensors> {
    let key = context.key().with(5);
    let cells: Vec<_> =
        choose(Choice::Random, n, of, context, engine)?.into_iter().map(|cell| (of, cell)).collect();
    let cells = draw_stored(context, &cells, key);
    let mut model = engine.duplicate();
    let mut importance = model.gradients().clone();
    let share = 1.0 / cells.len().max(1) as f32;
    for (i, cell) in (0u64..).zip(&cells) {
        for part in step_parts(std::slice::from_ref(cell), usize::MAX) {
            if part.truth.is_empty() {
                continue;
            }
            let gradients = by.gradients(model.forward(&part.batch, key.with(i))?, key.with(i).with(1));
            model.backward(&gradients)?;
            weights::change(&mut importance, model.gradients(), |sum, g| *sum += share * by.of(g));
            model.gradients_mut().iter_mut().for_each(|t| t.data.fill(0.0));
        }
    }
    Ok(importance)
}

/// A pull by measured importances: EWC or MAS.
pub struct Measured {
    by: Measure,
    lambda: f64,
    decay: f32,
    cells: usize,
    base: bool,
    importance: Tensors,
    pull: Pull,
}

impl Measured {
    /// Online elastic weight consolidation.
    pub fn ewc(EwcSettings { lambda, decay, cells, base }: EwcSettings) -> Self {
        let (importance, pull) = (Tensors::default(), Pull::default());
        Self { by: Measure::Fisher, lambda, decay: decay as f32, cells, base, importance, pull }
    }

    /// Memory-aware synapses.
    pub fn mas(MasSettings { lambda, cells, base }: MasSettings) -> Self {
        let (importance, pull) = (Tensors::default(), Pull::default());
        Self { by: Measure::Sensitivity, lambda, decay: 1.0, cells, base, importance, pull }
    }
}

impl Method for Measured {
    fn departs_at(&self, stage: usize) -> bool {
        base_or_later(self.base, stage)
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        _: &mut Vec<Example>,
    ) -> Result<()> {
        if self.departs_at(context.stage) {
            let mut now = measure(self.by, (context.stage - 1, self.cells), context, engine)?;
            weights::change(&mut now, &self.importance, |now, before| *now += self.decay * before);
            self.importance = now;
            self.pull = Pull::to_now(self.lambda, engine, context);
        }
        Ok(())
    }

    fn change_gradients(&mut self, _: Context<'_>, engine: &mut dyn Engine, _: f64) -> Result<()> {
        self.pull.add(Some(&self.importance), engine);
        Ok(())
    }

    fn memory(&self) -> Memory {
        Memory { tensors: self.importance.clone(), ..Memory::default() }
    }

    fn restore(&mut self, _: Context<'_>, memory: Memory) -> Result<()> {
        self.importance = memory.tensors;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::train;
    use crate::method::weights::GENE_ROWS;

    #[test]
    fn importances_are_those_of_a_parameter_whose_gradient_is_known() {
        let run = train("no = { method = 'finetune' }");
        let context = run.context(2);
        let mut engine = run.engine_before("no", 2);
        // ∂ value / ∂ bias of the last layer is 1 at every position, so F is 2.
        let fisher = measure(Measure::Fisher, (1, 200), context, &mut *engine).unwrap();
        let bias = fisher.get("value_head.4.bias").unwrap().data[0];
        assert!((bias - 2.0).abs() < 1.0, "{bias}");
        assert!(fisher.iter().all(|t| t.data.iter().all(|&f| f >= 0.0)));
        let mas = measure(Measure::Sensitivity, (1, 200), context, &mut *engine).unwrap();
        assert!(mas.get("value_head.4.bias").unwrap().data[0] > 0.0);
        // Genes of stage 2 are in no cell of stage 1.
        let new = context.stages.partition.tokens_of(2).start as usize * engine.config().width;
        assert!(fisher.get(GENE_ROWS).unwrap().data[new..].iter().all(|&f| f == 0.0));
    }
}
