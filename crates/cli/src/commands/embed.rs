//! `genil embed`

use crate::args::EmbedArgs;
use crate::output::Output;
use genil_base::{Error, Result};
use genil_import::{CellFile, EmbeddedCopy, VectorTable};
use genil_learn::Frozen;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Cells that the model is asked for at a time.
const TOGETHER: usize = 256;

#[derive(Serialize)]
struct Done {
    model: PathBuf,
    width: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cells: Option<Cells>,
    #[serde(skip_serializing_if = "Option::is_none")]
    genes: Option<PathBuf>,
}

#[derive(Serialize)]
struct Cells {
    out: PathBuf,
    cells: usize,
    /// Cells that express none of the model's genes: their embedding is 0.
    without_genes: usize,
    file_genes: usize,
    model_genes: usize,
    /// Genes that both have.
    shared_genes: usize,
    counts_from: String,
    are_counts: bool,
}

/// Embeds the cells of a file, or writes the embeddings of the genes.
pub fn run(args: &EmbedArgs, output: &Output) -> Result<()> {
    for path in [&args.out, &args.genes].into_iter().flatten() {
        check_target(path, args)?;
    }
    if let Some(path) = args.genes.as_deref().filter(|path| !VectorTable::is_table(path)) {
        return Err(Error::new(format!("--genes {} is no name of a table", path.display()))
            .help("let it end in .csv or .parquet"));
    }
    let mut model = Frozen::open(&args.model)?;
    let cells = match (&args.file, &args.out) {
        (Some(file), Some(out)) => Some(embed_cells(&mut model, file, out, args, output)?),
        _ => None,
    };
    if let Some(path) = &args.genes {
        write_genes(&model, path)?;
    }
    let done = Done { model: args.model.clone(), width: model.width(), cells, genes: args.genes.clone() };
    if args.json {
        return output.json(&done);
    }
    output.print(&text(&done, args));
    Ok(())
}

fn check_target(path: &Path, args: &EmbedArgs) -> Result<()> {
    if path.symlink_metadata().is_err() || args.replace {
        return Ok(());
    }
    Err(Error::new(format!("{} exists already", path.display()))
        .help("choose another name, or write over it with --replace"))
}

/// Where embeddings of cells go, one after the other.
enum Target {
    Table(VectorTable),
    Copy(EmbeddedCopy),
}

fn embed_cells(
    model: &mut Frozen,
    path: &Path,
    out: &Path,
    args: &EmbedArgs,
    output: &Output,
) -> Result<Cells> {
    if !VectorTable::is_table(out) {
        EmbeddedCopy::check(path, out, &args.key)?;
    }
    let file = CellFile::open(path, args.layer.as_deref())?;
    let tokens = model.tokens(file.genes()).map_err(|e| e.at_path(path))?;
    let width = model.width();
    let mut target = match VectorTable::is_table(out) {
        true => Target::Table(VectorTable::create(out, &["cell_id"], width)?),
        false => Target::Copy(EmbeddedCopy::begin(path, out, &args.key, width)?),
    };
    let progress = output.progress();
    progress.begin("embed", "cells", file.cells() as u64);
    let (mut waiting, mut first, mut without_genes) = (Vec::new(), 0, 0);
    file.visit(&mut |row, cell| {
        let drawn = model.draw(row, cell, &tokens);
        without_genes += usize::from(drawn.tokens.is_empty());
        waiting.push(drawn);
        if waiting.len() < TOGETHER && row + 1 < file.cells() {
            return Ok(());
        }
        let embedded = model.embed(&waiting)?;
        match &mut target {
            Target::Table(table) => {
                for (place, numbers) in embedded.chunks_exact(width).enumerate() {
                    table.push(&[file.id(first + place)], numbers)?;
                }
            }
            Target::Copy(copy) => copy.push(&embedded)?,
        }
        progress.advance(waiting.len() as u64, "");
        waiting.clear();
        first = row + 1;
        Ok(())
    })?;
    progress.end();
    match target {
        Target::Table(table) => table.finish()?,
        Target::Copy(copy) => copy.finish()?,
    }
    Ok(Cells {
        out: out.to_owned(),
        cells: file.cells(),
        without_genes,
        file_genes: file.genes().len(),
        model_genes: model.genes().count(),
        shared_genes: tokens.iter().filter(|&&token| token != genil_data::partition::NONE).count(),
        counts_from: file.taken().to_owned(),
        are_counts: file.has_counts(),
    })
}

fn write_genes(model: &Frozen, path: &Path) -> Result<()> {
    let mut table = VectorTable::create(path, &["gene", "stage"], model.width())?;
    for ((stage, gene), numbers) in model.genes().zip(model.gene_embeddings().chunks_exact(model.width())) {
        table.push(&[gene, &stage.to_string()], numbers)?;
    }
    table.finish()
}

/// The summary in plain words.
fn text(done: &Done, args: &EmbedArgs) -> String {
    let mut text = String::new();
    if let Some(cells) = &done.cells {
        let place = match VectorTable::is_table(&cells.out) {
            true => String::new(),
            false => format!(", obsm/{}", args.key),
        };
        text += &format!(
            "{} cells × {} numbers are in {}{place}\n  the model knows {} of the file's {} genes, the file has {} of \
             the model's {}\n  values from {}\n",
            cells.cells,
            done.width,
            cells.out.display(),
            cells.shared_genes,
            cells.file_genes,
            cells.shared_genes,
            cells.model_genes,
            cells.counts_from
        );
        if cells.without_genes > 0 {
            text += &format!("  {} cells express no gene of the model: theirs is 0\n", cells.without_genes);
        }
        if !cells.are_counts {
            text += "  NOTE: the values are not whole numbers; the model was trained on counts\n";
        }
    }
    if let Some(genes) = &done.genes {
        text += &format!("the genes' embeddings are in {}\n", genes.display());
    }
    text
}
