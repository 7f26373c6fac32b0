//! The cells of every stage: who is trained on, and who is held out for `L[k][j]`.
//!
//! One random permutation of the cells, cut by the stages' shares (Qi et al., AAAI 2026,
//! arXiv 2511.13762: one half to the base stage, the rest evenly to the others). A cell goes to at
//! most one stage. The place of a cell in the permutation is a function of the plan's seed and of
//! the cell, so that the division does not depend on threads, on order or on a resume. Cutting a
//! permutation meets the shares exactly, which independent draws would not.

use crate::labels::{Labels, listed};
use crate::plan::{CellChoice, Plan};
use crate::store::Store;
use genil_base::random::{Key, Purpose};
use genil_base::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A cell: the place of its store in [`Plan::stores`] and its row there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellRef {
    /// The place of the store in [`Plan::stores`].
    pub store: u16,
    /// The row in the store.
    pub row: u32,
}

impl CellRef {
    /// The cell's name in random keys.
    #[inline]
    pub fn id(self) -> u64 {
        u64::from(self.store) << 32 | u64::from(self.row)
    }
}

/// The cells of one stage, both parts in ascending order; every stage has at least one of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageCells {
    /// The cells that the stage trains on.
    pub train: Vec<CellRef>,
    /// The cells of the stage that no stage ever trains on.
    pub held_out: Vec<CellRef>,
}

/// For each set of stages (ascending) that accept a cell, the cells that exactly these accept.
type Takers = BTreeMap<Vec<usize>, Vec<CellRef>>;

/// The cells of every stage of `plan`; `stores` are those of [`Plan::stores`], in that order.
///
/// Among the cells that the same stages accept, stage k gets `share[k] / Σ share` of them, to
/// within one cell; then [`Plan::held_out`] of each stage's cells, to within one, is held out.
///
/// # Errors
/// When a column or one of the values asked for does not exist, naming those that do; when a stage
/// gets fewer than two cells; when a store has more than 2³² cells or there are more than 2¹⁶ stores.
pub fn stage_cells(plan: &Plan, stores: &[Store]) -> Result<Vec<StageCells>> {
    let mut takers = Takers::new();
    for (place, (store, named)) in stores.iter().zip(&plan.stores).enumerate() {
        let number = u16::try_from(place).map_err(|_| Error::new("a plan holds at most 65,536 stores"))?;
        let rows = u32::try_from(store.cells())
            .map_err(|_| Error::new("a store of more than 4,294,967,295 cells").at(&named.name))?;
        let mut accepted = Vec::new();
        for (k, stage) in plan.stages.iter().enumerate().filter(|(_, s)| s.cells.store == named.name) {
            let at = |e: Error| e.at(format!("the cells of stage '{}'", stage.name));
            accepted.push((k, accepted_rows(store, &stage.cells).map_err(at)?));
        }
        let mut stages = Vec::new();
        for row in 0..rows {
            stages.clear();
            stages.extend(accepted.iter().filter(|(_, takes)| takes[row as usize]).map(|&(k, _)| k));
            if !stages.is_empty() {
                let cell = CellRef { store: number, row };
                match takers.get_mut(&stages) {
                    Some(cells) => cells.push(cell),
                    None => drop(takers.insert(stages.clone(), vec![cell])),
                }
            }
        }
    }
    let shares: Vec<f64> = plan.stages.iter().map(|stage| stage.cells.share).collect();
    let cells = divide(plan.seed, plan.held_out, &shares, takers);
    for (k, of_stage) in cells.iter().enumerate() {
        if of_stage.train.is_empty() || of_stage.held_out.is_empty() {
            return Err(too_few_cells(plan, stores, k, of_stage.train.len() + of_stage.held_out.len()));
        }
    }
    Ok(cells)
}

/// Which rows of `store` the choice takes.
fn accepted_rows(store: &Store, choice: &CellChoice) -> Result<Vec<bool>> {
    let Some(column) = &choice.column else { return Ok(vec![true; store.cells()]) };
    let labels = Labels::read(store, column)?;
    // A misspelt value among others would otherwise go unnoticed.
    if let Some(absent) = choice.values.iter().find(|value| !labels.names.contains(value)) {
        return Err(Error::new(format!("no cell has {column} = '{absent}'"))
            .at(format!("the store '{}'", choice.store))
            .help(format!("the values of '{column}' are: {}", labels.described())));
    }
    let wanted: Vec<bool> = labels.names.iter().map(|name| choice.values.contains(name)).collect();
    Ok(labels.codes.iter().map(|code| code.is_some_and(|code| wanted[code as usize])).collect())
}

