//! The cases, a file for each kind of input.

pub mod anndata;
pub mod arguments;
pub mod loom;
pub mod models;
pub mod planning;
pub mod plans;
pub mod scores;
pub mod settings;
pub mod stores;
pub mod tenx;
pub mod zarr;
