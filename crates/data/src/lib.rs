//! Genes, cells and stages: what a model is trained on, before any model.
//!
//! * [`genes`], [`cells`]: the vocabulary, one cell, the annotations.
//! * [`store`]: cells on disk, memory-mapped.
//! * [`plan`]: which genes and which cells belong to which stage; the file `plan.toml`.

pub mod cells;
pub mod genes;
pub mod plan;
pub mod store;

pub use cells::{Annotation, Cell, Column, ColumnKind};
pub use genes::{Gene, GeneVocab};
pub use plan::{CellChoice, Plan, Probe, Stage, StoreRef};
pub use store::{Manifest, Measured, Panel, Source, Store, StoreWriter};
