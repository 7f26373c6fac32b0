//! Text tables of counts: comma, tab, semicolon or space between the fields, maybe gzipped; genes in rows and cells
//! in columns, or the other way round. The first line has the names of the columns (as R writes it, maybe one fewer
//! than there are fields), the first field of each line the name of the row.

use crate::matrix::{Matrix, Slab};
use crate::names;
use crate::opened::Opened;
use crate::text::{open_rows, open_text};
use crate::transpose::{self, Entries};
use genil_base::{Error, Result};
use genil_data::genes::{is_ensembl, without_version};
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

/// Genes that nearly every table has: where they are, the genes are.
const HOUSEHOLD: [&str; 8] = ["ACTB", "GAPDH", "B2M", "MALAT1", "TMSB4X", "EEF1A1", "RPLP0", "MT-CO1"];
/// Values of a slab, at most.
const SLAB: usize = 1 << 22;

/// Where the genes of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenesIn {
    /// A gene a line.
    Rows,
    /// A gene a column.
    Columns,
}

/// A text table of numbers.
struct Table {
    path: PathBuf,
    separator: u8,
    genes: GenesIn,
    rows: usize,
    columns: usize,
    counts: bool,
}

/// Whether a file is named as a table is.
pub fn is_table(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.trim_end_matches(".gz");
    [".csv", ".tsv", ".txt", ".tab"].iter().any(|ending| name.ends_with(ending))
}

/// Reads everything but the values. Where the genes are is found out if `genes` does not say it.
pub fn open(path: &Path, genes: Option<GenesIn>) -> Result<Opened> {
    let separator = separator(path)?;
    let mut reader = reader(path, separator)?;
    let header: Vec<String> = header(&mut reader, path)?;
    let (mut rows, mut fields, mut counts) = (Vec::new(), 0, true);
    each_row(path, reader, &mut |name, numbers| {
        fields = numbers.len();
        counts &= numbers.iter().all(|number| number.fract() == 0.0);
        rows.push(name.to_owned());
        Ok(())
    })?;
    // R leaves the corner out; others put a name or nothing there.
    let columns = match header.len().checked_sub(fields) {
        Some(0) => header,
        Some(1) => header[1..].to_vec(),
        _ => {
            let what =
                format!("{} names in the first line, but {fields} numbers in the others", header.len());
            return Err(Error::new(what).at_path(path).help("the first line has the names of the columns"));
        }
    };
    if rows.is_empty() || columns.is_empty() {
        return Err(Error::new("the table is empty").at_path(path));
    }
    let guessed = genes.is_none();
    let genes = genes.unwrap_or_else(|| where_genes_are(&rows, &columns));
    let table =
        Table { path: path.to_owned(), separator, genes, rows: rows.len(), columns: columns.len(), counts };
    let (cells, names, place, other) = match genes {
        GenesIn::Rows => (columns, rows, "rows", "columns"),
        GenesIn::Columns => (rows, columns, "columns", "rows"),
    };
    let note = format!("genes are in the {place}");
    let gene = |name: String| {
        let id = Some(without_version(&name).to_owned()).filter(|id| is_ensembl(id));
        names::gene(Some(name), id).ok_or_else(|| Error::new("a gene has no name").at_path(path))
    };
    Ok(Opened {
        path: path.to_owned(),
        index: cells,
        columns: Vec::new(),
        genes: names.into_iter().map(|name| gene(name).map(Some)).collect::<Result<_>>()?,
        matrix: Box::new(table),
        counts,
        taken: "the table".into(),
        skipped: Vec::new(),
        notes: vec![if guessed { format!("{note} (if not: --genes-in {other})") } else { note }],
    })
}

/// On the side with more Ensembl ids or genes that every cell expresses; else in the rows, as most tables have them.
fn where_genes_are(rows: &[String], columns: &[String]) -> GenesIn {
    let like_genes = |names: &[String]| {
        let known = |name: &&String| is_ensembl(name) || HOUSEHOLD.contains(&name.to_uppercase().as_str());
        names.iter().filter(known).count()
    };
    if like_genes(columns) > like_genes(rows) { GenesIn::Columns } else { GenesIn::Rows }
}

/// What stands between the fields of the first line.
fn separator(path: &Path) -> Result<u8> {
    let mut first = String::new();
    open_text(path)?
        .take(1 << 24)
        .read_line(&mut first)
        .map_err(|e| Error::io("read", path, &e).help("is it a text table?"))?;
    Ok([b'\t', b',', b';'].into_iter().find(|&byte| first.contains(char::from(byte))).unwrap_or(b' '))
}

