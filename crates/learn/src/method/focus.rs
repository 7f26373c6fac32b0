//! Focus (ours): the specific genes of the stage that a cell expresses are always among its tokens; the rest fills up
//! to `S`. New genes are a hundred among ten thousand, and what they are learnt from is what is drawn of them.
//!
//! It changes how today's cells are drawn and nothing else; no cost, nothing stored.

use super::{Context, Method};
use crate::batch::Example;
use genil_base::Result;
use genil_data::sample::Shown;
use genil_engine::Engine;

/// The stage's own genes first.
pub struct Focus;

impl Method for Focus {
    /// Stage 1 is left as it is: methods are compared from the same model of stage 1 on.
    fn departs_at(&self, stage: usize) -> bool {
        stage > 1
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        _: &mut dyn Engine,
        examples: &mut Vec<Example>,
    ) -> Result<()> {
        let own = Shown::Stage(context.stage);
        let own = examples.iter_mut().filter(|example| context.stage > 1 && example.shown == own);
        own.for_each(|example| example.first = Some(context.stage));
        Ok(())
    }
}
