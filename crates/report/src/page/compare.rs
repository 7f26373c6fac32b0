//! Several runs side by side: their answers, their numbers, and in what they differ.

use super::table::table;
use super::{SCRIPT, head, matrices};
use crate::charts::{Figure, XMLNS};
use crate::metric;
use crate::run::Run;
use crate::verdict::verdict;
use crate::{summary, wording};
use genil_score::Table;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeSet;

/// The whole page; `names` and `figures` (the trade-off of each run) in the order of `runs`.
pub fn html(runs: &[Run], names: &[String], figures: &[Vec<Figure>]) -> String {
    let title = format!("{} side by side", wording::counted(runs.len(), "run"));
    let named = || names.iter().zip(runs);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&title))
            body {
                header { p.run { b { "genil" } " " (title) } }
                main {
                    section {
                        @for (name, run) in named() {
                            @let verdict = verdict(run);
                            h1 { (name) ": " (verdict.headline) }
                            p { (verdict.answer) }
                            @if !verdict.caveats.is_empty() {
                                ul.caveats { @for caveat in &verdict.caveats { li { (caveat) } } }
                            }
                        }
                        div.heats {
                            @for (name, figures) in names.iter().zip(figures) {
                                @for figure in figures {
                                    figure.trade-off {
                                        figcaption { b { (name) } " " (figure.caption) }
                                        (PreEscaped(figure.svg.replacen(XMLNS, "", 1)))
                                    }
                                }
                            }
                        }
                        p.note { "The same axes in every figure. Down: less forgotten. Left: the newest genes learnt better." }
                    }
                    section {
                        h2 { "Numbers" }
                        div.heats {
                            @for (name, run) in named() { div { h3 { (name) } (table(&summary::table(run)).sortable()) } }
                        }
                    }
                    section {
                        h2 { "Matrices" }
                        p.note { "Shades are to be compared within a run." }
                        @for (name, run) in named() {
                            h3 { (name) ": " (metric::regression(run).title) }
                            (matrices::matrices(run, metric::regression(run), false))
                        }
                    }
                    section { h2 { "In what they differ" } (differences(runs, names)) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// What a run says of itself under one heading.
type Fact = (&'static str, fn(&Run) -> Vec<String>);

fn differences(runs: &[Run], names: &[String]) -> Markup {
    let list = |items: Vec<String>| items.join(", ");
    let facts: [Fact; 8] = [
        ("genil", |run| vec![run.manifest.genil.clone()]),
        ("seeds", |run| run.manifest.seeds.iter().map(u64::to_string).collect()),
        ("methods", |run| run.manifest.methods.iter().map(|m| m.name.clone()).collect()),
        ("stages", |run| run.manifest.stages.iter().map(|s| format!("{} ({})", s.name, s.genes)).collect()),
        ("settings", |run| vec![run.manifest.settings_hash.clone()]),
        ("plan", |run| vec![run.manifest.plan_hash.clone()]),
        ("data", |run| run.manifest.stores.iter().map(|s| s.fingerprint.clone()).collect()),
        ("command", |run| vec![run.manifest.command.clone()]),
    ];
    let mut differ = Table::new(&[""]);
    differ.header.extend(names.iter().cloned());
    let mut same = Vec::new();
    for (fact, of) in facts {
        let values: Vec<String> = runs.iter().map(|run| list(of(run))).collect();
        if values.windows(2).all(|pair| pair[0] == pair[1]) {
            same.push(fact);
        } else {
            differ
                .rows
                .push([fact].into_iter().chain(values.iter().map(String::as_str)).map(Into::into).collect());
        }
    }
    html! {
        @if !same.is_empty() { p { "The same in all: " (same.join(", ")) "." } }
        @if !differ.rows.is_empty() { div.wrap { (table(&differ)) } }
        @for (name, lines) in own_lines(runs, names) {
            h3 { "Only in the settings or plan of " (name) }
            pre { code { (lines.join("\n")) } }
        }
    }
}

/// The lines of `run.toml` and `plan.toml` that not every run has.
fn own_lines(runs: &[Run], names: &[String]) -> Vec<(String, Vec<String>)> {
    let lines = |run: &Run| -> Vec<String> {
        let all = run.texts.iter().flat_map(|(_, text)| text.lines());
        all.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    };
    let sets: Vec<BTreeSet<String>> = runs.iter().map(|run| lines(run).into_iter().collect()).collect();
    let own = |run: &Run| -> Vec<String> {
        lines(run).into_iter().filter(|line| !sets.iter().all(|set| set.contains(line))).collect()
    };
    names.iter().cloned().zip(runs.iter().map(own)).filter(|(_, lines)| !lines.is_empty()).collect()
}
