//! Prototype replay (ours): stores no cell. Of every earlier stage only aggregates of groups of cells are kept
//! ([`aggregate`]); later stages also train on pseudo-cells drawn from them ([`draw`]).
//!
//! What is forgotten when a stage brings other cells is how old genes behave in the *old* cells; today's cells cannot
//! recall that, group means can.
//!
//! Cost: `share` pseudo-cells for each cell of a step whatever the number of stages; with `targets` other than drawn a
//! forward pass of the frozen previous model on them. Stored: group means, two megabytes for a stage of 4,000 cells.

mod aggregate;
mod draw;

use super::{Context, Memory, Method};
use crate::batch::{Example, Kind, Origin, Part, StepCell};
use aggregate::Aggregate;
use draw::Source;
use genil_base::Result;
use genil_engine::Engine;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the heads should give at the masked positions of a pseudo-cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Targets {
    /// The drawn values.
    #[default]
    Drawn,
    /// What the frozen previous model predicts.
    Model,
    /// The mean of both.
    Both,
}

/// The noise of drawn counts around a group's mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// Poisson: of reads alone.
    #[default]
    Poisson,
    /// Negative binomial with a dispersion for each gene and group: cells differ too.
    NegativeBinomial,
}

/// By what cells are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// Log-normalised expression, projected at random.
    #[default]
    Expression,
    /// Cell embeddings of the model.
    Embedding,
}

/// Settings of prototype replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrototypeSettings {
    /// At most so many groups of a stage's cells; each has at least 20 cells.
    pub clusters: usize,
    /// By what cells are grouped.
    pub by: Grouping,
    /// Pseudo-cells for each cell of a step.
    pub share: f64,
    /// The noise around the means.
    pub noise: Noise,
    /// What the heads should give.
    pub targets: Targets,
    /// Weight of the loss on pseudo-cells.
    pub lambda: f64,
    /// Whether a pseudo-cell always shows the specific genes of its stage that it expresses: they are what may be
    /// forgotten, and few among thousands.
    pub specific_first: bool,
    /// Whether the base stage is kept too.
    pub base: bool,
}

impl Default for PrototypeSettings {
    fn default() -> Self {
        Self {
            clusters: 64,
            by: Grouping::Expression,
            share: 0.5,
            noise: Noise::Poisson,
            targets: Targets::Drawn,
            lambda: 1.0,
            specific_first: true,
            base: false,
        }
    }
}

/// Aggregates of earlier stages.
pub struct Prototypes {
    settings: PrototypeSettings,
    kept: BTreeMap<usize, Aggregate>,
    sources: Vec<Source>,
}

impl Prototypes {
    /// Prototype replay with these settings.
    pub fn new(settings: PrototypeSettings) -> Self {
        Self { settings, kept: BTreeMap::new(), sources: Vec::new() }
    }

    fn first(&self) -> usize {
        usize::from(!self.settings.base)
    }
}

impl Method for Prototypes {
    fn departs_at(&self, stage: usize) -> bool {
        stage > self.first()
    }

    fn asks_teacher(&self, of: Origin) -> bool {
        of == Origin::Drawn && self.settings.targets != Targets::Drawn
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        _: &mut Vec<Example>,
    ) -> Result<()> {
        for earlier in self.first()..context.stage {
            if !self.kept.contains_key(&earlier) {
                let made = Aggregate::of_stage(earlier, &self.settings, context, engine)?;
                self.kept.insert(earlier, made);
            }
        }
        let kept = self.kept.range(..context.stage);
        self.sources = kept
            .map(|(&stage, kept)| Source::new(stage, kept, self.settings.noise))
            .collect::<Result<_>>()?;
        Ok(())
    }

    fn add_cells(&mut self, context: Context<'_>, step: u64, cells: &mut Vec<StepCell>) -> Result<()> {
        if self.sources.is_empty() {
            return Ok(());
        }
        let own = cells.iter().filter(|c| c.origin == Origin::Data).count();
        let count = (self.settings.share * own as f64).round() as u64;
        let key = context.key().with(1).with(step);
        let one = |i: u64| {
            let key = key.with(i);
            let source = &self.sources[key.below(0, self.sources.len())];
            StepCell {
                tokens: source.draw(context, self.settings.specific_first, key.with(1)),
                origin: Origin::Drawn,
                imagined: Vec::new(),
                weight: self.settings.lambda as f32,
                targets: Vec::new(),
            }
        };
        cells.par_extend((0..count).into_par_iter().map(one));
        Ok(())
    }

    fn set_targets(&mut self, _: Context<'_>, part: &mut Part) -> Result<()> {
        let old = match self.settings.targets {
            Targets::Drawn => return Ok(()),
            Targets::Model => 0.0,
            Targets::Both => 0.5,
        };
        let Some(said) = &part.said else { return Ok(()) };
        let mixed = |drawn: f32, said: f32| old * drawn + (1.0 - old) * said;
        for i in (0..part.truth.len()).filter(|&i| part.kind[i] == Kind::Drawn) {
            part.truth[i] = mixed(part.truth[i], said.value[i]);
            part.cell_truth[i] = mixed(part.cell_truth[i], said.cell_value[i]);
        }
        Ok(())
    }

    fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        self.kept.iter().for_each(|(&stage, kept)| kept.write(stage, &mut memory.tensors));
        memory
    }

    fn restore(&mut self, context: Context<'_>, memory: Memory) -> Result<()> {
        self.kept = Aggregate::read_all(&memory.tensors)?;
        self.kept.iter().try_for_each(|(&stage, kept)| kept.check(stage, context))
    }
}
