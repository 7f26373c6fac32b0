//! Forgetting of every method, its mean and every gene set's.

use super::canvas::{Axis, Panel, draw};
use super::marks::{GREY, marks};
use super::pen::Way;
use super::{Figure, Topic};
use crate::measures;
use crate::metric::{self, Metric};
use crate::run::Run;
use genil_base::Result;

/// One panel for the regression and one for the classification.
pub fn figures(run: &Run) -> Result<Vec<Figure>> {
    let metrics = [Some(metric::regression(run)), metric::classification(run)];
    metrics.into_iter().flatten().filter_map(|metric| panel(run, metric).transpose()).collect()
}

fn panel(run: &Run, metric: Metric) -> Result<Option<Figure>> {
    let mut rows: Vec<_> = (0..run.manifest.methods.len())
        .filter_map(|m| {
            let per_set = measures::forgetting_per_set(run, m, metric);
            let sets: Vec<f64> = measures::old_sets(run).filter_map(|j| Some(per_set[j]?.value)).collect();
            Some((m, measures::forgetting(run, m, metric)?, sets))
        })
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    // Axes count upwards: the least forgetful ends on top.
    rows.sort_by(|a, b| b.1.value.total_cmp(&a.1.value));
    let names = rows.iter().map(|(m, ..)| run.manifest.methods[*m].name.clone()).collect();
    let sets = rows.iter().flat_map(|(.., sets)| sets.iter().copied());
    let step = if rows.len() > 8 { 22 } else { 30 };
    let panel = Panel {
        size: (420, 84 + step * rows.len() as i32),
        x: Axis::of_intervals(
            "forgetting (right of 0: worse than when just learnt)",
            rows.iter().map(|(_, it, _)| it),
            sets.chain([0.0]),
        ),
        y: Axis::named("", names),
        legend: Vec::new(),
        right: 0,
        bare: false,
    };
    let title = format!("{}: forgetting by method", metric.title);
    let marks = marks(run);
    let svg = draw(&panel, &title, |pen| {
        pen.line(&[(0.0, panel.y.range.start), (0.0, panel.y.range.end)], GREY, 1)?;
        for (row, (m, mean, sets)) in rows.iter().enumerate() {
            let at = (mean.value, row as f64);
            pen.interval(at, mean, Way::Across, marks[*m], 2)?;
            for &set in sets.iter().filter(|_| sets.len() > 1) {
                pen.hollow((set, row as f64), marks[*m])?;
            }
            pen.marker(at, marks[*m])?;
        }
        Ok(())
    })?;
    Ok(Some(Figure {
        name: format!("forgetting-{}", metric.key),
        caption: metric.title.into(),
        topic: Topic::Forgetting,
        svg,
    }))
}
