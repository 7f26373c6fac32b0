//! What became of each gene set, stage by stage.

use super::canvas::{Axis, Mark, Panel, draw};
use super::{Figure, Topic, mark};
use crate::run::Run;
use crate::{measures, metric, wording};
use genil_base::Result;
use genil_score::Interval;

/// One panel per gene set that at least two stages have a score of, one line per method.
pub fn figures(run: &Run) -> Result<Vec<Figure>> {
    let metric = metric::regression(run);
    let methods = 0..run.manifest.methods.len();
    let grids: Vec<_> = methods.clone().map(|m| measures::grid(run, m, metric)).collect();
    let mut figures = Vec::new();
    for (j, set) in run.manifest.stages.iter().enumerate() {
        let lines: Vec<(usize, Vec<(usize, Interval)>)> = methods
            .clone()
            .map(|m| (m, (j..=run.manifest.last()).filter_map(|k| Some((k, grids[m][k][j]?))).collect()))
            .filter(|(_, line): &(usize, Vec<_>)| line.len() > 1)
            .collect();
        if lines.is_empty() {
            continue;
        }
        let legend: Vec<(String, Mark)> =
            lines.iter().map(|(m, _)| (run.manifest.methods[*m].name.clone(), mark(run, *m))).collect();
        let ends = lines.iter().flat_map(|(_, line)| line.iter().flat_map(|(_, i)| [i.value, i.low, i.high]));
        let names = run.manifest.set_names().split_off(j);
        let panel = Panel {
            size: (360, 260),
            x: Axis::named("after stage", names),
            y: Axis::around(&format!("loss on {}", set.name), ends),
            legend,
        };
        let title = format!("Loss on the genes of {} after every stage, by method", set.name);
        let svg = draw(&panel, &title, |pen| {
            for (m, line) in &lines {
                let mark = mark(run, *m);
                // Side by side, so that intervals do not hide each other.
                let aside = (*m as f64 - (lines.len() - 1) as f64 / 2.0) * 0.06;
                let x = |k: usize| (k - j) as f64 + aside;
                let points: Vec<_> = line.iter().map(|(k, i)| (x(*k), i.value)).collect();
                pen.line(&points, mark.colour, 1)?;
                for (k, i) in line {
                    if i.has_bounds() {
                        pen.line(&[(x(*k), i.low), (x(*k), i.high)], mark.colour, 1)?;
                    }
                    pen.marker((x(*k), i.value), mark)?;
                }
            }
            Ok(())
        })?;
        let name = format!("trajectory-{}", wording::file_part(&set.name));
        figures.push(Figure { name, caption: set.name.clone(), topic: Topic::Trajectory, svg });
    }
    Ok(figures)
}
