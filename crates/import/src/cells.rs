//! The cells of a file as everybody wants them: genes in order, rows of one gene joined, values
//! checked. While the cells of one slab are used, the next slab is read.

use crate::matrix::Slab;
use crate::merge::Part;
use genil_base::{Error, Result};
use genil_data::Cell;
use std::sync::mpsc::sync_channel;

/// Calls `each` with the row and the genes and values of every cell of a file, in order.
pub fn visit(part: &Part, each: &mut dyn FnMut(usize, Cell<'_>) -> Result<()>) -> Result<()> {
    let mut making = CellInTheMaking::new(part);
    let (send, receive) = sync_channel::<Slab>(0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            part.opened.matrix.visit(&mut |slab| {
                send.send(slab).map_err(|_| Error::new("stopped because a cell could not be used"))
            })
        });
        let used = receive.iter().try_for_each(|slab| {
            for place in 0..slab.offsets.len() - 1 {
                let row = slab.first + place;
                let Some(id) = part.opened.index.get(row) else {
                    return Err(Error::new("the file has more cells than it had when it was opened"));
                };
                let range = slab.offsets[place]..slab.offsets[place + 1];
                making
                    .fill(&slab.genes[range.clone()], &slab.values[range])
                    .map_err(|e| e.at(format!("cell '{id}'")))?;
                each(row, Cell { genes: &making.genes, values: &making.values })?;
            }
            Ok(())
        });
        // The reader waits for someone to take its slab: without a receiver it stops.
        drop(receive);
        let read = reader.join().unwrap_or_else(|_| Err(Error::new("reading stopped without a reason")));
        used.and(read)
    })
}

/// The genes and values of one cell as the store wants them. The buffers serve for all cells.
struct CellInTheMaking<'a> {
    part: &'a Part,
    entries: Vec<(u32, f32)>,
    genes: Vec<u32>,
    values: Vec<f32>,
}

impl<'a> CellInTheMaking<'a> {
    fn new(part: &'a Part) -> Self {
        Self { part, entries: Vec::new(), genes: Vec::new(), values: Vec::new() }
    }

    /// Takes over the entries of a row: ids of genes for columns, in order, rows of one gene joined,
    /// zeros dropped.
    fn fill(&mut self, columns: &[u32], values: &[f32]) -> Result<()> {
        self.entries.clear();
        for (&column, &value) in columns.iter().zip(values) {
            let Some(id) = self.part.gene_ids[column as usize] else { continue };
            if !(value >= 0.0 && value.is_finite()) {
                return Err(self.refuse(column, value));
            }
            if value > 0.0 {
                self.entries.push((id, value));
            }
        }
        if !self.entries.is_sorted_by(|a, b| a.0 < b.0) {
            self.entries.sort_by_key(|entry| entry.0);
            let add = self.part.opened.counts;
            self.entries.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 = if add { kept.1 + next.1 } else { kept.1.max(next.1) };
                }
                same
            });
        }
        self.genes.clear();
        self.values.clear();
        self.genes.extend(self.entries.iter().map(|entry| entry.0));
        self.values.extend(self.entries.iter().map(|entry| entry.1));
        Ok(())
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
