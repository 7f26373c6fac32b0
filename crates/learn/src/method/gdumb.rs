//! GDumb (Prabhu, Torr and Dokania, ECCV 2020): a model trained anew on stored cells alone, as many of each stage so far,
//! the stage at hand among them. No method against forgetting but a check on them: one that does worse than this
//! profits little from what it learned before.
//!
//! The stage has as many steps as fine-tuning has, each with as many cells, drawn with replacement and masked anew.
//!
//! Cost: none beside fine-tuning's; the store keeps the cells' counts.

use super::stored::{Stored, StoredSettings};
use super::{Context, Memory, Method};
use crate::batch::{Example, StepCell};
use genil_base::Result;
use genil_data::CellRef;
use genil_engine::{CpuEngine, Engine};

/// A new model of stored cells.
pub struct Gdumb {
    stored: Stored,
}

impl Gdumb {
    /// GDumb with these settings.
    pub fn new(settings: StoredSettings) -> Self {
        Self { stored: Stored::new(settings) }
    }
}

impl Method for Gdumb {
    fn departs_at(&self, stage: usize) -> bool {
        self.stored.has_before(stage)
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        _: &mut Vec<Example>,
    ) -> Result<()> {
        if self.departs_at(context.stage) {
            self.stored.fill(0..context.stage + 1, context, engine)?;
            let anew = CpuEngine::new(engine.config().clone(), engine.vocabulary(), context.seed)?;
            engine.restore(anew.parameters().clone(), None)?;
        }
        Ok(())
    }

    fn add_cells(&mut self, context: Context<'_>, step: u64, cells: &mut Vec<StepCell>) -> Result<()> {
        if self.departs_at(context.stage) {
            *cells = self.stored.sample(cells.len(), context, context.key().with(6).with(step));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::train;

    #[test]
    fn a_stage_begins_anew_and_every_cell_is_a_stored_one() {
        let run = train("no = { method = 'finetune' }");
        let (context, mut engine) = (run.context(2), run.engine_before("no", 2));
        let learned = engine.parameters().clone();
        let mut gdumb = Gdumb::new(StoredSettings { cells: Some(3), ..StoredSettings::default() });
        gdumb.begin_stage(context, &mut *engine, &mut Vec::new()).unwrap();
        let anew = CpuEngine::new(engine.config().clone(), engine.vocabulary(), 0).unwrap();
        assert!(engine.parameters() == anew.parameters());
        assert!(engine.parameters() != &learned);
        let stored = gdumb.stored.all();
        assert_eq!(stored.iter().map(|(stage, _)| *stage).collect::<Vec<_>>(), [1, 1, 1, 2, 2, 2]);
        let mut cells = vec![StepCell::data(Default::default()); 40];
        gdumb.add_cells(context, 0, &mut cells).unwrap();
        assert_eq!(cells.len(), 40);
        let old = context.stages.partition.tokens_of(1);
        assert!(cells.iter().any(|c| c.tokens.tokens.iter().any(|t| old.contains(t))));
    }
}
