//! Distillation: adds `λ · mean (value − teacher's value)²` over the masked positions of older genes, where
//! the teacher is the frozen model of stage `k - 1` (Qi et al., AAAI 2026, arXiv 2511.13762). The stage's own
//! genes are no part of it and the teacher does not see them: it never learned them.
//!
//! Cost: one forward pass more a step, and a second model in memory; no cell is stored.

use super::{Method, Step};
use crate::batch::{Kind, Origin, Part};
use genil_base::Result;
use genil_engine::{OutputGradients, Outputs};

/// Agreement with the frozen previous model.
pub struct Distill {
    lambda: f64,
}

impl Distill {
    /// `lambda`: the weight of the agreement, above 0.
    pub fn new(lambda: f64) -> Self {
        Self { lambda }
    }
}

impl Method for Distill {
    fn departs_at(&self, stage: usize) -> bool {
        stage > 0
    }

    fn asks_teacher(&self, of: Origin) -> bool {
        of == Origin::Data
    }

    fn add_loss(
        &mut self,
        step: &Step<'_>,
        outputs: &Outputs,
        gradients: &mut OutputGradients,
    ) -> Result<f64> {
        let part = step.part();
        let Some(said) = &part.said else { return Ok(0.0) };
        let stage = step.context.stage;
        let stage_of = |token| step.context.stages.partition.stage_of(token);
        let old =
            |part: &Part, i: usize| part.kind[i] == Kind::Value && stage_of(part.asked_token(i)) != stage;
        let weight = self.lambda / step.count(old).max(1) as f64;
        let mut added = 0.0;
        for i in (0..part.truth.len()).filter(|&i| old(part, i)) {
            let apart = outputs.value[i] - said.value[i];
            added += weight * f64::from(apart).powi(2);
            gradients.value[i] += (2.0 * weight) as f32 * apart;
        }
        Ok(added)
    }
}
