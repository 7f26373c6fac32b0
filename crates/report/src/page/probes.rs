//! What the probes took for what.

use super::by_method;
use crate::run::Run;
use crate::wording::counted;
use maud::{Markup, html};

/// `None` without probes.
pub fn section(run: &Run) -> Option<Markup> {
    let probes: Vec<_> =
        run.manifest.stages.iter().filter_map(|stage| Some((stage, stage.probe.as_ref()?))).collect();
    if probes.is_empty() {
        return None;
    }
    let last = run.manifest.last();
    Some(html! {
        p.note { "A classifier on frozen cell embeddings predicts the labels of a data set. Rows: the true class; columns:
            what the probe said, as shares of the true class, cells of all seeds together." }
        @for (stage, probe) in probes {
            h3 { (probe.store) ": " (probe.label) }
            p.note { (counted(probe.classes.len(), "class").replace("classs", "classes")) ", "
                (counted(probe.train, "training cell")) ", " (counted(probe.test, "test cell")) "."
                @for notice in &probe.notices { " " (notice) "." } }
            @let own = tables(run, stage.index, stage.index);
            @let end = tables(run, stage.index, last);
            @if let Some(tables) = &end {
                details open[stage.index == 1] { summary { "Confusion after the last stage" } (tables) }
            }
            @if let Some(tables) = own.filter(|_| stage.index != last) {
                details { summary { "Confusion after its own stage" } (tables) }
            }
        }
    })
}

fn tables(run: &Run, set: usize, stage: usize) -> Option<Markup> {
    let rows: Vec<_> = run.confusion.iter().filter(|c| c.set == set && c.stage == stage).collect();
    if rows.is_empty() {
        return None;
    }
    let mut classes: Vec<&str> = rows.iter().flat_map(|c| [c.truth.as_str(), c.predicted.as_str()]).collect();
    classes.sort_unstable();
    classes.dedup();
    let place = |name: &str| classes.binary_search(&name).ok();
    Some(by_method(run, |m| {
        let cells = rows.iter().filter(|c| c.method == m);
        let cells = cells.filter_map(|c| Some((place(&c.truth)?, place(&c.predicted)?, c.cells)));
        Some(confusion(&run.manifest.methods[m].name, &classes, &counts(cells, classes.len())))
    }))
}

fn confusion(method: &str, classes: &[&str], counts: &[Vec<usize>]) -> Markup {
    html! {
        div.wide { table.heat.gain {
            caption { b { (method) } }
            thead { tr { th scope="col" { "true" } @for class in classes { th scope="col" { (class) } } } }
            tbody {
                @for (t, row) in counts.iter().enumerate() {
                    @let all = row.iter().fold(0usize, |all, n| all.saturating_add(*n));
                    tr {
                        th scope="row" { (classes[t]) }
                        @for (p, &n) in row.iter().enumerate() {
                            @if all == 0 { td.none { "–" } }
                            @else {
                                @let share = n as f64 / all as f64;
                                td class=[(t == p).then_some("own")] style={ "--v:" (format!("{share:.3}")) }
                                    title={ (n) " of " (all) } { (format!("{share:.2}")) }
                            }
                        }
                    }
                }
            }
        } }
    }
}

fn counts(cells: impl Iterator<Item = (usize, usize, usize)>, classes: usize) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0usize; classes]; classes];
    for (t, p, n) in cells {
        counts[t][p] = counts[t][p].saturating_add(n);
    }
    counts
}
