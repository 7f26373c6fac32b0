//! A table that says which genes were measured in which group of cells: genes × groups, 0 or 1,
//! tab-separated, the first column the gene's symbol or Ensembl id, the header the groups.

use crate::text::open_text;
use genil_base::{Error, Result};
use genil_data::Gene;
use std::collections::HashMap;
use std::path::Path;

/// The table.
pub struct MeasuredTable {
    groups: Vec<String>,
    /// For each gene of the table, one flag a group.
    rows: HashMap<String, Vec<bool>>,
}

impl MeasuredTable {
    /// Reads the table at `path`, plain or gzipped.
    pub fn read(path: &Path) -> Result<Self> {
        let broken = |what: String| {
            Error::new(what)
                .at_path(path)
                .help("expected: a tab-separated table of genes × groups of 0 and 1")
        };
        let mut table =
            csv::ReaderBuilder::new().delimiter(b'\t').quoting(false).from_reader(open_text(path)?);
        let header = table.headers().map_err(|e| broken(e.to_string()))?;
        let groups: Vec<String> = header.iter().skip(1).map(Into::into).collect();
        if groups.is_empty() {
            return Err(broken("the table has no groups".into()));
        }
        let mut rows = HashMap::new();
        for record in table.records() {
            let record = record.map_err(|e| broken(e.to_string()))?;
            let gene = record.get(0).unwrap_or_default().to_owned();
            let flags = record.iter().skip(1).map(|field| match field.trim() {
                "1" => Ok(true),
                "0" => Ok(false),
                other => Err(broken(format!("'{other}' for the gene '{gene}' is neither 0 nor 1"))),
            });
            let flags = flags.collect::<Result<_>>()?;
            rows.insert(gene, flags);
        }
        Ok(Self { groups, rows })
    }

    /// The names of the groups.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Whether the group in this place measured `gene`; `None` when the table does not know it.
    pub fn measured(&self, gene: &Gene, group: usize) -> Option<bool> {
        let row = self.rows.get(&gene.symbol).or_else(|| self.rows.get(gene.ensembl.as_ref()?))?;
        Some(row[group])
    }
}
