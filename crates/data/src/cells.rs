//! One cell of a store, and the annotations of all cells.

use serde::{Deserialize, Serialize};

/// The genes that one cell expresses, with their values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell<'a> {
    /// Gene ids, ascending, none twice.
    pub genes: &'a [u32],
    /// The raw value of each of `genes`, as the source had it: finite and > 0.
    pub values: &'a [f32],
}

/// What a column of annotations holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// One of a few names: a cell type, a donor, a condition, true or false.
    Category,
    /// A number; whole numbers are exact up to 2⁵³.
    Number,
    /// Free text.
    Text,
}

/// One cell's entry in one column of annotations, for writing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Annotation<'a> {
    /// Nothing is known.
    Missing,
    /// An entry of a [`ColumnKind::Number`] column; NaN counts as missing.
    Number(f64),
    /// An entry of a [`ColumnKind::Category`] or [`ColumnKind::Text`] column.
    Text(&'a str),
}

/// A column of annotations, one entry a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// One of a few names.
    Category {
        /// For each cell, the place of its name in `names`.
        codes: Vec<Option<u32>>,
        /// The names that occur, sorted by their bytes: the numbering depends on nothing else.
        names: Vec<String>,
    },
    /// Numbers.
    Number(Vec<Option<f64>>),
    /// Free text.
    Text(Vec<Option<String>>),
}

impl Column {
    /// The number of cells.
    pub fn len(&self) -> usize {
        match self {
            Self::Category { codes, .. } => codes.len(),
            Self::Number(numbers) => numbers.len(),
            Self::Text(texts) => texts.len(),
        }
    }

    /// Whether there is no cell at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The category column of these names.
    pub(crate) fn category<'a>(entries: impl Iterator<Item = Option<&'a str>> + Clone) -> Self {
        let mut names: Vec<&str> = Vec::new();
        let mut seen = std::collections::HashMap::new();
        let first_codes: Vec<Option<u32>> = entries
            .map(|entry| {
                entry.map(|name| {
                    *seen.entry(name).or_insert_with(|| {
                        names.push(name);
                        names.len() as u32 - 1
                    })
                })
            })
            .collect();
        let mut order: Vec<u32> = (0..names.len() as u32).collect();
        order.sort_unstable_by_key(|&code| names[code as usize]);
        let mut rank = vec![0u32; names.len()];
        for (place, &code) in (0u32..).zip(&order) {
            rank[code as usize] = place;
        }
        Self::Category {
            codes: first_codes.into_iter().map(|code| code.map(|c| rank[c as usize])).collect(),
            names: order.iter().map(|&code| names[code as usize].to_owned()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_numbered_by_name_and_not_by_first_occurrence() {
        let column = Column::category([Some("b"), None, Some("a"), Some("b")].into_iter());
        let Column::Category { codes, names } = column else { panic!("not a category") };
        assert_eq!(names, ["a", "b"]);
        assert_eq!(codes, [Some(1), None, Some(0), Some(1)]);
    }
}
