//! Forgetting of every method, its mean and every gene set's.

use super::canvas::{Axis, GREY, Panel, draw};
use super::{Figure, Topic, mark};
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
    let rows: Vec<_> = (0..run.manifest.methods.len())
        .filter_map(|m| {
            let per_set = measures::forgetting_per_set(run, m, metric);
            let sets: Vec<f64> = measures::old_sets(run).filter_map(|j| Some(per_set[j]?.value)).collect();
            Some((m, measures::forgetting(run, m, metric)?, sets))
        })
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    // The first method on top: axes count upwards.
    let place = |i: usize| (rows.len() - 1 - i) as f64;
    let names = rows.iter().rev().map(|(m, ..)| run.manifest.methods[*m].name.clone()).collect();
    let ends =
        rows.iter().flat_map(|(_, it, sets)| [it.value, it.low, it.high].into_iter().chain(sets.clone()));
    let panel = Panel {
        size: (440, 90 + 34 * rows.len() as i32),
        x: Axis::around("forgetting (right of 0: worse than when just learnt)", ends.chain([0.0])),
        y: Axis::named("", names),
        legend: Vec::new(),
    };
    let title = format!("{}: forgetting by method", metric.title);
    let svg = draw(&panel, &title, |pen| {
        pen.line(&[(0.0, panel.y.range.start), (0.0, panel.y.range.end)], GREY, 1)?;
        for (i, (m, mean, sets)) in rows.iter().enumerate() {
            let mark = mark(run, *m);
            if mean.has_bounds() {
                pen.line(&[(mean.low, place(i)), (mean.high, place(i))], mark.colour, 2)?;
            }
            for &set in sets.iter().filter(|_| sets.len() > 1) {
                pen.hollow((set, place(i)), mark)?;
            }
            pen.marker((mean.value, place(i)), mark)?;
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
