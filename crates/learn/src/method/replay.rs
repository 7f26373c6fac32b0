//! Replay: besides the stage's cells, `n` stored cells of each earlier stage with the genes that they had
//! then (Qi et al., AAAI 2026, arXiv 2511.13762).
//!
//! Cost: `n` cells more an epoch for each earlier stage; the store keeps their counts.

use super::exemplars::{Choice, choose};
use super::{Context, Memory, Method};
use crate::batch::Example;
use genil_base::{Error, Result};
use genil_data::CellRef;
use genil_data::sample::Shown;
use genil_engine::Engine;
use std::collections::BTreeMap;

/// Stored cells of earlier stages.
pub struct Replay {
    cells: usize,
    choice: Choice,
    first: usize,
    stored: BTreeMap<usize, Vec<CellRef>>,
}

impl Replay {
    /// `cells` of each earlier stage, the base stage among them only if `base`.
    pub fn new(cells: usize, choice: Choice, base: bool) -> Self {
        Self { cells, choice, first: usize::from(!base), stored: BTreeMap::new() }
    }
}

impl Method for Replay {
    fn departs_at(&self, stage: usize) -> bool {
        stage > self.first
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        examples: &mut Vec<Example>,
    ) -> Result<()> {
        for earlier in self.first..context.stage {
            if !self.stored.contains_key(&earlier) {
                let chosen = choose(self.choice, self.cells, earlier, context, engine)?;
                self.stored.insert(earlier, chosen);
            }
        }
        for (&earlier, cells) in &self.stored {
            let shown = Shown::Stage(earlier);
            examples.extend(cells.iter().map(|&cell| Example { cell, shown }));
        }
        Ok(())
    }

    fn memory(&self) -> Memory {
        Memory { notes: serde_json::json!({ "stored": self.stored }), ..Memory::default() }
    }

    fn stored_cells(&self) -> Vec<CellRef> {
        self.stored.values().flatten().copied().collect()
    }

    fn restore(&mut self, memory: Memory) -> Result<()> {
        if let Some(stored) = memory.notes.get("stored") {
            self.stored = serde_json::from_value(stored.clone())
                .map_err(|e| Error::new(format!("the stored cells cannot be read: {e}")))?;
        }
        Ok(())
    }
}
