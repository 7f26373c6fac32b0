//! Cells of earlier stages that a method keeps: so many of each stage, or so many megabytes.

use super::exemplars::{Choice, choose};
use super::settings::positive;
use super::{Context, Memory};
use crate::Stages;
use crate::batch::StepCell;
use crate::costs::bytes_of_cell;
use genil_base::random::Key;
use genil_base::{Error, Result};
use genil_data::CellRef;
use genil_data::sample::{Masking, Shown, draw};
use genil_engine::Engine;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// How many cells are stored, and which.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoredSettings {
    /// Stored cells of each stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cells: Option<usize>,
    /// Or megabytes (10⁶ bytes) of each stage, an expressed gene of a cell taking 8 bytes: its number and its count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub megabytes: Option<f64>,
    /// How they are chosen.
    pub choose: Choice,
    /// Whether cells of the base stage are stored too.
    pub base: bool,
}

impl StoredSettings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        match (self.cells, self.megabytes) {
            (Some(0), None) => {
                Err(Error::new("replay needs cells of at least 1")
                    .help("without stored cells it is 'finetune'"))
            }
            (Some(_), None) => Ok(()),
            (None, Some(megabytes)) => positive("megabytes", megabytes),
            _ => Err(Error::new("give either cells or megabytes").help("as in cells = 500, for each stage")),
        }
    }

    /// How many cells of stage `of` are stored; with megabytes about how many, by their mean size.
    pub fn cells_of(&self, of: usize, stages: &Stages) -> usize {
        let train = &stages.cells[of].train;
        let cells = match self.megabytes {
            None => self.cells.unwrap_or(0),
            Some(megabytes) => {
                let all: u64 = train.par_iter().map(|&cell| bytes_of_cell(stages, cell)).sum();
                (megabytes * 1e6 * train.len() as f64 / all.max(1) as f64).ceil() as usize
            }
        };
        cells.min(train.len())
    }
}

/// The stored cells of each stage.
pub struct Stored {
    settings: StoredSettings,
    cells: BTreeMap<usize, Vec<CellRef>>,
}

impl Stored {
    /// Nothing is stored yet.
    pub fn new(settings: StoredSettings) -> Self {
        Self { settings, cells: BTreeMap::new() }
    }

    /// The first stage of which cells are stored.
    pub fn first(&self) -> usize {
        usize::from(!self.settings.base)
    }

    /// Whether there are cells of stages before `stage`.
    pub fn has_before(&self, stage: usize) -> bool {
        stage > self.first()
    }

    /// Stores cells of those of these stages that count and have none stored yet.
    ///
    /// # Errors
    /// When not a single cell of a stage fits the megabytes.
    pub fn fill(
        &mut self,
        stages: Range<usize>,
        context: Context<'_>,
        engine: &mut dyn Engine,
    ) -> Result<()> {
        for stage in stages.start.max(self.first())..stages.end {
            if !self.cells.contains_key(&stage) {
                let chosen = self.choose(stage, context, engine)?;
                self.cells.insert(stage, chosen);
            }
        }
        Ok(())
    }

    fn choose(&self, of: usize, context: Context<'_>, engine: &mut dyn Engine) -> Result<Vec<CellRef>> {
        let (how, about) = (self.settings.choose, self.settings.cells_of(of, context.stages));
        let Some(megabytes) = self.settings.megabytes else {
            return choose(how, about, of, context, engine);
        };
        // A quarter more than cells of the mean size: the chosen may be smaller.
        let mut chosen = choose(how, about + about.div_ceil(4), of, context, engine)?;
        let mut bytes = 0;
        let fit = chosen.iter().take_while(|cell| {
            bytes += bytes_of_cell(context.stages, **cell);
            bytes as f64 <= megabytes * 1e6
        });
        let fit = fit.count();
        chosen.truncate(fit);
        if chosen.is_empty() {
            let name = context.stages.name(of);
            return Err(Error::new(format!("no cell of stage {of} '{name}' fits {megabytes} megabytes"))
                .help("raise megabytes, or give a number of cells"));
        }
        Ok(chosen)
    }

    /// All stored cells, each with its stage.
    pub fn all(&self) -> Vec<(usize, CellRef)> {
        self.cells.iter().flat_map(|(&stage, cells)| cells.iter().map(move |&cell| (stage, cell))).collect()
    }

    /// The same without their stages.
    pub fn cells(&self) -> Vec<CellRef> {
        self.cells.values().flatten().copied().collect()
    }

    /// The stored cells of each stage.
    pub fn by_stage(&self) -> impl Iterator<Item = (usize, Vec<(usize, CellRef)>)> {
        self.cells.iter().map(|(&stage, cells)| (stage, cells.iter().map(|&cell| (stage, cell)).collect()))
    }

    /// `n` of the stored cells, drawn with replacement, as training cells.
    pub fn sample(&self, n: usize, context: Context<'_>, key: Key) -> Vec<StepCell> {
        let all = self.all();
        if all.is_empty() {
            return Vec::new();
        }
        let drawn: Vec<_> = (0..n).map(|i| all[key.below(i as u64, all.len())]).collect();
        draw_stored(context, &drawn, key.with(1))
    }

    /// Which cells are stored.
    pub fn memory(&self) -> Memory {
        Memory { notes: serde_json::json!({ "stored": self.cells }), ..Memory::default() }
    }

    /// Takes up what [`Stored::memory`] gave.
    ///
    /// # Errors
    /// When it is not of this form, or names cells that earlier stages cannot have.
    pub fn restore(&mut self, context: Context<'_>, memory: &Memory) -> Result<()> {
        if let Some(stored) = memory.notes.get("stored") {
            self.cells = serde_json::from_value(stored.clone())
                .map_err(|e| Error::new(format!("the stored cells cannot be read: {e}")).at("memory.json"))?;
        }
        context.stages.check(&self.all(), context.stage)
    }
}

/// Stored cells as training cells: each with the genes that its stage showed, drawn and masked under `key`.
pub fn draw_stored(context: Context<'_>, cells: &[(usize, CellRef)], key: Key) -> Vec<StepCell> {
    let Context { stages, settings, .. } = context;
    let one = |(i, &(of, cell)): (usize, &(usize, CellRef))| {
        let what = (Shown::Stage(of), Masking::Random);
        let key = key.with(i as u64);
        StepCell::data(draw(&stages.stores, &stages.partition, &settings.tokens, cell, what, key))
    };
    cells.par_iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::train;

    #[test]
    fn megabytes_are_filled_and_never_exceeded() {
        let run = train("no = { method = 'finetune' }");
        let (context, mut engine) = (run.context(2), run.engine_before("no", 2));
        let mut bytes_of = |megabytes: f64, choose| {
            let settings = StoredSettings { megabytes: Some(megabytes), choose, ..StoredSettings::default() };
            let mut stored = Stored::new(settings);
            stored.fill(0..2, context, &mut *engine)?;
            let all = stored.all();
            assert!(all.iter().all(|(stage, _)| *stage == 1));
            Ok::<u64, Error>(all.iter().map(|(_, cell)| bytes_of_cell(context.stages, *cell)).sum())
        };
        for choose in [Choice::Random, Choice::Herding] {
            let bytes = bytes_of(0.01, choose).unwrap();
            assert!((8_000..=10_000).contains(&bytes), "{bytes}");
        }
        assert!(bytes_of(1e-5, Choice::Random).is_err());
        assert!(bytes_of(100.0, Choice::Random).is_ok());
    }
}
