//! The model that is saved after a stage is an exponential moving average of the stage's iterates, which are noisy at a
//! constant learning rate (Polyak and Juditsky, SIAM J. Control Optim. 30, 1992; the exponential form as in Tarvainen
//! and Valpola, NeurIPS 2017): `average ← d · average + (1 − d) · parameters` after every step, with
//! `d = min(decay, (1 + step) / (10 + step))`, so that the first values are soon left behind.
//!
//! Cost: a second set of parameters and a pass over them a step. Stores nothing.

use super::settings::{base_or_later, decay};
use super::{Context, Method, Teacher, weights};
use crate::batch::{Example, StepCell};
use genil_base::Result;
use genil_engine::{Engine, Tensors};
use serde::{Deserialize, Serialize};

/// Settings of the moving average.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmaSettings {
    /// What an average keeps of itself at a step, in 0..1: it spans about `1 / (1 − decay)` steps.
    pub decay: f64,
    /// Whether stage 1 is treated so too.
    pub base: bool,
}

impl Default for EmaSettings {
    fn default() -> Self {
        Self { decay: 0.99, base: false }
    }
}

impl EmaSettings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        decay(self.decay)
    }
}

/// The moving average as the model of a stage.
pub struct Ema {
    settings: EmaSettings,
    average: Tensors,
    step: u64,
}

impl Ema {
    /// A moving average with these settings.
    pub fn new(settings: EmaSettings) -> Self {
        Self { settings, average: Tensors::default(), step: 0 }
    }
}

impl Method for Ema {
    fn departs_at(&self, stage: usize) -> bool {
        base_or_later(self.settings.base, stage)
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        _: &mut Vec<Example>,
    ) -> Result<()> {
        if self.departs_at(context.stage) {
            self.average = engine.parameters().clone();
        }
        Ok(())
    }

    fn add_cells(&mut self, _: Context<'_>, step: u64, _: &mut Vec<StepCell>) -> Result<()> {
        self.step = step;
        Ok(())
    }

    fn after_step(&mut self, _: Context<'_>, engine: &mut dyn Engine, _: Option<&mut Teacher>) -> Result<()> {
        let step = self.step as f64;
        let away = 1.0 - self.settings.decay.min((1.0 + step) / (10.0 + step)) as f32;
        // In this form what never moves stays to the bit.
        weights::change(&mut self.average, engine.parameters(), |mean, now| *mean += away * (now - *mean));
        Ok(())
    }

    fn end_stage(&mut self, _: Context<'_>, engine: &mut dyn Engine) -> Result<()> {
        weights::change(engine.parameters_mut(), &self.average, |now, mean| *now = mean);
        Ok(())
    }

    fn progress(&self) -> Tensors {
        self.average.clone()
    }

    fn resume(&mut self, progress: Tensors) -> Result<()> {
        weights::change(&mut self.average, &progress, |now, then| *now = then);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::method::testing::train;

    #[test]
    fn without_memory_it_is_fine_tuning_and_with_it_another_model() {
        let run = train(
            "none = { method = 'ema', decay = 0.0 }\nlong = { method = 'ema', decay = 0.9 }\n\
             no = { method = 'finetune' }",
        );
        let [none, long, tuned] = ["none", "long", "no"].map(|method| run.parameters(method, 2));
        let most = |one: &genil_engine::Tensors, other: &genil_engine::Tensors| {
            let pairs = one.iter().zip(other.iter()).flat_map(|(a, b)| a.data.iter().zip(&b.data));
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!(most(&none, &tuned) < 1e-6);
        assert!(most(&long, &tuned) > 1e-4);
        assert!(most(&long, &tuned) < most(&run.parameters("no", 1), &tuned));
    }
}