type Reader = csv::Reader<Box<dyn BufRead>>;

fn reader(path: &Path, separator: u8) -> Result<Reader> {
    let mut how = csv::ReaderBuilder::new();
    how.delimiter(separator).has_headers(false).flexible(true);
    Ok(how.from_reader(open_rows(path)?))
}

fn broken(path: &Path, error: &csv::Error) -> Error {
    Error::new(format!("not a text table: {error}")).at_path(path)
}

fn header(reader: &mut Reader, path: &Path) -> Result<Vec<String>> {
    let mut record = csv::StringRecord::new();
    reader.read_record(&mut record).map_err(|e| broken(path, &e))?;
    Ok(record.iter().map(|name| name.trim().to_owned()).collect())
}

/// Calls `each` with the name and the numbers of every line that `reader`, its header read, still has.
fn each_row(path: &Path, mut reader: Reader, each: &mut dyn FnMut(&str, &[f32]) -> Result<()>) -> Result<()> {
    let mut record = csv::ByteRecord::new();
    let (mut numbers, mut width) = (Vec::new(), None);
    while reader.read_byte_record(&mut record).map_err(|e| broken(path, &e))? {
        let line = record.position().map_or(0, csv::Position::line);
        let at = |e: Error| e.at(format!("line {line}")).at_path(path);
        let mut fields = record.iter();
        let name = String::from_utf8_lossy(fields.next().unwrap_or_default()).trim().to_owned();
        numbers.clear();
        for field in fields {
            numbers.push(number(field).ok_or_else(|| {
                let text = String::from_utf8_lossy(field);
                at(Error::new(format!("'{text}' is no number"))
                    .help("a table has a name in front of each line and numbers behind it, nothing else"))
            })?);
        }
        if *width.get_or_insert(numbers.len()) != numbers.len() {
            let what = format!("{} numbers instead of {}", numbers.len(), width.unwrap_or_default());
            return Err(at(Error::new(what).help("the table may be cut short: copy it again")));
        }
        each(&name, &numbers)?;
    }
    Ok(())
}

/// A number; nothing and `NA` are 0, as where a gene was not found.
fn number(field: &[u8]) -> Option<f32> {
    match field.trim_ascii() {
        b"0" | b"" | b"NA" => Some(0.0),
        text => std::str::from_utf8(text).ok()?.parse().ok(),
    }
}

impl Table {
    fn each_row(&self, each: &mut dyn FnMut(usize, &[f32]) -> Result<()>) -> Result<()> {
        let mut reader = reader(&self.path, self.separator)?;
        header(&mut reader, &self.path)?;
        let mut row = 0;
        each_row(&self.path, reader, &mut |_, numbers| {
            if row == self.rows || numbers.len() != self.columns {
                return Err(Error::new("the table has changed since it was opened").at_path(&self.path));
            }
            row += 1;
            each(row - 1, numbers)
        })
    }
}

impl Matrix for Table {
    fn visit(&self, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()> {
        if self.genes == GenesIn::Rows {
            return transpose::visit(self, self.columns, each);
        }
        let mut slab = Slab::starting_at(0);
        self.each_row(&mut |_, numbers| {
            for (gene, &value) in (0u32..).zip(numbers).filter(|(_, value)| **value != 0.0) {
                slab.genes.push(gene);
                slab.values.push(value);
            }
            slab.offsets.push(slab.genes.len());
            if slab.genes.len() < SLAB {
                return Ok(());
            }
            each(slab.take())
        })?;
        each(slab)
    }

    fn looks_like_counts(&self) -> Result<bool> {
        Ok(self.counts)
    }
}

/// Genes in rows are a stream of entries, one gene after the other.
impl Entries for Table {
    fn cells(&self, each: &mut dyn FnMut(u32)) -> Result<()> {
        self.entries(&mut |cell, _, _| each(cell))
    }

    fn entries(&self, each: &mut dyn FnMut(u32, u32, f32)) -> Result<()> {
        self.each_row(&mut |gene, numbers| {
            for (cell, &value) in (0u32..).zip(numbers).filter(|(_, value)| **value != 0.0) {
                each(cell, gene as u32, value);
            }
            Ok(())
        })
    }
}