fn divide(seed: u64, held_out: f64, shares: &[f64], takers: Takers) -> Vec<StageCells> {
    let permutation = Key::new(seed, Purpose::Split).with(0);
    let second = Key::new(seed, Purpose::Split).with(1);
    let mut of_stage: Vec<Vec<CellRef>> = vec![Vec::new(); shares.len()];
    for (stages, mut cells) in takers {
        cells.sort_unstable_by_key(|cell| (permutation.bits(cell.id()), *cell));
        let total: f64 = stages.iter().map(|&k| shares[k]).sum();
        let (mut before, mut begin) = (0.0, 0);
        for (place, &k) in stages.iter().enumerate() {
            before += shares[k];
            // The last one takes what rounding has left.
            let last = place + 1 == stages.len();
            let end = if last { cells.len() } else { (cells.len() as f64 * before / total).round() as usize };
            of_stage[k].extend_from_slice(&cells[begin..end]);
            begin = end;
        }
    }
    let parts = of_stage.into_iter().map(|mut cells| {
        cells.sort_unstable_by_key(|cell| (second.bits(cell.id()), *cell));
        let held_out = cells.split_off(cells.len() - share_of(cells.len(), held_out));
        let mut stage = StageCells { train: cells, held_out };
        stage.train.sort_unstable();
        stage.held_out.sort_unstable();
        stage
    });
    parts.collect()
}

/// `share` of `n`, rounded, with at least one on either side where `n` allows it.
pub(crate) fn share_of(n: usize, share: f64) -> usize {
    if n < 2 { 0 } else { ((n as f64 * share).round() as usize).clamp(1, n - 1) }
}

fn too_few_cells(plan: &Plan, stores: &[Store], k: usize, found: usize) -> Error {
    let stage = &plan.stages[k];
    let choice = &stage.cells;
    let cells = if found == 1 { "cell" } else { "cells" };
    let error = Error::new(format!(
        "stage {k} '{}' gets {found} {cells}: it needs one to train on and one to hold out",
        stage.name
    ));
    let Some(column) = &choice.column else {
        let help = "give the stage a larger share, or a store of its own";
        return error.at(format!("the store '{}'", choice.store)).help(help);
    };
    let described = plan.stores.iter().zip(stores).find(|(named, _)| named.name == choice.store).map_or_else(
        || "unknown".to_owned(),
        |(_, store)| {
            Labels::read(store, column).map_or_else(|_| "unknown".to_owned(), |labels| labels.described())
        },
    );
    error
        .at(format!("the store '{}', cells whose {column} is {}", choice.store, listed(&choice.values)))
        .help(format!("the values of '{column}' are: {described}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells(rows: std::ops::Range<u32>) -> Vec<CellRef> {
        rows.map(|row| CellRef { store: 0, row }).collect()
    }

    fn all(stage: &StageCells) -> Vec<CellRef> {
        let mut all = [stage.train.clone(), stage.held_out.clone()].concat();
        all.sort_unstable();
        all
    }

    #[test]
    fn half_of_the_cells_go_to_the_base_stage_and_the_rest_is_split_evenly() {
        let takers = Takers::from([(vec![0, 1, 2], cells(0..1000))]);
        let stages = divide(7, 0.1, &[0.5, 0.25, 0.25], takers);
        let sizes: Vec<_> = stages.iter().map(|s| (s.train.len(), s.held_out.len())).collect();
        assert_eq!(sizes, [(450, 50), (225, 25), (225, 25)]);
    }

    #[test]
    fn another_seed_gives_another_division() {
        let takers = || Takers::from([(vec![0, 1], cells(0..100))]);
        let of = |seed| divide(seed, 0.1, &[1.0, 1.0], takers());
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn shares_hold_only_among_stages_that_take_the_same_cells() {
        let takers = Takers::from([(vec![0, 1], cells(0..100)), (vec![2], cells(100..150))]);
        let stages = divide(0, 0.2, &[0.5, 0.25, 0.25], takers);
        assert_eq!(all(&stages[0]).len(), 67);
        assert_eq!(all(&stages[1]).len(), 33);
        assert_eq!(all(&stages[2]), cells(100..150), "nobody else takes them: the share is of no account");
    }

    #[test]
    fn every_stage_trains_on_something_and_holds_something_out() {
        assert_eq!((share_of(2, 0.01), share_of(2, 0.99), share_of(10, 0.25)), (1, 1, 3));
        assert_eq!((share_of(0, 0.5), share_of(1, 0.5)), (0, 0));
    }

    proptest! {
        #[test]
        fn every_cell_goes_to_exactly_one_part_of_one_stage_whatever_the_order(
            n in 0u32..400, seed in any::<u64>(), held_out in 0.01..0.99f64,
            shares in proptest::collection::vec(0.01..1.0f64, 3),
        ) {
            let (both, own) = (cells(0..n), cells(n..n + 5));
            let takers = Takers::from([(vec![0, 1, 2], both.clone()), (vec![2], own.clone())]);
            let stages = divide(seed, held_out, &shares, takers);
            let mut everyone: Vec<_> = stages.iter().flat_map(all).collect();
            everyone.sort_unstable();
            prop_assert_eq!(&everyone, &cells(0..n + 5));

            let total: f64 = shares.iter().sum();
            for k in 0..2 {
                let exact = f64::from(n) * shares[k] / total;
                prop_assert!((all(&stages[k]).len() as f64 - exact).abs() <= 1.0);
            }
            let backwards: Vec<_> = both.into_iter().rev().collect();
            let takers = Takers::from([(vec![0, 1, 2], backwards), (vec![2], own)]);
            prop_assert_eq!(divide(seed, held_out, &shares, takers), stages);
        }
    }
}
