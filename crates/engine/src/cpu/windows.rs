//! A row-major matrix lent out as disjoint windows, so that each (cell, head) task writes its own
//! columns of its own rows.
#![allow(unsafe_code)] // Safe slices cannot express disjoint columns; the windows below are disjoint by construction.

use std::marker::PhantomData;

/// Some rows of some columns, for one task alone.
pub(crate) struct Window<'a> {
    start: *mut f32,
    stride: usize,
    rows: usize,
    width: usize,
    lent: PhantomData<&'a mut [f32]>,
}

// SAFETY: a window is the only way to its numbers while it lives, as `&mut [f32]` would be.
unsafe impl Send for Window<'_> {}

impl Window<'_> {
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn row(&mut self, r: usize) -> &mut [f32] {
        assert!(r < self.rows);
        // SAFETY: `windows` checked that row `r < rows` of this window is inside the matrix, gave
        // these columns of these rows to no other window, and the result borrows this one mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(r * self.stride), self.width) }
    }
}

/// Cuts a matrix of `stride` columns at `offsets` (rows) and every `width` columns; in order, all
/// windows of the first rows, then of the next.
pub(crate) fn windows<'a>(
    matrix: &'a mut [f32],
    stride: usize,
    offsets: &[usize],
    width: usize,
) -> Vec<Window<'a>> {
    assert!(width > 0 && stride.is_multiple_of(width));
    assert!(offsets.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(offsets.last().is_none_or(|&rows| rows * stride <= matrix.len()));
    let base = matrix.as_mut_ptr();
    let across = stride / width;
    let each = offsets.windows(2).flat_map(|pair| (0..across).map(move |i| (pair[0], pair[1], i)));
    each.map(|(from, to, i)| {
        // SAFETY: `from ≤ rows` and `i·width ≤ stride`, so the start is inside the matrix or, for
        // a window without rows, at most at its end.
        let start = unsafe { base.add(if from < to { from * stride + i * width } else { 0 }) };
        Window { start, stride, rows: to - from, width, lent: PhantomData }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_matrix_once() {
        let mut matrix = vec![0.0; 5 * 4];
        for (i, mut window) in windows(&mut matrix, 4, &[0, 2, 2, 5], 2).into_iter().enumerate() {
            for r in 0..window.rows() {
                window.row(r).iter_mut().for_each(|x| *x += i as f32 + 1.0);
            }
        }
        let row = |a: f32, b: f32| [a, a, b, b];
        let expected = [row(1.0, 2.0), row(1.0, 2.0), row(5.0, 6.0), row(5.0, 6.0), row(5.0, 6.0)];
        assert_eq!(matrix, expected.concat());
    }
}
