//! A-GEM (Chaudhry et al., ICLR 2019, eq. 11): where the stage's gradient `g` would raise the loss of stored cells, whose
//! gradient is `r`, the part against `r` is taken out: `g − min(0, g·r) / (r·r) · r`.
//!
//! Cost: a step's cells again, of stored ones, forward and backward; the store keeps their counts.

use super::stored::{Stored, StoredSettings};
use super::{Context, Memory, Method, Step, prediction_loss, weights};
use crate::batch::{Example, StepCell, step_parts};
use genil_base::Result;
use genil_data::CellRef;
use genil_engine::{Engine, OutputGradients, Tensors};

/// Gradients that do not point against stored cells.
pub struct Agem {
    stored: Stored,
    step: u64,
}

impl Agem {
    /// A-GEM with these settings.
    pub fn new(settings: StoredSettings) -> Self {
        Self { stored: Stored::new(settings), step: 0 }
    }
}

impl Method for Agem {
    fn departs_at(&self, stage: usize) -> bool {
        self.stored.has_before(stage)
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        _: &mut Vec<Example>,
    ) -> Result<()> {
        self.stored.fill(0..context.stage, context, engine)
    }

    fn add_cells(&mut self, _: Context<'_>, step: u64, _: &mut Vec<StepCell>) -> Result<()> {
        self.step = step;
        Ok(())
    }

    fn change_gradients(&mut self, context: Context<'_>, engine: &mut dyn Engine, _: f64) -> Result<()> {
        let train = &context.settings.train;
        let key = context.key().with(7).with(self.step);
        let cells = self.stored.sample(train.batch, context, key);
        if cells.is_empty() {
            return Ok(());
        }
        let own = engine.gradients().clone();
        engine.gradients_mut().iter_mut().for_each(|t| t.data.fill(0.0));
        let parts = step_parts(&cells, train.part_tokens);
        let mut gradients = OutputGradients::default();
        for at in 0..parts.len() {
            let outputs = engine.forward(&parts[at].batch, key.with(1).with(at as u64))?;
            prediction_loss(&Step { context, parts: &parts, at }, outputs, &mut gradients);
            engine.backward(&gradients)?;
        }
        project(&own, engine.gradients_mut());
        Ok(())
    }

    fn stored_cells(&self) -> Vec<CellRef> {
        self.stored.cells()
    }

    fn memory(&self) -> Memory {
        self.stored.memory()
    }

    fn restore(&mut self, context: Context<'_>, memory: Memory) -> Result<()> {
        self.stored.restore(context, &memory)
    }
}

/// `of_stored`, the gradient of stored cells, becomes `own` without its part against it.
fn project(own: &Tensors, of_stored: &mut Tensors) {
    let product = |a: &Tensors, b: &Tensors| -> f64 {
        let pairs = a.iter().zip(b.iter()).flat_map(|(a, b)| a.data.iter().zip(&b.data));
        pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    let (against, length) = (product(own, of_stored).min(0.0), product(of_stored, of_stored));
    let part = if length > 0.0 { (against / length) as f32 } else { 0.0 };
    weights::change(of_stored, own, |stored, own| *stored = own - part * *stored);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::train;
    use genil_engine::Tensor;

    #[test]
    fn a_gradient_against_the_stored_cells_loses_that_part_and_any_other_stays() {
        let vector =
            |data: [f32; 2]| Tensors(vec![Tensor { name: "a".into(), shape: vec![2], data: data.to_vec() }]);
        let projected = |own: [f32; 2], stored: [f32; 2]| {
            let mut stored = vector(stored);
            project(&vector(own), &mut stored);
            stored.0[0].data.clone()
        };
        assert_eq!(projected([-2.0, 3.0], [4.0, 0.0]), [0.0, 3.0]);
        assert_eq!(projected([2.0, 3.0], [4.0, 0.0]), [2.0, 3.0]);
        assert_eq!(projected([2.0, 3.0], [0.0, 0.0]), [2.0, 3.0]);
    }

    #[test]
    fn only_a_gradient_against_that_of_stored_cells_is_changed() {
        let run = train("no = { method = 'finetune' }");
        let (context, mut engine) = (run.context(2), run.engine_before("no", 2));
        let mut agem = Agem::new(StoredSettings { cells: Some(20), ..StoredSettings::default() });
        agem.begin_stage(context, &mut *engine, &mut Vec::new()).unwrap();
        let zero = engine.gradients().clone();
        let mut changed = |own: &Tensors| {
            *engine.gradients_mut() = own.clone();
            agem.change_gradients(context, &mut *engine, 0.0).unwrap();
            engine.gradients() != own
        };
        assert!(!changed(&zero));
        let mut bias = zero.clone();
        let mut towards = |slope: f32| {
            bias.get_mut("value_head.4.bias").unwrap().data[0] = slope;
            changed(&bias)
        };
        assert!(towards(1.0) != towards(-1.0));
    }
}
