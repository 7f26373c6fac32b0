//! Replay: besides the stage's cells, stored cells of each earlier stage with the genes that they had then
//! (Qi et al., AAAI 2026, arXiv 2511.13762).
//!
//! Cost: the stored cells more an epoch; the store keeps their counts.

use super::stored::{Stored, StoredSettings};
use super::{Context, Memory, Method};
use crate::batch::Example;
use genil_base::Result;
use genil_data::CellRef;
use genil_data::sample::Shown;
use genil_engine::Engine;

/// Stored cells of earlier stages.
pub struct Replay {
    stored: Stored,
}

impl Replay {
    /// Replay with these settings.
    pub fn new(settings: StoredSettings) -> Self {
        Self { stored: Stored::new(settings) }
    }
}

impl Method for Replay {
    fn departs_at(&self, stage: usize) -> bool {
        self.stored.has_before(stage)
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        examples: &mut Vec<Example>,
    ) -> Result<()> {
        self.stored.fill(0..context.stage, context, engine)?;
        examples.extend(self.stored.all().into_iter().map(|(of, cell)| Example::new(cell, Shown::Stage(of))));
        Ok(())
    }

    fn stored_cells(&self) -> Vec<CellRef> {
        self.stored.cells()
    }

    fn memory(&self) -> Memory {
        self.stored.memory()
    }

    fn restore(&mut self, context: Context<'_>, memory: Memory) -> Result<()> {
        self.stored.restore(context, &memory)
    }
}
