//! Matrix products on one thread, and the blocks of rows that share them out.
//!
//! C (+)= A·B with C m×n, A m×k, B k×n; 2·m·n·k FLOP.

use rayon::prelude::*;

/// Rows of one task: a constant, so that sums do not depend on the number of threads.
pub(crate) const BLOCK: usize = 96;

/// A matrix seen through strides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub data: &'a [f32],
    pub row: usize,
    pub column: usize,
}

/// Row-major with `width` numbers a row.
pub(crate) fn rows_of(data: &[f32], width: usize) -> View<'_> {
    View { data, row: width, column: 1 }
}

/// The transpose of a row-major matrix with `width` numbers a row.
pub(crate) fn transposed(data: &[f32], width: usize) -> View<'_> {
    View { data, row: 1, column: width }
}

/// C = A·B, or C += A·B with `add`. C has `stride` numbers a row.
#[allow(clippy::too_many_arguments)]
pub(crate) fn product(
    c: &mut [f32],
    stride: usize,
    (m, n, k): (usize, usize, usize),
    a: View<'_>,
    b: View<'_>,
    add: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    assert!((m - 1) * stride + n <= c.len());
    if k > 0 {
        assert!((m - 1) * a.row + (k - 1) * a.column < a.data.len());
        assert!((k - 1) * b.row + (n - 1) * b.column < b.data.len());
    }
    // SAFETY: the largest index of each operand was checked to be inside its slice just above.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            stride as isize,
            add,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// y = x·wᵀ for a block of rows: x n×k, w m×k as PyTorch keeps it, y n×m.
pub(crate) fn linear(y: &mut [f32], x: &[f32], w: &[f32], inputs: usize) {
    let (rows, outputs) = (x.len() / inputs, w.len() / inputs);
    product(y, outputs, (rows, outputs, inputs), rows_of(x, inputs), transposed(w, inputs), false);
}

/// dx = dy·w for a block of rows.
pub(crate) fn linear_input_gradient(dx: &mut [f32], dy: &[f32], w: &[f32], inputs: usize, add: bool) {
    let outputs = w.len() / inputs;
    let rows = dx.len() / inputs;
    product(dx, inputs, (rows, inputs, outputs), rows_of(dy, outputs), rows_of(w, inputs), add);
}

/// dw += dyᵀ·x over all rows, summed in row order.
pub(crate) fn linear_weight_gradient(dw: &mut [f32], dy: &[f32], outputs: usize, x: &[f32], inputs: usize) {
    let rows = x.len() / inputs;
    if rows == 0 {
        return;
    }
    dw.par_chunks_mut(64 * inputs).enumerate().for_each(|(i, dw)| {
        let m = dw.len() / inputs;
        let a = View { data: &dy[64 * i..], row: 1, column: outputs };
        product(dw, inputs, (m, inputs, rows), a, rows_of(x, inputs), true);
    });
}
