//! Forgetting of every gene: scatter, and a table that sorts and searches.

use super::{by_method, figure, of_topic};
use crate::charts::{Figure, Topic};
use crate::gene_table::{self, GeneRow};
use crate::run::Run;
use crate::wording::{counted, signed};
use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};

/// Rows that stand in the page itself, for print and for browsers without scripts.
const SHOWN: usize = 20;

/// `None` without losses per gene.
pub fn section(run: &Run, figures: &[Figure]) -> Option<Markup> {
    let rows = gene_table::rows(run);
    if rows.is_empty() {
        return None;
    }
    let methods = &run.manifest.methods;
    let set = |row: &GeneRow| run.manifest.stages[row.set].name.clone();
    let columns: Vec<String> = ["gene", "gene set", "cells"]
        .map(str::to_owned)
        .into_iter()
        .chain(methods.iter().map(|m| m.name.clone()))
        .collect();
    Some(html! {
        p.note { "Above the diagonal: worse after the last stage than when just learnt. Means over seeds." }
        (by_method(run, |m| {
            let name = &run.manifest.methods[m].name;
            of_topic(figures, Topic::Genes).find(|f| f.caption == *name).map(figure)
        }))
        h3 { "Every gene" }
        p.note { "How much the loss on a gene rose from the stage that learnt it to the last, under every method; the most
            forgotten first. Cells: held-out cells that express the gene." }
        p.find { label { "Find a gene or set " input #gene-search type="search" autocomplete="off"; }
            " " span #gene-count aria-live="polite" { (counted(rows.len(), "gene")) } }
        div.wide { table #gene-table {
            thead { tr { @for name in &columns { th scope="col" { (name) } } } }
            tbody {
                @for row in rows.iter().take(SHOWN) {
                    tr {
                        th scope="row" { (row.gene) }
                        td.words { (set(row)) }
                        td { (row.cells) }
                        @for m in 0..methods.len() {
                            td { (row.forgotten(m).map_or_else(|| "–".to_owned(), signed)) }
                        }
                    }
                }
            }
        } }
        p { button #gene-more type="button" hidden { "Show more" } }
        script #gene-data type="application/json" { (PreEscaped(data(&rows, methods.len(), set))) }
    })
}

/// Rows as arrays; `<` is written as an escape, so that no name can end the script.
fn data(rows: &[GeneRow], methods: usize, set: impl Fn(&GeneRow) -> String) -> String {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let changes = (0..methods).map(|m| json!(row.forgotten(m).map(|v| (v * 1e5).round() / 1e5)));
            [json!(row.gene), json!(set(row)), json!(row.cells)].into_iter().chain(changes).collect()
        })
        .collect();
    Value::Array(rows).to_string().replace('<', "\\u003c")
}
