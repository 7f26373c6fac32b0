//! Pulls to old values: `λ / 2 · Σ Ω (θ − θ*)²` is added to the loss, θ* the values right before the stage, the sum over
//! all parameters that earlier stages left. The methods differ in the importance Ω of a parameter:
//!
//! * [`L2`]: 1 (L2-SP: Li et al., ICML 2018).
//! * [`Measured`]: EWC and MAS, measured on cells of earlier stages right after them.
//! * [`Si`]: from the way that training went.
//!
//! The penalty acts by its gradient, before Adam, and is no part of the loss that is logged. A row of the gene embedding
//! that never moved is at its old value and is not pulled. Adam divides the gradient by its size: a pull acts where it is
//! large beside the gradient of the loss, not where λ is.
//!
//! Cost: four passes over the parameters a step, and a copy of the old ones.

mod measured;
mod si;

pub use measured::{EwcSettings, MasSettings, Measured};
pub use si::{Si, SiSettings};

use super::settings::{base_or_later, positive};
use super::{Context, Method, weights};
use crate::batch::Example;
use genil_base::Result;
use genil_engine::{Engine, Tensors};
use serde::{Deserialize, Serialize};

/// The old values of one stage and how strongly they pull.
#[derive(Default)]
struct Pull {
    lambda: f32,
    old: Tensors,
}

impl Pull {
    /// To the values right before the stage.
    fn to_now(lambda: f64, engine: &dyn Engine, context: Context<'_>) -> Self {
        Self { lambda: lambda as f32, old: weights::of_earlier_stages(engine, context) }
    }

    /// Adds `λ Ω (θ − θ*)` to the gradients; without importances Ω is 1.
    fn add(&self, importance: Option<&Tensors>, engine: &mut dyn Engine) {
        let mut pull = self.old.clone();
        weights::change(&mut pull, engine.parameters(), |old, now| *old = self.lambda * (now - *old));
        if let Some(importance) = importance {
            weights::change(&mut pull, importance, |pull, importance| *pull *= importance);
        }
        weights::change(engine.gradients_mut(), &pull, |gradient, pull| *gradient += pull);
    }
}

/// Settings of the plain pull.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct L2Settings {
    /// Weight of the penalty.
    pub lambda: f64,
    /// Whether stage 1 is treated so too.
    pub base: bool,
}

impl Default for L2Settings {
    fn default() -> Self {
        Self { lambda: 0.1, base: false }
    }
}

impl L2Settings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        positive("lambda", self.lambda)
    }
}

/// Every parameter is pulled alike.
pub struct L2 {
    settings: L2Settings,
    pull: Pull,
}

impl L2 {
    /// A plain pull with these settings.
    pub fn new(settings: L2Settings) -> Self {
        Self { settings, pull: Pull::default() }
    }
}

impl Method for L2 {
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
            self.pull = Pull::to_now(self.settings.lambda, engine, context);
        }
        Ok(())
    }

    fn change_gradients(&mut self, _: Context<'_>, engine: &mut dyn Engine, _: f64) -> Result<()> {
        self.pull.add(None, engine);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::method::testing::train;
    use genil_engine::Tensors;

    /// Σ (θ − θ*)² over what earlier stages left.
    fn moved(old: &Tensors, new: &Tensors) -> f64 {
        let pairs = old.iter().zip(new.iter()).flat_map(|(a, b)| a.data.iter().zip(&b.data));
        pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum()
    }

    #[test]
    fn a_strong_pull_keeps_parameters_near_their_old_values_and_a_weak_one_hardly() {
        let run = train(
            "weak = { method = 'l2', lambda = 1e-6 }\nstrong = { method = 'l2', lambda = 10.0 }\n\
             no = { method = 'finetune' }",
        );
        let old = run.parameters("no", 1);
        let [weak, strong, no] =
            ["weak", "strong", "no"].map(|method| moved(&old, &run.parameters(method, 2)));
        assert!(strong < 0.2 * no && (weak / no - 1.0).abs() < 0.2, "{weak} {strong} {no}");
    }

    #[test]
    fn every_kind_of_pull_leaves_stage_one_alone_and_holds_on_afterwards() {
        let run = train(
            "ewc = { method = 'ewc', lambda = 1e4, cells = 20 }\nmas = { method = 'mas', lambda = 1e4, cells = 20 }\n\
             si = { method = 'si', lambda = 1e4 }\nno = { method = 'finetune' }",
        );
        let old = run.parameters("no", 1);
        let head = |tensors: &Tensors| {
            Tensors(tensors.iter().filter(|t| t.name == "value_head.4.bias").cloned().collect())
        };
        let free = moved(&head(&old), &head(&run.parameters("no", 2)));
        for method in ["ewc", "mas", "si"] {
            assert!(run.parameters(method, 1) == old, "{method}");
            let held = moved(&head(&old), &head(&run.parameters(method, 2)));
            assert!(held < 0.25 * free, "{method}: {held} {free}");
        }
    }
}
