//! Which rows a batch has and which of them the last layer needs.

use crate::Batch;
use crate::batch::PAD;
use genil_base::{Error, Result};

/// Items that share a key: what is computed of the key alone is computed once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups {
    /// The distinct keys, ascending.
    pub keys: Vec<u32>,
    /// The group of each item.
    pub of: Vec<u32>,
    /// The items, group by group, ascending within a group.
    pub items: Vec<u32>,
    /// One more than groups: group `g` is `items[starts[g]..starts[g + 1]]`.
    pub starts: Vec<usize>,
}

impl Groups {
    fn set(&mut self, keys: impl ExactSizeIterator<Item = u32>) {
        let mut sorted: Vec<(u32, u32)> = keys.zip(0..).collect();
        sorted.sort_unstable();
        let Self { keys, of, items, starts } = self;
        keys.clear();
        items.clear();
        starts.clear();
        of.clear();
        of.resize(sorted.len(), 0);
        for (key, item) in sorted {
            if keys.last() != Some(&key) {
                keys.push(key);
                starts.push(items.len());
            }
            of[item as usize] = keys.len() as u32 - 1;
            items.push(item);
        }
        starts.push(items.len());
    }

    /// Number of groups.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// The items of group `g`.
    pub fn of_group(&self, g: usize) -> &[u32] {
        &self.items[self.starts[g]..self.starts[g + 1]]
    }
}

/// A checked batch: `R` rows, one a token, and the `S` of them that outputs are read from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// `B + 1`: cell `b` is rows `all[b]..all[b + 1]`.
    pub all: Vec<usize>,
    /// `S` rows, ascending: those asked for and each cell's first.
    pub selected: Vec<u32>,
    /// `B + 1`: the part of `selected` in cell `b`.
    pub selected_of_cell: Vec<usize>,
    /// `P`: where each row asked for is in `selected`.
    pub asked: Vec<u32>,
    /// `B + 1`: the part of `asked` in cell `b`.
    pub asked_of_cell: Vec<usize>,
    pub tokens: Vec<u32>,
    /// Rows by value (the bits of its f32).
    pub values: Groups,
    /// Rows asked for by token.
    pub genes: Groups,
}

impl Rows {
    /// `R`.
    pub fn count(&self) -> usize {
        self.tokens.len()
    }

    /// `B`.
    pub fn cells(&self) -> usize {
        self.all.len() - 1
    }

    /// Checks a batch and takes it over.
    pub fn set(&mut self, batch: &Batch, vocabulary: usize) -> Result<()> {
        check(batch, vocabulary)?;
        self.all.clear();
        self.all.extend(batch.offsets.iter().map(|&o| o as usize));
        self.tokens.clone_from(&batch.tokens);
        self.values.set(batch.values.iter().map(|v| v.to_bits()));
        self.selected.clear();
        self.selected_of_cell.clear();
        self.asked.clear();
        self.asked_of_cell.clear();
        let mut asked = batch.asked.iter().copied().peekable();
        for span in batch.offsets.windows(2) {
            self.selected_of_cell.push(self.selected.len());
            self.asked_of_cell.push(self.asked.len());
            self.selected.push(span[0]);
            while let Some(row) = asked.next_if(|&row| row < span[1]) {
                if row != span[0] {
                    self.selected.push(row);
                }
                self.asked.push(self.selected.len() as u32 - 1);
            }
        }
        self.selected_of_cell.push(self.selected.len());
        self.asked_of_cell.push(self.asked.len());
        self.genes.set(batch.asked.iter().map(|&row| batch.tokens[row as usize]));
        Ok(())
    }
}

fn check(batch: &Batch, vocabulary: usize) -> Result<()> {
    let bad = |what: String| Err(Error::new(what).at("batch"));
    let rows = batch.tokens.len();
    if batch.values.len() != rows {
        return bad(format!("{rows} tokens but {} values", batch.values.len()));
    }
    if batch.offsets.first() != Some(&0) || batch.offsets.last().map(|&o| o as usize) != Some(rows) {
        return bad(format!("offsets must go from 0 to {rows}"));
    }
    if let Some(b) = batch.offsets.windows(2).position(|span| span[0] >= span[1]) {
        return bad(format!("cell {b} is empty or ends before it starts"));
    }
    if let Some(&token) = batch.tokens.iter().find(|&&t| t as usize >= vocabulary) {
        return bad(format!("token {token} is not in the vocabulary of {vocabulary}"));
    }
    if let Some(p) = batch.tokens.iter().position(|&t| t == PAD) {
        return bad(format!("token {p} is padding"));
    }
    if let Some(p) = batch.values.iter().position(|v| !v.is_finite()) {
        return bad(format!("value {p} is not finite"));
    }
    if batch.asked.windows(2).any(|pair| pair[0] >= pair[1]) {
        return bad("positions asked for must ascend".into());
    }
    if batch.asked.last().is_some_and(|&p| p as usize >= rows) {
        return bad(format!("a position asked for is not among the {rows} tokens"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let mut batch = Batch::new();
        batch.push(&[1, 2, 3], &[0.0, 1.0, 2.0], &[0, 2]);
        batch.push(&[1], &[0.0], &[]);
        batch.push(&[1, 4, 5], &[0.0, 1.0, 2.0], &[1, 2]);
        batch
    }

    #[test]
    fn selected_rows_are_each_cells_first_and_those_asked_for_once() {
        let mut rows = Rows::default();
        rows.set(&batch(), 6).unwrap();
        assert_eq!(rows.selected, [0, 2, 3, 4, 5, 6]);
        assert_eq!(rows.selected_of_cell, [0, 2, 3, 6]);
        assert_eq!(rows.asked, [0, 1, 4, 5]);
        assert_eq!(rows.asked_of_cell, [0, 2, 2, 4]);
    }

    #[test]
    fn items_of_one_key_are_one_group_in_order() {
        let mut groups = Groups::default();
        groups.set([7, 3, 7, 7, 5].into_iter());
        assert_eq!((groups.keys, groups.of), (vec![3, 5, 7], vec![2, 0, 2, 2, 1]));
        assert_eq!((groups.items, groups.starts), (vec![1, 4, 0, 2, 3], vec![0, 1, 2, 5]));
    }

    #[test]
    fn what_is_wrong_with_a_batch_is_said() {
        let wrong = |change: fn(&mut Batch)| {
            let mut batch = batch();
            change(&mut batch);
            Rows::default().set(&batch, 6).unwrap_err().to_string()
        };
        assert!(wrong(|b| b.tokens[1] = 6).contains("token 6 is not in the vocabulary of 6"));
        assert!(wrong(|b| b.tokens[1] = 0).contains("token 1 is padding"));
        assert!(wrong(|b| b.offsets[1] = 4).contains("cell 1 is empty"));
        assert!(wrong(|b| b.offsets[1] = 9).contains("cell 1 is empty or ends before"));
        assert!(wrong(|b| b.offsets[3] = 6).contains("offsets must go from 0 to 7"));
        assert!(wrong(|b| b.offsets.clear()).contains("offsets must go"));
        assert!(wrong(|b| b.asked[3] = 7).contains("not among the 7 tokens"));
        assert!(wrong(|b| b.asked[0] = 2).contains("must ascend"));
        assert!(wrong(|b| b.values[2] = f32::NAN).contains("value 2 is not finite"));
        assert!(wrong(|b| b.values.truncate(3)).contains("7 tokens but 3 values"));
    }
}
