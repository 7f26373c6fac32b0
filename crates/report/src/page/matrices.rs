//! Every matrix as a table whose cells are shaded by their numbers.

use super::by_method;
use super::table::value;
use crate::charts::Scale;
use crate::metric::{self, Metric};
use crate::run::Run;
use crate::{measures, wording};
use genil_score::{Better, Cell};
use maud::{Markup, html};

pub fn section(run: &Run) -> Markup {
    let metrics = metric::measured(run);
    let main = [Some(metric::regression(run)), metric::classification(run)];
    let is_main = |m: &Metric| main.iter().flatten().any(|main| main.key == m.key);
    let intervals = match run.manifest.seeds.len() {
        1 => "One seed; small numbers: 95 % interval over cells.",
        _ => "Means over seeds; small numbers: 95 % interval over seeds.",
    };
    html! {
        p.note { "Rows: after which stage. Columns: on which gene set. Outlined: the stage that learnt the set. The darker,
            the higher; shades mean the same under every method. " (intervals) }
        @if metrics.is_empty() { p { "No scores: run 'genil evaluate' on the folder." } }
        @for metric in &metrics {
            @if is_main(metric) {
                h3 { (metric.title) }
                (matrices(run, *metric, true))
            } @else {
                details { summary { (metric.title) } (matrices(run, *metric, true)) }
            }
        }
    }
}

/// One table per method; with `files`, each with a link to its CSV.
pub fn matrices(run: &Run, metric: Metric, files: bool) -> Markup {
    let better = match metric.better {
        Better::Lower => "Lower is better.",
        Better::Higher => "Higher is better.",
    };
    let scale = Scale::of(run, metric);
    html! {
        p.note { (metric.how) " " (better) }
        (by_method(run, |m| Some(heat_table(run, m, metric, scale, files))))
    }
}

fn heat_table(run: &Run, method: usize, metric: Metric, scale: Scale, linked: bool) -> Markup {
    let name = &run.manifest.methods[method].name;
    let grid = measures::grid(run, method, metric);
    let sets = run.manifest.set_names();
    // A set without any score (a stage without a probe) has no column, a stage without any has no row.
    let columns: Vec<usize> = (0..sets.len()).filter(|&j| grid.iter().any(|row| row[j].is_some())).collect();
    let rows: Vec<usize> = (0..sets.len()).filter(|&k| grid[k].iter().any(Option::is_some)).collect();
    let file = format!("tables/matrix-{}-{}.csv", metric.key, wording::file_part(name));
    let tone = match metric.better {
        Better::Lower => "heat loss",
        Better::Higher => "heat gain",
    };
    html! {
        div.wide { table class=(tone) {
            caption { b { (name) } @if linked { " " a href=(file) { "CSV" } } }
            thead { tr { th scope="col" { "after" } @for &j in &columns { th scope="col" { (sets[j]) } } } }
            tbody {
                @for &k in &rows {
                    tr {
                        th scope="row" { (sets[k]) }
                        @for &j in &columns {
                            @match grid[k][j] {
                                Some(it) => td class=[(k == j).then_some("own")]
                                    style={ "--v:" (format!("{:.3}", scale.share(it.value))) } {
                                    (value(&Cell::Interval(it)))
                                },
                                None => td.none { "–" },
                            }
                        }
                    }
                }
            }
        } }
    }
}
