//! Arrays to numbers, in the order in which an evaluation needs them. No file is read or written here.
//!
//! * [`regression`]: squared errors of predicted values, per cell and per gene.
//! * [`classification`]: a linear probe and nearest neighbours on frozen cell embeddings; accuracy, macro F1.
//! * [`interval`]: 95 % intervals over cells and over seeds.
//! * [`paired`]: two methods over the same seeds.
//! * [`measured`]: one figure, with what each cell adds to it.
//! * [`forgetting`]: forgetting, transfer and intransigence, from the figures after every stage.
//! * [`cka`]: how alike two representations of the same cells are.
//! * [`matrix`]: plain numbers by stage and gene set.
//! * [`table`]: numbers as Markdown and CSV.

pub mod cka;
pub mod classification;
pub mod forgetting;
pub mod interval;
pub mod matrix;
pub mod measured;
pub mod paired;
pub mod regression;
pub mod table;

pub use cka::linear_cka;
pub use classification::{
    Choose, LinearProbe, ProbeResult, accuracy, confusion, knn, linear_probe, macro_f1,
};
pub use forgetting::{Better, Contrast, contrasts};
pub use interval::{Interval, bootstrap_mean, over_seeds};
pub use matrix::Matrix;
pub use measured::Measured;
pub use paired::{Paired, paired_difference};
pub use regression::SquaredErrors;
pub use table::{Cell, Table};
