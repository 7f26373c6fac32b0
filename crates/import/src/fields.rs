//! Tables of one array, as anndata wrote them before 0.7: each element is a row, each field of it a column.

use crate::elements;
use crate::hierarchy::{Array, Kind};
use genil_base::{Error, Result};
use hdf5_pure::{Datatype, DatatypeByteOrder};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// A field of all rows.
pub struct Field {
    bytes: Vec<u8>,
    /// Bytes of an entry.
    width: usize,
    datatype: Datatype,
    /// For texts, which lie elsewhere in the file.
    disk: Arc<File>,
    place: String,
    shape: [usize; 1],
}

/// The fields of rows whose bytes are these, in the order of the file; `place` says where they are from.
pub fn of_rows(bytes: &[u8], of: &Datatype, disk: &Arc<File>, place: &str) -> Result<Vec<(String, Field)>> {
    let broken = |what: &str| Error::new(format!("'{place}' cannot be read: {what}"));
    let Datatype::Compound { size, members } = of else {
        return Err(broken("it is neither a table nor a group"));
    };
    let size = *size as usize;
    members
        .iter()
        .map(|member| {
            let width = member.datatype.type_size() as usize;
            let start = usize::try_from(member.byte_offset).unwrap_or(usize::MAX);
            let end = start.saturating_add(width);
            if width == 0 || end > size {
                return Err(broken("a field lies outside of its row"));
            }
            let rows = bytes.chunks_exact(size);
            let field = Field {
                shape: [rows.len()],
                bytes: rows.flat_map(|row| &row[start..end]).copied().collect(),
                width,
                datatype: member.datatype.clone(),
                disk: Arc::clone(disk),
                place: format!("{place}/{}", member.name),
            };
            Ok((member.name.clone(), field))
        })
        .collect()
}

/// What one element of an HDF5 type is; `None` where it is nothing that is read here.
pub fn kind(of: &Datatype) -> Option<Kind> {
    match of {
        Datatype::FixedPoint { .. } => Some(Kind::Whole),
        Datatype::FloatingPoint { byte_order, .. } if *byte_order != DatatypeByteOrder::Vax => {
            Some(Kind::Float)
        }
        Datatype::String { .. } | Datatype::VariableLength { is_string: true, .. } => Some(Kind::Text),
        Datatype::Enumeration { size: 1, .. } => Some(Kind::Bool),
        _ => None,
    }
}

/// The name of an HDF5 type, for an error.
pub fn short(datatype: &Datatype) -> String {
    let text = format!("{datatype:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_lowercase()
}

impl Field {
    fn numbers<T: elements::Number>(&self, rows: Range<usize>) -> Result<Vec<T>> {
        let bytes = &self.bytes[rows.start * self.width..rows.end * self.width];
        elements::numbers(bytes, &self.datatype).map_err(|e| self.error(&e))
    }
}

impl Array for Field {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn kind(&self) -> Result<Kind> {
        let unknown = || self.error(&format!("its type is not supported ({})", short(&self.datatype)));
        kind(&self.datatype).ok_or_else(unknown)
    }

    fn f32s(&self, rows: Range<usize>) -> Result<Vec<f32>> {
        self.numbers(rows)
    }

    fn f64s(&self, rows: Range<usize>) -> Result<Vec<f64>> {
        self.numbers(rows)
    }

    fn i64s(&self, rows: Range<usize>) -> Result<Vec<i64>> {
        self.numbers(rows)
    }

    fn u32s(&self, rows: Range<usize>) -> Result<Vec<u32>> {
        self.numbers(rows)
    }

    fn texts(&self) -> Result<Vec<String>> {
        elements::texts(&self.bytes, &self.datatype, &self.disk).map_err(|e| self.error(&e))
    }

    fn error(&self, what: &str) -> Error {
        Error::new(format!("'{}' cannot be read: {what}", self.place))
    }
}
