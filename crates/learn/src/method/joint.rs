//! Joint training: all cells of stages 1..k with all genes seen so far, as if no cell ever had to be given
//! up. The oracle of Qi et al. (AAAI 2026, arXiv 2511.13762); it stores everything.

use super::{Context, Method};
use crate::batch::Example;
use genil_base::Result;
use genil_data::sample::Shown;
use genil_engine::Engine;

/// The oracle.
pub struct Joint;

impl Method for Joint {
    /// Stage 1 is its own and only stage so far: that is fine-tuning.
    fn departs_at(&self, stage: usize) -> bool {
        stage > 1
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        _: &mut dyn Engine,
        examples: &mut Vec<Example>,
    ) -> Result<()> {
        if context.stage > 0 {
            let seen = Shown::Through(context.stage);
            *examples = (1..=context.stage).flat_map(|j| context.cells_of(j, seen)).collect();
        }
        Ok(())
    }
}
