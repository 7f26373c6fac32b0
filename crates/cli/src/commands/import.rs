//! `genil import`

use crate::args::{GenesPlace, ImportArgs};
use crate::output::Output;
use genil_base::{Error, Result};
use genil_import::{GenesBy, GenesIn, ImportOptions, Summary, import};
use std::cell::Cell;
use std::fmt::Write;

/// Brings files into a store.
pub fn run(args: &ImportArgs, output: &Output) -> Result<()> {
    let measured = args.measured.as_deref().map(|it| match it.rsplit_once(':') {
        Some((table, column)) if !table.is_empty() && !column.is_empty() => {
            Ok((table.into(), column.to_owned()))
        }
        _ => Err(Error::new(format!("--measured {it} is not TABLE:COLUMN"))
            .help("name the table and the annotation column: --measured presence.tsv.gz:dataset")),
    });
    let options = ImportOptions {
        files: args.files.clone(),
        out: args.out.clone(),
        layer: args.layer.clone(),
        measured: measured.transpose()?,
        genes_in: args.genes_in.map(|place| match place {
            GenesPlace::Rows => GenesIn::Rows,
            GenesPlace::Columns => GenesIn::Columns,
        }),
        annotations: args.annotations.clone(),
        genes_by: if args.by_ensembl { GenesBy::Ensembl } else { GenesBy::Symbol },
        replace: args.replace,
    };
    let progress = output.progress();
    let done: Cell<Option<usize>> = Cell::new(None);
    let summary = import(&options, &|at| {
        if done.get().is_none() {
            progress.begin("import", "cells", at.total as u64);
        }
        progress.advance(at.cells.saturating_sub(done.get().unwrap_or(0)) as u64, at.file);
        done.set(Some(at.cells));
    })?;
    progress.end();
    if args.json {
        return output.json(&summary);
    }
    output.print(&text(&summary));
    Ok(())
}

/// The summary in plain words.
fn text(summary: &Summary) -> String {
    let mut text =
        format!("{} cells and {} genes are in {}\n", summary.cells, summary.genes, summary.store.display());
    for file in &summary.files {
        let mut line = |what: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "  {}: {what}", file.source);
        };
        line(&format!("{} cells, {} genes, counts from {}", file.cells, file.genes, file.taken));
        if file.duplicate_genes > 0 {
            line(&format!("{} rows are further rows of a gene", file.duplicate_genes));
        }
        if file.renamed_cells > 0 {
            line(&format!("{} cells got another id: theirs was taken", file.renamed_cells));
        }
        for skipped in &file.skipped {
            line(&format!("column '{}' was left out: {}", skipped.name, skipped.reason));
        }
        for note in &file.notes {
            line(note);
        }
    }
    for note in &summary.notes {
        text += &format!("  {note}\n");
    }
    text += &format!("  columns: {}\n", summary.columns.join(", "));
    if !summary.whole_numbers {
        text += "  NOTE: the values are not whole numbers: these may not be raw counts\n";
    }
    text
}
