//! From entries in any order to cells in order, in bounded memory: several passes over the
//! entries, each of which keeps the cells of one band.

use crate::matrix::Slab;
use genil_base::Result;

/// Entries of a band, at most (unless one cell has more): 48 Mi entries with their genes are 384 MiB.
#[cfg(not(test))]
const BAND: usize = 48 << 20;
#[cfg(test)]
const BAND: usize = 4;

/// Cells of a band that are handed on together.
const PART: usize = 1024;

/// A stream of (cell, gene, value) that can be read again.
pub trait Entries {
    /// Calls `each` with the cell of every entry.
    fn cells(&self, each: &mut dyn FnMut(u32)) -> Result<()>;
    /// Calls `each` with every entry, in the same order each time.
    fn entries(&self, each: &mut dyn FnMut(u32, u32, f32)) -> Result<()>;
}

/// Calls `each` with all of `cells` cells in order. Within a cell, entries keep their order.
pub fn visit(entries: &impl Entries, cells: usize, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()> {
    let mut counts = vec![0usize; cells];
    entries.cells(&mut |cell| counts[cell as usize] += 1)?;
    let mut first = 0;
    while first < cells {
        let mut offsets = vec![0];
        let mut total = 0;
        for &count in &counts[first..] {
            if total + count > BAND && total > 0 {
                break;
            }
            total += count;
            offsets.push(total);
        }
        let last = first + offsets.len() - 1;
        let mut next = offsets.clone();
        let (mut genes, mut values) = (vec![0; total], vec![0.0; total]);
        entries.entries(&mut |cell, gene, value| {
            let Some(place) = (cell as usize).checked_sub(first).filter(|&row| row < last - first) else {
                return;
            };
            // A file that changes between two passes must not write past its band.
            if next[place] < offsets[place + 1] {
                genes[next[place]] = gene;
                values[next[place]] = value;
                next[place] += 1;
            }
        })?;
        // In parts, so that the band is not there a second time as cells.
        for start in (0..last - first).step_by(PART) {
            let rows = &offsets[start..=(start + PART).min(last - first)];
            let part = rows[0]..rows[rows.len() - 1];
            each(Slab {
                first: first + start,
                offsets: rows.iter().map(|offset| offset - rows[0]).collect(),
                genes: genes[part.clone()].to_vec(),
                values: values[part].to_vec(),
            })?;
        }
        first = last;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Triples(Vec<(u32, u32, f32)>);

    impl Entries for Triples {
        fn cells(&self, each: &mut dyn FnMut(u32)) -> Result<()> {
            self.0.iter().for_each(|entry| each(entry.0));
            Ok(())
        }

        fn entries(&self, each: &mut dyn FnMut(u32, u32, f32)) -> Result<()> {
            self.0.iter().for_each(|&(cell, gene, value)| each(cell, gene, value));
            Ok(())
        }
    }

    #[test]
    fn many_bands_give_the_same_cells_as_one() {
        let triples: Vec<_> = (0..60u32).map(|i| (i * 7 % 13, i, i as f32)).collect();
        let mut seen = Vec::new();
        let mut slabs = 0;
        visit(&Triples(triples.clone()), 14, &mut |slab| {
            slabs += 1;
            for row in 0..slab.offsets.len() - 1 {
                for place in slab.offsets[row]..slab.offsets[row + 1] {
                    seen.push(((slab.first + row) as u32, slab.genes[place], slab.values[place]));
                }
            }
            Ok(())
        })
        .unwrap();
        let mut expected = triples;
        expected.sort_by_key(|&(cell, gene, _)| (cell, gene));
        assert_eq!(seen, expected);
        assert!(slabs > 10, "{slabs}");
    }
}
