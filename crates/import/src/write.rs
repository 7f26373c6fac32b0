//! Cell by cell into the store, while the next slab is being read.

use crate::ImportOptions;
use crate::frame::Values;
use crate::matrix::Slab;
use crate::merge::{Merged, Part};
use crate::summary::{FileSummary, Progress, Summary};
use crate::text::files_below;
use genil_base::files::{sha256, sha256_file};
use genil_base::{Error, Result};
use genil_data::{Annotation, Source, Store, StoreWriter};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::mpsc::sync_channel;

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
    let files = files_below(path)?;
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
    let mut cell = CellInTheMaking::new(part);
    // One slab on its way: while its cells are written, the next one is read.
    let (send, receive) = sync_channel::<Slab>(0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            part.opened.matrix.visit(&mut |slab| {
                send.send(slab).map_err(|_| Error::new("stopped because a cell could not be written"))
            })
        });
        let written = receive.iter().try_for_each(|slab| {
            for row in 0..slab.offsets.len() - 1 {
                let number = slab.first + row;
                let (id, is_new) = ids.unique(&part.opened.index[number]);
                renamed += usize::from(is_new);
                let range = slab.offsets[row]..slab.offsets[row + 1];
                cell.fill(&slab.genes[range.clone()], &slab.values[range])
                    .map_err(|e| e.at(format!("cell '{id}'")))?;
                let annotations: Vec<_> =
                    part.columns.iter().map(|values| annotation(values.as_ref(), number)).collect();
                writer.push(&id, part.panels[number], &cell.genes, &cell.values, &annotations)?;
            }
            progress(Progress { file: &part.source, cells: writer.cells(), total });
            Ok(())
        });
        // The reader waits for someone to take its slab: without a receiver it stops.
        drop(receive);
        let read = reader.join().unwrap_or_else(|_| Err(Error::new("reading stopped without a reason")));
        written.and(read)
    })?;
    Ok(renamed)
}

/// The genes and values of one cell as the store wants them. The buffers serve for all cells.
struct CellInTheMaking<'a> {
    part: &'a Part,
    entries: Vec<(u32, f32)>,
    genes: Vec<u32>,
    values: Vec<f32>,
}

impl<'a> CellInTheMaking<'a> {
    fn new(part: &'a Part) -> Self {
        Self { part, entries: Vec::new(), genes: Vec::new(), values: Vec::new() }
    }

    /// Takes over the entries of a row: ids of genes for columns, in order, rows of one gene joined,
    /// zeros dropped.
    fn fill(&mut self, columns: &[u32], values: &[f32]) -> Result<()> {
        self.entries.clear();
        for (&column, &value) in columns.iter().zip(values) {
            let Some(id) = self.part.gene_ids[column as usize] else { continue };
            if !(value >= 0.0 && value.is_finite()) {
                return Err(self.refuse(column, value));
            }
            if value > 0.0 {
                self.entries.push((id, value));
            }
        }
        if !self.entries.is_sorted_by(|a, b| a.0 < b.0) {
            self.entries.sort_by_key(|entry| entry.0);
            let add = self.part.opened.counts;
            self.entries.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 = if add { kept.1 + next.1 } else { kept.1.max(next.1) };
                }
                same
            });
        }
        self.genes.clear();
        self.values.clear();
        self.genes.extend(self.entries.iter().map(|entry| entry.0));
        self.values.extend(self.entries.iter().map(|entry| entry.1));
        Ok(())
    }

    fn refuse(&self, column: u32, value: f32) -> Error {
        let gene = self.part.opened.genes[column as usize].as_ref().map_or("", |gene| gene.symbol.as_str());
        let taken = &self.part.opened.taken;
        let (what, help) = if value < 0.0 && value.is_finite() {
            ("negative", "these are not counts but scaled values; name the layer that has the counts")
        } else {
            ("not finite", "find where it comes from, or take it out; or name another layer")
        };
        Error::new(format!("the value {value} of the gene '{gene}' in {taken} is {what}")).help(help)
    }
}

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
