//! What a plan is made from.

use crate::importance::Importance;
use std::path::PathBuf;

/// What a plan is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanRequest {
    /// The store that stages draw their cells from, unless they bring their own.
    pub cells: PathBuf,
    /// Which of its cells the base stage takes; all when absent.
    pub base: Option<CellFilter>,
    /// The stages after the base stage.
    pub stages: Vec<StageRequest>,
    /// How many genes each stage asks for, before genes of several stages are settled.
    pub top: usize,
    /// How genes are ranked.
    pub by: Importance,
    /// The shares of cells, base stage first. By default ½ for the base stage and the rest evenly.
    pub shares: Option<Vec<f64>>,
    /// Decides every random choice.
    pub seed: u64,
    /// [`Plan::held_out`](crate::Plan::held_out).
    pub held_out: f64,
    /// [`Plan::probe_test`](crate::Plan::probe_test).
    pub probe_test: f64,
    /// A gene is taken, or is a base gene, only if so many training cells express it.
    pub min_cells: usize,
}

impl PlanRequest {
    /// A request with the defaults: the 100 best genes by ANOVA, a tenth of the cells held out, 30 %
    /// of each probe for testing, genes that at least 3 cells express.
    pub fn new(cells: impl Into<PathBuf>, stages: Vec<StageRequest>) -> Self {
        Self {
            cells: cells.into(),
            base: None,
            stages,
            top: 100,
            by: Importance::default(),
            shares: None,
            seed: 0,
            held_out: 0.1,
            probe_test: 0.3,
            min_cells: 3,
        }
    }
}

/// Cells whose annotation is one of a few values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellFilter {
    /// The annotation column.
    pub column: String,
    /// The values that are taken.
    pub values: Vec<String>,
}

/// One stage after the base stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRequest {
    /// Its name, unique in the plan.
    pub name: String,
    /// The labelled data set that ranks its genes and tests them. Without one, genes are ranked by how variable they
    /// are among the stage's own training cells, and only regression can tell what they are worth.
    pub probe: Option<ProbeRequest>,
    /// Which cells the stage takes; all when absent.
    pub cells: Option<CellFilter>,
    /// A store of the stage's own to take cells from instead of [`PlanRequest::cells`].
    pub own_cells: Option<PathBuf>,
    /// A file with the stage's genes, one symbol a line, best first: taken instead of a ranking, in
    /// full.
    pub genes: Option<PathBuf>,
}

/// A labelled data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRequest {
    /// Its store.
    pub store: PathBuf,
    /// The column with the class labels.
    pub label: String,
    /// Whether groups of its cells are kept together.
    pub group: Grouping,
    /// Labels that are no classes, besides `unassigned`, `unknown` and the like.
    pub leave_out: Vec<String>,
}

impl StageRequest {
    /// A stage with the defaults: cells of the main store, genes by ranking in this labelled store.
    pub fn new(name: impl Into<String>, probe: impl Into<PathBuf>, label: impl Into<String>) -> Self {
        let (store, label) = (probe.into(), label.into());
        let probe = ProbeRequest { store, label, group: Grouping::Find, leave_out: Vec::new() };
        Self { probe: Some(probe), ..Self::unlabelled(name) }
    }

    /// A stage without a labelled data set: cells of the main store, genes by their variability among them.
    pub fn unlabelled(name: impl Into<String>) -> Self {
        Self { name: name.into(), probe: None, cells: None, own_cells: None, genes: None }
    }
}

/// Which cells of a probe belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Grouping {
    /// Those of one donor, where a column says so and leaves every class on both sides.
    #[default]
    Find,
    /// None.
    Never,
    /// Those with the same entry in this column.
    Column(String),
}
