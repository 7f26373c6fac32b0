//! How far models moved: similarity of representations layer by layer, and the change of weights part by part.

use super::canvas::{Axis, Panel, draw};
use super::marks::marks;
use super::pen::Way;
use super::{Figure, Topic, line_panel};
use crate::run::Run;
use crate::wording;
use crate::{drift, drift::By};
use genil_base::Result;

/// One panel for every gene set and measure of layers, after the last stage; one for the weights.
pub fn figures(run: &Run) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for set in 0..run.manifest.last() {
        let name = &run.manifest.stages[set].name;
        for (part, y) in drift::BY_LAYER {
            let lines = drift::by_layer(run, part, set);
            let axis = (y.to_owned(), "encoder layer");
            figures.extend(panel(
                run,
                &lines,
                axis,
                (format!("drift-{part}-{}", wording::file_part(name)), name),
            )?);
        }
    }
    let (names, lines) = drift::of_weights(run);
    if !names.is_empty() {
        let axis = Axis::named("", names.iter().map(|name| name.replace('_', " ")).collect());
        figures.extend(draw_panel(
            run,
            &lines,
            axis,
            "relative change of the weights",
            ("drift-weights".into(), "weights"),
        )?);
    }
    Ok(figures)
}

fn panel(run: &Run, lines: &[By], (y, x): (String, &str), name: (String, &str)) -> Result<Option<Figure>> {
    // The range of the layers that are there.
    let layers = || lines.iter().flat_map(|line| line.points.iter().map(|p| p.0));
    let first = layers().min().unwrap_or(0);
    let names = (first..=layers().max().unwrap_or(0)).map(|layer| layer.to_string()).collect();
    let from_first = |line: &By| By {
        method: line.method,
        points: line.points.iter().map(|(layer, it)| (layer - first, *it)).collect(),
    };
    let lines: Vec<By> = lines.iter().map(from_first).collect();
    draw_panel(run, &lines, Axis::named(x, names), &y, name)
}

fn draw_panel(
    run: &Run,
    lines: &[By],
    x: Axis,
    y: &str,
    (name, caption): (String, &str),
) -> Result<Option<Figure>> {
    if lines.is_empty() {
        return Ok(None);
    }
    let marks = marks(run);
    let mut lines: Vec<&By> = lines.iter().collect();
    // Those in the background first.
    lines.sort_by_key(|line| !marks[line.method].quiet);
    let (size, right) = line_panel(lines.len());
    let all = lines.iter().flat_map(|line| line.points.iter().map(|p| &p.1));
    let panel = Panel { size, x, y: Axis::of_intervals(y, all, []), legend: Vec::new(), right, bare: false };
    let title = format!("{caption}: {y}, by method");
    let svg = draw(&panel, &title, |pen| {
        let mut ends = Vec::new();
        for line in &lines {
            let mark = marks[line.method];
            let points: Vec<(f64, f64)> = line.points.iter().map(|(x, it)| (*x as f64, it.value)).collect();
            if mark.quiet {
                pen.faint(&points, mark.colour)?;
            } else {
                pen.line(&points, mark.colour, 1)?;
                for (x, it) in &line.points {
                    pen.interval((*x as f64, it.value), it, Way::Upright, mark, 1)?;
                    pen.marker((*x as f64, it.value), mark)?;
                }
            }
            let end = points.last().map_or(f64::NAN, |p| p.1);
            ends.push((end, run.manifest.methods[line.method].name.clone(), mark));
        }
        pen.end_labels(&ends)
    })?;
    Ok(Some(Figure { name, caption: format!("{caption}: {y}"), topic: Topic::Drift, svg }))
}
