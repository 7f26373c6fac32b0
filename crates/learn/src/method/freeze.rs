//! Freezing: only the rows of the stage's new genes move; everything that earlier stages left stays as it was. Nothing
//! can be forgotten then, and little more than the rows can be learned: the rigid end of the trade-off (as feature
//! extraction in Li and Hoiem, "Learning without Forgetting", ECCV 2016).
//!
//! `share` below 1 frees the rest after that share of the stage's steps: new rows first find their place, and then the
//! gradients that move the shared parameters are no longer those of random rows.
//!
//! Cost: a copy of the old parameters, written back after every step. Stores nothing.

use super::settings::{base_or_later, share_of_one};
use super::{Context, Method, Teacher, weights};
use crate::batch::Example;
use genil_base::Result;
use genil_engine::{Engine, Tensors};
use serde::{Deserialize, Serialize};

/// Settings of freezing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FreezeSettings {
    /// The share of a stage's steps, the first ones, in which only the new rows move.
    pub share: f64,
    /// Whether stage 1 is treated so too.
    pub base: bool,
}

impl Default for FreezeSettings {
    fn default() -> Self {
        Self { share: 1.0, base: false }
    }
}

impl FreezeSettings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        share_of_one("share", self.share)
    }
}

/// Only new rows move.
pub struct Freeze {
    settings: FreezeSettings,
    old: Tensors,
    frozen: bool,
}

impl Freeze {
    /// Freezing with these settings.
    pub fn new(settings: FreezeSettings) -> Self {
        Self { settings, old: Tensors::default(), frozen: false }
    }
}

impl Method for Freeze {
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

    fn change_gradients(&mut self, context: Context<'_>, _: &mut dyn Engine, done: f64) -> Result<()> {
        self.frozen = self.departs_at(context.stage) && done < self.settings.share;
        Ok(())
    }

    /// The gradients are left alone and the old values written back, so that Adam's moments are those of real gradients
    /// once the parameters are free.
    fn after_step(&mut self, _: Context<'_>, engine: &mut dyn Engine, _: Option<&mut Teacher>) -> Result<()> {
        if self.frozen {
            weights::change(engine.parameters_mut(), &self.old, |now, old| *now = old);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::method::testing::{Trained, train};
    use crate::method::weights::GENE_ROWS;

    #[test]
    fn nothing_but_new_rows_moves() {
        let run = train("it = { method = 'freeze' }");
        let (before, after) = (run.parameters("it", 1), run.parameters("it", 2));
        for (old, new) in before.iter().zip(after.iter()) {
            assert_eq!(new.data[..old.data.len()], old.data[..], "{}", old.name);
        }
        let new_rows = |of: &Trained, method: &str| {
            let first = before.get(GENE_ROWS).unwrap().data.len();
            of.parameters(method, 2).get(GENE_ROWS).unwrap().data[first..].to_vec()
        };
        assert_ne!(new_rows(&run, "it"), new_rows(&train("it = { method = 'freeze', share = 0.5 }"), "it"));
    }

    #[test]
    fn what_is_frozen_for_a_part_of_a_stage_moves_afterwards() {
        let run = train("it = { method = 'freeze', share = 0.5 }\nno = { method = 'finetune' }");
        let value_head =
            |method, stage| run.parameters(method, stage).get("value_head.0.weight").unwrap().clone();
        assert_ne!(value_head("it", 2), value_head("it", 1));
        assert_ne!(value_head("it", 2), value_head("no", 2));
        assert_eq!(value_head("it", 1), value_head("no", 1));
    }
}
