//! The frozen model of the stage before. It is asked once for each part, for all ingredients together.
//!
//! It sees a part without the genes of the current stage: it never learned them.

use crate::batch::{Origin, Part, Said};
use genil_base::Result;
use genil_engine::{Batch, Engine};
use std::ops::Range;

/// A second model without gradients.
pub struct Teacher {
    /// The model.
    pub engine: Box<dyn Engine>,
    /// Tokens of the genes that it never learned.
    unknown: Range<u32>,
}

impl Teacher {
    /// `engine` as it is now, which has not learned the genes `unknown`.
    pub fn new(engine: &dyn Engine, unknown: Range<u32>) -> Self {
        Self { engine: engine.duplicate(), unknown }
    }

    /// What it says of the cells of those origins that satisfy `wanted`.
    ///
    /// # Errors
    /// As [`Engine::predict`].
    pub fn says(&mut self, part: &Part, wanted: impl Fn(Origin) -> bool) -> Result<Said> {
        let width = self.engine.config().width;
        let shown = Visible::of(part, |token| self.unknown.contains(&token), wanted);
        let (asked, cells) = (part.truth.len(), part.origin.len());
        let mut said = Said {
            value: vec![f32::NAN; asked],
            cell_value: vec![f32::NAN; asked],
            embedding: vec![f32::NAN; cells * width],
            layers: vec![f32::NAN; self.engine.config().layers * cells * width],
        };
        let outputs = self.engine.predict(&shown.batch)?;
        for (place, &i) in shown.asked.iter().enumerate() {
            said.value[i] = outputs.value[place];
            said.cell_value[i] = outputs.cell_value[place];
        }
        for (embedding, &cell) in outputs.embedding.chunks_exact(width).zip(&shown.cells) {
            said.embedding[cell * width..][..width].copy_from_slice(embedding);
        }
        let of_all = said.layers.chunks_exact_mut(cells * width);
        for (of_all, of_shown) in of_all.zip(outputs.layers.chunks_exact((shown.cells.len() * width).max(1)))
        {
            for (row, &cell) in of_shown.chunks_exact(width).zip(&shown.cells) {
                of_all[cell * width..][..width].copy_from_slice(row);
            }
        }
        Ok(said)
    }
}

/// Some cells of a part without some of their genes.
struct Visible {
    batch: Batch,
    /// For each of its asked positions, the place among those of the part.
    asked: Vec<usize>,
    /// For each of its cells, the place among those of the part.
    cells: Vec<usize>,
}

impl Visible {
    fn of(part: &Part, hidden: impl Fn(u32) -> bool, wanted: impl Fn(Origin) -> bool) -> Self {
        let mut it = Self { batch: Batch::new(), asked: Vec::new(), cells: Vec::new() };
        let mut next = 0;
        for (cell, span) in part.batch.offsets.windows(2).enumerate() {
            let first = next;
            while part.batch.asked.get(next).is_some_and(|&p| p < span[1]) {
                next += 1;
            }
            if !wanted(part.origin[cell]) {
                continue;
            }
            let mut asked = (first..next).peekable();
            let (mut tokens, mut values, mut here) = (Vec::new(), Vec::new(), Vec::new());
            for p in span[0]..span[1] {
                let token = part.batch.tokens[p as usize];
                let place = asked.next_if(|&i| part.batch.asked[i] == p);
                if hidden(token) {
                    continue;
                }
                if let Some(place) = place {
                    here.push(tokens.len() as u32);
                    it.asked.push(place);
                }
                tokens.push(token);
                values.push(part.batch.values[p as usize]);
            }
            it.batch.push(&tokens, &values, &here);
            it.cells.push(cell);
        }
        it
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genil_data::sample::CellTokens;

    #[test]
    fn the_teacher_sees_the_batch_without_the_stages_genes() {
        let mut part = Part::new();
        part.push(&CellTokens { tokens: vec![2, 3, 9], values: vec![1.0, 2.0, 3.0], masked: vec![1, 2] });
        part.push(&CellTokens { tokens: vec![4, 9], values: vec![4.0, 5.0], masked: vec![0] });
        let seen = Visible::of(&part, |token| token == 9, |_| true);
        let mut expected = Part::new();
        expected.push(&CellTokens { tokens: vec![2, 3], values: vec![1.0, 2.0], masked: vec![1] });
        expected.push(&CellTokens { tokens: vec![4], values: vec![4.0], masked: vec![0] });
        assert_eq!(seen.batch, expected.batch);
        assert_eq!((seen.asked, seen.cells), (vec![0, 2], vec![0, 1]));
        let none = Visible::of(&part, |_| false, |origin| origin == Origin::Drawn);
        assert_eq!((none.batch.cells(), none.asked.len()), (0, 0));
    }
}
