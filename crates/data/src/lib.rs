//! Genes, cells and stages: what a model is trained on, before any model.
//!
//! * [`plan`]: which genes and which cells belong to which stage; the file `plan.toml`.

pub mod plan;

pub use plan::{CellChoice, Plan, Probe, Stage, StoreRef};
