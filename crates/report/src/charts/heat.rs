//! A matrix as a heat map with its numbers, for papers; the page shows the same as a table.

use super::{Figure, Topic, XMLNS};
use crate::metric::{self, Metric};
use crate::run::Run;
use crate::{measures, wording};
use genil_score::Better;
use genil_score::table::number;
use maud::{PreEscaped, html};

const CELL: (usize, usize) = (84, 36);
const LEFT: usize = 110;
const TOP: usize = 44;

/// Where the numbers of a measure lie, over all methods: so that equal shades are equal numbers.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// Of all matrices of one measure.
    pub fn of(run: &Run, metric: Metric) -> Self {
        let scores = run.scores.iter().filter(|s| s.metric == metric.key).map(|s| s.score.value);
        let (low, high) = scores.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        Self { low, high }
    }

    /// 0 for the lowest number, 1 for the highest.
    pub fn share(self, value: f64) -> f64 {
        if self.high > self.low { ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// One heat map per measure of the verdict and method.
pub fn figures(run: &Run) -> Vec<Figure> {
    let metrics = [Some(metric::regression(run)), metric::classification(run)];
    let methods = 0..run.manifest.methods.len();
    let all = metrics.into_iter().flatten();
    all.flat_map(|metric| methods.clone().map(move |m| heat_map(run, m, metric))).collect()
}

fn heat_map(run: &Run, method: usize, metric: Metric) -> Figure {
    let name = &run.manifest.methods[method].name;
    let title = format!("{}, {name}: after every stage (rows) on every gene set (columns)", metric.title);
    let sets = run.manifest.set_names();
    let scale = Scale::of(run, metric);
    let (width, height) = (LEFT + CELL.0 * sets.len() + 8, TOP + CELL.1 * sets.len() + 8);
    let middle = |j: usize| LEFT + CELL.0 * j + CELL.0 / 2;
    let grid = measures::grid(run, method, metric);
    let markup = html! {
        (PreEscaped(format!("<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" {XMLNS} font-family=\"sans-serif\" font-size=\"13\">")))
        title { (title) }
        @for (j, set) in sets.iter().enumerate() {
            text x=(middle(j)) y=(TOP - 12) text-anchor="middle" fill="#24292F" { (set) }
        }
        @for (k, row) in grid.iter().enumerate() {
            @let y = TOP + CELL.1 * k;
            text x=(LEFT - 10) y=(y + 23) text-anchor="end" fill="#24292F" { (sets[k]) }
            @for (j, entry) in row.iter().enumerate() {
                @if let Some(it) = entry {
                    rect x=(LEFT + CELL.0 * j) y=(y) width=(CELL.0 - 2) height=(CELL.1 - 2)
                        fill=(shade(scale.share(it.value), metric.better)) {}
                    text x=(middle(j)) y=(y + 23) text-anchor="middle" fill="#24292F" { (number(it.value)) }
                }
            }
        }
        (PreEscaped("</svg>"))
    };
    let name = format!("matrix-{}-{}", metric.key, wording::file_part(name));
    Figure { name, caption: title, topic: Topic::Matrix, svg: markup.into_string() }
}

/// From near white to a tone on which black text is still easy to read: orange for losses, blue for gains.
fn shade(share: f64, better: Better) -> String {
    let full = match better {
        Better::Lower => [0xf0, 0xa8, 0x6c],
        Better::Higher => [0x7d, 0xb8, 0xe0],
    };
    let part = |i: usize| (250.0 + (f64::from(full[i]) - 250.0) * share).round() as u8;
    format!("#{:02X}{:02X}{:02X}", part(0), part(1), part(2))
}
