//! Feature distillation: adds `λ · mean (embedding − teacher's embedding)²` over cells and dimensions, at `<cls>` of the
//! last layer, or of every layer, where the teacher is the frozen model of stage `k − 1` (Romero et al., "FitNets",
//! ICLR 2015; against forgetting: PODNet, Douillard et al., ECCV 2020). The teacher does not see the stage's own genes.
//!
//! On pseudo-cells (`on = "drawn"`) it needs an ingredient that draws them, as `prototypes` does.
//!
//! Cost: a forward pass of the previous model, and a second model in memory. Stores nothing.

use super::settings::{base_or_later, positive};
use super::{Method, Step};
use crate::batch::Origin;
use genil_base::Result;
use genil_engine::{OutputGradients, Outputs};
use serde::{Deserialize, Serialize};

/// The cells whose embeddings are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// Training cells.
    #[default]
    Data,
    /// Pseudo-cells.
    Drawn,
    /// Both.
    Both,
}

impl On {
    fn includes(self, of: Origin) -> bool {
        match of {
            Origin::Data => self != Self::Drawn,
            Origin::Drawn => self != Self::Data,
            Origin::Stored => false,
        }
    }
}

/// Settings of feature distillation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureSettings {
    /// Weight of the agreement.
    pub lambda: f64,
    /// The cells that it is asked of.
    pub on: On,
    /// Whether every layer is held, each alike, not the last alone.
    pub layers: bool,
    /// Whether stage 1 is treated so too.
    pub base: bool,
}

impl Default for FeatureSettings {
    fn default() -> Self {
        Self { lambda: 1.0, on: On::Data, layers: false, base: false }
    }
}

impl FeatureSettings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        positive("lambda", self.lambda)
    }
}

/// Cell embeddings as the previous model has them.
pub struct Features {
    settings: FeatureSettings,
}

impl Features {
    /// Feature distillation with these settings.
    pub fn new(settings: FeatureSettings) -> Self {
        Self { settings }
    }
}

impl Method for Features {
    fn departs_at(&self, stage: usize) -> bool {
        base_or_later(self.settings.base, stage)
    }

    fn asks_teacher(&self, of: Origin) -> bool {
        self.settings.on.includes(of)
    }

    fn add_loss(
        &mut self,
        step: &Step<'_>,
        outputs: &Outputs,
        gradients: &mut OutputGradients,
    ) -> Result<f64> {
        let part = step.part();
        let Some(said) = part.said.as_ref().filter(|_| self.departs_at(step.context.stage)) else {
            return Ok(0.0);
        };
        let held = |of: &Origin| self.settings.on.includes(*of);
        let count = step.parts.iter().flat_map(|p| &p.origin).filter(|of| held(of)).count();
        let (now, then, gradients) = if self.settings.layers {
            (&outputs.layers, &said.layers, &mut gradients.layers)
        } else {
            (&outputs.embedding, &said.embedding, &mut gradients.embedding)
        };
        gradients.resize(now.len(), 0.0);
        let cells = part.origin.len();
        let width = outputs.embedding.len() / cells.max(1);
        let depth = now.len() / outputs.embedding.len().max(1);
        let weight = self.settings.lambda / (count * width * depth).max(1) as f64;
        let mut added = 0.0;
        for row in (0..depth * cells).filter(|row| held(&part.origin[row % cells])) {
            for i in row * width..(row + 1) * width {
                let apart = now[i] - then[i];
                added += weight * f64::from(apart).powi(2);
                gradients[i] += (2.0 * weight) as f32 * apart;
            }
        }
        Ok(added)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Part, Said};
    use crate::method::testing::{begin, train};
    use genil_data::sample::CellTokens;

    #[test]
    fn the_loss_is_the_mean_squared_distance_and_the_gradient_its_slope() {
        let run = begin("no = { method = 'finetune' }");
        let mut part = Part::new();
        part.push(&CellTokens { tokens: vec![2], values: vec![1.0], masked: vec![] });
        part.push(&CellTokens { tokens: vec![3], values: vec![1.0], masked: vec![] });
        part.origin[1] = Origin::Drawn;
        part.said = Some(Said {
            embedding: vec![0.0, 0.0, f32::NAN, f32::NAN],
            layers: vec![0.0, 1.0, f32::NAN, f32::NAN, 0.0, 0.0, f32::NAN, f32::NAN],
            ..Said::default()
        });
        let outputs = Outputs {
            embedding: vec![1.0, 3.0, 5.0, 5.0],
            layers: vec![0.0, 3.0, 5.0, 5.0, 1.0, 3.0, 5.0, 5.0],
            ..Outputs::default()
        };
        let ask = |layers| {
            let mut features = Features::new(FeatureSettings { lambda: 2.0, layers, ..Default::default() });
            let mut gradients = OutputGradients::default();
            let step = Step { context: run.context(2), parts: std::slice::from_ref(&part), at: 0 };
            let loss = features.add_loss(&step, &outputs, &mut gradients).unwrap();
            (loss, gradients)
        };
        let (loss, gradients) = ask(false);
        assert_eq!((loss, gradients.embedding), (2.0 * (1.0 + 9.0) / 2.0, vec![2.0, 6.0, 0.0, 0.0]));
        let (loss, gradients) = ask(true);
        assert_eq!(loss, 2.0 * (4.0 + 1.0 + 9.0) / 4.0);
        assert_eq!(gradients.layers, [0.0, 2.0, 0.0, 0.0, 1.0, 3.0, 0.0, 0.0]);
    }

    #[test]
    fn a_heavy_weight_holds_embeddings_and_works_on_pseudo_cells_too() {
        let run = train(
            "no = { method = 'finetune' }\nit = { method = 'features', lambda = 1000.0 }\n\
             deep = { method = 'features', layers = true }\n\
             both = [{ method = 'prototypes' }, { method = 'features', on = 'both' }]",
        );
        let embeddings = |method, stage: usize| {
            let (mut engine, context) = (run.engine_before(method, stage + 1), run.context(2));
            let cells = &context.stages.cells[1].held_out;
            let shown = genil_data::sample::Shown::Stage(1);
            crate::embed::embed(&mut *engine, context.stages, context.settings, cells, shown).unwrap()
        };
        let old = embeddings("no", 1);
        let apart = |method| {
            old.iter().zip(embeddings(method, 2)).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
        };
        assert!(apart("it") < 0.5 * apart("no"), "{} {}", apart("it"), apart("no"));
    }
}
