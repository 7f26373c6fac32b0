//! Cells laid end to end, without padding.

/// Token of padding. Never in a [`Batch`]; its embedding row is zero and stays zero.
pub const PAD: u32 = 0;
/// Token in front of every cell.
pub const CLS: u32 = 1;
/// First token of a gene.
pub const FIRST_GENE: u32 = 2;
/// The value that stands for a masked one.
pub const MASKED: f32 = -1.0;

/// `B` cells as one ragged array of `R` tokens.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// `B + 1` offsets: cell `b` is `offsets[b]..offsets[b + 1]`, at least one token.
    pub offsets: Vec<u32>,
    /// `R` gene tokens; the first of each cell is [`CLS`].
    pub tokens: Vec<u32>,
    /// `R` values; [`MASKED`] where masked, 0 at [`CLS`], at most 512.
    pub values: Vec<f32>,
    /// `P` positions in 0..`R`, ascending, where both heads are asked for the value.
    pub asked: Vec<u32>,
}

impl Batch {
    /// An empty batch, to be filled with [`Batch::push`].
    pub fn new() -> Self {
        Self { offsets: vec![0], ..Self::default() }
    }

    /// Appends one cell: `tokens` and `values` of equal length, the first of them [`CLS`] with 0, and
    /// the positions asked for, ascending and relative to the cell.
    pub fn push(&mut self, tokens: &[u32], values: &[f32], asked: &[u32]) {
        debug_assert_eq!(tokens.len(), values.len());
        let start = self.tokens.len() as u32;
        self.tokens.extend_from_slice(tokens);
        self.values.extend_from_slice(values);
        self.asked.extend(asked.iter().map(|p| p + start));
        self.offsets.push(self.tokens.len() as u32);
    }

    /// `B`.
    pub fn cells(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The cell that holds position `p`.
    pub fn cell_of(&self, p: u32) -> usize {
        self.offsets.partition_point(|&o| o <= p).saturating_sub(1)
    }
}
