//! A folder of texts as bags of words: documents are cells, words are genes, counts are values.
//!
//! A word is a run of at least two letters, digits or underscores of the text in lower case, as
//! scikit-learn's `CountVectorizer` has it (`(?u)\b\w\w+\b`). The name of a document's sub-folder is its
//! annotation `label`. Words are numbered in the order of their bytes.

use crate::frame::Values;
use crate::matrix::{Matrix, Slab};
use crate::opened::Opened;
use crate::text::{files_below, open_text};
use genil_base::{Error, Result};
use genil_data::Gene;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Documents read at a time.
const TOGETHER: usize = 1024;

/// Documents on disk and the number of each word.
struct Texts {
    documents: Vec<PathBuf>,
    words: HashMap<String, u32>,
}

/// Whether there is a document in the folder.
pub fn is_folder_of_texts(folder: &Path) -> Result<bool> {
    Ok(!documents(folder)?.is_empty())
}

/// Reads the words, and everything else but how often they occur, of the documents below `folder`.
pub fn open(folder: &Path) -> Result<Opened> {
    let documents = documents(folder)?;
    let (mut all, mut old) = (HashSet::new(), 0);
    for some in documents.chunks(TOGETHER) {
        let found = some.par_iter().map(|path| bag(path)).collect::<Result<Vec<_>>>()?;
        for (bag, unicode) in found {
            all.extend(bag.into_keys());
            old += usize::from(!unicode);
        }
    }
    let mut names: Vec<String> = all.into_iter().collect();
    names.sort_unstable();
    if u32::try_from(names.len()).is_err() {
        return Err(Error::new("more than 4,294,967,296 words").at_path(folder));
    }
    let below = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
    let label = |path: &PathBuf| path.parent().map(below).filter(|name| !name.is_empty());
    let labels: Vec<Option<String>> = documents.iter().map(label).collect();
    let labelled = labels.iter().any(Option::is_some);
    let mut notes = vec!["documents are cells, words are genes".into()];
    if old > 0 {
        notes.push(format!("{old} documents are not UTF-8 and were read as Latin-1"));
    }
    Ok(Opened {
        path: folder.to_owned(),
        index: documents.iter().map(|path| below(path)).collect(),
        columns: labelled.then(|| (LABEL.to_owned(), Values::categories(&labels))).into_iter().collect(),
        genes: names.iter().map(|word| Some(Gene { symbol: word.clone(), ensembl: None })).collect(),
        matrix: Box::new(Texts { documents, words: names.into_iter().zip(0..).collect() }),
        counts: true,
        taken: "words".into(),
        skipped: Vec::new(),
        notes,
    })
}

/// The annotation column of what a document is.
pub const LABEL: &str = "label";

/// The documents below a folder, in the order of their paths: files that end in `.txt` (or
/// `.txt.gz`); if there are none, files without an ending, as in the 20 newsgroups.
fn documents(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = files_below(folder)?;
    let name = |path: &&PathBuf| path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain = |path: &&PathBuf| name(path).trim_end_matches(".gz").ends_with(".txt");
    let texts: Vec<PathBuf> = files.iter().filter(plain).cloned().collect();
    if !texts.is_empty() {
        return Ok(texts);
    }
    Ok(files.into_iter().filter(|path| path.extension().is_none()).collect())
}

/// How often each word occurs in a document, and whether its bytes were UTF-8 (else each byte is a
/// letter of Latin-1, which is what old collections are written in).
fn bag(path: &Path) -> Result<(HashMap<String, u32>, bool)> {
    let mut bytes = Vec::new();
    open_text(path)?.read_to_end(&mut bytes).map_err(|e| Error::io("read", path, &e))?;
    if bytes.contains(&0) {
        return Err(Error::new("the file is no text: it has a byte 0")
            .at_path(path)
            .help("a folder of texts holds one document in each file, and nothing else"));
    }
    let (text, unicode) = match String::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(other) => (other.as_bytes().iter().map(|&byte| char::from(byte)).collect(), false),
    };
    let mut bag = HashMap::new();
    for word in words(&text.to_lowercase()) {
        match bag.get_mut(word) {
            Some(count) => *count += 1,
            None => {
                bag.insert(word.to_owned(), 1);
            }
        }
    }
    Ok((bag, unicode))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| word.chars().nth(1).is_some())
}

impl Matrix for Texts {
    fn visit(&self, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()> {
        for (block, documents) in self.documents.chunks(TOGETHER).enumerate() {
            let bags = documents
                .par_iter()
                .map(|path| {
                    // A word that came after the first look has no number and is not counted.
                    let numbered = |(word, n): (String, u32)| Some((*self.words.get(&word)?, n as f32));
                    Ok(bag(path)?.0.into_iter().filter_map(numbered).collect::<Vec<_>>())
                })
                .collect::<Result<Vec<_>>>()?;
            let mut slab = Slab::starting_at(block * TOGETHER);
            for mut bag in bags {
                bag.sort_unstable_by_key(|entry| entry.0);
                slab.genes.extend(bag.iter().map(|entry| entry.0));
                slab.values.extend(bag.iter().map(|entry| entry.1));
                slab.offsets.push(slab.genes.len());
            }
            each(slab)?;
        }
        Ok(())
    }

    fn looks_like_counts(&self) -> Result<bool> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_scikit_learn() {
        // CountVectorizer().build_analyzer()(…) says the same.
        let text = "Don't re-use a naïve_word; 42 B2 x ÉTÉ!".to_lowercase();
        let found: Vec<&str> = words(&text).collect();
        assert_eq!(found, ["don", "re", "use", "naïve_word", "42", "b2", "été"]);
    }
}
