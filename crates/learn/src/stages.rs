//! The plan with its stores opened: the cells, genes and probes of every stage.

use genil_base::{Error, Result};
use genil_data::{CellRef, GenePartition, Plan, ProbeSplit, StageCells, Store, stage_cells};
use std::path::Path;

/// Everything a plan says, resolved on its data.
pub struct Stages {
    /// The plan.
    pub plan: Plan,
    /// Its stores, in the plan's order.
    pub stores: Vec<Store>,
    /// The model's tokens.
    pub partition: GenePartition,
    /// Training and held-out cells of every stage.
    pub cells: Vec<StageCells>,
    /// The labelled data set of every stage that has one.
    pub probes: Vec<Option<ProbeCells>>,
}

/// A labelled data set and its division.
pub struct ProbeCells {
    /// Its store's place in [`Stages::stores`].
    pub store: u16,
    /// The cells of each part and their classes.
    pub split: ProbeSplit,
}

impl Stages {
    /// Reads a plan, opens its stores and resolves it.
    ///
    /// # Errors
    /// As [`Plan::read`] and [`Plan::open_stores`]; when a stage or a probe cannot be resolved.
    pub fn open(plan: &Path) -> Result<Self> {
        let plan_path = plan;
        let plan = Plan::read(plan_path)?;
        let in_plan = |e: Error| e.at_path(plan_path);
        let stores = plan.open_stores().map_err(in_plan)?;
        let cells = stage_cells(&plan, &stores).map_err(in_plan)?;
        let partition = GenePartition::new(&plan, &stores, &cells).map_err(in_plan)?;
        let mut probes = Vec::with_capacity(plan.stages.len());
        for (k, stage) in plan.stages.iter().enumerate() {
            let probe = stage.probe.as_ref().map(|probe| {
                let store = plan.stores.iter().position(|s| s.name == probe.store);
                let store =
                    store.ok_or_else(|| Error::new(format!("the store '{}' is not listed", probe.store)))?;
                Ok(ProbeCells { store: store as u16, split: ProbeSplit::new(&plan, k, &stores)? })
            });
            probes.push(probe.transpose().map_err(in_plan)?);
        }
        Ok(Self { plan, stores, partition, cells, probes })
    }

    /// Checks that cells, each stored for a stage, are cells of these stores and of stages before `stage`, as a
    /// method's memory from the disk may not be.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self, stored: &[(usize, CellRef)], stage: usize) -> Result<()> {
        let sound = |&&(of, cell): &&(usize, CellRef)| {
            let store = self.stores.get(usize::from(cell.store));
            of < stage && store.is_some_and(|store| (cell.row as usize) < store.cells())
        };
        match stored.iter().find(|cell| !sound(cell)) {
            None => Ok(()),
            Some((of, cell)) => Err(Error::new(format!(
                "there is no cell {} of the store {} for a stage {of} before stage {stage}",
                cell.row, cell.store
            ))
            .at("the method's memory: memory.json of the stage before")),
        }
    }

    /// `K`: the last stage.
    pub fn last(&self) -> usize {
        self.plan.stages.len() - 1
    }

    /// The name of stage `k`.
    pub fn name(&self, stage: usize) -> &str {
        &self.plan.stages[stage].name
    }
}
