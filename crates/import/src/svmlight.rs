//! Bags of words in svmlight's form (also libsvm's): a document a line, `LABEL word:count word:count …`,
//! with `qid:N` and `# comments` left out. The label is the annotation `label`. Words are numbered from 1,
//! or from 0 where a word 0 occurs; their names are looked for in a file beside.

use crate::frame::Values;
use crate::matrix::{Matrix, Slab};
use crate::opened::Opened;
use crate::text::{lines, open_rows};
use crate::words::LABEL;
use genil_base::files::parent;
use genil_base::{Error, Result};
use genil_data::Gene;
use std::io::BufRead;
use std::path::{Path, PathBuf};

const ENDINGS: [&str; 4] = ["svmlight", "libsvm", "svm", "feat"];
/// Values of a slab, at most.
const SLAB: usize = 1 << 22;
/// The largest number of a word: names are made for all numbers up to it.
const MOST_WORDS: u32 = 1 << 27;

/// A file in svmlight's form.
struct Lines {
    path: PathBuf,
    /// The number of the first word: 0 or 1.
    base: u32,
    words: usize,
    counts: bool,
}

/// One line.
struct Document<'a> {
    label: &'a str,
    /// Words and their values.
    entries: &'a [(u32, f32)],
}

/// Whether a file is named as such a file is.
pub fn is_svmlight(path: &Path) -> bool {
    ENDINGS.iter().any(|ending| stem(path, ending).is_some())
}

/// The name of the file without its ending.
fn stem(path: &Path, ending: &str) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    Some(name.strip_suffix(".gz").unwrap_or(name).strip_suffix(&format!(".{ending}"))?.to_owned())
}

/// Reads everything but the values.
pub fn open(path: &Path) -> Result<Opened> {
    let (mut labels, mut least, mut most, mut counts) = (Vec::new(), u32::MAX, None, true);
    read(path, &mut |document| {
        let label = document.label;
        labels.push(Some(label.strip_prefix('+').unwrap_or(label).to_owned()));
        for &(word, value) in document.entries {
            least = least.min(word);
            most = most.max(Some(word));
            counts &= value.fract() == 0.0;
        }
        Ok(())
    })?;
    let Some(most) = most else {
        return Err(Error::new("no line has a word").at_path(path));
    };
    let base = u32::from(least > 0);
    let needed = (most + 1 - base) as usize;
    let mut notes = vec!["documents are cells, words are genes".into()];
    let names = match vocabulary(path) {
        Some(beside) => {
            let names = lines(&beside)?;
            if names.len() < needed {
                return Err(Error::new(format!("{} words, but a word has the number {most}", names.len()))
                    .at_path(&beside)
                    .help("the two files must belong to each other"));
            }
            notes.push(format!("words from {}", beside.display()));
            names.into_iter().map(|word| word.trim().to_owned()).collect()
        }
        None => {
            notes.push("no file of words was found beside: words are called by their numbers".into());
            (base..=most).map(|word| word.to_string()).collect::<Vec<_>>()
        }
    };
    let words = names.len();
    let gene = |(row, symbol): (usize, String)| match symbol.is_empty() {
        true => Err(Error::new(format!("word {row} has no name")).at_path(path)),
        false => Ok(Some(Gene { symbol, ensembl: None })),
    };
    Ok(Opened {
        path: path.to_owned(),
        index: (1..=labels.len()).map(|document| document.to_string()).collect(),
        columns: vec![(LABEL.to_owned(), Values::categories(&labels))],
        genes: names.into_iter().enumerate().map(gene).collect::<Result<_>>()?,
        matrix: Box::new(Lines { path: path.to_owned(), base, words, counts }),
        counts,
        taken: "words".into(),
        skipped: Vec::new(),
        notes,
    })
}

/// The file of words, a word a line: `NAME.vocab`, `NAME.vocab.txt`, `vocab.NAME.txt` or `vocab.txt` beside.
fn vocabulary(path: &Path) -> Option<PathBuf> {
    let name = ENDINGS.iter().find_map(|ending| stem(path, ending))?;
    let names = [
        format!("{name}.vocab"),
        format!("{name}.vocab.txt"),
        format!("vocab.{name}.txt"),
        "vocab.txt".into(),
    ];
    names.into_iter().map(|name| parent(path).join(name)).find(|path| path.is_file())
}

/// Calls `each` with every document.
fn read(path: &Path, each: &mut dyn FnMut(Document<'_>) -> Result<()>) -> Result<()> {
    let mut input = open_rows(path)?;
    let (mut line, mut entries, mut number) = (Vec::new(), Vec::new(), 0u64);
    loop {
        line.clear();
        entries.clear();
        number += 1;
        if input.read_until(b'\n', &mut line).map_err(|e| Error::io("read", path, &e))? == 0 {
            return Ok(());
        }
        let at = |e: Error| e.at(format!("line {number}")).at_path(path);
        let text = std::str::from_utf8(&line).map_err(|_| at(Error::new("the line is no text")))?;
        let text = text.split('#').next().unwrap_or_default();
        let mut fields = text.split_ascii_whitespace();
        let Some(label) = fields.next() else { continue };
        if label.contains(':') {
            return Err(at(Error::new(format!("the line begins with '{label}' and not with a label"))));
        }
        for field in fields.filter(|field| !field.starts_with("qid:")) {
            let entry = field.split_once(':').and_then(|(word, value)| {
                Some((word.parse().ok().filter(|&word| word <= MOST_WORDS)?, value.parse().ok()?))
            });
            entries.push(entry.ok_or_else(|| at(Error::new(format!("'{field}' is not word:count"))))?);
        }
        each(Document { label, entries: &entries })?;
    }
}

impl Matrix for Lines {
    fn visit(&self, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()> {
        let mut slab = Slab::starting_at(0);
        read(&self.path, &mut |document| {
            for &(word, value) in document.entries {
                // Checked when the file was opened; a file that changes meanwhile is refused.
                let word = word.checked_sub(self.base).filter(|&word| (word as usize) < self.words);
                slab.genes.push(word.ok_or_else(|| Error::new("the file has changed").at_path(&self.path))?);
                slab.values.push(value);
            }
            slab.offsets.push(slab.genes.len());
            if slab.genes.len() < SLAB {
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
