//! Columns of Parquet files, batch by batch, as numbers and texts.

use super::pages;
use crate::caught::caught;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::types::{UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use genil_base::{Error, Result};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Cells read at a time.
pub const TOGETHER: usize = 4096;

/// Opens a file.
pub fn builder(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(|e| Error::io("open", path, &e))?;
    read(path, || ParquetRecordBatchReaderBuilder::try_new(file))
}

/// What the library reads.
fn read<T>(path: &Path, work: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T> {
    let done = caught(work).ok_or_else(|| broken(path, &"it contradicts itself"))?;
    done.map_err(|e| broken(path, &e))
}

fn broken(path: &Path, error: &dyn std::fmt::Display) -> Error {
    let what = error.to_string();
    let help = if what.to_lowercase().contains("disabled feature") {
        "write it again with a compression that can be read: pq.write_table(table, path, compression='snappy')"
    } else {
        "the file may be cut short or damaged: copy it again"
    };
    Error::new(format!("cannot be read as Parquet: {what}")).at_path(path).help(help)
}

/// Reads these columns, some rows at a time.
fn reader(path: &Path, columns: &[String]) -> Result<ParquetRecordBatchReader> {
    let builder = builder(path)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().map(String::as_str));
    let file = File::open(path).map_err(|e| Error::io("open", path, &e))?;
    let fields = builder.schema().fields();
    read(path, || pages::reader(file, Arc::clone(builder.metadata()), mask, fields, TOGETHER))
}

/// Calls `each` with the batches of the files, of these columns and at most so many rows of each file.
pub fn batches(
    files: &[PathBuf],
    columns: &[String],
    most: usize,
    each: &mut dyn FnMut(&RecordBatch, &Path) -> Result<()>,
) -> Result<()> {
    for path in files {
        let mut left = most;
        let mut reader = reader(path, columns)?;
        while let Some(batch) = read(path, || reader.next().transpose().map_err(Into::into))? {
            let batch = batch.slice(0, left.min(batch.num_rows()));
            each(&batch, path)?;
            left -= batch.num_rows();
            if left == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// Numbers of any width; NaN where there is none. Whole numbers are exact up to 2⁵³.
pub fn numbers(array: &ArrayRef) -> Option<Vec<f64>> {
    macro_rules! all {
        ($kind:ty) => {
            array.as_primitive::<$kind>().iter().map(|n| n.map_or(f64::NAN, |n| n as f64)).collect()
        };
    }
    Some(match array.data_type() {
        DataType::Int8 => all!(Int8Type),
        DataType::Int16 => all!(Int16Type),
        DataType::Int32 => all!(Int32Type),
        DataType::Int64 => all!(Int64Type),
        DataType::UInt8 => all!(UInt8Type),
        DataType::UInt16 => all!(UInt16Type),
        DataType::UInt32 => all!(UInt32Type),
        DataType::UInt64 => all!(UInt64Type),
        DataType::Float32 => all!(Float32Type),
        DataType::Float64 => all!(Float64Type),
        _ => return None,
    })
}

/// Texts; `None` where the array holds something else.
pub fn texts(array: &ArrayRef) -> Option<Vec<Option<String>>> {
    let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().map(owned).collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().map(owned).collect(),
        DataType::Utf8View => array.as_string_view().iter().map(owned).collect(),
        DataType::Boolean => array.as_boolean().iter().map(|yes| yes.map(|yes| yes.to_string())).collect(),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary_opt()?;
            let names = texts(dictionary.values())?;
            let keys = dictionary.normalized_keys();
            (0..keys.len())
                .map(|row| array.is_valid(row).then(|| names[keys[row]].clone()).flatten())
                .collect()
        }
        _ => return None,
    })
}
