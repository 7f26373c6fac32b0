//! Annotations of cells from a text table beside the counts: the first line has the names of the columns, the first
//! field of each line the id of a cell (`NA` and nothing are missing).

use crate::frame::Values;
use crate::opened::Opened;
use crate::text::open_text;
use genil_base::{Error, Result};
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// A table of annotations.
pub struct Annotations {
    columns: Vec<String>,
    /// For each cell its entries.
    cells: HashMap<String, Vec<Option<String>>>,
}

impl Annotations {
    /// Reads a table, maybe gzipped, with tabs or commas.
    pub fn read(path: &Path) -> Result<Self> {
        let mut text = String::new();
        open_text(path)?.read_to_string(&mut text).map_err(|e| Error::io("read", path, &e))?;
        Self::parse(&text).map_err(|e| e.at_path(path))
    }

    fn parse(text: &str) -> Result<Self> {
        let first = text.lines().next().unwrap_or_default();
        let separator = [b'\t', b',', b';'].into_iter().find(|&byte| first.contains(char::from(byte)));
        let mut how = csv::ReaderBuilder::new();
        how.delimiter(separator.unwrap_or(b' ')).has_headers(false).flexible(true);
        let mut records = how.from_reader(text.as_bytes()).into_records();
        let broken = |e: csv::Error| Error::new(format!("not a table of annotations: {e}"));
        let mut columns: Vec<String> = match records.next() {
            Some(header) => header.map_err(broken)?.iter().map(|name| name.trim().to_owned()).collect(),
            None => return Err(Error::new("the table of annotations is empty")),
        };
        let mut cells = HashMap::new();
        let mut width = None;
        for record in records {
            let record = record.map_err(broken)?;
            let mut fields = record.iter().map(str::trim);
            let id = fields.next().unwrap_or_default().to_owned();
            let entry = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty() && text != "NA");
            let entries: Vec<_> = fields.map(entry).collect();
            if *width.get_or_insert(entries.len()) != entries.len() {
                return Err(Error::new(format!(
                    "the cell '{id}' has {} entries instead of {}",
                    entries.len(),
                    width.unwrap_or_default()
                )));
            }
            if cells.insert(id.clone(), entries).is_some() {
                return Err(
                    Error::new(format!("the cell '{id}' is there twice")).help("give each cell one line")
                );
            }
        }
        // R leaves the corner out.
        match columns.len().checked_sub(width.unwrap_or_default()) {
            Some(0) => {}
            Some(1) => drop(columns.remove(0)),
            _ => return Err(Error::new("the first line does not name all columns")),
        }
        Ok(Self { columns, cells })
    }

    /// Adds the columns to a file; returns how many of its cells the table has.
    pub fn annotate(&self, opened: &mut Opened) -> usize {
        let rows: Vec<_> = opened.index.iter().map(|id| self.cells.get(id)).collect();
        for (place, name) in self.columns.iter().enumerate() {
            let entries = rows.iter().map(|row| row.and_then(|entries| entries[place].clone())).collect();
            opened.columns.retain(|(other, _)| other != name);
            opened.columns.push((name.clone(), typed(entries)));
        }
        rows.iter().flatten().count()
    }
}

/// Numbers where all entries are numbers, else texts.
fn typed(entries: Vec<Option<String>>) -> Values {
    let number = |entry: &Option<String>| match entry {
        None => Some(f64::NAN),
        Some(text) => text.parse().ok(),
    };
    match entries.iter().map(number).collect::<Option<Vec<f64>>>() {
        Some(numbers) if entries.iter().any(Option::is_some) => Values::Number(numbers),
        _ => Values::of_texts(entries),
    }
}
