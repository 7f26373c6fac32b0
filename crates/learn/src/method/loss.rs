//! The loss that all methods share: masked expression-value prediction by both heads.

use super::Step;
use crate::batch::Kind;
use genil_engine::{OutputGradients, Outputs};

/// A part's share of a step's loss; the shares of all parts add up to the step's mean.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Loss {
    /// Mean squared error of the value head.
    pub value: f64,
    /// Mean squared error of the cell head.
    pub cell: f64,
    /// What the method adds.
    pub added: f64,
    /// Sum of squared errors of the value head on genes of the stage, and their number.
    pub new: (f64, usize),
    /// The same on all other genes.
    pub old: (f64, usize),
}

impl Loss {
    /// What is minimised.
    pub fn total(&self) -> f64 {
        self.value + self.cell + self.added
    }

    /// Adds another part's share.
    pub fn add(&mut self, other: &Self) {
        self.value += other.value;
        self.cell += other.cell;
        self.added += other.added;
        self.new = (self.new.0 + other.new.0, self.new.1 + other.new.1);
        self.old = (self.old.0 + other.old.0, self.old.1 + other.old.1);
    }
}

/// The mean over the `P` masked positions of the step, `1/P Σ (value − truth)² + 1/P Σ (cell_value − truth)²`
/// (Qi et al., AAAI 2026, arXiv 2511.13762). Positions of pseudo-cells and stored or imagined ones have weighted
/// means of their own, which count as added.
pub fn prediction_loss(step: &Step<'_>, outputs: &Outputs, gradients: &mut OutputGradients) -> Loss {
    let part = step.part();
    let partition = &step.context.stages.partition;
    let share = |kind| 1.0 / step.count_kind(kind).max(1) as f64;
    let shares = [Kind::Value, Kind::Drawn, Kind::Stored, Kind::Imagined].map(|kind| (kind, share(kind)));
    let mut loss = Loss::default();
    gradients.value.clear();
    gradients.cell_value.clear();
    gradients.embedding.clear();
    gradients.layers.clear();
    for (i, &kind) in part.kind.iter().enumerate() {
        let share = shares.iter().find(|(of, _)| *of == kind).map_or(0.0, |(_, share)| *share);
        let weight = share * f64::from(part.weight[i]);
        let value = outputs.value[i] - part.truth[i];
        let cell = outputs.cell_value[i] - part.cell_truth[i];
        gradients.value.push((2.0 * weight) as f32 * value);
        gradients.cell_value.push((2.0 * weight) as f32 * cell);
        let squared = f64::from(value).powi(2);
        let squared_cell = f64::from(cell).powi(2);
        if kind != Kind::Value {
            loss.added += weight * (squared + squared_cell);
            continue;
        }
        loss.value += weight * squared;
        loss.cell += weight * squared_cell;
        let new = partition.stage_of(part.asked_token(i)) == step.context.stage;
        let (sum, count) = if new { &mut loss.new } else { &mut loss.old };
        *sum += squared;
        *count += 1;
    }
    loss
}
