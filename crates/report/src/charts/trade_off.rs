//! What a method forgets against what the new genes cost: the figure of the first screen.

use super::canvas::{Axis, Panel, draw};
use super::labels::Area;
use super::marks::{GREY, Mark, marks};
use super::pen::Way;
use super::{Figure, Topic};
use crate::run::Run;
use crate::{measures, metric};
use genil_base::Result;
use genil_score::Interval;

/// Sizes as shown: for a screen and for a phone.
const SIZES: [(i32, i32); 2] = [(560, 430), (358, 400)];

/// A method with its loss on the newest genes and its forgetting.
struct Spot {
    method: usize,
    new: Interval,
    forgotten: Interval,
}

impl Spot {
    fn at(&self) -> (f64, f64) {
        (self.new.value, self.forgotten.value)
    }

    fn beats(&self, other: &Self) -> bool {
        self.new.value < other.new.value && self.forgotten.value < other.forgotten.value
    }
}

/// The figures of each run, all on the same axes: one mark per method, bars are its intervals. None for a run in
/// which no method has both numbers.
pub fn figures(runs: &[Run]) -> Result<Vec<Vec<Figure>>> {
    let spots: Vec<Vec<Spot>> = runs.iter().map(spots).collect();
    let all = || spots.iter().flatten();
    let x = |title: &str| Axis::of_intervals(title, all().map(|s| &s.new), []);
    let y = || Axis::of_intervals("forgetting (lower is better)", all().map(|s| &s.forgotten), [0.0]);
    let of_run = |(run, spots): (&Run, &Vec<Spot>)| {
        if spots.is_empty() {
            return Ok(Vec::new());
        }
        let last = &run.manifest.stages[run.manifest.last()].name;
        let sizes = if runs.len() > 1 { &SIZES[1..] } else { &SIZES[..] };
        let title = format!("loss on the newest genes, {last} (lower is better)");
        sizes.iter().map(|&size| figure(run, spots, size, (x(&title), y()))).collect()
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

fn figure(run: &Run, spots: &[Spot], size: (i32, i32), (x, y): (Axis, Axis)) -> Result<Figure> {
    let panel = Panel { size, x, y, legend: Vec::new(), right: 0, bare: false };
    let marks = marks(run);
    let mut drawn: Vec<&Spot> = spots.iter().collect();
    // Those in the background first.
    drawn.sort_by_key(|spot| !marks[spot.method].quiet);
    let title = "Forgetting against the loss on the newest genes";
    let svg = draw(&panel, title, |pen| {
        pen.line(&[(panel.x.range.start, 0.0), (panel.x.range.end, 0.0)], GREY, 1)?;
        if size == SIZES[0] {
            pen.faint(&front(run, spots), GREY)?;
        }
        let zero = Interval { value: 0.0, low: panel.x.range.start, high: panel.x.range.end };
        let mut bars: Vec<Area> = pen.bar((0.0, 0.0), &zero, Way::Across).into_iter().collect();
        for Spot { method, new, forgotten } in &drawn {
            let mark = marks[*method];
            for (it, way) in [(forgotten, Way::Upright), (new, Way::Across)] {
                let at = (new.value, forgotten.value);
                pen.interval(at, it, way, mark, 1)?;
                bars.extend(pen.bar(at, it, way));
            }
        }
        for spot in &drawn {
            pen.marker(spot.at(), Mark { quiet: false, ..marks[spot.method] })?;
        }
        let name = |m: usize| run.manifest.methods[m].name.clone();
        pen.labels(&spots.iter().map(|s| (s.at(), name(s.method))).collect::<Vec<_>>(), &bars)
    })?;
    let name = if size == SIZES[0] { "trade-off" } else { "trade-off-narrow" };
    Ok(Figure { name: name.into(), caption: title.into(), topic: Topic::TradeOff, svg })
}

/// The methods that no other beats in both, from left to right; empty where that says nothing.
fn front(run: &Run, spots: &[Spot]) -> Vec<(f64, f64)> {
    let compete: Vec<&Spot> = spots.iter().filter(|s| !run.manifest.methods[s.method].is_joint()).collect();
    let best = compete.iter().filter(|s| !compete.iter().any(|other| other.beats(s)));
    let mut line: Vec<(f64, f64)> = best.map(|s| s.at()).collect();
    line.sort_by(|a, b| a.0.total_cmp(&b.0));
    if compete.len() > 3 && line.len() > 1 { line } else { Vec::new() }
}
