//! Distillation: adds `λ · mean (value − teacher's value)²` over the masked positions of older genes, where
//! the teacher is the frozen model of stage `k - 1` (Qi et al., AAAI 2026, arXiv 2511.13762). The stage's own
//! genes are no part of it and the teacher does not see them: it never learned them.
//!
//! Cost: one forward pass more a step, and a second model in memory; no cell is stored.

use super::{Context, Loss, Method, Step, prediction_loss};
use crate::batch::{Example, Part};
use genil_base::Result;
use genil_engine::{Engine, OutputGradients, Outputs};

/// Agreement with the frozen previous model.
pub struct Distill {
    lambda: f64,
    teacher: Option<Box<dyn Engine>>,
}

impl Distill {
    /// `lambda`: the weight of the agreement, above 0.
    pub fn new(lambda: f64) -> Self {
        Self { lambda, teacher: None }
    }
}

impl Method for Distill {
    fn departs_at(&self, stage: usize) -> bool {
        stage > 0
    }

    fn begin_stage(&mut self, context: Context<'_>, engine: &mut dyn Engine) -> Result<Vec<Example>> {
        self.teacher = (context.stage > 0).then(|| engine.duplicate());
        Ok(context.own_cells())
    }

    fn loss(&mut self, step: &Step<'_>, outputs: &Outputs, gradients: &mut OutputGradients) -> Result<Loss> {
        let mut loss = prediction_loss(step, outputs, gradients);
        let Some(teacher) = &mut self.teacher else { return Ok(loss) };
        let old = |token: u32| step.context.stages.partition.stage_of(token) != step.context.stage;
        let part = step.part();
        let said = teacher.predict(&without(part, |token| !old(token)).batch)?;
        let weight = self.lambda / step.count(old).max(1) as f64;
        let asked_old = (0..part.truth.len()).filter(|&i| old(part.asked_token(i)));
        for (i, &target) in asked_old.zip(&said.value) {
            let apart = outputs.value[i] - target;
            loss.added += weight * f64::from(apart).powi(2);
            gradients.value[i] += (2.0 * weight) as f32 * apart;
        }
        Ok(loss)
    }
}

/// The part without the tokens of `hidden` genes.
fn without(part: &Part, hidden: impl Fn(u32) -> bool) -> Part {
    let mut rest = Part::new();
    let mut asked = part.batch.asked.iter().zip(&part.truth).peekable();
    for cell in part.batch.offsets.windows(2) {
        let (mut tokens, mut values, mut asked_here) = (Vec::new(), Vec::new(), Vec::new());
        for p in cell[0]..cell[1] {
            let token = part.batch.tokens[p as usize];
            let truth = asked.next_if(|&(&a, _)| a == p).map(|(_, &truth)| truth);
            if hidden(token) {
                continue;
            }
            if let Some(truth) = truth {
                asked_here.push(tokens.len() as u32);
                rest.truth.push(truth);
            }
            tokens.push(token);
            values.push(part.batch.values[p as usize]);
        }
        rest.batch.push(&tokens, &values, &asked_here);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use genil_data::sample::CellTokens;

    #[test]
    fn the_teacher_sees_the_batch_without_the_stages_genes() {
        let mut part = Part::new();
        part.push(&CellTokens { tokens: vec![2, 3, 9], values: vec![1.0, 2.0, 3.0], masked: vec![1, 2] });
        part.push(&CellTokens { tokens: vec![4, 9], values: vec![4.0, 5.0], masked: vec![0] });
        let seen = without(&part, |token| token == 9);
        let mut expected = Part::new();
        expected.push(&CellTokens { tokens: vec![2, 3], values: vec![1.0, 2.0], masked: vec![1] });
        expected.push(&CellTokens { tokens: vec![4], values: vec![4.0], masked: vec![0] });
        assert_eq!(seen, expected);
    }
}
