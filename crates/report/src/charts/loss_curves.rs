//! The loss while training, old and new genes apart.

use super::canvas::{Axis, INK, Mark, Panel, draw};
use super::{Figure, Topic, mark};
use crate::run::{Curve, Point, Run};
use crate::wording;
use genil_base::Result;
use std::collections::BTreeMap;

/// At most so many points a line: more than the pixels can show only makes the page heavy.
const MOST_POINTS: usize = 200;

/// For every stage a panel of the old genes' loss and one of the new genes', a line per method (the mean over
/// seeds at equal steps; one line where methods share the stage).
pub fn figures(run: &Run) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (k, stage) in run.manifest.stages.iter().enumerate() {
        let old = if k == 0 { "base genes" } else { "genes learnt earlier" };
        let of_old = |p: &Point| p.old.or(if k == 0 { p.value } else { None });
        figures.extend(panel(run, k, "old", old, of_old)?);
        figures.extend(panel(run, k, "new", &format!("new genes of {}", stage.name), |p| p.new)?);
    }
    Ok(figures)
}

fn panel(
    run: &Run,
    stage: usize,
    part: &str,
    what: &str,
    of: impl Fn(&Point) -> Option<f64>,
) -> Result<Option<Figure>> {
    let mut lines: BTreeMap<Vec<usize>, BTreeMap<u64, Vec<f64>>> = BTreeMap::new();
    for curve in run.curves.iter().filter(|c| c.stage == stage) {
        let line = lines.entry(curve.methods.clone()).or_default();
        for (step, value) in values(curve, &of) {
            line.entry(step).or_default().push(value);
        }
    }
    lines.retain(|_, line| line.len() > 1);
    if lines.is_empty() {
        return Ok(None);
    }
    let lines: Vec<(Vec<usize>, Vec<(f64, f64)>)> =
        lines.into_iter().map(|(methods, line)| (methods, thinned(&line))).collect();
    let style = |methods: &[usize]| match methods {
        [one] => mark(run, *one),
        _ => Mark::round(INK),
    };
    let name = |methods: &[usize]| {
        let names: Vec<&str> = methods.iter().map(|&m| run.manifest.methods[m].name.as_str()).collect();
        if names.len() == run.manifest.methods.len() && names.len() > 1 {
            "all methods".into()
        } else {
            names.join(", ")
        }
    };
    let points = || lines.iter().flat_map(|(_, line)| line.iter().copied());
    let panel = Panel {
        size: (360, 240),
        x: Axis::around("training step", points().map(|p| p.0)),
        y: Axis::around("loss", points().map(|p| p.1)),
        legend: lines.iter().map(|(methods, _)| (name(methods), style(methods))).collect(),
    };
    let set = &run.manifest.stages[stage].name;
    let title = format!("Training loss in stage {stage} ({set}): {what}");
    let svg = draw(&panel, &title, |pen| {
        for (i, (methods, line)) in lines.iter().enumerate() {
            let mark = style(methods);
            pen.line(line, mark.colour, 1)?;
            // A few marks along the line, at other places for every method.
            let every = line.len().div_ceil(4);
            for point in line.iter().skip((i + 1) * every / (lines.len() + 1)).step_by(every) {
                pen.small(*point, mark)?;
            }
        }
        Ok(())
    })?;
    let name = format!("loss-{stage}-{}-{part}", wording::file_part(set));
    Ok(Some(Figure { name, caption: what.to_owned(), topic: Topic::LossCurve(stage), svg }))
}

fn values<'a>(
    curve: &'a Curve,
    of: &'a impl Fn(&Point) -> Option<f64>,
) -> impl Iterator<Item = (u64, f64)> + 'a {
    curve.points.iter().filter_map(move |p| Some((p.step, of(p).filter(|v| v.is_finite())?)))
}

/// The mean over seeds, neighbouring steps averaged until the line is short enough.
fn thinned(line: &BTreeMap<u64, Vec<f64>>) -> Vec<(f64, f64)> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let points: Vec<(f64, f64)> = line.iter().map(|(&step, values)| (step as f64, mean(values))).collect();
    let group = points.len().div_ceil(MOST_POINTS).max(1);
    let centre = |some: &[(f64, f64)]| {
        let (xs, ys): (Vec<f64>, Vec<f64>) = some.iter().copied().unzip();
        (mean(&xs), mean(&ys))
    };
    points.chunks(group).map(centre).collect()
}
