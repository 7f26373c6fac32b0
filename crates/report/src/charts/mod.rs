//! The figures of a report, one question a file.

mod canvas;
mod forgetting;
mod genes;
mod heat;
mod loss_curves;
mod trade_off;
mod trajectories;

use crate::run::Run;
use canvas::Mark;
use genil_base::Result;

pub use canvas::XMLNS;
pub use heat::Scale;

/// Where a figure belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Forgetting against new-gene loss.
    TradeOff,
    /// What became of each gene set.
    Trajectory,
    /// A matrix, for papers; the page shows it as a table.
    Matrix,
    /// Forgetting of every method.
    Forgetting,
    /// Training loss of one stage.
    LossCurve(usize),
    /// Forgetting of every gene.
    Genes,
}

/// One figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Its file name without `.svg`.
    pub name: String,
    /// What tells it from its neighbours; the SVG itself has a title that stands alone.
    pub caption: String,
    /// Where it belongs.
    pub topic: Topic,
    /// The file's text.
    pub svg: String,
}

/// The figure of the first screen of each run, all on the same axes; `None` for a run without its numbers.
///
/// # Errors
/// If the chart library fails.
pub fn side_by_side(runs: &[Run]) -> Result<Vec<Option<Figure>>> {
    trade_off::figures(runs)
}

/// Every figure that the run has numbers for.
///
/// # Errors
/// If the chart library fails.
pub fn all(run: &Run) -> Result<Vec<Figure>> {
    let mut figures: Vec<Figure> = side_by_side(std::slice::from_ref(run))?.into_iter().flatten().collect();
    figures.extend(trajectories::figures(run)?);
    figures.extend(heat::figures(run));
    figures.extend(forgetting::figures(run)?);
    figures.extend(loss_curves::figures(run)?);
    figures.extend(genes::figures(run)?);
    Ok(figures)
}

/// The mark of a method, the same in every figure.
fn mark(run: &Run, method: usize) -> Mark {
    if run.manifest.methods[method].is_joint() {
        return Mark::reference();
    }
    let before = run.manifest.methods[..method].iter().filter(|m| !m.is_joint()).count();
    Mark::nth(before)
}
