//! Embeddings as a table: a row each, names first and then `d` numbers, as CSV or Parquet.

use crate::beside::Beside;
use arrow_array::{ArrayRef, Float32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use genil_base::{Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

/// Rows that are kept until they are written to Parquet.
const GROUP: usize = 1 << 14;

/// A table in the making: columns of names, then `x0`, `x1` … It is there when it is whole.
pub struct VectorTable {
    beside: Beside,
    form: Form,
    d: usize,
}

enum Form {
    Csv(Box<csv::Writer<BufWriter<File>>>),
    Parquet(Box<Rows>),
}

/// Rows on their way to Parquet.
struct Rows {
    writer: ArrowWriter<File>,
    schema: Arc<Schema>,
    /// For each column of names, its entries so far.
    names: Vec<Vec<String>>,
    numbers: Vec<f32>,
}

impl VectorTable {
    /// Whether a path names a table: it ends in `.csv` or `.parquet`.
    pub fn is_table(path: &Path) -> bool {
        ending(path).is_some()
    }

    /// Begins a table with these columns of names and `d` numbers a row.
    ///
    /// # Errors
    /// When `path` ends in neither `.csv` nor `.parquet`, or cannot be written.
    pub fn create(path: &Path, names: &[&str], d: usize) -> Result<Self> {
        let ending = ending(path).ok_or_else(|| {
            Error::new(format!("{} is no name of a table", path.display()))
                .help("let it end in .csv or .parquet")
        })?;
        let beside = Beside::create(path)?;
        let numbers = (0..d).map(|i| format!("x{i}"));
        let form = if ending == "csv" {
            let mut writer = csv::Writer::from_writer(BufWriter::new(beside.handle()?));
            let header = names.iter().map(|name| (*name).to_owned()).chain(numbers);
            writer.write_record(header).map_err(|e| failed(path, &e))?;
            Form::Csv(Box::new(writer))
        } else {
            let names_of = names.iter().map(|name| Field::new(*name, DataType::Utf8, false));
            let fields = names_of.chain(numbers.map(|name| Field::new(name, DataType::Float32, false)));
            let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            let how = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
            let writer = ArrowWriter::try_new(beside.handle()?, Arc::clone(&schema), Some(how))
                .map_err(|e| failed(path, &e))?;
            Form::Parquet(Box::new(Rows {
                writer,
                schema,
                names: vec![Vec::new(); names.len()],
                numbers: Vec::new(),
            }))
        };
        Ok(Self { beside, form, d })
    }

    /// Adds a row.
    pub fn push(&mut self, names: &[&str], numbers: &[f32]) -> Result<()> {
        let path = self.beside.path();
        match &mut self.form {
            Form::Csv(writer) => {
                let numbers = numbers.iter().map(f32::to_string);
                let row = names.iter().map(|name| (*name).to_owned()).chain(numbers);
                writer.write_record(row).map_err(|e| failed(path, &e))
            }
            Form::Parquet(rows) => {
                for (column, name) in rows.names.iter_mut().zip(names) {
                    column.push((*name).to_owned());
                }
                rows.numbers.extend_from_slice(numbers);
                match rows.numbers.len() < GROUP * self.d.max(1) {
                    true => Ok(()),
                    false => rows.flush(self.d).map_err(|e| failed(path, &e)),
                }
            }
        }
    }

    /// Makes the table appear at its place.
    pub fn finish(self) -> Result<()> {
        let path = self.beside.path().to_owned();
        match self.form {
            Form::Csv(mut writer) => writer.flush().map_err(|e| failed(&path, &e))?,
            Form::Parquet(mut rows) => {
                rows.flush(self.d).map_err(|e| failed(&path, &e))?;
                rows.writer.close().map_err(|e| failed(&path, &e))?;
            }
        }
        self.beside.finish()
    }
}

impl Rows {
    fn flush(&mut self, d: usize) -> parquet::errors::Result<()> {
        let numbers = std::mem::take(&mut self.numbers);
        let names = self.names.iter_mut().map(|column| {
            let column = std::mem::take(column);
            Arc::new(StringArray::from(column)) as ArrayRef
        });
        let column = |i| numbers.iter().skip(i).step_by(d.max(1)).copied().collect::<Vec<f32>>();
        let numbers = (0..d).map(|i| Arc::new(Float32Array::from(column(i))) as ArrayRef);
        let columns: Vec<ArrayRef> = names.chain(numbers).collect();
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

fn ending(path: &Path) -> Option<&str> {
    path.extension()?.to_str().filter(|ending| ["csv", "parquet"].contains(ending))
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(format!("cannot write {}: {error}", path.display())).help("is there space on the disk?")
}
