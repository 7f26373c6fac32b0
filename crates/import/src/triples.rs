//! A text file of numbered genes, cells and values, one triple a line, in any order.

use crate::matrix::{Matrix, Slab};
use crate::text::{LONGEST_LINE, open_text};
use crate::transpose::{self, Entries};
use genil_base::{Error, Result};
use std::io::{BufRead, Read};
use std::path::PathBuf;

/// A text file of triples, its header read.
pub struct Triples {
    /// Where it is.
    pub path: PathBuf,
    /// The number of genes.
    pub genes: usize,
    /// The number of cells.
    pub cells: usize,
    /// The number of triples that the header promises.
    pub entries: u64,
    /// Whether the values are whole numbers.
    pub whole_numbers: bool,
    /// Whether a line is: cell, gene, value; and not: gene, cell, value. Both count from 1.
    pub cell_first: bool,
    /// Lines in front of the first triple; comments (`%`) and empty lines do not count.
    pub lines_before: usize,
}

impl Triples {
    fn read(&self, each: &mut dyn FnMut(u32, u32, f32)) -> Result<()> {
        let mut input = open_text(&self.path)?;
        let mut line = Vec::new();
        let (mut number, mut found, mut before) = (0u64, 0u64, 0);
        loop {
            line.clear();
            number += 1;
            let length = (&mut input)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut line)
                .map_err(|e| Error::io("read", &self.path, &e))?;
            if length == 0 {
                break;
            }
            if line.starts_with(b"%") || line.trim_ascii().is_empty() {
                continue;
            }
            if before < self.lines_before {
                before += 1;
                continue;
            }
            let Some((cell, gene, value)) = self.entry(&line) else {
                let start: String = String::from_utf8_lossy(&line).trim().chars().take(80).collect();
                let order = if self.cell_first { "cell, gene" } else { "gene, cell" };
                let what = format!("'{start}' is not: {order}, value (within the matrix)");
                return Err(Error::new(what)
                    .at(format!("line {number}"))
                    .at_path(&self.path)
                    .help("copy the file again, or mend the line"));
            };
            found += 1;
            each(cell, gene, value);
        }
        if found != self.entries {
            return Err(Error::new(format!(
                "{found} entries instead of {}: the file is cut short",
                self.entries
            ))
            .at_path(&self.path)
            .help("copy the file again"));
        }
        Ok(())
    }

    fn entry(&self, line: &[u8]) -> Option<(u32, u32, f32)> {
        let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let mut next = || std::str::from_utf8(fields.next()?).ok();
        let within = |text: &str, limit: usize| {
            let place = text.parse::<u32>().ok()?.checked_sub(1)?;
            ((place as usize) < limit).then_some(place)
        };
        let (cell, gene) = if self.cell_first {
            (within(next()?, self.cells)?, within(next()?, self.genes)?)
        } else {
            let gene = within(next()?, self.genes)?;
            (within(next()?, self.cells)?, gene)
        };
        Some((cell, gene, next()?.parse().ok()?))
    }
}

impl Matrix for Triples {
    fn visit(&self, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()> {
        transpose::visit(self, self.cells, each)
    }

    fn looks_like_counts(&self) -> Result<bool> {
        Ok(self.whole_numbers)
    }
}

impl Entries for Triples {
    fn cells(&self, each: &mut dyn FnMut(u32)) -> Result<()> {
        self.read(&mut |cell, _, _| each(cell))
    }

    fn entries(&self, each: &mut dyn FnMut(u32, u32, f32)) -> Result<()> {
        self.read(each)
    }
}
