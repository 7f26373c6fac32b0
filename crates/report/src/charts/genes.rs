//! What became of every gene: its loss when just learnt against its loss after the last stage.

use super::canvas::{Axis, Panel, draw};
use super::marks::{GREY, Mark};
use super::{Figure, Topic};
use crate::gene_table::{self, GeneRow};
use crate::run::Run;
use crate::wording;
use genil_base::Result;

/// One panel per method, all on the same axes; a dot is a gene, its colour its set.
pub fn figures(run: &Run) -> Result<Vec<Figure>> {
    let rows = gene_table::rows(run);
    let all = || rows.iter().flat_map(|row| row.losses.iter().flatten().flat_map(|&(a, b)| [a, b]));
    let sets: Vec<usize> =
        (0..run.manifest.stages.len()).filter(|&j| rows.iter().any(|row| row.set == j)).collect();
    let mut figures = Vec::new();
    for (m, method) in run.manifest.methods.iter().enumerate() {
        let dots: Vec<(&GeneRow, (f64, f64))> =
            rows.iter().filter_map(|row| Some((row, row.losses[m]?))).collect();
        if dots.is_empty() {
            continue;
        }
        // Other colours than the first methods have, as far as there are any.
        let colour = |set: usize| Mark::round(if set == 0 { GREY } else { Mark::nth(set + 2).colour });
        let panel = Panel {
            size: (360, 330),
            x: Axis::around("loss when just learnt", all()),
            y: Axis::around("loss after the last stage", all()),
            legend: sets.iter().map(|&j| (run.manifest.stages[j].name.clone(), colour(j))).collect(),
            right: 0,
            bare: false,
        };
        let title = format!("{}: every gene's loss when just learnt and after the last stage", method.name);
        let svg = draw(&panel, &title, |pen| {
            let (from, to) = (panel.x.range.start, panel.x.range.end);
            pen.line(&[(from, from), (to, to)], GREY, 1)?;
            // The many base genes first, so that they hide nobody.
            for &set in &sets {
                let of_set = dots.iter().filter(|(row, _)| row.set == set);
                pen.dots(of_set.map(|(_, at)| *at), colour(set).colour, 25);
            }
            Ok(())
        })?;
        let name = format!("genes-{}", wording::file_part(&method.name));
        figures.push(Figure { name, caption: method.name.clone(), topic: Topic::Genes, svg });
    }
    Ok(figures)
}
