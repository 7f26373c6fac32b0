//! Cell by cell into the store, while the next slab is being read.

use crate::ImportOptions;
use crate::cells;
use crate::frame::Values;
use crate::merge::{Merged, Part};
use crate::summary::{FileSummary, Progress, Summary};
use crate::text::files_below;
use crate::zarr;
use genil_base::files::{sha256, sha256_file};
use genil_base::{Error, Result};
use genil_data::{Annotation, Source, Store, StoreWriter};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::path::Path;

/// Refuses a target that cannot be, and a file that is named twice, before anything is read.
pub fn check_target(options: &ImportOptions) -> Result<()> {
    let out = &options.out;
    if out.symlink_metadata().is_ok() && !options.replace {
        return Err(Error::new(format!("{} exists already", out.display()))
            .help("choose another name, or say that the store is to be replaced (--replace)"));
    }
    let mut seen = BTreeSet::new();
    for file in &options.files {
        let whole = file.canonicalize().map_err(|e| Error::io("open", file, &e))?;
        if !seen.insert(whole) {
            return Err(Error::new(format!("{} is named twice", file.display())).help("name each file once"));
        }
    }
    Ok(())
}

/// Writes all files into the store.
pub fn write(merged: Merged, options: &ImportOptions, progress: &dyn Fn(Progress<'_>)) -> Result<Summary> {
    let sources = merged.files.par_iter().map(source).collect::<Result<Vec<_>>>()?;
    let begin = if options.replace { StoreWriter::replace } else { StoreWriter::create };
    let mut writer = begin(&options.out, merged.genes, merged.panels, merged.columns, sources)?;
    let total = merged.files.iter().map(|part| part.opened.index.len()).sum();
    let mut ids = Ids::default();
    let mut files = Vec::new();
    for part in &merged.files {
        let renamed = write_part(part, &mut writer, &mut ids, total, progress).map_err(|e| {
            e.at_path(&part.opened.path).help("copy the file again: it cannot be read to its end")
        })?;
        files.push(file_summary(part, renamed));
    }
    let store = writer.finish()?;
    Ok(summary(&store, files, merged.notes))
}

fn source(part: &Part) -> Result<Source> {
    let path = &part.opened.path;
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok(Source { file, sha256: hash(path)?, taken: part.opened.taken.clone() })
}

/// SHA-256 of a file, or of the hashes of the files of a folder in the order of their paths.
fn hash(path: &Path) -> Result<String> {
    if !path.is_dir() {
        return sha256_file(path);
    }
    let files = if zarr::is_zarr(path) { zarr::files(path)? } else { files_below(path)? };
    let hashes = files.par_iter().map(|file| sha256_file(file)).collect::<Result<Vec<_>>>()?;
    Ok(sha256(hashes.join("\n").as_bytes()))
}

/// Writes the cells of one file; returns how many got another id.
fn write_part(
    part: &Part,
    writer: &mut StoreWriter,
    ids: &mut Ids,
    total: usize,
    progress: &dyn Fn(Progress<'_>),
) -> Result<usize> {
    let mut renamed = 0;
    cells::visit(part, &mut |row, cell| {
        let (id, is_new) = ids.unique(&part.opened.index[row]);
        renamed += usize::from(is_new);
        let annotations: Vec<_> =
            part.columns.iter().map(|values| annotation(values.as_ref(), row)).collect();
        writer.push(&id, part.panels[row], cell.genes, cell.values, &annotations)?;
        if writer.cells().is_multiple_of(CELLS_A_REPORT) || writer.cells() == total {
            progress(Progress { file: &part.source, cells: writer.cells(), total });
        }
        Ok(())
    })?;
    Ok(renamed)
}

/// Cells between two reports of progress.
const CELLS_A_REPORT: usize = 2048;

fn annotation(values: Option<&Values>, row: usize) -> Annotation<'_> {
    match values {
        Some(Values::Category { codes, names }) => {
            codes[row].map_or(Annotation::Missing, |code| Annotation::Text(&names[code as usize]))
        }
        Some(Values::Number(numbers)) => Annotation::Number(numbers[row]),
        Some(Values::Text(texts)) => texts[row].as_deref().map_or(Annotation::Missing, Annotation::Text),
        None => Annotation::Missing,
    }
}

/// The ids of the cells so far.
#[derive(Default)]
struct Ids(HashSet<String>);

impl Ids {
    /// The id, with a number appended if it is taken, and whether one was.
    fn unique(&mut self, id: &str) -> (String, bool) {
        if self.0.insert(id.to_owned()) {
            return (id.to_owned(), false);
        }
        let mut number = 1;
        loop {
            let other = format!("{id}-{number}");
            if self.0.insert(other.clone()) {
                return (other, true);
            }
            number += 1;
        }
    }
}

fn file_summary(part: &Part, renamed_cells: usize) -> FileSummary {
    let opened = &part.opened;
    let mut notes = opened.notes.clone();
    if let Some(first) = part.duplicates.first() {
        let (n, how) =
            (part.duplicates.len(), if opened.counts { "added up" } else { "joined by the largest" });
        let example = format!("'{}' has {}", first.gene, first.rows);
        notes.push(format!("{n} genes have several rows ({example}): their values were {how}"));
    }
    if renamed_cells > 0 {
        notes.push(format!("{renamed_cells} cells have the id of another cell: -1, -2 … was appended"));
    }
    let genes: BTreeSet<u32> = part.gene_ids.iter().copied().flatten().collect();
    FileSummary {
        file: opened.path.clone(),
        source: part.source.clone(),
        cells: opened.index.len(),
        genes: genes.len(),
        taken: opened.taken.clone(),
        skipped: opened.skipped.clone(),
        duplicate_genes: part.duplicates.len(),
        renamed_cells,
        notes,
    }
}

fn summary(store: &Store, files: Vec<FileSummary>, mut notes: Vec<String>) -> Summary {
    let manifest = store.manifest();
    if !manifest.whole_numbers {
        notes.push("not all values are whole numbers: these are not raw counts".into());
    }
    Summary {
        store: store.path().to_owned(),
        fingerprint: store.fingerprint().to_owned(),
        cells: manifest.cells,
        genes: manifest.genes,
        values: manifest.values,
        whole_numbers: manifest.whole_numbers,
        panels: manifest.panels.clone(),
        columns: store.columns().to_vec(),
        files,
        notes,
    }
}
