//! Weight averaging: after a stage the parameters that earlier stages left become
//! `alpha · new + (1 − alpha) · old`; the rows of the stage's new genes stay (WiSE-FT: Wortsman et al., "Robust
//! fine-tuning of zero-shot models", CVPR 2022, eq. 1).
//!
//! Cost: nothing while training but a copy of the old parameters. Stores nothing.

use super::settings::{base_or_later, share_of_one};
use super::{Context, Method, weights};
use crate::batch::Example;
use genil_base::Result;
use genil_engine::{Engine, Tensors};
use serde::{Deserialize, Serialize};

/// Settings of weight averaging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AverageSettings {
    /// The share of the new values, in 0..=1.
    pub alpha: f64,
    /// Whether stage 1 is treated so too.
    pub base: bool,
}

impl Default for AverageSettings {
    fn default() -> Self {
        Self { alpha: 0.5, base: false }
    }
}

impl AverageSettings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        share_of_one("alpha", self.alpha)
    }
}

/// The mean of the models before and after a stage.
pub struct Average {
    settings: AverageSettings,
    old: Tensors,
}

impl Average {
    /// Averaging with these settings.
    pub fn new(settings: AverageSettings) -> Self {
        Self { settings, old: Tensors::default() }
    }
}

impl Method for Average {
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
            self.old = weights::of_earlier_stages(engine, context);
        }
        Ok(())
    }

    fn end_stage(&mut self, context: Context<'_>, engine: &mut dyn Engine) -> Result<()> {
        if self.departs_at(context.stage) {
            let alpha = self.settings.alpha as f32;
            // In this form what never moved stays to the bit.
            weights::change(engine.parameters_mut(), &self.old, |now, old| *now = old + alpha * (*now - old));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::method::testing::train;
    use crate::method::weights::GENE_ROWS;

    #[test]
    fn shared_parameters_are_the_mean_and_new_rows_those_of_fine_tuning() {
        let run = train("it = { method = 'average', alpha = 0.25 }\nno = { method = 'finetune' }");
        let (old, tuned, mean) = (run.parameters("no", 1), run.parameters("no", 2), run.parameters("it", 2));
        for ((old, tuned), mean) in old.iter().zip(tuned.iter()).zip(mean.iter()) {
            for ((o, t), m) in old.data.iter().zip(&tuned.data).zip(&mean.data) {
                assert!(
                    (0.75 * o + 0.25 * t - m).abs() <= 1e-6 * o.abs().max(1.0),
                    "{}: {o} {t} {m}",
                    old.name
                );
            }
        }
        let first = old.get(GENE_ROWS).unwrap().data.len();
        let rows = |of: &genil_engine::Tensors| of.get(GENE_ROWS).unwrap().data[first..].to_vec();
        assert_eq!(rows(&mean), rows(&tuned));
    }
}
