//! What a method forgets against what the new genes cost: the figure of the first screen.

use super::canvas::{Axis, GREY, Panel, draw};
use super::{Figure, Topic, mark};
use crate::run::Run;
use crate::{measures, metric};
use genil_base::Result;
use genil_score::Interval;

/// A method with its loss on the newest genes and its forgetting.
struct Spot {
    method: usize,
    new: Interval,
    forgotten: Interval,
}

/// One figure per run, all on the same axes: one mark per method, bars are its intervals. `None` for a run in which no
/// method has both numbers.
pub fn figures(runs: &[Run]) -> Result<Vec<Option<Figure>>> {
    let spots: Vec<Vec<Spot>> = runs.iter().map(spots).collect();
    let ends = |of: fn(&Spot) -> Interval| -> Vec<f64> {
        spots.iter().flatten().map(of).flat_map(|it| [it.value, it.low, it.high]).collect()
    };
    let (xs, mut ys) = (ends(|s| s.new), ends(|s| s.forgotten));
    ys.push(0.0);
    let of_run = |(run, spots): (_, &Vec<Spot>)| {
        if spots.is_empty() { Ok(None) } else { figure(run, spots, &xs, &ys).map(Some) }
    };
    runs.iter().zip(&spots).map(of_run).collect()
}

fn spots(run: &Run) -> Vec<Spot> {
    let metric = metric::regression(run);
    let spot = |method| {
        let new = measures::newest(run, method, metric)?;
        Some(Spot { method, new, forgotten: measures::forgetting(run, method, metric)? })
    };
    (0..run.manifest.methods.len()).filter_map(spot).collect()
}

fn figure(run: &Run, spots: &[Spot], xs: &[f64], ys: &[f64]) -> Result<Figure> {
    let last = &run.manifest.stages[run.manifest.last()].name;
    let panel = Panel {
        size: (460, 340),
        x: Axis::around(&format!("loss on the newest genes, {last} (lower is better)"), xs.iter().copied()),
        y: Axis::around("forgetting (lower is better)", ys.iter().copied()),
        legend: Vec::new(),
    };
    let title = "Forgetting against the loss on the newest genes";
    let svg = draw(&panel, title, |pen| {
        pen.line(&[(panel.x.range.start, 0.0), (panel.x.range.end, 0.0)], GREY, 1)?;
        for Spot { method, new, forgotten } in spots {
            let mark = mark(run, *method);
            if forgotten.has_bounds() {
                pen.line(&[(new.value, forgotten.low), (new.value, forgotten.high)], mark.colour, 1)?;
            }
            if new.has_bounds() {
                pen.line(&[(new.low, forgotten.value), (new.high, forgotten.value)], mark.colour, 1)?;
            }
            pen.marker((new.value, forgotten.value), mark)?;
        }
        let name = |m: usize| run.manifest.methods[m].name.clone();
        let labels: Vec<_> =
            spots.iter().map(|s| ((s.new.value, s.forgotten.value), name(s.method))).collect();
        pen.labels(&labels, panel.size.0)
    })?;
    Ok(Figure { name: "trade-off".into(), caption: title.into(), topic: Topic::TradeOff, svg })
}
