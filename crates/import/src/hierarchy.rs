//! What HDF5 files and Zarr folders have in common: groups, arrays in them, attributes of both. Tables and matrices
//! are read through this alone, so that each is written once.

use genil_base::{Error, Result};
use std::ops::Range;

/// A tree of groups and arrays. A place in it is a path such as `layers/counts`.
pub trait Hierarchy {
    /// Whether there is a group at `place`.
    fn has_group(&self, place: &str) -> bool;

    /// Whether there is an array at `place`.
    fn has_array(&self, place: &str) -> bool;

    /// Whether there is an array or a group at `place`.
    fn has(&self, place: &str) -> bool {
        self.has_array(place) || self.has_group(place)
    }

    /// The names of the arrays and groups in the group at `place`, sorted.
    fn names(&self, place: &str) -> Result<Vec<String>>;

    /// An attribute of the array or group at `place`, if it has one of a kind that is used here.
    fn attribute(&self, place: &str, name: &str) -> Option<Attribute>;

    /// The array at `place`.
    fn array(&self, place: &str) -> Result<Box<dyn Array>>;

    /// The one-dimensional array at `place`, of a length that the file can hold.
    fn column(&self, place: &str) -> Result<Box<dyn Array>>;

    /// The fields of an array whose elements are rows of a table, in order.
    fn fields(&self, place: &str) -> Result<Vec<(String, Box<dyn Array>)>> {
        Err(Error::new(format!("'{place}' is no table")))
    }

    /// An attribute that is a text.
    fn text(&self, place: &str, name: &str) -> Option<String> {
        match self.attribute(place, name) {
            Some(Attribute::Texts(mut texts)) if texts.len() == 1 => texts.pop(),
            _ => None,
        }
    }
}

/// An attribute of a group or an array.
pub enum Attribute {
    /// Texts: one, several or none.
    Texts(Vec<String>),
    /// Whole numbers.
    Numbers(Vec<i64>),
}

/// An array of numbers, truths or texts, read in windows of rows.
pub trait Array: Send + Sync {
    /// Lengths along each axis; empty for a single value.
    fn shape(&self) -> &[usize];

    /// What one element is.
    fn kind(&self) -> Result<Kind>;

    /// Rows as `f32`, whatever the numeric type on disk, read by all cores.
    fn f32s(&self, rows: Range<usize>) -> Result<Vec<f32>>;

    /// Rows as `f64`.
    fn f64s(&self, rows: Range<usize>) -> Result<Vec<f64>>;

    /// Rows as `i64`.
    fn i64s(&self, rows: Range<usize>) -> Result<Vec<i64>>;

    /// Rows as `u32`; what does not fit is its largest.
    fn u32s(&self, rows: Range<usize>) -> Result<Vec<u32>>;

    /// All rows as text, of fixed or variable length.
    fn texts(&self) -> Result<Vec<String>>;

    /// An error about this array.
    fn error(&self, what: &str) -> Error;

    /// The number of rows: the length along the first axis.
    fn rows(&self) -> usize {
        self.shape().first().copied().unwrap_or(1)
    }

    /// All rows as true or false.
    fn bools(&self) -> Result<Vec<bool>> {
        Ok(self.i64s(0..self.rows())?.into_iter().map(|n| n != 0).collect())
    }

    /// Rows as indices below `limit`.
    fn indices(&self, rows: Range<usize>, limit: usize) -> Result<Vec<u32>> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let indices = self.u32s(rows)?;
        match indices.iter().find(|&&index| index >= limit) {
            Some(index) => Err(self.error(&format!("the index {index} is not in 0..{limit}"))),
            None => Ok(indices),
        }
    }
}

/// What one element of an array is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number of any width.
    Whole,
    /// A floating-point number of any width.
    Float,
    /// Text of fixed or variable length.
    Text,
    /// True or false.
    Bool,
}
