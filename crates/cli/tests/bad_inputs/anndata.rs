//! AnnData files, right and wrong.

use hdf5_pure::{AttrValue, FileBuilder, GroupBuilder};
use std::path::Path;

/// The parts of an AnnData file, each of which a case may spoil.
pub struct AnnData {
    pub cells: Vec<String>,
    pub genes: Vec<String>,
    /// A row a cell; written as compressed sparse rows.
    pub values: Vec<Vec<f32>>,
    /// Annotations of the cells.
    pub columns: Vec<(&'static str, Vec<String>)>,
    /// The name of the matrix.
    pub matrix: &'static str,
    pub encoding: &'static str,
    /// Changes the arrays of the matrix before they are written.
    pub spoil: fn(&mut Sparse),
}

/// The arrays of a sparse matrix.
pub struct Sparse {
    pub data: Vec<f32>,
    pub indices: Vec<i32>,
    pub indptr: Vec<i64>,
    pub shape: Vec<i64>,
}

/// The tissues of the cells: half marrow, a quarter blood, a quarter gut.
const TISSUES: [&str; 4] = ["marrow", "blood", "marrow", "gut"];

impl AnnData {
    /// 96 cells of three tissues with 8 genes of all tissues and 4 of each of blood and gut.
    pub fn cells() -> Self {
        let tissue = |cell: usize| TISSUES[cell % 4].to_owned();
        Self::new(96, |cell, gene| match gene / 4 {
            2 if tissue(cell) != "blood" => 0.0,
            3 if tissue(cell) != "gut" => 0.0,
            _ => ((cell * 7 + gene * 5) % 4) as f32,
        })
        .with("tissue", tissue)
        .with("age", |cell| (20 + cell).to_string())
    }

    /// 40 cells of two kinds, told apart by the genes of the tissue.
    pub fn probe(genes_of: usize) -> Self {
        Self::new(40, |cell, gene| {
            let apart = gene / 4 == genes_of && cell % 2 == gene % 2;
            ((cell * 3 + gene) % 3) as f32 + if apart { 6.0 } else { 0.0 }
        })
        .with("kind", |cell| ["T cell", "B cell"][cell % 2].to_owned())
        .with("all", |_| "one".into())
    }

    fn new(cells: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        Self {
            cells: (0..cells).map(|cell| format!("cell-{cell}")).collect(),
            genes: (0..16).map(|gene| format!("G{gene}")).collect(),
            values: (0..cells).map(|cell| (0..16).map(|gene| value(cell, gene)).collect()).collect(),
            columns: Vec::new(),
            matrix: "X",
            encoding: "csr_matrix",
            spoil: |_| (),
        }
    }

    fn with(mut self, name: &'static str, entry: impl Fn(usize) -> String) -> Self {
        self.columns.push((name, (0..self.cells.len()).map(entry).collect()));
        self
    }

    pub fn write(&self, path: &Path) {
        let mut file = FileBuilder::new();
        let mut x = file.create_group(self.matrix);
        let it = self.sparse();
        x.set_attr("encoding-type", AttrValue::VarLenString(self.encoding.into()));
        x.set_attr("shape", AttrValue::I64Array(it.shape.clone()));
        x.create_dataset("data").with_f32_data(&it.data);
        x.create_dataset("indices").with_i32_data(&it.indices);
        x.create_dataset("indptr").with_i64_data(&it.indptr);
        file.add_group(x.finish());
        let obs = table(file.create_group("obs"), &self.cells, &self.columns);
        file.add_group(obs.finish());
        let var = table(file.create_group("var"), &self.genes, &[]);
        file.add_group(var.finish());
        file.write(path).unwrap();
    }

    fn sparse(&self) -> Sparse {
        let mut it = Sparse {
            data: Vec::new(),
            indices: Vec::new(),
            indptr: vec![0],
            shape: vec![self.cells.len() as i64, self.genes.len() as i64],
        };
        for row in &self.values {
            for (gene, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                it.indices.push(gene as i32);
                it.data.push(value);
            }
            it.indptr.push(it.data.len() as i64);
        }
        (self.spoil)(&mut it);
        it
    }
}

fn table(mut group: GroupBuilder, rows: &[String], columns: &[(&str, Vec<String>)]) -> GroupBuilder {
    let mut write = |name: &str, entries: &[String]| {
        group.create_dataset(name).with_vlen_strings(&entries.iter().map(String::as_str).collect::<Vec<_>>());
    };
    write("_index", rows);
    for (name, entries) in columns {
        write(name, entries);
    }
    group
}
