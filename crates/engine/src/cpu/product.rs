//! Matrix products on one thread: C (+)= A·B with C m×n, A m×k, B k×n.
//!
//! B is kept in [`Panels`] of two vectors' columns; a tile of C, 6 rows (12 where there are 32
//! registers) by one panel, stays in registers while k runs. Each number of C is one chain of
//! fused multiply–adds in the order of k, so its bits depend neither on tiles nor on lanes.
//! FLOP: 2·m·n·k. Moved: A once a panel, B once, C once (twice with `add`).
//!
//! In bf16, A and B hold pairs instead of numbers (see [`super::half`]): the same tiles with another
//! instruction in the middle, and half as many steps of k.

use super::half::{HalfKernel, Pairing, depth, low_of, pair, pair_along, paired};
use super::vector::Vector;
use pulp::{Simd, WithSimd};
use std::cell::RefCell;

/// A matrix seen through strides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub data: &'a [f32],
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next.
    pub column: usize,
    /// In bf16, whether `data` is in pairs already.
    pub paired: bool,
}

impl View<'_> {
    /// The same, of numbers that are in pairs where products are in bf16.
    pub fn in_pairs(self) -> Self {
        Self { paired: true, ..self }
    }
}

/// Row-major with `width` numbers a row.
pub(crate) fn rows_of(data: &[f32], width: usize) -> View<'_> {
    View { data, row: width, column: 1, paired: false }
}

/// The transpose of a row-major matrix with `width` numbers a row.
pub(crate) fn transposed(data: &[f32], width: usize) -> View<'_> {
    View { data, row: 1, column: width, paired: false }
}

/// A k×n matrix cut into panels of columns: panel, row, column within the panel. The last panel
/// is filled up with zeros.
#[derive(Debug, Clone, Default)]
pub(crate) struct Panels {
    data: Vec<f32>,
    /// k, or half of it where a row holds pairs.
    rows: usize,
    /// n.
    columns: usize,
    k: usize,
    /// Columns of a panel.
    panel: usize,
}

impl Panels {
    /// Packs the `rows` × `columns` matrix in `source`.
    pub fn pack(&mut self, vector: Vector, k: usize, columns: usize, source: View<'_>) {
        let panel = 2 * vector.lanes();
        let rows = if vector.half() { depth(k) } else { k };
        (self.k, self.rows, self.columns, self.panel) = (k, rows, columns, panel);
        let length = columns.div_ceil(panel) * panel * rows;
        if self.data.len() != length {
            self.data.clear();
            self.data.resize(length, 0.0);
        }
        if length == 0 {
            return;
        }
        let pack = Pack { panels: self, source };
        if vector.half() { vector.run_half(HalfKernel::Pack(pack)) } else { vector.run(pack) }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        4 * self.data.capacity()
    }
}

/// Fills panels.
pub(crate) struct Pack<'a> {
    panels: &'a mut Panels,
    source: View<'a>,
}

impl WithSimd for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Panels { data, rows, columns, panel, .. } = self.panels;
        let (rows, columns, panel) = (*rows, *columns, 2 * S::F32_LANES.min(*panel));
        let View { data: source, row, column, .. } = self.source;
        // Row by row, so that the source is read in the order of memory.
        let whole = if column == 1 { columns / panel } else { 0 };
        for (r, i) in (0..rows).flat_map(|r| (0..whole).map(move |i| (r, i))) {
            let (from, _) = S::as_simd_f32s(&source[r * row + i * panel..][..panel]);
            let (to, _) = S::as_mut_simd_f32s(&mut data[(i * rows + r) * panel..][..panel]);
            // Two vectors: a pattern, since a copy of unknown length would be a call.
            if let ([to0, to1], [from0, from1]) = (to, from) {
                (*to0, *to1) = (*from0, *from1);
            }
        }
        for (i, to) in data.chunks_exact_mut(rows * panel).enumerate().skip(whole) {
            let used = panel.min(columns - i * panel);
            for (r, to) in to.chunks_exact_mut(panel).enumerate() {
                let from = source[r * row + i * panel * column..].iter().step_by(column);
                to[..used].iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                to[used..].fill(0.0);
            }
        }
    }
}

