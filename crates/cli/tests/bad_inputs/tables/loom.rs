//! `genil import` of loom files.

use crate::world::World;
use crate::{Case, fine, refused};
use hdf5_pure::FileBuilder;

const IMPORT: &str = "import cells.loom --out new.store";

/// The parts of a loom file of three genes and four cells, each of which a case may spoil.
struct Loom {
    matrix: (Vec<f32>, Vec<u64>),
    layer: Vec<u64>,
    /// The attribute of the genes that has their names, and these.
    genes: (&'static str, Vec<&'static str>),
    cells: (&'static str, Vec<&'static str>),
}

impl World {
    fn loom(&self, change: impl FnOnce(&mut Loom)) {
        let mut it = Loom {
            matrix: ((0..12).map(|n| (n % 5) as f32).collect(), vec![3, 4]),
            layer: vec![3, 4],
            genes: ("Gene", vec!["A", "B", "C"]),
            cells: ("CellID", vec!["AAA", "CCC", "GGG", "TTT"]),
        };
        change(&mut it);
        let mut file = FileBuilder::new();
        file.create_dataset("matrix").with_f32_data(&it.matrix.0).with_shape(&it.matrix.1);
        let mut layers = file.create_group("layers");
        let values = vec![1.0; it.layer.iter().product::<u64>() as usize];
        layers.create_dataset("spliced").with_f32_data(&values).with_shape(&it.layer);
        file.add_group(layers.finish());
        for (place, (name, entries)) in [("row_attrs", &it.genes), ("col_attrs", &it.cells)] {
            let mut group = file.create_group(place);
            group.create_dataset(name).with_vlen_strings(entries);
            group.create_dataset("pca").with_f32_data(&[0.0; 8]).with_shape(&[4, 2]);
            file.add_group(group.finish());
        }
        file.write(self.path("cells.loom")).unwrap();
    }
}

pub const CASES: &[Case] = &[
    refused(
        "half of a loom file",
        |w| {
            w.loom(|_| ());
            w.cut("cells.loom", 0.5);
        },
        IMPORT,
        &["cells.loom"],
    ),
    refused(
        "no names of genes",
        |w| w.loom(|l| l.genes.0 = "gid"),
        IMPORT,
        &["row_attrs", "gid", "Accession"],
    ),
    refused("no names of cells", |w| w.loom(|l| l.cells.0 = "cid"), IMPORT, &["col_attrs", "cid", "CellID"]),
    refused(
        "fewer names than genes",
        |w| w.loom(|l| l.genes.1.truncate(2)),
        IMPORT,
        &["row_attrs", "2 names for 3 rows"],
    ),
    refused(
        "cells × genes",
        |w| w.loom(|l| l.matrix.1.reverse()),
        IMPORT,
        &["row_attrs", "3 names for 4 rows"],
    ),
    refused("a matrix of one axis", |w| w.loom(|l| l.matrix.1 = vec![12]), IMPORT, &["'matrix'", "1 axes"]),
    refused(
        "a layer of another shape",
        |w| w.loom(|l| l.layer = vec![3, 5]),
        "import cells.loom --layer spliced --out new.store",
        &["layers/spliced", "[3, 5] instead of [3, 4]"],
    ),
    refused(
        "a layer that is not there",
        |w| w.loom(|_| ()),
        "import cells.loom --layer unspliced --out new.store",
        &["layers/unspliced", "spliced"],
    ),
    refused(
        "raw counts of a loom file",
        |w| w.loom(|_| ()),
        "import cells.loom --layer raw --out new.store",
        &["raw/X", "spliced"],
    ),
    refused(
        "a negative count",
        |w| w.loom(|l| l.matrix.0[5] = -1.0),
        IMPORT,
        &["-1", "'B'", "CCC", "negative"],
    ),
    fine("attributes of two axes", |w| w.loom(|_| ()), IMPORT, &["4 cells", "pca"]),
];
