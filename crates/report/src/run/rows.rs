//! CSV rows with errors that name the line.

use genil_base::{Error, Result, files};
use genil_score::Interval;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use std::path::Path;

/// Reads every row of a CSV file with a header as a `T` and keeps what `keep` makes of it.
pub fn read<T: DeserializeOwned, U>(path: &Path, keep: impl Fn(T) -> Result<Option<U>>) -> Result<Vec<U>> {
    files::refuse_link(path)?;
    let mut reader = csv::Reader::from_path(path).map_err(|e| wrong(path, &e))?;
    let mut rows = Vec::new();
    for (index, row) in reader.deserialize().enumerate() {
        let row = row.map_err(|e| wrong(path, &e))?;
        let line = || format!("{}, row {}", path.display(), index + 1);
        rows.extend(keep(row).map_err(|e| e.at(line()))?);
    }
    Ok(rows)
}

fn wrong(path: &Path, error: &csv::Error) -> Error {
    if let csv::ErrorKind::Io(io) = error.kind() {
        return Error::io("read", path, io);
    }
    Error::new(format!("a row cannot be read: {error}"))
        .at_path(path)
        .help("the file was changed or is of another version; evaluate the run again")
}

/// A field that may be empty, in a column that must be there; numbers that are not finite, or
/// beyond any measurement, count as empty.
pub fn number<'de, D: Deserializer<'de>>(field: D) -> std::result::Result<Option<f64>, D::Error> {
    Ok(Option::deserialize(field)?.filter(|v: &f64| v.abs() < 1e30))
}

/// A value with its bounds; bounds that are missing or the wrong way round are none.
pub fn interval(value: f64, low: Option<f64>, high: Option<f64>) -> Interval {
    match (low, high) {
        (Some(low), Some(high)) if low <= high => Interval { value, low, high },
        _ => Interval::without_bounds(value),
    }
}
