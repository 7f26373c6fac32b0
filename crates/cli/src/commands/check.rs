//! `genil check`: do the genes of a file and of a model go by the same names?

use crate::args::CheckArgs;
use crate::output::Output;
use genil_base::{Error, Result};
use genil_data::{Gene, Store};
use genil_import::doctor::{Aliases, Diagnosis, Verdict, diagnose};
use genil_import::{CellFile, read_lines};
use genil_learn::checkpoint;
use std::path::Path;

/// Compares the genes of a file with those of a model.
pub fn run(args: &CheckArgs, output: &Output) -> Result<()> {
    let model = names(&args.model)?;
    let columns = columns(&args.data)?;
    let aliases = args.hgnc.as_deref().map(Aliases::read).transpose()?;
    let diagnosis = diagnose(&columns, &model, aliases.as_ref());
    if args.json {
        return output.json(&diagnosis);
    }
    output.print(&text(&diagnosis, args));
    Ok(())
}

/// The names of the genes of a model, a store or a list.
fn names(path: &Path) -> Result<Vec<String>> {
    if path.join("model.json").is_file() {
        return Ok(checkpoint::read_card(path)?.genes.concat());
    }
    if path.join("store.json").is_file() {
        return Ok(Store::open(path)?.genes().iter().map(|(_, symbol)| symbol.to_owned()).collect());
    }
    if path.is_dir() {
        return Err(Error::new("neither a model nor a store is in this folder")
            .at_path(path)
            .help("name the folder of a finished stage, a store, or a text file with a gene a line"));
    }
    list(path)
}

/// A text file with a gene a line.
fn list(path: &Path) -> Result<Vec<String>> {
    let lines = read_lines(path)?;
    let names: Vec<String> =
        lines.iter().map(|line| line.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    match names.is_empty() {
        true => Err(Error::new("the list has no gene").at_path(path).help("write a gene a line")),
        false => Ok(names),
    }
}

/// The genes of a file, a store or a list, column by column.
fn columns(path: &Path) -> Result<Vec<Option<Gene>>> {
    if path.join("store.json").is_file() {
        return Ok(Store::open(path)?.genes().genes().iter().cloned().map(Some).collect());
    }
    if path.extension().is_some_and(|ending| ending == "txt") && path.is_file() {
        return Ok(list(path)?.into_iter().map(|symbol| Some(Gene { symbol, ensembl: None })).collect());
    }
    Ok(CellFile::open(path, None)?.columns().to_vec())
}

/// The diagnosis in plain words.
fn text(it: &Diagnosis, args: &CheckArgs) -> String {
    let verdict = match it.verdict {
        Verdict::Ready => "Ready: the names agree.",
        Verdict::Mend => "Mend first: the model has other names for many of these genes.",
        Verdict::Wrong => "These are hardly the model's genes: other names, or another species.",
    };
    let percent = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
    let mut text = format!(
        "{verdict}\n  {} of the file's {} genes are known ({:.1} %); the file has {} of the model's {} ({:.1} %)\n",
        it.shared_genes,
        it.file_genes,
        percent(it.shared_genes, it.file_genes),
        it.shared_genes,
        it.model_genes,
        percent(it.shared_genes, it.model_genes),
    );
    if it.mendable_genes > 0 {
        text += &format!(
            "  {} more would be known by another name (all of them: --json, 'renames')\n",
            it.mendable_genes
        );
    }
    for finding in &it.findings {
        text += &format!("  {:>6}  {}", finding.genes, finding.reason.advice());
        if !finding.examples.is_empty() {
            let more = if finding.genes > finding.examples.len() { " …" } else { "" };
            text += &format!("\n          {}{more}", finding.examples.join(", "));
        }
        text.push('\n');
    }
    if !it.missing_examples.is_empty() {
        text += &format!("  the file lacks, for example: {}\n", it.missing_examples.join(", "));
    }
    if args.hgnc.is_none() && it.shared_genes < it.file_genes {
        text += "  aliases and previous symbols were not looked up: give HGNC's table with --hgnc\n";
    }
    text
}
