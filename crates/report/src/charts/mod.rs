//! The figures of a report, one question a file.

mod against;
mod canvas;
mod drift;
mod forgetting;
mod genes;
mod heat;
mod labels;
mod loss_curves;
mod maps;
mod marks;
mod pen;
mod trade_off;
mod trajectories;

use crate::run::Run;
use genil_base::Result;

pub use canvas::XMLNS;
pub use heat::Scale;
pub use maps::colours as class_colours;
pub use marks::foremost;

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
    /// Paired differences from a baseline.
    Against,
    /// Training loss of one stage.
    LossCurve(usize),
    /// Where the cells of a data set lie under a method.
    Map {
        /// The stage of the data set.
        set: usize,
        /// The method.
        method: usize,
    },
    /// How far models moved.
    Drift,
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

/// The figure of the first screen of each run, all on the same axes; none for a run without its numbers. A run
/// alone has one for screens and one for phones.
///
/// # Errors
/// If the chart library fails.
pub fn side_by_side(runs: &[Run]) -> Result<Vec<Vec<Figure>>> {
    trade_off::figures(runs)
}

/// Every figure that the run has numbers for.
///
/// # Errors
/// If the chart library fails.
pub fn all(run: &Run) -> Result<Vec<Figure>> {
    let mut figures = trade_off::figures(std::slice::from_ref(run))?.concat();
    figures.extend(against::figures(run)?);
    figures.extend(trajectories::figures(run)?);
    figures.extend(heat::figures(run));
    figures.extend(forgetting::figures(run)?);
    figures.extend(loss_curves::figures(run)?);
    figures.extend(maps::figures(run)?);
    figures.extend(drift::figures(run)?);
    figures.extend(genes::figures(run)?);
    Ok(figures)
}

/// Size and room for names of a panel with so many lines, in pixels as shown.
fn line_panel(lines: usize) -> ((i32, i32), i32) {
    if lines > 6 { ((560, 90 + 15 * lines.max(14) as i32), 150) } else { ((368, 260), 104) }
}
