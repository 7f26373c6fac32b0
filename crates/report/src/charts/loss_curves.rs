//! The loss while training, old and new genes apart.

use super::canvas::{Axis, Panel, draw};
use super::marks::{INK, Mark, marks};
use super::{Figure, Topic, line_panel};
use crate::run::{Point, Run};
use crate::wording;
use genil_base::Result;
use std::collections::BTreeMap;

/// At most so many points a line: more than the pixels can show only makes the page heavy.
const MOST_POINTS: usize = 200;

/// For every stage after the base a panel of the old genes' loss and one of the new genes', a line per method (the mean over
/// seeds at equal steps; one line where methods share the stage, named by the first and the number of the others).
pub fn figures(run: &Run) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (k, stage) in run.manifest.stages.iter().enumerate() {
        if k == 0 {
            // All genes of the base stage are new.
            figures.extend(panel(run, k, "new", "base genes", |p| p.new.or(p.value))?);
        } else {
            figures.extend(panel(run, k, "old", "genes learnt earlier", |p| p.old)?);
            figures.extend(panel(run, k, "new", &format!("new genes of {}", stage.name), |p| p.new)?);
        }
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
    let lines = lines(run, stage, of);
    if lines.is_empty() {
        return Ok(None);
    }
    let points = || lines.iter().flat_map(|line| line.points.iter().copied());
    let (size, right) = line_panel(lines.len());
    let panel = Panel {
        size,
        x: Axis::around("training step", points().map(|p| p.0)),
        y: Axis::around("loss", points().map(|p| p.1)),
        legend: Vec::new(),
        right,
        bare: false,
    };
    let set = &run.manifest.stages[stage].name;
    let title = format!("Training loss in stage {stage} ({set}): {what}");
    let svg = draw(&panel, &title, |pen| {
        let mut ends = Vec::new();
        for (i, Line { name, mark, points }) in lines.iter().enumerate() {
            if mark.quiet {
                pen.faint(points, mark.colour)?;
            } else {
                pen.line(points, mark.colour, 1)?;
                // A few marks along the line, at other places for every method.
                let every = points.len().div_ceil(4);
                for point in points.iter().skip((i + 1) * every / (lines.len() + 1)).step_by(every) {
                    pen.small(*point, *mark)?;
                }
            }
            ends.push((points.last().map_or(f64::NAN, |p| p.1), name.clone(), *mark));
        }
        pen.end_labels(&ends)
    })?;
    let name = format!("loss-{stage}-{}-{part}", wording::file_part(set));
    Ok(Some(Figure { name, caption: what.to_owned(), topic: Topic::LossCurve(stage), svg }))
}

/// The curve of one method, or of several that share the stage.
struct Line {
    name: String,
    mark: Mark,
    points: Vec<(f64, f64)>,
}

fn lines(run: &Run, stage: usize, of: impl Fn(&Point) -> Option<f64>) -> Vec<Line> {
    let mut by_step: BTreeMap<&[usize], BTreeMap<u64, Vec<f64>>> = BTreeMap::new();
    for curve in run.curves.iter().filter(|c| c.stage == stage) {
        let line = by_step.entry(&curve.methods).or_default();
        for point in &curve.points {
            let value = of(point).filter(|v| v.abs() < 1e30);
            line.entry(point.step).or_default().extend(value);
        }
    }
    let methods = &run.manifest.methods;
    let marks = marks(run);
    let named = |who: &[usize]| match *who {
        [first, ..] if who.len() < methods.len() => {
            let others = if who.len() > 1 { format!(" +{}", who.len() - 1) } else { String::new() };
            (methods[first].name.clone() + &others, marks[first])
        }
        [only] => (methods[only].name.clone(), marks[only]),
        _ => ("all methods".to_owned(), Mark::round(INK)),
    };
    let lines = by_step.into_iter().map(|(who, line)| (named(who), thinned(&line)));
    let mut lines: Vec<Line> = lines
        .filter(|(_, points)| points.len() > 1)
        .map(|((name, mark), points)| Line { name, mark, points })
        .collect();
    // Those in the background first.
    lines.sort_by_key(|line| !line.mark.quiet);
    lines
}

/// The mean over seeds, neighbouring steps averaged until the line is short enough.
fn thinned(line: &BTreeMap<u64, Vec<f64>>) -> Vec<(f64, f64)> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let known = line.iter().filter(|(_, values)| !values.is_empty());
    let points: Vec<(f64, f64)> = known.map(|(&step, values)| (step as f64, mean(values))).collect();
    let group = points.len().div_ceil(MOST_POINTS).max(1);
    let centre = |some: &[(f64, f64)]| {
        let (xs, ys): (Vec<f64>, Vec<f64>) = some.iter().copied().unzip();
        (mean(&xs), mean(&ys))
    };
    points.chunks(group).map(centre).collect()
}
