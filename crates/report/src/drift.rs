//! From the measurements of drift to lines: one per method, means over seeds.

use crate::run::{Drift, Run};
use genil_score::{Interval, over_seeds};
use std::collections::BTreeMap;

/// What is measured of the representations layer by layer, with names for people; all else is parts of the weights.
pub const BY_LAYER: [(&str, &str); 3] = [
    ("cka_held_out", "similarity on held-out cells (CKA)"),
    ("cka_probe", "similarity on labelled cells (CKA)"),
    ("accuracy", "accuracy of a linear probe"),
];

/// The line of one method: places on the axis and what was measured there.
#[derive(Debug, Clone, PartialEq)]
pub struct By {
    /// The method.
    pub method: usize,
    /// Layer, or place among the parts, and the mean over seeds.
    pub points: Vec<(usize, Interval)>,
}

/// What became of a part, layer by layer, after the last stage, for one gene set.
pub fn by_layer(run: &Run, part: &str, set: usize) -> Vec<By> {
    let last = run.manifest.last();
    let wanted = |d: &&Drift| d.part == part && d.set == set && d.stage == last;
    lines(run, |method| {
        run.drift
            .iter()
            .filter(wanted)
            .filter(|d| d.method == method)
            .filter_map(|d| Some((d.layer?, d.value)))
            .collect()
    })
}

/// How much the parts of the weights changed until the last stage: the names of the parts, and a line per method. Layers of
/// a part are averaged, gene sets too.
pub fn of_weights(run: &Run) -> (Vec<String>, Vec<By>) {
    let last = run.manifest.last();
    let wanted = |d: &&Drift| BY_LAYER.iter().all(|(part, _)| *part != d.part) && d.stage == last;
    let mut names: Vec<String> = Vec::new();
    for d in run.drift.iter().filter(wanted) {
        if !names.contains(&d.part) {
            names.push(d.part.clone());
        }
    }
    let place = |part: &str| names.iter().position(|name| name == part);
    let lines = lines(run, |method| {
        let mut by_seed: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
        for d in run.drift.iter().filter(wanted).filter(|d| d.method == method) {
            let Some(place) = place(&d.part) else { continue };
            by_seed.entry((place, d.seed)).or_default().push(d.value);
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        by_seed.iter().map(|((place, _), values)| (*place, mean(values))).collect()
    });
    (names, lines)
}

/// One line per method that has measurements; `of` gives them with their places, one per seed.
fn lines(run: &Run, of: impl Fn(usize) -> Vec<(usize, f64)>) -> Vec<By> {
    let line = |method: usize| {
        let mut by_place: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for (place, value) in of(method) {
            by_place.entry(place).or_default().push(value);
        }
        let mean = |values: &[f64]| match values {
            [one] => Interval::without_bounds(*one),
            _ => over_seeds(values),
        };
        By { method, points: by_place.iter().map(|(&place, values)| (place, mean(values))).collect() }
    };
    (0..run.manifest.methods.len()).map(line).filter(|line| !line.points.is_empty()).collect()
}
