//! Genes, cells and stages: what a model is trained on, before any model.
//!
//! * [`genes`], [`cells`]: the vocabulary, one cell, the annotations.
//! * [`store`]: cells on disk, memory-mapped.
//! * [`plan`]: which genes and which cells belong to which stage; the file `plan.toml`.
//! * [`split`]: the cells of every stage. [`partition`]: its genes, as tokens.
//! * [`sample`]: the tokens of one cell.
//! * [`division`]: a labelled data set in a training and a test part. [`labels`]: its labels.
//! * [`importance`]: what a gene tells about classes. [`overlap`]: genes that several stages want.
//! * [`planner`]: from stores and a few choices to a plan.
//! * [`synthetic`]: cells with a known answer.

pub mod cells;
pub mod division;
pub mod genes;
pub mod importance;
pub mod labels;
pub mod overlap;
pub mod partition;
pub mod plan;
pub mod planner;
pub mod sample;
pub mod split;
pub mod store;
pub mod synthetic;
#[cfg(test)]
mod testing;

pub use cells::{Annotation, Cell, Column, ColumnKind};
pub use division::{Labelled, ProbeSplit};
pub use genes::{Gene, GeneVocab};
pub use importance::Importance;
pub use labels::Labels;
pub use partition::GenePartition;
pub use plan::{CellChoice, Plan, Probe, Stage, StoreRef};
pub use planner::{CellFilter, Grouping, PlanRequest, PlanSummary, ProbeRequest, StageRequest};
pub use split::{CellRef, StageCells, stage_cells};
pub use store::{Manifest, Measured, Panel, Source, Store, StoreWriter};
pub use synthetic::{SyntheticConfig, SyntheticTruth};
