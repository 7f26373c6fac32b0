//! What the figures stand on: command, data, stages, settings, hashes.

use super::table::table;
use crate::run::{Run, SummaryRow};
use genil_score::{Cell, Table};
use maud::{Markup, html};

pub fn section(run: &Run) -> Markup {
    let m = &run.manifest;
    let seeds: Vec<String> = m.seeds.iter().map(u64::to_string).collect();
    html! {
        @if !m.command.is_empty() {
            p { "The command that makes it again:" }
            pre { code { (m.command) } }
        }
        dl {
            dt { "genil" } dd { (m.genil) }
            dt { "seeds" } dd { (seeds.join(", ")) }
            dt { "settings" } dd { code { (m.settings_hash) } }
            dt { "plan" } dd { code { (m.plan_hash) } }
        }
        h3 { "Stages" }
        (stages(run))
        h3 { "Data" }
        (stores(run))
        @if !run.summary.is_empty() {
            details { summary { "All figures over seeds" }
            p.note { "From summary.csv. Backward transfer above 0: later stages helped, base genes counted; intransigence:
                loss on the newest genes beyond that of joint training; best: forgetting from the best score instead of the
                first." }
            (table(&summary(&run.summary)).sortable())
            }
        }
        @if !run.costs.is_empty() {
            details { summary { "Costs" } (table(&costs(run))) }
        }
        @for method in m.methods.iter().filter(|method| !method.settings.is_null()) {
            details {
                summary { "Settings of " (method.name) }
                pre { code { (serde_json::to_string_pretty(&method.settings).unwrap_or_default()) } }
            }
        }
        @for (name, text) in &run.texts {
            details { summary { (name) } pre { code { (text) } } }
        }
    }
}

fn stages(run: &Run) -> Markup {
    let mut of = Table::new(&["stage", "name", "genes", "training cells", "held-out cells"]);
    for s in &run.manifest.stages {
        let counts = [s.genes, s.train_cells, s.held_out_cells].map(Cell::Count);
        of.rows.push(
            [Cell::Text(s.index.to_string()), s.name.as_str().into()].into_iter().chain(counts).collect(),
        );
    }
    html! { (table(&of)) }
}

fn stores(run: &Run) -> Markup {
    let mut of = Table::new(&["store", "cells", "genes", "fingerprint (SHA-256)"]);
    for s in &run.manifest.stores {
        let (name, print) = (s.name.as_str(), s.fingerprint.as_str());
        of.rows.push(vec![name.into(), Cell::Count(s.cells), Cell::Count(s.genes), print.into()]);
    }
    html! { (table(&of)) }
}

/// One row per measure, one column per method.
fn summary(rows: &[SummaryRow]) -> Table {
    let mut of = Table::new(&["measure"]);
    for row in rows {
        if !of.header.contains(&row.method) {
            of.header.push(row.method.clone());
        }
    }
    for row in rows {
        let column = of.header.iter().position(|name| *name == row.method).unwrap_or(0);
        let place = of.rows.iter().position(|r| r.first() == Some(&row.metric.as_str().into()));
        let place = place.unwrap_or_else(|| {
            let mut new = vec![Cell::Missing; of.header.len()];
            new[0] = row.metric.as_str().into();
            of.rows.push(new);
            of.rows.len() - 1
        });
        if column > 0 {
            of.rows[place][column] = row.interval().into();
        }
    }
    of
}

fn costs(run: &Run) -> Table {
    let header =
        ["chain", "seed", "stage", "cells", "seconds", "processor seconds", "kept cells", "kept bytes"];
    let mut of = Table::new(&header);
    for cost in &run.costs {
        let [seconds, processor] = [cost.seconds, cost.processor_seconds].map(Cell::from);
        of.rows.push(vec![
            cost.chain.as_str().into(),
            Cell::Text(cost.seed.to_string()),
            Cell::Count(cost.stage),
            Cell::Count(cost.cells),
            seconds,
            processor,
            Cell::Count(cost.kept_cells),
            Cell::Count(cost.kept_bytes),
        ]);
    }
    of
}
