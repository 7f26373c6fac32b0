//! The first screen: what was asked, the answer, one figure, one small table.

use super::table::table;
use super::{figure, of_topic};
use crate::charts::{Figure, Topic, foremost};
use crate::run::{Method, Run};
use crate::verdict::verdict;
use crate::{summary, wording};
use maud::{Markup, html};

pub fn section(run: &Run, figures: &[Figure]) -> Markup {
    let verdict = verdict(run);
    html! {
        section #answer {
            div.overview {
                div.headline {
                    p.asked { (asked(run)) }
                    h1 { (verdict.headline) }
                }
                div.numbers {
                    p { (verdict.answer) }
                    @if !verdict.caveats.is_empty() {
                        ul.caveats { @for caveat in &verdict.caveats { li { (caveat) } } }
                    }
                }
                @if of_topic(figures, Topic::TradeOff).next().is_some() {
                    div.trade-off {
                        // One for screens and one for phones; the style shows the one that fits.
                        @for f in of_topic(figures, Topic::TradeOff) { (figure(f)) }
                        p.note { "Down: less forgotten. Left: the newest genes learnt better. " (legend(run)) }
                    }
                }
            }
            (table(&summary::table(run)).sortable().ample())
            p.note { (bounds(run)) }
        }
    }
}

/// How the marks of the figure are to be read.
fn legend(run: &Run) -> String {
    let competitors = run.manifest.methods.iter().filter(|m| !m.is_joint()).count();
    let mut text = format!("Bars: {}; an arrow: the bar goes on. ", wording::intervals(run));
    if competitors > 3 {
        text += "Grey line: the methods that no other beats in both. ";
    }
    if foremost(run).len() < competitors {
        text += "In colour, here and in all figures: those methods, fine-tuning, and the next best.";
    }
    text
}

fn asked(run: &Run) -> String {
    let (base, later) = match run.manifest.stages.split_first() {
        Some(parts) => parts,
        None => return String::new(),
    };
    let sets: Vec<String> = later.iter().map(|s| format!("{} ({})", s.name, s.genes)).collect();
    let methods = wording::counted(run.manifest.methods.len(), "method");
    let seeds = wording::counted(run.manifest.seeds.len(), "seed");
    format!(
        "A model of {} learns {} one after another: {}. How much of the earlier ones does it forget? \
         {methods}, {seeds}.",
        wording::counted(base.genes, "base gene"),
        wording::counted(later.len(), "gene set"),
        sets.join(", ")
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
