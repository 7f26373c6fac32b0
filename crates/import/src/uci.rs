//! Bags of words as the UCI repository lays them out: `docword.NAME.txt` (maybe `.gz`) with the numbers of
//! documents, words and triples on three lines and then a triple a line — document, word, count —
//! and beside it `vocab.NAME.txt` with a word a line.

use crate::opened::Opened;
use crate::text::{LONGEST_LINE, lines, most_bytes, open_text};
use crate::triples::Triples;
use genil_base::files::parent;
use genil_base::{Error, Result};
use genil_data::Gene;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

/// Whether a file is named as such a file is.
pub fn is_bag_of_words(path: &Path) -> bool {
    vocabulary(path).is_some()
}

/// Where the words should be.
fn vocabulary(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_prefix("docword.")?;
    Some(parent(path).join(format!("vocab.{}", name.trim_end_matches(".gz"))))
}

/// Reads everything but the counts.
pub fn open(path: &Path) -> Result<Opened> {
    let triples = header(path)?;
    let words = vocabulary(path).ok_or_else(|| Error::new("its words are not beside it").at_path(path))?;
    if !words.is_file() {
        return Err(Error::new(format!("there is no {}", words.display()))
            .at_path(path)
            .help("the words of docword.NAME.txt are in vocab.NAME.txt, a word a line"));
    }
    let names = lines(&words)?;
    if names.len() != triples.genes {
        return Err(Error::new(format!("{} words, but the counts have {}", names.len(), triples.genes))
            .at_path(&words)
            .help("the two files must belong to each other"));
    }
    let gene = |(row, word): (usize, String)| {
        let symbol = word.trim().to_owned();
        match symbol.is_empty() {
            true => Err(Error::new(format!("line {} has no word", row + 1)).at_path(&words)),
            false => Ok(Some(Gene { symbol, ensembl: None })),
        }
    };
    Ok(Opened {
        path: path.to_owned(),
        index: (1..=triples.cells).map(|document| document.to_string()).collect(),
        columns: Vec::new(),
        genes: names.into_iter().enumerate().map(gene).collect::<Result<_>>()?,
        matrix: Box::new(triples),
        counts: true,
        taken: "words".into(),
        skipped: Vec::new(),
        notes: vec!["documents are cells, words are genes".into()],
    })
}

fn header(path: &Path) -> Result<Triples> {
    let mut input = open_text(path)?;
    let mut number = |of: &str| {
        let mut line = String::new();
        (&mut input).take(LONGEST_LINE).read_line(&mut line).map_err(|e| Error::io("read", path, &e))?;
        line.trim().parse::<u64>().map_err(|_| {
            let start: String = line.trim().chars().take(80).collect();
            Error::new(format!("'{start}' is no number of {of}"))
                .at_path(path)
                .help("the first three lines are the numbers of documents, words and triples")
        })
    };
    let (documents, words, entries) = (number("documents")?, number("words")?, number("triples")?);
    let most = most_bytes(path)?.min(u64::from(u32::MAX));
    let small = |n: u64| match n <= most {
        true => Ok(n as usize),
        false => Err(Error::new(format!("it claims {n} rows, more than the file can hold")).at_path(path)),
    };
    Ok(Triples {
        path: path.to_owned(),
        genes: small(words)?,
        cells: small(documents)?,
        entries,
        whole_numbers: true,
        cell_first: true,
        lines_before: 3,
    })
}
