//! Small stores and plans for tests.

use crate::cells::{Annotation, ColumnKind};
use crate::genes::Gene;
use crate::plan::{CellChoice, FORMAT, Plan, Stage, StoreRef};
use crate::store::{Measured, Panel, Store, StoreWriter};
use std::path::Path;

/// A store of one panel; each cell is its values (one a gene, zeros are left out) and its labels.
pub fn store(path: &Path, genes: &[&str], columns: &[&str], cells: &[(Vec<f32>, Vec<&str>)]) -> Store {
    let genes: Vec<Gene> = genes.iter().map(|&g| Gene { symbol: g.into(), ensembl: None }).collect();
    let panels = vec![Panel { name: "all".into(), genes: Measured::All }];
    let columns = columns.iter().map(|&c| (c.to_owned(), ColumnKind::Category)).collect();
    let mut writer = StoreWriter::create(path, genes, panels, columns).unwrap();
    for (row, (values, labels)) in cells.iter().enumerate() {
        let (genes, values): (Vec<u32>, Vec<f32>) =
            (0u32..).zip(values.iter().copied()).filter(|(_, value)| *value > 0.0).unzip();
        let labels: Vec<Annotation<'_>> = labels.iter().map(|&label| Annotation::Text(label)).collect();
        writer.push(&row.to_string(), 0, &genes, &values, &labels).unwrap();
    }
    writer.finish().unwrap()
}

/// A plan over one store called `all`, with these specific genes in the stages after the base.
pub fn plan(store: &Store, genes: &[&[&str]]) -> Plan {
    let stage = |name: String, genes: &[&str], share| Stage {
        name,
        genes: genes.iter().map(|&g| g.to_owned()).collect(),
        cells: CellChoice { store: "all".into(), column: None, values: Vec::new(), share },
        probe: None,
    };
    let rest = 0.5 / genes.len() as f64;
    let specific = genes.iter().enumerate().map(|(k, genes)| stage(format!("stage-{}", k + 1), genes, rest));
    Plan {
        format: FORMAT,
        seed: 0,
        held_out: 0.2,
        probe_test: 0.3,
        min_cells: 1,
        stores: vec![StoreRef {
            name: "all".into(),
            path: store.path().to_owned(),
            fingerprint: store.fingerprint().to_owned(),
        }],
        stages: std::iter::once(stage("base".into(), &[], 0.5)).chain(specific).collect(),
        base_genes: None,
    }
}
