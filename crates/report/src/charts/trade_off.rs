//! What a method forgets against what the new genes cost: the figure of the first screen.

use super::canvas::{Axis, GREY, Panel, draw};
use super::{Figure, Topic, mark};
use crate::run::Run;
use crate::{measures, metric};
use genil_base::Result;

/// One mark per method; bars are the intervals over seeds. `None` where no method has both numbers.
pub fn figure(run: &Run) -> Result<Option<Figure>> {
    let metric = metric::regression(run);
    let points: Vec<_> = (0..run.manifest.methods.len())
        .filter_map(|m| {
            let new = measures::newest(run, m, metric)?;
            Some((m, new, measures::forgetting(run, m, metric)?))
        })
        .collect();
    if points.is_empty() {
        return Ok(None);
    }
    let last = &run.manifest.stages[run.manifest.last()].name;
    let spread = |all: &mut Vec<f64>, it: &genil_score::Interval| all.extend([it.value, it.low, it.high]);
    let (mut xs, mut ys) = (Vec::new(), vec![0.0]);
    for (_, new, forgotten) in &points {
        spread(&mut xs, new);
        spread(&mut ys, forgotten);
    }
    let panel = Panel {
        size: (460, 340),
        x: Axis::around(&format!("loss on the newest genes, {last} (lower is better)"), xs),
        y: Axis::around("forgetting (lower is better)", ys),
        legend: Vec::new(),
    };
    let title = "Forgetting against the loss on the newest genes, by method";
    let svg = draw(&panel, title, |pen| {
        pen.line(&[(panel.x.range.start, 0.0), (panel.x.range.end, 0.0)], GREY, 1)?;
        for (m, new, forgotten) in &points {
            let mark = mark(run, *m);
            if forgotten.has_bounds() {
                pen.line(&[(new.value, forgotten.low), (new.value, forgotten.high)], mark.colour, 1)?;
            }
            if new.has_bounds() {
                pen.line(&[(new.low, forgotten.value), (new.high, forgotten.value)], mark.colour, 1)?;
            }
            pen.marker((new.value, forgotten.value), mark)?;
        }
        let name = |m: usize| run.manifest.methods[m].name.clone();
        let labels: Vec<_> = points.iter().map(|(m, x, y)| ((x.value, y.value), name(*m))).collect();
        pen.labels(&labels, panel.size.0)
    })?;
    Ok(Some(Figure { name: "trade-off".into(), caption: title.into(), topic: Topic::TradeOff, svg }))
}
