//! Loom files: an HDF5 file with `matrix` and `layers` of genes × cells, dense, and the attributes of genes (`row_attrs`)
//! and of cells (`col_attrs`).

use crate::anndata::Counts;
use crate::frame::Frame;
use crate::hierarchy::{Array, Hierarchy};
use crate::matrix::{self, Matrix, SLAB, Slab};
use crate::names;
use crate::opened::Opened;
use crate::transpose::{self, Entries};
use genil_base::{Error, Result};
use std::path::Path;

/// What the attribute with the names of the cells is called, and that of the genes.
const CELLS: [&str; 6] = ["CellID", "CellName", "obs_names", "cell_names", "Barcode", "barcode"];
const GENES: [&str; 6] = ["Gene", "GeneName", "var_names", "gene_names", "Symbol", "Accession"];

const MATRIX: &str = "matrix";
const COUNTS: &str = "layers/counts";

/// Genes in rows, with zeros.
struct ByGene(Box<dyn Array>);

/// Whether an HDF5 file is laid out as loom is.
pub fn is_loom(file: &dyn Hierarchy) -> bool {
    file.has_array(MATRIX) && file.has_group("row_attrs") && file.has_group("col_attrs")
}

/// Reads everything but the values of the file at `path`.
pub fn open(file: &dyn Hierarchy, path: &Path, counts: &Counts) -> Result<Opened> {
    let shape = file.array(MATRIX)?.shape().to_vec();
    let [genes, cells] = shape[..] else {
        return Err(Error::new(format!("'{MATRIX}' has {} axes instead of two", shape.len())));
    };
    let var = Frame::of_attributes(file, "row_attrs", &GENES, genes)?;
    let obs = Frame::of_attributes(file, "col_attrs", &CELLS, cells)?;
    let whole = |place: &str| matrix::whole_numbers(&*array(file, place, &shape)?);
    let (place, counts) = match counts {
        Counts::At(place) => {
            let place = if place == "X" { MATRIX } else { place };
            (place, whole(place)?)
        }
        // As with AnnData: the first that holds whole numbers.
        Counts::Auto if whole(MATRIX)? => (MATRIX, true),
        Counts::Auto if file.has_array(COUNTS) && whole(COUNTS)? => (COUNTS, true),
        Counts::Auto => (MATRIX, false),
    };
    let names = names::of_frame(&var)?;
    let mut notes = vec![format!("genes: {}", names.origin)];
    if !counts {
        notes.push(format!(
            "'{place}' does not hold whole numbers: these are not raw counts. They were imported as they are; \
             if a layer has counts, name it (it has: {})",
            file.names("layers").unwrap_or_default().join(", ")
        ));
    }
    Ok(Opened {
        path: path.to_owned(),
        index: obs.index,
        columns: obs.columns,
        genes: names.genes.into_iter().map(Some).collect(),
        matrix: Box::new(ByGene(array(file, place, &shape)?)),
        counts,
        taken: place.to_owned(),
        skipped: obs.skipped,
        notes,
    })
}

/// The array at a place, which must be of this shape.
fn array(file: &dyn Hierarchy, place: &str, shape: &[usize]) -> Result<Box<dyn Array>> {
    if !file.has_array(place) {
        let layers = file.names("layers").unwrap_or_default();
        return Err(Error::new(format!("the file has no '{place}'"))
            .help(format!("it has the layers: {}", layers.join(", "))));
    }
    let array = file.array(place)?;
    match array.shape() == shape {
        true => Ok(array),
        false => Err(array.error(&format!("its shape is {:?} instead of {shape:?}", array.shape()))),
    }
}

impl Matrix for ByGene {
    fn visit(&self, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()> {
        transpose::visit(self, self.0.shape()[1], each)
    }

    fn looks_like_counts(&self) -> Result<bool> {
        matrix::whole_numbers(&*self.0)
    }
}

/// A stream of entries, one gene after the other.
impl Entries for ByGene {
    fn cells(&self, each: &mut dyn FnMut(u32)) -> Result<()> {
        self.entries(&mut |cell, _, _| each(cell))
    }

    fn entries(&self, each: &mut dyn FnMut(u32, u32, f32)) -> Result<()> {
        let (genes, cells) = (self.0.rows(), self.0.shape()[1]);
        // Loom's chunks are 64 genes high: windows of fewer would unpack them again and again.
        let least = (16 * SLAB / cells.max(1)).clamp(1, 64);
        let step = (SLAB / cells.max(1)).max(least);
        for first in (0..genes).step_by(step) {
            let all = self.0.f32s(first..(first + step).min(genes))?;
            for (gene, line) in (first as u32..).zip(all.chunks_exact(cells.max(1))) {
                for (cell, &value) in (0u32..).zip(line).filter(|(_, value)| **value != 0.0) {
                    each(cell, gene, value);
                }
            }
        }
        Ok(())
    }
}
