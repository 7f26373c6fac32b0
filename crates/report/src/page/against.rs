//! How every method differs from another, paired by seed.

use super::table::table;
use super::{of_topic, panels};
use crate::charts::{Figure, Topic};
use crate::metric;
use crate::run::Run;
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
            comparisons." }
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

/// One row per method, one column per measure, and its p.
fn differences(run: &Run, against: usize) -> Table {
    let rows: Vec<_> = run.paired.iter().filter(|p| p.against == against).collect();
    let mut table = Table::new(&["method"]);
    let mut metrics: Vec<&str> = Vec::new();
    for row in &rows {
        if !metrics.contains(&row.metric.as_str()) {
            metrics.push(&row.metric);
        }
    }
    metrics.sort_by_key(|metric| metric::paired_rank(metric));
    for metric in &metrics {
        table.header.extend([metric::paired_title(metric), "p".to_owned()]);
    }
    for (m, method) in
        run.manifest.methods.iter().enumerate().filter(|&(m, _)| rows.iter().any(|r| r.method == m))
    {
        let mut cells = vec![Cell::from(method.name.as_str())];
        for metric in &metrics {
            let row = rows.iter().find(|r| r.method == m && r.metric == *metric);
            cells.push(row.map(|r| r.difference).into());
            cells.push(row.and_then(|r| r.p).into());
        }
        table.rows.push(cells);
    }
    table
}
