//! A finished run folder into tables, figures and one HTML page. No model is loaded and nothing is computed
//! that is not in the folder's scores.
//!
//! The flow, in order:
//! * [`run`]: the folder, read and checked;
//! * `metric`, `measures`: from scores to matrices, forgetting and new-gene loss over seeds;
//! * `verdict`, `summary`: the answer in a sentence and in a small table;
//! * `tables`: `RUN/tables/`, one table per matrix, as CSV and Markdown;
//! * `drift`: how far models moved;
//! * `gene_table`: what every gene lost;
//! * `charts`: `RUN/figures/`, as SVG;
//! * `page`: `RUN/report.html`, self-contained.

mod charts;
mod drift;
mod gene_table;
mod measures;
mod metric;
mod page;
pub mod run;
mod summary;
mod tables;
mod verdict;
mod wording;

use genil_base::{Error, Result, files};
use run::Run;
use std::path::{Path, PathBuf};
pub use summary::Summary;

/// The files that [`write()`] wrote.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Written {
    /// The page, `RUN/report.html`.
    pub page: PathBuf,
    /// The tables, each as CSV and as Markdown.
    pub tables: Vec<PathBuf>,
    /// The figures.
    pub figures: Vec<PathBuf>,
}

/// Writes tables, figures and the page of the run in the folder `run`, each file whole or not at all.
///
/// # Errors
/// A folder that is no run, a file in it that does not fit its form, a folder that cannot be written.
pub fn write(run: &Path) -> Result<Written> {
    let it = Run::read(run)?;
    let figures = charts::all(&it)?;
    let page = page::html(&it, &figures);
    let mut written = Written { page: run.join("report.html"), tables: Vec::new(), figures: Vec::new() };
    for (name, text) in tables::all(&it) {
        let path = run.join("tables").join(name);
        files::write_bytes(&path, text.as_bytes())?;
        written.tables.push(path);
    }
    for figure in &figures {
        let path = run.join("figures").join(format!("{}.svg", figure.name));
        files::write_bytes(&path, figure.svg.as_bytes())?;
        written.figures.push(path);
    }
    files::write_bytes(&written.page, page.as_bytes())?;
    Ok(written)
}

/// Writes one page with several runs side by side to `out`.
///
/// # Errors
/// As [`write()`], and for fewer than two runs.
pub fn write_many(runs: &[PathBuf], out: &Path) -> Result<()> {
    if runs.len() < 2 {
        return Err(Error::new("side by side needs at least two runs").help("give two or more run folders"));
    }
    let read: Vec<Run> = runs.iter().map(|run| Run::read(run)).collect::<Result<_>>()?;
    let mut names: Vec<String> = read.iter().map(Run::name).collect();
    if (1..names.len()).any(|i| names[..i].contains(&names[i])) {
        names = runs.iter().map(|run| run.display().to_string()).collect();
    }
    let figures = charts::side_by_side(&read)?;
    files::write_bytes(out, page::compare::html(&read, &names, &figures).as_bytes())
}

/// A short summary for a terminal: forgetting and new-gene loss of every method, and the verdict.
///
/// # Errors
/// As [`write()`], as far as reading goes.
pub fn text_summary(run: &Path) -> Result<Summary> {
    Ok(summary::text(&Run::read(run)?))
}
