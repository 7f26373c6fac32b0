//! A matrix of cells × genes in a file, visited in slabs of whole cells, so that memory does not
//! grow with the file.

use crate::hierarchy::{Array, Attribute, Hierarchy};
use crate::transpose::{self, Entries};
use genil_base::{Error, Result};
use rayon::prelude::*;
use std::ops::Range;

/// Values of a slab, at most: 4 Mi values with their genes are 32 MiB.
pub const SLAB: usize = 1 << 22;
/// Values looked at in each of three places to see whether a matrix holds counts.
const LOOK: usize = 1 << 16;

/// Consecutive cells with their values, row by row.
#[derive(Debug, Default)]
pub struct Slab {
    /// The row of the first cell.
    pub first: usize,
    /// Where each cell starts in `genes` and `values`, and where the last one ends.
    pub offsets: Vec<usize>,
    /// Columns of the matrix, in the file's order: maybe unsorted, maybe twice.
    pub genes: Vec<u32>,
    /// As in the file: maybe 0, negative or not finite.
    pub values: Vec<f32>,
}

impl Slab {
    /// No cell yet; the first one will be of row `first`.
    pub fn starting_at(first: usize) -> Self {
        Self { first, offsets: vec![0], ..Self::default() }
    }

    /// The cells so far; what is left starts at the row after them.
    pub fn take(&mut self) -> Self {
        let next = Self::starting_at(self.first + self.offsets.len() - 1);
        std::mem::replace(self, next)
    }
}

