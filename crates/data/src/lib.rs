//! Genes, cells and stages.
//!
//! * [`genes`], [`cells`]: the vocabulary, one cell, the annotations.
//! * [`store`]: cells on disk, memory-mapped.

pub mod cells;
pub mod genes;
pub mod store;

pub use cells::{Annotation, Cell, Column, ColumnKind};
pub use genes::{Gene, GeneVocab};
pub use store::{Manifest, Measured, Panel, Source, Store, StoreWriter};
