//! How an array lies in its folder, in whichever version of Zarr.

use super::codecs::Packing;
use crate::elements::{Bits, Form};
use serde_json::Value;

/// Bytes of a chunk, at most; honest ones are far smaller.
const LARGEST_CHUNK: usize = 1 << 32;

/// How an array lies in its folder. Axes: at most two are read, rows and columns; one axis has one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Lengths along each axis.
    pub shape: Vec<usize>,
    /// What an element is.
    pub element: Element,
    /// An element of a chunk that is not there: its bytes, or those of its text.
    pub fill: Vec<u8>,
    /// How files are named.
    pub names: Names,
    /// Lengths of what one file holds.
    pub file: Vec<usize>,
    /// Where a file holds many chunks: its index.
    pub index: Option<Index>,
    /// Lengths of a chunk.
    pub chunk: Vec<usize>,
    /// Whether a chunk lies column by column.
    pub by_column: bool,
    /// How a chunk is packed, in the order of undoing it.
    pub packings: Vec<Packing>,
}

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// A number.
    Number(Form),
    /// One byte, 0 or 1.
    Bool,
    /// A text of any length: a chunk is their number, then each behind its length.
    Text,
    /// A text of so many bytes, filled up with zeros.
    Bytes(usize),
    /// A text of so many characters of 4 bytes each, filled up with zeros.
    Characters {
        /// How many.
        length: usize,
        /// Whether their first byte is the highest.
        big_endian: bool,
    },
}

impl Element {
    /// Bytes of an element; 0 where they have no fixed number.
    pub fn width(self) -> usize {
        match self {
            Self::Number(form) => form.size,
            Self::Bool => 1,
            Self::Text => 0,
            Self::Bytes(length) => length,
            Self::Characters { length, .. } => length * 4,
        }
    }
}

/// How the file of a chunk is called: its numbers along the axes, joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Whether `c` stands in front.
    pub prefix: bool,
    /// What stands between.
    pub separator: String,
}

/// The index of a file of many chunks: for each its place and its length, 8 bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Whether it stands in front of the chunks and not behind them.
    pub in_front: bool,
    /// Whether a checksum follows it.
    pub checked: bool,
    /// Whether the first byte of a number is its highest.
    pub big_endian: bool,
}

impl Layout {
    /// Bytes of a chunk of elements of fixed width.
    pub fn chunk_bytes(&self) -> usize {
        self.chunk.iter().product::<usize>() * self.element.width()
    }

    /// Refuses what does not fit together.
    pub fn checked(self) -> Result<Self, String> {
        let sound = |lengths: &[usize]| {
            let width = self.element.width().max(1);
            let bytes = lengths.iter().try_fold(width, |all, &n| all.checked_mul(n));
            lengths.len() == self.shape.len() && !lengths.contains(&0) && bytes.is_some()
        };
        if !sound(&self.chunk) || !sound(&self.file) || self.chunk_bytes() > LARGEST_CHUNK {
            return Err(format!("chunks of {:?} for a shape of {:?}", self.chunk, self.shape));
        }
        if self.file.iter().zip(&self.chunk).any(|(file, chunk)| file % chunk != 0) {
            return Err(format!("chunks of {:?} in files of {:?}", self.chunk, self.file));
        }
        Ok(self)
    }
}

/// Lengths along axes.
pub fn lengths(all: &[u64]) -> Result<Vec<usize>, String> {
    all.iter().map(|&n| usize::try_from(n).map_err(|_| format!("{n} is too many"))).collect()
}

/// What stands between the numbers in the name of a chunk.
pub fn separator(text: &str) -> Result<String, String> {
    match text {
        "." | "/" => Ok(text.into()),
        _ => Err(format!("its chunks are named with '{text}' between the numbers")),
    }
}

/// The bytes of the element that a chunk consists of when it is not there.
pub fn fill(element: Element, value: &Value) -> Result<Vec<u8>, String> {
    let unknown = || format!("its fill value {value} is not supported");
    let zeros = vec![0; element.width()];
    let form = match (element, value) {
        (_, Value::Null) => return Ok(zeros),
        (Element::Text, Value::String(text)) => return Ok(text.clone().into_bytes()),
        // NumPy's empty object, as Zarr 2 writes it.
        (Element::Text, Value::Number(_)) => return Ok(Vec::new()),
        (Element::Bool, Value::Bool(yes)) => return Ok(vec![u8::from(*yes)]),
        (Element::Bool, _) => Form { size: 1, big_endian: false, bits: Bits::Unsigned },
        (Element::Number(form), _) => form,
        // Texts of fixed length are filled with nothing by all that write them.
        _ => return Ok(zeros),
    };
    let special = match value.as_str() {
        None => None,
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some(_) => return Err(unknown()),
    };
    let mut bytes = match form.bits {
        Bits::Float => {
            let number = special.or_else(|| value.as_f64()).ok_or_else(unknown)?;
            match form.size {
                4 => (number as f32).to_le_bytes().to_vec(),
                _ => number.to_le_bytes().to_vec(),
            }
        }
        // 3.0 is a whole number too.
        _ => {
            let whole = value.as_f64().filter(|x| x.fract() == 0.0).map(|x| x as i64);
            let number = value.as_i64().or_else(|| value.as_u64().map(|n| n as i64)).or(whole);
            number.ok_or_else(unknown)?.to_le_bytes()[..form.size].to_vec()
        }
    };
    if form.big_endian {
        bytes.reverse();
    }
    Ok(bytes)
}