/// A matrix of cells × genes, wherever its values lie.
pub trait Matrix: Send + Sync {
    /// Calls `each` with all cells in order, some thousands at a time.
    fn visit(&self, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()>;
    /// Whether all values are whole numbers, as counts are; by a sample where that is enough.
    fn looks_like_counts(&self) -> Result<bool>;
}

/// Values row by row, with zeros.
struct Dense(Box<dyn Array>);

/// Values row by row or column by column, without zeros: `indptr` into `data` and `indices`.
struct Sparse {
    data: Box<dyn Array>,
    indices: Box<dyn Array>,
    /// Where each row (or column) starts, and where the last one ends; checked to ascend.
    starts: Vec<usize>,
    /// Cells.
    rows: usize,
    /// Genes.
    columns: usize,
    /// Whether a line is a gene (csc) and not a cell (csr).
    by_column: bool,
}

/// The matrix at `place` of an AnnData file, which must have `rows` cells and `columns` genes.
pub fn of_anndata(file: &dyn Hierarchy, place: &str, rows: usize, columns: usize) -> Result<Box<dyn Matrix>> {
    if !file.has_group(place) {
        let array = file.array(place)?;
        check_shape(array.shape(), rows, columns).map_err(|what| array.error(&what))?;
        return Ok(Box::new(Dense(array)));
    }
    // anndata 0.7 and later say "encoding-type"; before, h5sparse said "h5sparse_format".
    let format =
        file.text(place, "encoding-type").or_else(|| file.text(place, "h5sparse_format")).unwrap_or_default();
    let by_column = format.starts_with("csc");
    if !by_column && !format.starts_with("csr") {
        return Err(Error::new(format!("'{place}' is neither csr, csc nor dense but '{format}'"))
            .help("write the matrix with a current anndata: adata.write_h5ad(...)"));
    }
    let shape = file.attribute(place, "shape").or_else(|| file.attribute(place, "h5sparse_shape"));
    if let Some(Attribute::Numbers(shape)) = shape {
        let shape: Vec<usize> = shape.into_iter().map(|n| usize::try_from(n).unwrap_or(usize::MAX)).collect();
        check_shape(&shape, rows, columns).map_err(|what| Error::new(what).at(place))?;
    }
    Ok(Box::new(Sparse::open(file, place, rows, columns, by_column)?))
}

/// The matrix of a 10x file: `data`, `indices` and `indptr` of the group, cell by cell.
pub fn of_tenx(file: &dyn Hierarchy, group: &str, rows: usize, columns: usize) -> Result<Box<dyn Matrix>> {
    Ok(Box::new(Sparse::open(file, group, rows, columns, false)?))
}

impl Matrix for Dense {
    fn visit(&self, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()> {
        visit_dense(&*self.0, each)
    }

    fn looks_like_counts(&self) -> Result<bool> {
        whole_numbers(&*self.0)
    }
}

impl Matrix for Sparse {
    fn visit(&self, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()> {
        match self.by_column {
            true => transpose::visit(self, self.rows, each),
            false => self.visit_rows(each),
        }
    }

    fn looks_like_counts(&self) -> Result<bool> {
        whole_numbers(&*self.data)
    }
}

/// Whether the beginning, the middle and the end of an array are whole numbers.
pub fn whole_numbers(array: &dyn Array) -> Result<bool> {
    let length = array.rows();
    let width: usize = array.shape().iter().skip(1).product();
    let look = (LOOK / width.max(1)).max(1).min(length);
    for start in [0, (length - look) / 2, length - look] {
        if array.f32s(start..start + look)?.iter().any(|value| value.fract() != 0.0) {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Sparse {
    fn open(file: &dyn Hierarchy, place: &str, rows: usize, columns: usize, by_column: bool) -> Result<Self> {
        let at = |name: &str| format!("{place}/{name}");
        let (data, indices) = (file.column(&at("data"))?, file.column(&at("indices"))?);
        let pointers = file.column(&at("indptr"))?;
        if data.shape() != indices.shape() {
            return Err(data.error("it does not have as many elements as 'indices'"));
        }
        let lines = if by_column { columns } else { rows };
        if pointers.rows() != lines + 1 {
            return Err(pointers.error(&format!("{} elements instead of {}", pointers.rows(), lines + 1)));
        }
        let starts: Vec<usize> = pointers
            .i64s(0..pointers.rows())?
            .into_iter()
            .map(|start| usize::try_from(start).unwrap_or(usize::MAX))
            .collect();
        let whole = starts[0] == 0 && starts[lines] == data.rows();
        // A gene may be there twice in a cell, but a cell that claims far more values than there are
        // genes would only cost memory.
        let longest = 4 * (if by_column { rows } else { columns }).max(16);
        let sound = |pair: &[usize]| pair[0] <= pair[1] && pair[1] - pair[0] <= longest;
        if !whole || !starts.windows(2).all(sound) {
            return Err(pointers.error("its numbers do not ascend to the number of values"));
        }
        Ok(Self { data, indices, starts, rows, columns, by_column })
    }

    fn visit_rows(&self, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()> {
        let mut first = 0;
        while first < self.rows {
            let last = lines_until(&self.starts, first, SLAB);
            let part = self.starts[first]..self.starts[last];
            let (genes, values) = self.read(part.clone(), self.columns)?;
            let offsets = self.starts[first..=last].iter().map(|start| start - part.start).collect();
            each(Slab { first, offsets, genes, values })?;
            first = last;
        }
        Ok(())
    }

    fn read(&self, part: Range<usize>, limit: usize) -> Result<(Vec<u32>, Vec<f32>)> {
        let (indices, values) =
            rayon::join(|| self.indices.indices(part.clone(), limit), || self.data.f32s(part.clone()));
        Ok((indices?, values?))
    }
}

/// A matrix by columns is a stream of entries, one gene after the other.
impl Entries for Sparse {
    fn cells(&self, each: &mut dyn FnMut(u32)) -> Result<()> {
        for start in (0..self.data.rows()).step_by(SLAB) {
            let part = start..(start + SLAB).min(self.data.rows());
            self.indices.indices(part, self.rows)?.into_iter().for_each(&mut *each);
        }
        Ok(())
    }

    fn entries(&self, each: &mut dyn FnMut(u32, u32, f32)) -> Result<()> {
        let mut first = 0;
        while first < self.columns {
            let last = lines_until(&self.starts, first, SLAB);
            let part = self.starts[first]..self.starts[last];
            let (cells, values) = self.read(part.clone(), self.rows)?;
            for gene in first..last {
                for place in self.starts[gene] - part.start..self.starts[gene + 1] - part.start {
                    each(cells[place], gene as u32, values[place]);
                }
            }
            first = last;
        }
        Ok(())
    }
}

/// The line after the last of those from `first` on that hold `most` values together; at least one.
fn lines_until(starts: &[usize], first: usize, most: usize) -> usize {
    let end = starts[first].saturating_add(most);
    (starts.partition_point(|&start| start <= end) - 1).max(first + 1)
}

fn visit_dense(array: &dyn Array, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()> {
    let (rows, columns) = (array.rows(), array.shape()[1]);
    let step = (SLAB / columns.max(1)).max(1);
    for first in (0..rows).step_by(step) {
        let last = (first + step).min(rows);
        let all = array.f32s(first..last)?;
        let sparse: Vec<(Vec<u32>, Vec<f32>)> = (0..last - first)
            .into_par_iter()
            .map(|row| {
                let line = (0u32..).zip(&all[row * columns..(row + 1) * columns]);
                line.filter(|&(_, &value)| value != 0.0).map(|(gene, &value)| (gene, value)).unzip()
            })
            .collect();
        let mut slab = Slab::starting_at(first);
        for (genes, values) in sparse {
            slab.genes.extend(genes);
            slab.values.extend(values);
            slab.offsets.push(slab.genes.len());
        }
        each(slab)?;
    }
    Ok(())
}

fn check_shape(shape: &[usize], rows: usize, columns: usize) -> std::result::Result<(), String> {
    if shape == [rows, columns] && u32::try_from(columns).is_ok() && u32::try_from(rows).is_ok() {
        return Ok(());
    }
    Err(format!("the matrix has the shape {shape:?}, but there are {rows} cells and {columns} genes"))
}
