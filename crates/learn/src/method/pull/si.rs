//! Synaptic intelligence (Zenke, Poole and Ganguli, ICML 2017): a parameter is as important as the loss that it saved on
//! its way through a stage, `Ω ← Ω + max(0, Σ −g · Δθ) / ((θ_end − θ_begin)² + ξ)` (eq. 5), with `g` the gradient of the
//! loss before the pull.
//!
//! Importances come from training itself, so the first stage that counts is trained in the method's own chain, though to
//! the same model as fine-tuning's.
//!
//! Cost: three more copies of the parameters and a few passes over them a step. Stores one number a parameter.

use super::Pull;
use crate::batch::Example;
use crate::method::settings::positive;
use crate::method::{Context, Memory, Method, Teacher, weights};
use genil_base::Result;
use genil_engine::{Engine, Tensors};
use serde::{Deserialize, Serialize};

/// Settings of synaptic intelligence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiSettings {
    /// Weight of the penalty.
    pub lambda: f64,
    /// ξ: keeps importances of parameters that hardly moved finite.
    pub damping: f64,
    /// Whether the base stage counts too, and stage 1 is pulled.
    pub base: bool,
}

impl Default for SiSettings {
    fn default() -> Self {
        Self { lambda: 1.0, damping: 1e-3, base: false }
    }
}

impl SiSettings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        positive("lambda", self.lambda)?;
        positive("damping", self.damping)
    }
}

/// A pull by what each parameter did for the loss.
pub struct Si {
    settings: SiSettings,
    importance: Tensors,
    pull: Pull,
    /// Parameters at the beginning of the stage and before the step at hand.
    begin: Tensors,
    before: Tensors,
    gradient: Tensors,
    /// Σ −g · Δθ so far.
    saved: Tensors,
}

impl Si {
    /// Synaptic intelligence with these settings.
    pub fn new(settings: SiSettings) -> Self {
        Self {
            settings,
            importance: Tensors::default(),
            pull: Pull::default(),
            begin: Tensors::default(),
            before: Tensors::default(),
            gradient: Tensors::default(),
            saved: Tensors::default(),
        }
    }
}

impl Method for Si {
    fn departs_at(&self, stage: usize) -> bool {
        stage >= usize::from(!self.settings.base)
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        _: &mut Vec<Example>,
    ) -> Result<()> {
        if self.departs_at(context.stage) {
            self.begin = engine.parameters().clone();
            self.saved = self.begin.clone();
            self.saved.iter_mut().for_each(|t| t.data.fill(0.0));
        }
        // Without importances, in the first stage that counts, nothing is pulled.
        if !self.importance.0.is_empty() {
            self.pull = Pull::to_now(self.settings.lambda, engine, context);
        }
        Ok(())
    }

    fn change_gradients(&mut self, context: Context<'_>, engine: &mut dyn Engine, _: f64) -> Result<()> {
        if self.departs_at(context.stage) {
            self.before = engine.parameters().clone();
            self.gradient = engine.gradients().clone();
            self.pull.add(Some(&self.importance), engine);
        }
        Ok(())
    }

    fn after_step(&mut self, _: Context<'_>, engine: &mut dyn Engine, _: Option<&mut Teacher>) -> Result<()> {
        weights::change(&mut self.before, engine.parameters(), |before, now| *before -= now);
        weights::change(&mut self.gradient, &self.before, |g, back| *g *= back);
        weights::change(&mut self.saved, &self.gradient, |saved, now| *saved += now);
        Ok(())
    }

    fn end_stage(&mut self, _: Context<'_>, engine: &mut dyn Engine) -> Result<()> {
        let damping = self.settings.damping as f32;
        weights::change(&mut self.begin, engine.parameters(), |begin, end| *begin = (end - *begin).powi(2));
        weights::change(&mut self.saved, &self.begin, |saved, moved| {
            *saved = saved.max(0.0) / (moved + damping)
        });
        weights::change(&mut self.saved, &self.importance, |now, before| *now += before);
        self.importance = std::mem::take(&mut self.saved);
        Ok(())
    }

    fn progress(&self) -> Tensors {
        self.saved.clone()
    }

    fn resume(&mut self, progress: Tensors) -> Result<()> {
        weights::change(&mut self.saved, &progress, |now, then| *now = then);
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
    use crate::method::testing::begin;

    /// One step downhill from 1 to 0.5 saves 2 · 0.5 = 1; the parameter moved by 0.5.
    #[test]
    fn importance_is_the_loss_saved_over_the_way_squared() {
        let run = begin("no = { method = 'finetune' }");
        let context = run.context(1);
        let mut engine = genil_engine::CpuEngine::new(context.settings.model.clone(), 400, 0).unwrap();
        let set = |tensors: &mut Tensors, to: f32| tensors.get_mut("value_head.4.bias").unwrap().data[0] = to;
        set(engine.parameters_mut(), 1.0);
        let mut si = Si::new(SiSettings { damping: 0.25, ..SiSettings::default() });
        si.begin_stage(context, &mut engine, &mut Vec::new()).unwrap();
        set(engine.gradients_mut(), 2.0);
        si.change_gradients(context, &mut engine, 0.0).unwrap();
        set(engine.parameters_mut(), 0.5);
        si.after_step(context, &mut engine, None).unwrap();
        si.end_stage(context, &mut engine).unwrap();
        let importance = |name| si.importance.get(name).unwrap().data[0];
        assert_eq!(importance("value_head.4.bias"), 1.0 / (0.25 + 0.25));
        assert_eq!(importance("value_head.2.bias"), 0.0);
    }
}