impl Pack<'_> {
    /// The same in pairs.
    #[inline(always)]
    pub fn pairs<S: Simd, P: Pairing<S>>(self, simd: S) {
        let Panels { data, rows, columns, panel, k } = self.panels;
        let (rows, columns, panel, k) = (*rows, *columns, *panel, *k);
        let View { data: source, row, column, .. } = self.source;
        let whole = if column == 1 { columns / panel } else { 0 };
        let zeros = [0.0; 64];
        for (r, i) in (0..rows).flat_map(|r| (0..whole).map(move |i| (r, i))) {
            let line = |r: usize| &source[r * row + i * panel..][..panel];
            let low = low_of(r);
            let (low, high) = (line(low), if low + 16 < k { line(low + 16) } else { &zeros[..panel] });
            let (to, _) = S::as_mut_simd_f32s(&mut data[(i * rows + r) * panel..][..panel]);
            let pairs = S::as_simd_f32s(low).0.iter().zip(S::as_simd_f32s(high).0);
            for (to, (low, high)) in to.iter_mut().zip(pairs) {
                *to = P::pair(simd, *low, *high);
            }
        }
        for (i, to) in data.chunks_exact_mut(rows * panel).enumerate().skip(whole) {
            let used = panel.min(columns - i * panel);
            for (r, to) in to.chunks_exact_mut(panel).enumerate() {
                to[used..].fill(0.0);
                if row != 1 {
                    let at = |r: usize, c: usize| source[r * row + i * panel + c];
                    let low = low_of(r);
                    for (c, to) in to[..used].iter_mut().enumerate() {
                        *to = pair(at(low, c), if low + 16 < k { at(low + 16, c) } else { 0.0 });
                    }
                }
            }
            // A column that runs along k is paired as one line, then dealt out.
            for c in if row == 1 { 0..used } else { 0..0 } {
                let line = &source[(i * panel + c) * column..][..k];
                let mut pairs = [0.0; 64];
                for (i, line) in line.chunks(128).enumerate() {
                    let pairs = &mut pairs[..depth(line.len())];
                    pair_along::<S, P>(simd, line, pairs);
                    let to = to[64 * i * panel + c..].iter_mut().step_by(panel);
                    to.zip(pairs).for_each(|(to, pair)| *to = *pair);
                }
            }
        }
    }
}

/// C = A·B, or C += A·B with `add`. C has `rows` rows, `stride` numbers apart.
pub(crate) fn product(
    vector: Vector,
    c: &mut [f32],
    stride: usize,
    rows: usize,
    a: View<'_>,
    b: &Panels,
    add: bool,
) {
    if vector.half() && !a.paired {
        LEFT.with_borrow_mut(|left| {
            let a = paired(vector, a, rows, b.k, left);
            product(vector, c, stride, rows, a, b, add);
        });
        return;
    }
    if rows == 0 || b.columns == 0 {
        return;
    }
    // Every index that the tiles use is at most one of these.
    assert!(b.columns <= stride && (rows - 1) * stride + b.columns <= c.len());
    assert!(b.data.len() == b.columns.div_ceil(b.panel) * b.panel * b.rows);
    assert!(b.rows == 0 || (rows - 1) * a.row + (b.rows - 1) * a.column < a.data.len());
    let product = Product { c, stride, rows, a, b, add };
    if vector.half() { vector.run_half(HalfKernel::Product(product)) } else { vector.run(product) }
}

thread_local! {
    /// A in pairs.
    static LEFT: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// How a tile's numbers meet.
pub(crate) trait Multiply<S: Simd> {
    /// sum + a·b, lane by lane.
    fn multiply_add(simd: S, a: S::f32s, b: S::f32s, sum: S::f32s) -> S::f32s;
}

/// Numbers in f32.
struct Single;

impl<S: Simd> Multiply<S> for Single {
    #[inline(always)]
    fn multiply_add(simd: S, a: S::f32s, b: S::f32s, sum: S::f32s) -> S::f32s {
        simd.mul_add_f32s(a, b, sum)
    }
}

pub(crate) struct Product<'a> {
    c: &'a mut [f32],
    stride: usize,
    rows: usize,
    a: View<'a>,
    b: &'a Panels,
    add: bool,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.multiply::<S, Single>(simd);
    }
}

