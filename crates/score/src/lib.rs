//! Arrays to numbers, in the order in which an evaluation needs them. No file is read or written here.
//!
//! * [`regression`]: squared errors of predicted values, per cell and per gene.
//! * [`classification`]: a linear probe and nearest neighbours on frozen cell embeddings; accuracy, macro F1.
//! * [`interval`]: 95 % intervals over cells and over seeds; paired differences.
//! * [`matrix`]: the scores after every stage on every gene set.
//! * [`mod@forgetting`]: forgetting, transfer and intransigence of such a matrix.
//! * [`table`]: numbers as Markdown and CSV.

pub mod classification;
pub mod forgetting;
pub mod interval;
pub mod matrix;
pub mod regression;
pub mod table;

pub use classification::{
    Choose, LinearProbe, ProbeResult, accuracy, confusion, knn, linear_probe, macro_f1,
};
pub use forgetting::{
    Better, backward_transfer, forgetting, forgetting_from_best, forward_transfer, intransigence,
    per_set_forgetting,
};
pub use interval::{Interval, Paired, bootstrap_mean, over_seeds, paired_difference};
pub use matrix::Matrix;
pub use regression::SquaredErrors;
pub use table::{Cell, Table};
