//! What became of each gene set, stage by stage.

use super::canvas::{Axis, Panel, draw};
use super::marks::marks;
use super::pen::Way;
use super::{Figure, Topic, line_panel};
use crate::run::Run;
use crate::{measures, metric, wording};
use genil_base::Result;
use genil_score::Interval;

/// The lines of all methods stand within this share of a stage's width.
const ABREAST: f64 = 0.3;

/// One panel per gene set that at least two stages have a score of, one line per method.
pub fn figures(run: &Run) -> Result<Vec<Figure>> {
    let metric = metric::regression(run);
    let methods = 0..run.manifest.methods.len();
    let grids: Vec<_> = methods.clone().map(|m| measures::grid(run, m, metric)).collect();
    let marks = marks(run);
    let mut figures = Vec::new();
    for (j, set) in run.manifest.stages.iter().enumerate() {
        let mut lines: Vec<(usize, Vec<(usize, Interval)>)> = methods
            .clone()
            .map(|m| (m, (j..=run.manifest.last()).filter_map(|k| Some((k, grids[m][k][j]?))).collect()))
            .filter(|(_, line): &(usize, Vec<_>)| line.len() > 1)
            .collect();
        if lines.is_empty() {
            continue;
        }
        // Those in the background first.
        lines.sort_by_key(|(m, _)| !marks[*m].quiet);
        let (size, right) = line_panel(lines.len());
        let panel = Panel {
            size,
            x: Axis::named("after stage", run.manifest.set_names().split_off(j)),
            y: Axis::of_intervals(
                &format!("loss on {}", set.name),
                lines.iter().flat_map(|(_, line)| line.iter().map(|(_, it)| it)),
                [],
            ),
            legend: Vec::new(),
            right,
            bare: false,
        };
        let title = format!("Loss on the genes of {} after every stage, by method", set.name);
        let svg = draw(&panel, &title, |pen| {
            let mut ends = Vec::new();
            let quiet = lines.iter().filter(|(m, _)| marks[*m].quiet).count();
            for (i, (m, line)) in lines.iter().enumerate() {
                let mark = marks[*m];
                // Side by side, so that intervals do not hide each other.
                let share = (i as f64 + 0.5 - quiet as f64) / (lines.len() - quiet) as f64;
                let aside = if mark.quiet { 0.0 } else { share - 0.5 };
                let x = |k: usize| (k - j) as f64 + aside * ABREAST;
                let points: Vec<_> = line.iter().map(|(k, it)| (x(*k), it.value)).collect();
                if mark.quiet {
                    pen.faint(&points, mark.colour)?;
                } else {
                    pen.line(&points, mark.colour, 1)?;
                }
                for (k, it) in line {
                    if !mark.quiet {
                        pen.interval((x(*k), it.value), it, Way::Upright, mark, 1)?;
                        pen.marker((x(*k), it.value), mark)?;
                    }
                }
                let end = points.last().map_or(f64::NAN, |p| p.1);
                ends.push((end, run.manifest.methods[*m].name.clone(), mark));
            }
            pen.end_labels(&ends)
        })?;
        let name = format!("trajectory-{}", wording::file_part(&set.name));
        figures.push(Figure { name, caption: set.name.clone(), topic: Topic::Trajectory, svg });
    }
    Ok(figures)
}
