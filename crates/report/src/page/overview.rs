//! The first screen: what was asked, the answer, one figure, one small table.

use super::{figure, of_topic};
use crate::charts::{Figure, Topic};
use crate::run::{Method, Run};
use crate::verdict::verdict;
use crate::{summary, wording};
use genil_score::table::{bounded, number};
use genil_score::{Cell, Table};
use maud::{Markup, html};

pub fn section(run: &Run, figures: &[Figure]) -> Markup {
    let verdict = verdict(run);
    html! {
        section.overview {
            div {
                p.asked { (asked(run)) }
                h1 { (verdict.headline) }
                p { (verdict.answer) }
                @if !verdict.caveats.is_empty() {
                    ul.caveats { @for caveat in &verdict.caveats { li { (caveat) } } }
                }
                (table(&summary::table(run)))
                p.note { (bounds(run)) }
            }
            @for f in of_topic(figures, Topic::TradeOff) {
                div {
                    (figure(f))
                    p.note { "Down: less forgotten. Left: the newest genes learnt better. "
                        "Bars: " (wording::intervals(run)) "." }
                }
            }
        }
    }
}

fn asked(run: &Run) -> String {
    let (base, later) = match run.manifest.stages.split_first() {
        Some(parts) => parts,
        None => return String::new(),
    };
    let sets: Vec<String> = later.iter().map(|s| format!("{} ({})", s.name, s.genes)).collect();
    let methods: Vec<&str> = run.manifest.methods.iter().map(|m| m.name.as_str()).collect();
    let seeds = wording::counted(run.manifest.seeds.len(), "seed");
    format!(
        "A model of {} learns {} one after another: {}. How much of the earlier ones does it forget? \
         Methods: {}; {seeds}.",
        wording::counted(base.genes, "base gene"),
        wording::counted(later.len(), "gene set"),
        sets.join(", "),
        methods.join(", ")
    )
}

fn bounds(run: &Run) -> String {
    let over = match run.manifest.seeds.len() {
        1 => "One seed: no interval over seeds; small numbers: 95 % interval over its cells (bootstrap)."
            .to_owned(),
        n => format!("Means over {n} seeds; small numbers: 95 % interval (Student's t)."),
    };
    let joint: Vec<&str> =
        run.manifest.methods.iter().filter(|m| m.is_joint()).map(|m: &Method| m.name.as_str()).collect();
    if joint.is_empty() {
        over
    } else {
        format!(
            "{over} {} trains on all stages at once: a bound to compare with, no competitor.",
            joint.join(", ")
        )
    }
}

/// A table of numbers with their intervals in small print.
pub fn table(table: &Table) -> Markup {
    html! {
        div.wide { table {
            thead { tr { @for name in &table.header { th scope="col" { (name) } } } }
            tbody {
                @for row in &table.rows {
                    tr {
                        @for (c, cell) in row.iter().enumerate() {
                            @let words = matches!(cell, Cell::Text(_));
                            @if c == 0 { th scope="row" { (cell.for_people()) } }
                            @else { td class=[words.then_some("words")] { (value(cell)) } }
                        }
                    }
                }
            }
        } }
    }
}

/// A number, its interval in small print.
pub fn value(cell: &Cell) -> Markup {
    match cell {
        Cell::Interval(it) => html! {
            @match bounded(it) {
                Some([value, low, high]) => { (value) small { (low) " to " (high) } }
                None => (number(it.value)),
            }
        },
        other => html! { (other.for_people()) },
    }
}
