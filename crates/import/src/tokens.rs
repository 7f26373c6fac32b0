//! Cells as lists of gene tokens and values in Parquet, as scGPT and Tahoe-100M lay them out: a row a cell, one
//! column of lists of whole numbers (`genes`), one of lists of values (`expressions`), all others annotations.
//!
//! What a token means is said by a file beside: `gene_metadata.parquet` (`token_id`, `gene_symbol`,
//! `ensembl_id`) or a JSON object of names and numbers (`vocab.json`).
//!
//! `columns` reads Parquet (with `pages`); of it are made the `lists`, the `annotations` and the `vocabulary`.

mod annotations;
mod columns;
mod lists;
mod pages;
mod vocabulary;

use crate::matrix::{Matrix, Slab};
use crate::opened::Opened;
use crate::text::files_below;
use annotations::Annotations;
use columns::{TOGETHER, builder};
use genil_base::{Error, Result};
use genil_data::Gene;
use lists::{EachCell, each_cell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The files of one data set.
struct Tokens {
    files: Vec<PathBuf>,
    lists: [String; 2],
    /// For each token the column of its gene.
    columns: HashMap<i64, u32>,
    counts: bool,
}

/// Whether a path is such a file, or a folder with such files.
pub fn is_parquet(path: &Path) -> Result<bool> {
    Ok(!shards(path)?.is_empty())
}

/// The Parquet files at a path that hold cells, in the order of their names.
fn shards(path: &Path) -> Result<Vec<PathBuf>> {
    let is = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "parquet");
    let is_vocabulary = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().contains("gene_metadata"))
    };
    let files = if path.is_dir() { files_below(path)? } else { vec![path.to_owned()] };
    Ok(files.into_iter().filter(is).filter(|path| !is_vocabulary(path)).collect())
}

/// Reads everything but the values.
pub fn open(path: &Path) -> Result<Opened> {
    let files = shards(path)?;
    let first = files.first().ok_or_else(|| Error::new("there is no Parquet file here").at_path(path))?;
    let schema = builder(first)?.schema().clone();
    let lists = lists::names(&schema).map_err(|e| e.at_path(first))?;
    let vocabulary = vocabulary::vocabulary(path)?;
    let scalars: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .filter(|name| !lists.contains(&(*name).to_owned()))
        .collect();
    let annotations = Annotations::read(&files, &scalars)?;
    let (genes, columns, notes) = match vocabulary {
        Some((names, beside)) => {
            let columns = names.keys().copied().zip(0..).collect();
            (names.into_values().collect(), columns, vec![format!("genes from {}", beside.display())])
        }
        None => {
            let tokens = used_tokens(&files, &lists)?;
            let gene = |token: &i64| Some(Gene { symbol: token.to_string(), ensembl: None });
            let note =
                "no file of genes was found beside (gene_metadata.parquet, vocab.json): genes are called by \
                        their tokens"
                    .to_owned();
            (tokens.iter().map(gene).collect(), tokens.iter().copied().zip(0..).collect(), vec![note])
        }
    };
    let mut matrix = Tokens { files, lists, columns, counts: true };
    matrix.counts = matrix.first_are_whole()?;
    let Annotations { index, columns, skipped } = annotations;
    Ok(Opened {
        path: path.to_owned(),
        index,
        columns,
        genes,
        counts: matrix.counts,
        taken: matrix.lists[1].clone(),
        matrix: Box::new(matrix),
        skipped,
        notes,
    })
}

impl Tokens {
    fn cells(&self, each: EachCell<'_>) -> Result<()> {
        each_cell(&self.files, &self.lists, usize::MAX, each)
    }

    fn first_are_whole(&self) -> Result<bool> {
        let files = &self.files[..1];
        let mut whole = true;
        each_cell(files, &self.lists, TOGETHER, &mut |_, values| {
            whole &= values.iter().all(|value| value.fract() == 0.0);
            Ok(())
        })?;
        Ok(whole)
    }
}

/// The tokens that occur, in order.
fn used_tokens(files: &[PathBuf], lists: &[String; 2]) -> Result<Vec<i64>> {
    let mut used = std::collections::BTreeSet::new();
    each_cell(files, lists, usize::MAX, &mut |tokens, _| {
        used.extend(tokens.iter().map(|&token| token as i64));
        Ok(())
    })?;
    Ok(used.into_iter().collect())
}

impl Matrix for Tokens {
    fn visit(&self, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()> {
        let mut slab = Slab::starting_at(0);
        self.cells(&mut |tokens, values| {
            for (&token, &value) in tokens.iter().zip(values) {
                let column = self.columns.get(&(token as i64)).ok_or_else(|| {
                    Error::new(format!("the token {token} is no gene of the vocabulary"))
                        .at(format!("cell {}", slab.first + slab.offsets.len() - 1))
                        .help("the vocabulary beside the file must be the one it was made with")
                })?;
                slab.genes.push(*column);
                slab.values.push(value as f32);
            }
            slab.offsets.push(slab.genes.len());
            if slab.offsets.len() <= TOGETHER {
                return Ok(());
            }
            each(slab.take())
        })?;
        each(slab)
    }

    fn looks_like_counts(&self) -> Result<bool> {
        Ok(self.counts)
    }
}
