//! A tidy table in the making.

use genil_base::{Error, Result, files};
use std::path::Path;

/// A CSV file in memory.
pub(super) struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with these columns, `one,other`.
    pub fn new(columns: &str) -> Self {
        Self(vec![columns.split(',').map(str::to_owned).collect()])
    }

    /// Appends a row.
    pub fn row(&mut self, fields: impl Iterator<Item = String>) {
        self.0.push(fields.collect());
    }

    /// Writes it whole or not at all.
    pub fn write(&self, path: &Path) -> Result<()> {
        files::write_whole(path, |out| {
            let mut csv = csv::Writer::from_writer(out);
            let failed = |e: csv::Error| Error::new(format!("cannot write: {e}")).at_path(path);
            for row in &self.0 {
                csv.write_record(row).map_err(failed)?;
            }
            csv.flush().map_err(|e| Error::io("write", path, &e))
        })
    }
}

/// A number, or nothing where there is none.
pub(super) fn text(number: Option<f64>) -> String {
    number.map(|it| it.to_string()).unwrap_or_default()
}