impl Product<'_> {
    #[inline(always)]
    pub fn multiply<S: Simd, Mul: Multiply<S>>(mut self, simd: S) {
        assert_eq!(self.b.panel, 2 * S::F32_LANES);
        for panel in 0..self.b.columns.div_ceil(self.b.panel) {
            let used = self.b.columns - panel * self.b.panel;
            if used > S::F32_LANES {
                self.panel::<S, Mul, 2>(simd, panel, used);
            } else {
                self.panel::<S, Mul, 1>(simd, panel, used);
            }
        }
    }

    /// All rows by one panel, of which V vectors are used.
    #[inline(always)]
    fn panel<S: Simd, Mul: Multiply<S>, const V: usize>(&mut self, simd: S, panel: usize, used: usize) {
        let mut row = 0;
        while row < self.rows {
            row += match self.rows - row {
                12.. if S::REGISTER_COUNT >= 32 => self.tile::<S, Mul, 12, V>(simd, row, panel, used),
                6.. => self.tile::<S, Mul, 6, V>(simd, row, panel, used),
                5 => self.tile::<S, Mul, 5, V>(simd, row, panel, used),
                4 => self.tile::<S, Mul, 4, V>(simd, row, panel, used),
                3 => self.tile::<S, Mul, 3, V>(simd, row, panel, used),
                2 => self.tile::<S, Mul, 2, V>(simd, row, panel, used),
                _ => self.tile::<S, Mul, 1, V>(simd, row, panel, used),
            };
        }
    }

    /// One tile of M rows and V vectors, `used` columns of them or more; returns M.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn tile<S: Simd, Mul: Multiply<S>, const M: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        used: usize,
    ) -> usize {
        let lanes = S::F32_LANES;
        let whole = used >= V * lanes;
        let last = simd.mask_between_m32s(0, (used - (V - 1) * lanes).min(lanes) as u32);
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        // SAFETY: `product` checked that rows `row..row + M ≤ rows` of A and C and all rows of this
        // panel are inside their slices; the last vector of a tile that is not whole goes through
        // the mask of the columns used. Vectors are read and written unaligned.
        unsafe {
            let c = self.c.as_mut_ptr().add(row * self.stride + panel * 2 * lanes);
            if self.add {
                for (i, sums) in sums.iter_mut().enumerate() {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        let from = c.add(i * self.stride + v * lanes);
                        *sum = if whole || v + 1 < V {
                            from.cast::<S::f32s>().read_unaligned()
                        } else {
                            simd.mask_load_ptr_f32s(last, from)
                        };
                    }
                }
            }
            let mut a = self.a.data.as_ptr().add(row * self.a.row);
            let mut b = self.b.data.as_ptr().add(panel * 2 * lanes * self.b.rows);
            for _ in 0..self.b.rows {
                let mut row = [simd.splat_f32s(0.0); V];
                for (v, row) in row.iter_mut().enumerate() {
                    *row = b.add(v * lanes).cast::<S::f32s>().read_unaligned();
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let x = simd.splat_f32s(*a.add(i * self.a.row));
                    for (sum, b) in sums.iter_mut().zip(row) {
                        *sum = Mul::multiply_add(simd, x, b, *sum);
                    }
                }
                // Past the end only after the last round, where nothing is read any more.
                a = a.wrapping_add(self.a.column);
                b = b.add(2 * lanes);
            }
            for (i, sums) in sums.iter().enumerate() {
                for (v, sum) in sums.iter().enumerate() {
                    let to = c.add(i * self.stride + v * lanes);
                    if whole || v + 1 < V {
                        to.cast::<S::f32s>().write_unaligned(*sum);
                    } else {
                        simd.mask_store_ptr_f32s(last, to, *sum);
                    }
                }
            }
        }
        M
    }
}

#[cfg(test)]
mod tests {
    use super::super::vector::Instructions;
    use super::*;
    use crate::Precision;
    use genil_base::random::{Key, Purpose};

    fn random(n: usize, part: u64) -> Vec<f32> {
        let key = Key::new(1, Purpose::Synthetic).with(part);
        (0..n as u64).map(|i| key.uniform(i) as f32 - 0.5).collect()
    }

    #[test]
    fn every_shape_is_the_chain_of_fused_multiply_adds_with_all_instructions() {
        for instructions in [Instructions::Avx512, Instructions::Avx2, Instructions::Scalar] {
            let Ok(vector) = Vector::new(instructions, Precision::F32) else { continue };
            for (m, n, k) in [(1, 1, 1), (7, 17, 5), (13, 40, 3), (6, 16, 0), (25, 32, 9), (3, 8, 64)] {
                let (a, b, start) = (random(m * k, 1), random(k * n, 2), random(m * (n + 3), 3));
                let (mut at, mut bt) = (vec![0.0; m * k], vec![0.0; k * n]);
                (0..m * k).for_each(|i| at[i % k * m + i / k] = a[i]);
                (0..k * n).for_each(|i| bt[i % n * k + i / n] = b[i]);
                for (add, flip) in [(false, false), (true, true)] {
                    let mut c = start.clone();
                    let mut panels = Panels::default();
                    panels.pack(vector, k, n, if flip { transposed(&bt, k) } else { rows_of(&b, n) });
                    let a_view = if flip { transposed(&at, m) } else { rows_of(&a, k) };
                    product(vector, &mut c, n + 3, m, a_view, &panels, add);
                    for i in 0..m {
                        for j in 0..n + 3 {
                            let s = start[i * (n + 3) + j];
                            let chain = |x, p| f32::mul_add(a[i * k + p], b[p * n + j], x);
                            let first = if add { s } else { 0.0 };
                            let expected = if j < n { (0..k).fold(first, chain) } else { s };
                            assert_eq!(
                                c[i * (n + 3) + j],
                                expected,
                                "{instructions:?} {m} {n} {k} at {i} {j}"
                            );
                        }
                    }
                }
            }
        }
    }
}
