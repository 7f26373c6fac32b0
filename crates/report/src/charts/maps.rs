//! Maps of cell embeddings, small multiples: every data set just after its own stage and after the last.

use super::canvas::{Axis, Panel, draw};
use super::marks::{GREY, Mark};
use super::{Figure, Topic};
use crate::run::{Place, Run};
use crate::wording;
use genil_base::Result;
use plotters::style::RGBColor;

/// As shown, in pixels.
const SIZE: (i32, i32) = (170, 170);

/// For every data set, the map of every method and stage that there is, in the order of methods and stages; all in the
/// colours of [`colours`].
pub fn figures(run: &Run) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for set in 0..run.manifest.stages.len() {
        let colours = colours(run, set);
        for (m, method) in run.manifest.methods.iter().enumerate() {
            for stage in 0..run.manifest.stages.len() {
                let places: Vec<&Place> =
                    run.places.iter().filter(|p| p.set == set && p.method == m && p.stage == stage).collect();
                if places.is_empty() {
                    continue;
                }
                let names = (&run.manifest.stages[set].name, &run.manifest.stages[stage].name);
                let title = format!("{}: the cells of {} after stage {}", method.name, names.0, names.1);
                figures.push(Figure {
                    name: format!(
                        "map-{}-{stage}-{}",
                        wording::file_part(names.0),
                        wording::file_part(&method.name)
                    ),
                    caption: format!("after {}", names.1),
                    topic: Topic::Map { set, method: m },
                    svg: map(&places, &colours, &title)?,
                });
            }
        }
    }
    Ok(figures)
}

fn map(places: &[&Place], colours: &[(String, RGBColor)], title: &str) -> Result<String> {
    // One unit is as long upwards as across.
    let bounds = |of: fn(&Place) -> f64| {
        let values = places.iter().map(|p| of(p));
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)))
    };
    let (x, y) = (bounds(|p| p.x), bounds(|p| p.y));
    let half = 0.5 * (x.1 - x.0).max(y.1 - y.0);
    let square = |(low, high): (f64, f64)| {
        let middle = 0.5 * (low + high);
        Axis::around("", [middle - half, middle + half])
    };
    let panel = Panel { size: SIZE, x: square(x), y: square(y), legend: Vec::new(), right: 0, bare: true };
    draw(&panel, title, |pen| {
        for (class, colour) in colours {
            let cells = places.iter().filter(|p| in_colour(colours, &p.class) == *class);
            pen.dots(cells.map(|p| (p.x, p.y)), *colour, 18);
        }
        Ok(())
    })
}

/// The name of all classes that have no colour of their own.
const OTHERS: &str = "other classes";

fn in_colour<'a>(colours: &'a [(String, RGBColor)], class: &'a str) -> &'a str {
    if colours.iter().any(|(name, _)| name == class) { class } else { OTHERS }
}

/// The classes of a data set with their colours: the largest six; the others, in grey and first, so that they hide
/// nobody, under one name.
pub fn colours(run: &Run, set: usize) -> Vec<(String, RGBColor)> {
    let mut classes: Vec<(&str, usize)> = Vec::new();
    let mut of_set: Vec<&str> =
        run.places.iter().filter(|p| p.set == set).map(|p| p.class.as_str()).collect();
    of_set.sort_unstable();
    for group in of_set.chunk_by(|a, b| a == b) {
        classes.push((group[0], group.len()));
    }
    // The largest first; equal ones by name.
    classes.sort_by_key(|&(name, cells)| (std::cmp::Reverse(cells), name));
    let rest = classes.split_off(classes.len().min(6));
    let mut named: Vec<(String, RGBColor)> = Vec::new();
    if !rest.is_empty() {
        named.push((OTHERS.to_owned(), GREY));
    }
    classes.sort_unstable();
    named.extend(classes.iter().enumerate().map(|(i, (name, _))| ((*name).to_owned(), Mark::nth(i).colour)));
    named
}
