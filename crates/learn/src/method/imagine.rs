//! Gene imagination (ours): stores no cell. Old genes are put back into today's cells as masked tokens; the frozen
//! previous model predicts them from the base genes, and both heads are trained to agree.
//!
//! The old genes are drawn by how often they were detected in their own stage: a count a gene is all that is kept.
//!
//! Cost: `genes` tokens more a cell and a forward pass of the previous model.

use super::{Context, Memory, Method};
use crate::batch::{Example, Kind, Origin, Part, StepCell};
use genil_base::random::Key;
use genil_base::{Error, Result};
use genil_data::partition::NONE;
use genil_data::sample::LARGEST_VALUE;
use genil_engine::Engine;
use rand_distr::Distribution;
use rand_distr::weighted::WeightedAliasIndex;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Settings of gene imagination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImagineSettings {
    /// Imagined genes of a cell.
    pub genes: usize,
    /// Weight of the loss on them.
    pub lambda: f64,
    /// Share of the imagined genes whose predicted value is shown instead of asked for.
    pub context: f64,
}

impl Default for ImagineSettings {
    fn default() -> Self {
        Self { genes: 8, lambda: 1.0, context: 0.0 }
    }
}

/// Old genes in today's cells.
pub struct Imagine {
    settings: ImagineSettings,
    /// For each earlier stage, in how many of its training cells each of its specific genes was detected.
    detected: BTreeMap<usize, Vec<u32>>,
    /// Old tokens and how they are drawn.
    old: Option<(Vec<u32>, WeightedAliasIndex<f64>)>,
}

impl Imagine {
    /// Gene imagination with these settings.
    pub fn new(settings: ImagineSettings) -> Self {
        Self { settings, detected: BTreeMap::new(), old: None }
    }

    /// Puts old genes into a cell.
    fn imagine(&self, cell: &mut StepCell, key: Key) {
        let Some((tokens, by_detection)) = &self.old else { return };
        let there = &mut cell.tokens;
        let mut random = key.stream();
        let mut added = BTreeSet::new();
        // Some draws repeat; twice as many as wanted find nearly all of them.
        for _ in 0..2 * self.settings.genes {
            let token = tokens[by_detection.sample(&mut random)];
            if added.len() < self.settings.genes && there.tokens.binary_search(&token).is_err() {
                added.insert(token);
            }
        }
        let masked: BTreeSet<u32> = there.masked.iter().map(|&p| there.tokens[p as usize]).collect();
        let mut genes: Vec<(u32, f32)> =
            there.tokens.iter().copied().zip(there.values.iter().copied()).collect();
        genes.extend(added.iter().map(|&token| (token, 0.0)));
        genes.sort_unstable_by_key(|&(token, _)| token);
        let places = |of: &BTreeSet<u32>| -> Vec<u32> {
            (0u32..)
                .zip(&genes)
                .filter(|(_, (token, _))| of.contains(token))
                .map(|(place, _)| place)
                .collect()
        };
        cell.imagined = places(&added);
        there.masked = places(&masked.union(&added).copied().collect());
        (there.tokens, there.values) = genes.into_iter().unzip();
        cell.weight = self.settings.lambda as f32;
    }
}

impl Method for Imagine {
    fn departs_at(&self, stage: usize) -> bool {
        stage > 1
    }

    fn asks_teacher(&self, of: Origin) -> bool {
        of == Origin::Data
    }

    fn begin_stage(&mut self, context: Context<'_>, _: &mut dyn Engine, _: &mut Vec<Example>) -> Result<()> {
        for earlier in 1..context.stage {
            self.detected.entry(earlier).or_insert_with(|| detected_in(earlier, context));
        }
        let partition = &context.stages.partition;
        let counted = self.detected.range(..context.stage).flat_map(|(&stage, counts)| {
            partition.tokens_of(stage).zip(counts).filter(|(_, count)| **count > 0)
        });
        let (tokens, weights): (Vec<u32>, Vec<f64>) =
            counted.map(|(token, &c)| (token, f64::from(c))).unzip();
        self.old = WeightedAliasIndex::new(weights).ok().map(|table| (tokens, table));
        Ok(())
    }

