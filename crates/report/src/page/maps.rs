//! Where the cells lie: a row of maps per method, before and after.

use super::{by_method, of_topic};
use crate::charts::{Figure, Topic, XMLNS, class_colours};
use crate::run::Run;
use maud::{Markup, PreEscaped, html};

/// `None` without maps.
pub fn section(run: &Run, figures: &[Figure]) -> Option<Markup> {
    let sets: Vec<usize> =
        (0..run.manifest.stages.len()).filter(|&set| run.places.iter().any(|p| p.set == set)).collect();
    if sets.is_empty() {
        return None;
    }
    Some(html! {
        p.note { "Cells of the labelled data sets as the model sees them, their embeddings laid out in the plane by t-SNE: near
            means alike; distances between groups, directions and sizes mean nothing. A later map starts from the earlier
            one, so what keeps its place has kept its neighbours. First seed." }
        @for set in sets {
            @let stage = &run.manifest.stages[set];
            h3 { (stage.probe.as_ref().map_or(&stage.name, |probe| &probe.store)) }
            p.key {
                @for (class, colour) in class_colours(run, set) {
                    span { svg width="12" height="12" aria-hidden="true" {
                        circle cx="6" cy="6" r="5" fill=(format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)) {}
                    } " " (class) }
                }
            }
            (by_method(run, |method| {
                let maps: Vec<&Figure> = of_topic(figures, Topic::Map { set, method }).collect();
                (!maps.is_empty()).then(|| html! {
                    div.maps {
                        h4 { (run.manifest.methods[method].name) }
                        div { @for map in maps {
                            figure {
                                figcaption { (map.caption) " " a href={ "figures/" (map.name) ".svg" } { "SVG" } }
                                (PreEscaped(map.svg.replacen(XMLNS, "", 1)))
                            }
                        } }
                    }
                })
            }))
        }
    })
}
