//! `report.html`: one file without a network, from the answer down to the settings.

mod against;
pub mod compare;
mod genes;
mod making;
mod maps;
mod matrices;
mod overview;
mod probes;
mod table;

use crate::charts::{Figure, Topic, XMLNS, foremost};
use crate::run::Run;
use crate::wording;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");

/// The whole page. Every name and text of the run is escaped.
pub fn html(run: &Run, figures: &[Figure]) -> String {
    let name = run.name();
    let sections = [
        ("against", "Paired differences", against::section(run, figures)),
        ("sets", "Gene sets, stage by stage", trajectories(run, figures)),
        ("matrices", "Matrices", Some(matrices::section(run))),
        ("forgetting", "Forgetting", forgetting(run, figures)),
        ("training", "Training", training(run, figures)),
        ("genes", "Genes", genes::section(run, figures)),
        ("probes", "Probes", probes::section(run)),
        ("maps", "Cells", maps::section(run, figures)),
        ("drift", "Drift", drift(run, figures)),
        ("making", "How it was made", Some(making::section(run))),
    ];
    let sections: Vec<_> =
        sections.into_iter().filter_map(|(id, title, body)| Some((id, title, body?))).collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&format!("What {name} forgot")))
            body {
                header {
                    p.run { b { "genil" } " report of the run " b { (name) } }
                    nav aria-label="Sections" {
                        @for (id, title, _) in &sections { a href={ "#" (id) } { (title) } " " }
                    }
                }
                main {
                    (overview::section(run, figures))
                    @for (id, title, body) in &sections {
                        section id=(id) { h2 { (title) } (body) }
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) }
            link rel="icon" href="data:,";
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// A figure as part of the page, under its caption, with a link to its file.
fn figure(figure: &Figure) -> Markup {
    html! {
        figure class=(figure.name) {
            figcaption { b { (figure.caption) } " " a href={ "figures/" (figure.name) ".svg" } { "SVG" } }
            (PreEscaped(figure.svg.replacen(XMLNS, "", 1)))
        }
    }
}

fn of_topic(figures: &[Figure], topic: Topic) -> impl Iterator<Item = &Figure> {
    figures.iter().filter(move |f| f.topic == topic)
}

fn panels<'a>(figures: impl Iterator<Item = &'a Figure>) -> Option<Markup> {
    let mut figures = figures.peekable();
    figures.peek()?;
    Some(html! { div.panels { @for f in figures { (figure(f)) } } })
}

/// Something of every method side by side; where there are many methods, those that stand in the background can be
/// unfolded.
fn by_method(run: &Run, of: impl Fn(usize) -> Option<Markup>) -> Markup {
    let foremost = foremost(run);
    let methods = &run.manifest.methods;
    let (first, rest): (Vec<usize>, Vec<usize>) =
        (0..methods.len()).partition(|&m| methods[m].is_joint() || foremost.contains(&m));
    let rest: Vec<Markup> = rest.into_iter().filter_map(&of).collect();
    html! {
        div.heats { @for m in first { @if let Some(it) = of(m) { (it) } } }
        @if !rest.is_empty() {
            details.more {
                summary { (wording::counted(rest.len(), "more method")) }
                div.heats { @for it in &rest { (it) } }
            }
        }
    }
}

fn trajectories(run: &Run, figures: &[Figure]) -> Option<Markup> {
    let panels = panels(of_topic(figures, Topic::Trajectory))?;
    Some(html! {
        p.note { "The regression loss on each set, from the stage that learnt it to the last. A line that climbs is
            forgetting. Bars: " (wording::intervals(run)) "." }
        (panels)
    })
}

fn forgetting(run: &Run, figures: &[Figure]) -> Option<Markup> {
    let panels = panels(of_topic(figures, Topic::Forgetting))?;
    Some(html! {
        p.note { "How much worse a gene set is after the last stage " i { "K" } " than right after its own stage "
            i { "j" } ". Filled: the mean over sets; hollow: single sets; bars: " (wording::intervals(run)) "." }
        (formula("regression", "Δ = mean over 1 ≤ j < K of ( L[K][j] − L[j][j] )"))
        (formula("classification", "Δ = mean over 1 ≤ j < K of ( A[j][j] − A[K][j] )"))
        p.note { "First minus last, as in Qi et al., AAAI 2026 (arXiv 2511.13762). Below 0, later stages helped. With a
            single stage after the base, the base genes (j = 0) take the place of the earlier sets." }
        (panels)
    })
}

fn drift(_: &Run, figures: &[Figure]) -> Option<Markup> {
    let panels = panels(of_topic(figures, Topic::Drift))?;
    Some(html! {
        p.note { "The last model against the one that had just learnt a gene set. Similarity: linear CKA of the outputs for "
            code { "<cls>" } " after every encoder layer (1: the same but for a rotation). Accuracy: of a linear probe on that
            layer. Weights: the length of a part's change, relative to its length." }
        (panels)
    })
}

fn formula(name: &str, text: &str) -> Markup {
    html! { p.formula { span { (name) } code { (text) } } }
}

fn training(run: &Run, figures: &[Figure]) -> Option<Markup> {
    let stages: Vec<_> = run
        .manifest
        .stages
        .iter()
        .enumerate()
        .filter_map(|(k, stage)| Some((k, stage, panels(of_topic(figures, Topic::LossCurve(k)))?)))
        .collect();
    (!stages.is_empty()).then(|| {
        html! {
            p.note { "The value head's loss on masked positions of the training cells, the mean over seeds. Genes learnt earlier:
                the base genes, and of earlier sets what a method shows the model again. Forgetting of sets that it does
                not show cannot be seen here, but in the curves by gene set above." }
            @for (k, stage, panels) in &stages {
                div.stage { h3 { "Stage " (k) ": " (stage.name) } (panels) }
            }
        }
    })
}
