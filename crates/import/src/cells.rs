//! The cells of a file as everybody wants them: genes in order, rows of one gene joined, values
//! checked. While the cells of one slab are used, the next slab is read, by all cores.

use crate::matrix::Slab;
use crate::merge::Part;
use genil_base::{Error, Result};
use genil_data::Cell;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::mpsc::sync_channel;

/// Cells that one task makes at a time.
const TOGETHER: usize = 64;
/// A column that is no gene.
const NONE: u32 = u32::MAX;

/// Calls `each` with the row and the genes and values of every cell of a file, in order.
pub fn visit(part: &Part, each: &mut dyn FnMut(usize, Cell<'_>) -> Result<()>) -> Result<()> {
    let maker = Maker::new(part);
    let (send, receive) = sync_channel::<Vec<Cells>>(0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            part.opened.matrix.visit(&mut |slab| {
                send.send(maker.cells(&slab)?)
                    .map_err(|_| Error::new("stopped because a cell could not be used"))
            })
        });
        let used = receive.iter().flatten().try_for_each(|cells| {
            let starts = std::iter::once(0).chain(cells.ends.iter().copied());
            for (place, (start, &end)) in starts.zip(&cells.ends).enumerate() {
                let cell = Cell { genes: &cells.genes[start..end], values: &cells.values[start..end] };
                each(cells.first + place, cell)?;
            }
            Ok(())
        });
        // The reader waits for someone to take its cells: without a receiver it stops.
        drop(receive);
        let read = reader.join().unwrap_or_else(|_| Err(Error::new("reading stopped without a reason")));
        used.and(read)
    })
}

/// Consecutive cells as the store wants them.
struct Cells {
    /// The row of the first cell.
    first: usize,
    /// Where each cell ends in `genes` and `values`.
    ends: Vec<usize>,
    genes: Vec<u32>,
    values: Vec<f32>,
}

/// Makes cells of what a file has.
struct Maker<'a> {
    part: &'a Part,
    /// For each column its gene, or [`NONE`].
    ids: Vec<u32>,
}

impl<'a> Maker<'a> {
    fn new(part: &'a Part) -> Self {
        Self { part, ids: part.gene_ids.iter().map(|id| id.unwrap_or(NONE)).collect() }
    }

    /// All cells of a slab, or the error of the first that cannot be.
    fn cells(&self, slab: &Slab) -> Result<Vec<Cells>> {
        let rows = slab.offsets.len() - 1;
        if slab.first + rows > self.part.opened.index.len() {
            return Err(Error::new("the file has more cells than it had when it was opened"));
        }
        let starts: Vec<usize> = (0..rows).step_by(TOGETHER).collect();
        let made: Vec<Result<Cells>> = starts
            .into_par_iter()
            .map(|start| self.some_cells(slab, start..(start + TOGETHER).min(rows)))
            .collect();
        made.into_iter().collect()
    }

    fn some_cells(&self, slab: &Slab, rows: Range<usize>) -> Result<Cells> {
        let most = slab.offsets[rows.end] - slab.offsets[rows.start];
        let mut cells = Cells {
            first: slab.first + rows.start,
            ends: Vec::with_capacity(rows.len()),
            genes: Vec::with_capacity(most),
            values: Vec::with_capacity(most),
        };
        for row in rows {
            let range = slab.offsets[row]..slab.offsets[row + 1];
            self.add(&slab.genes[range.clone()], &slab.values[range], &mut cells)
                .map_err(|e| e.at(format!("cell '{}'", self.part.opened.index[slab.first + row])))?;
            cells.ends.push(cells.genes.len());
        }
        Ok(cells)
    }

    /// Adds the entries of a row: ids of genes for columns, in order, rows of one gene joined, zeros dropped.
    fn add(&self, columns: &[u32], values: &[f32], cells: &mut Cells) -> Result<()> {
        let start = cells.genes.len();
        cells.genes.extend(columns.iter().map(|&column| self.ids[column as usize]));
        let ids = &cells.genes[start..];
        // Sums instead of early exits: these loops run over all values and so must vectorise.
        let disorder: u32 = ids.windows(2).map(|pair| u32::from(pair[0] >= pair[1])).sum();
        let not_above_0: u32 = values.iter().map(|&v| u32::from(!(v > 0.0 && v < f32::INFINITY))).sum();
        // In ascending order, only the last one may be NONE.
        if disorder + not_above_0 == 0 && ids.last() != Some(&NONE) {
            cells.values.extend_from_slice(values);
            return Ok(());
        }
        cells.genes.truncate(start);
        let entries = self.entries(columns, values)?;
        cells.genes.extend(entries.iter().map(|entry| entry.0));
        cells.values.extend(entries.iter().map(|entry| entry.1));
        Ok(())
    }

    /// The entries of any row.
    fn entries(&self, columns: &[u32], values: &[f32]) -> Result<Vec<(u32, f32)>> {
        let mut entries = Vec::with_capacity(columns.len());
        for (&column, &value) in columns.iter().zip(values) {
            let Some(id) = self.part.gene_ids[column as usize] else { continue };
            if !(value >= 0.0 && value.is_finite()) {
                return Err(self.refuse(column, value));
            }
            if value > 0.0 {
                entries.push((id, value));
            }
        }
        if !entries.is_sorted_by(|a, b| a.0 < b.0) {
            entries.sort_by_key(|entry| entry.0);
            let add = self.part.opened.counts;
            entries.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 = if add { kept.1 + next.1 } else { kept.1.max(next.1) };
                }
                same
            });
        }
        Ok(entries)
    }

    fn refuse(&self, column: u32, value: f32) -> Error {
        let gene = self.part.opened.genes[column as usize].as_ref().map_or("", |gene| gene.symbol.as_str());
        let taken = &self.part.opened.taken;
        let (what, help) = if value < 0.0 && value.is_finite() {
            ("negative", "these are not counts but scaled values; name the layer that has the counts")
        } else {
            ("not finite", "find where it comes from, or take it out; or name another layer")
        };
        Error::new(format!("the value {value} of the gene '{gene}' in {taken} is {what}")).help(help)
    }
}
