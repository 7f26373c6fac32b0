//! How every method differs from another, paired by seed.

use super::table::table;
use super::{of_topic, panels};
use crate::charts::{Figure, Topic};
use crate::metric::{self, PAIRED};
use crate::run::{Paired, Run};
use genil_score::{Cell, Table};
use maud::{Markup, html};

/// `None` without paired differences.
pub fn section(run: &Run, figures: &[Figure]) -> Option<Markup> {
    let baselines = metric::baselines(run);
    if baselines.is_empty() {
        return None;
    }
    Some(html! {
        p.note { "The difference of a method from another, seed by seed: what both share, like an easy seed, drops out. The
            interval leaves out 0 where the difference is settled; " i { "p" } " is not corrected for the number of
            comparisons. "
            @if run.manifest.seeds.len() == 1 {
                "One seed: the interval is over the cells that both were measured on, of these two models. "
            }
            "All measures: " a href="paired.csv" { "paired.csv" } "." }
        @for (i, &against) in baselines.iter().enumerate() {
            @let name = &run.manifest.methods[against].name;
            @let differences = differences(run, against);
            @let table = table(&differences).sortable();
            @if i == 0 {
                h3 { "Minus " (name) }
                @if let Some(panels) = panels(of_topic(figures, Topic::Against)) { (panels) }
                (table)
            } @else {
                details { summary { "Minus " (name) } (table) }
            }
        }
    })
}

/// One row per method; for every measure of [`PAIRED`] the difference, and its p where there is one.
fn differences(run: &Run, against: usize) -> Table {
    let rows: Vec<&Paired> = run.paired.iter().filter(|p| p.against == against).collect();
    let of = |key: &str| rows.iter().copied().filter(move |row| row.metric == key).collect::<Vec<_>>();
    let measures: Vec<(&str, Vec<&Paired>)> =
        PAIRED.iter().map(|(key, title)| (*title, of(key))).filter(|(_, rows)| !rows.is_empty()).collect();
    let mut table = Table::new(&["method"]);
    for (title, rows) in &measures {
        table.header.push((*title).to_owned());
        table.header.extend(rows.iter().any(|row| row.p.is_some()).then(|| "p".to_owned()));
    }
    for (m, method) in run.manifest.methods.iter().enumerate().filter(|&(m, _)| m != against) {
        let mut cells = vec![Cell::from(method.name.as_str())];
        for (_, rows) in &measures {
            let row = rows.iter().find(|row| row.method == m);
            cells.push(row.map(|row| row.difference).into());
            if rows.iter().any(|row| row.p.is_some()) {
                cells.push(row.and_then(|row| row.p).into());
            }
        }
        table.rows.push(cells);
    }
    table
}
