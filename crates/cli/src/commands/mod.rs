//! One file for each command.

pub mod bench;
pub mod bench_methods;
pub mod check;
pub mod demo;
pub mod embed;
pub mod evaluate;
pub mod import;
pub mod inspect;
pub mod plan;
pub mod report;
pub mod train;
