//! Fine-tuning: the stage's cells with base genes and `G_k`, nothing against forgetting. The baseline of
//! Qi et al. (AAAI 2026, arXiv 2511.13762) and the lower bound.

use super::{Context, Method};
use crate::batch::Example;
use genil_base::Result;
use genil_engine::Engine;

/// The baseline.
pub struct FineTune;

impl Method for FineTune {
    fn departs_at(&self, _: usize) -> bool {
        false
    }

    fn begin_stage(&mut self, context: Context<'_>, _: &mut dyn Engine) -> Result<Vec<Example>> {
        Ok(context.own_cells())
    }
}