    fn add_cells(&mut self, context: Context<'_>, step: u64, cells: &mut Vec<StepCell>) -> Result<()> {
        let key = context.key().with(3).with(step);
        let own = cells.par_iter_mut().enumerate().filter(|(_, cell)| cell.origin == Origin::Data);
        own.filter(|(_, cell)| !cell.tokens.tokens.is_empty())
            .for_each(|(i, cell)| self.imagine(cell, key.with(i as u64)));
        Ok(())
    }

    fn set_targets(&mut self, context: Context<'_>, part: &mut Part) -> Result<()> {
        let Some(said) = &part.said else { return Ok(()) };
        let key = context.key().with(4);
        let mut shown = vec![false; part.truth.len()];
        for i in (0..part.truth.len()).filter(|&i| part.kind[i] == Kind::Imagined) {
            let value = said.value[i];
            (part.truth[i], part.cell_truth[i]) = (value, said.cell_value[i]);
            // The bits of the prediction differ from cell to cell: a draw without a counter.
            if key.uniform(u64::from(value.to_bits())) < self.settings.context {
                shown[i] = true;
                // A prediction below 0 is no value; −1 would even say that it is masked.
                part.batch.values[part.batch.asked[i] as usize] = value.clamp(0.0, LARGEST_VALUE);
            }
        }
        part.keep_asked(|i| !shown[i]);
        Ok(())
    }

    fn memory(&self) -> Memory {
        Memory { notes: serde_json::json!({ "detected": self.detected }), ..Memory::default() }
    }

    fn restore(&mut self, _: Context<'_>, memory: Memory) -> Result<()> {
        if let Some(detected) = memory.notes.get("detected") {
            self.detected = serde_json::from_value(detected.clone())
                .map_err(|e| Error::new(format!("the counts of detected genes cannot be read: {e}")))?;
        }
        Ok(())
    }
}

/// In how many training cells of a stage each of its specific genes is expressed.
fn detected_in(stage: usize, context: Context<'_>) -> Vec<u32> {
    let partition = &context.stages.partition;
    let tokens = partition.tokens_of(stage);
    let mut counts = vec![0; tokens.len()];
    for cell in &context.stages.cells[stage].train {
        let store = usize::from(cell.store);
        let map = partition.map(store);
        let genes = context.stages.stores[store].cell(cell.row as usize).genes;
        for token in
            genes.iter().map(|&gene| map[gene as usize]).filter(|&t| t != NONE && tokens.contains(&t))
        {
            counts[(token - tokens.start) as usize] += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::step_parts;
    use genil_base::random::Purpose;
    use genil_data::sample::CellTokens;

    #[test]
    fn imagined_genes_are_masked_tokens_among_the_others_and_only_old_ones_are_drawn() {
        let mut imagine = Imagine::new(ImagineSettings { genes: 2, ..ImagineSettings::default() });
        imagine.old = Some((vec![5, 6, 7], WeightedAliasIndex::new(vec![1.0, 0.0, 3.0]).unwrap()));
        let drawn = CellTokens { tokens: vec![2, 6, 9], values: vec![1.0, 2.0, 3.0], masked: vec![1] };
        for i in 0..20 {
            let mut cell = StepCell::data(drawn.clone());
            imagine.imagine(&mut cell, Key::new(i, Purpose::Method));
            let part = step_parts(&[cell.clone()], 100).remove(0);
            let asked: Vec<(u32, Kind)> =
                (0..part.truth.len()).map(|i| (part.asked_token(i), part.kind[i])).collect();
            assert!(asked.contains(&(6, Kind::Value)), "{asked:?}");
            assert!(
                asked.iter().all(|&(t, kind)| (kind == Kind::Imagined) == (t == 5 || t == 7)),
                "{asked:?}"
            );
            assert_eq!(asked.len(), 1 + cell.imagined.len());
            assert!(cell.tokens.tokens.is_sorted() && cell.tokens.tokens.len() == 3 + cell.imagined.len());
        }
    }
}
