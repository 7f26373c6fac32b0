//! An annotation column as labels: one of a few names for every cell, or nothing.

use crate::cells::Column;
use crate::store::Store;
use genil_base::Result;

/// How many names a message lists before it says "and so on".
const LISTED: usize = 12;

/// One of a few names for every cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// For each cell, the place of its name in `names`; nothing where the annotation is missing.
    pub codes: Vec<Option<u32>>,
    /// The names, sorted by their bytes: the numbering depends on nothing else.
    pub names: Vec<String>,
}

impl Labels {
    /// The column `column` of `store` as labels; numbers are named as they are written (`3`, `0.5`).
    ///
    /// # Errors
    /// When there is no such column; the message lists those that exist.
    pub fn read(store: &Store, column: &str) -> Result<Self> {
        Ok(match store.column(column)? {
            Column::Category { codes, names } => Self { codes, names },
            Column::Text(texts) => Self::of(&texts),
            Column::Number(numbers) => {
                Self::of(&numbers.iter().map(|n| n.map(|n| n.to_string())).collect::<Vec<_>>())
            }
        })
    }

    /// Labels from one optional name a cell.
    pub fn of(entries: &[Option<String>]) -> Self {
        let mut names: Vec<&str> = entries.iter().flatten().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let code = |name: &String| names.binary_search(&name.as_str()).ok().map(|place| place as u32);
        Self {
            codes: entries.iter().map(|entry| entry.as_ref().and_then(code)).collect(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// The name of a cell's label.
    pub fn name(&self, row: usize) -> Option<&str> {
        let code = (*self.codes.get(row)?)?;
        self.names.get(code as usize).map(String::as_str)
    }

    /// How many cells have each name.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.names.len()];
        for code in self.codes.iter().flatten() {
            counts[*code as usize] += 1;
        }
        counts
    }

    /// The names with their numbers of cells, most frequent first: `blood (412), lung (30)`.
    pub fn described(&self) -> String {
        let mut counted: Vec<(usize, &String)> = self.counts().into_iter().zip(&self.names).collect();
        counted.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        let words: Vec<String> =
            counted.iter().take(LISTED).map(|(count, name)| format!("{name} ({count})")).collect();
        listing(words, counted.len())
    }
}

/// The first few of `all` things, and how many more there are.
pub(crate) fn listing(first: Vec<String>, all: usize) -> String {
    let more = all.saturating_sub(first.len());
    let listed = if first.is_empty() { "none".to_owned() } else { first.join(", ") };
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}

/// The first few of `names`, and how many more there are.
pub(crate) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    listing(names.iter().take(LISTED).map(|name| name.as_ref().to_owned()).collect(), names.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_numbered_by_name_and_described_by_frequency() {
        let labels = Labels::of(&["b", "a", "b", ""].map(|n| Some(n.to_owned()).filter(|n| !n.is_empty())));
        assert_eq!(labels.names, ["a", "b"]);
        assert_eq!(labels.codes, [Some(1), Some(0), Some(1), None]);
        assert_eq!((labels.name(1), labels.name(3), labels.name(9)), (Some("a"), None, None));
        assert_eq!(labels.described(), "b (2), a (1)");
    }

    #[test]
    fn a_long_list_is_cut_and_says_how_much_is_missing() {
        let names: Vec<String> = (0..15).map(|i| i.to_string()).collect();
        assert!(listed(&names).ends_with("11 and 3 more"), "{}", listed(&names));
        assert_eq!(listed::<&str>(&[]), "none");
    }
}
