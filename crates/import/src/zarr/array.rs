//! An array of a Zarr folder, read in windows of rows.

use super::chunks::{self, Chunk, LARGEST_TEXTS, rows_and_columns};
use super::layout::{Element, Layout};
use crate::elements::{Bits, Form, Number};
use crate::hierarchy::{Array, Kind};
use genil_base::{Error, Result};
use rayon::prelude::*;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Bytes of chunks that are kept from one window to the next, at most, unless it is one.
const KEPT: usize = 128 << 20;
/// Bytes of chunks that are unpacked at a time.
const TOGETHER: usize = 32 << 20;
/// Elements that one task makes numbers of.
const PIECE: usize = 1 << 18;

/// A chunk unpacked, with the row and the column of its first element.
type Unpacked = ([usize; 2], Arc<Vec<u8>>);
/// What was read, or why not.
type Read<T> = std::result::Result<T, String>;

/// An array, its metadata read.
pub struct ZarrArray {
    folder: PathBuf,
    place: String,
    layout: Layout,
    /// The chunks that the last window ended in: the next one begins in them.
    kept: Mutex<Vec<Unpacked>>,
}

/// An error about what is at a place of a Zarr folder.
pub fn cannot_read(place: &str, what: &str) -> Error {
    Error::new(format!("'{place}' cannot be read: {what}"))
}

impl ZarrArray {
    /// The array in a folder, which is at a place of all.
    pub fn new(folder: PathBuf, place: &str, layout: Layout) -> Self {
        Self { folder, place: place.to_owned(), layout, kept: Mutex::default() }
    }

    /// Bytes of an element, on disk or in memory.
    pub fn width(&self) -> usize {
        match self.layout.element {
            Element::Text => size_of::<String>(),
            other => other.width(),
        }
    }

    fn numbers<T: Number + Send>(&self, rows: Range<usize>) -> Result<Vec<T>> {
        let form = match self.layout.element {
            Element::Number(form) => form,
            Element::Bool => Form { size: 1, big_endian: false, bits: Bits::Unsigned },
            _ => return Err(self.error("its elements are no numbers")),
        };
        let bytes = self.bytes(rows).map_err(|what| self.error(&what))?;
        let parts: Vec<Vec<T>> = bytes
            .par_chunks(PIECE * form.size)
            .map(|part| form.numbers(part))
            .collect::<Read<_>>()
            .map_err(|what| self.error(&what))?;
        Ok(parts.concat())
    }

    /// The bytes of elements of fixed width, row by row; those of chunks that are not there are the fill value.
    fn bytes(&self, rows: Range<usize>) -> Read<Vec<u8>> {
        let [_, columns] = rows_and_columns(&self.layout.shape)?;
        let [_, wide] = rows_and_columns(&self.layout.chunk)?;
        let width = self.layout.element.width();
        let line = columns.checked_mul(width).filter(|line| line.checked_mul(rows.len()).is_some());
        let line = line.ok_or("it is too large")?;
        let mut all = match self.layout.fill.iter().all(|&byte| byte == 0) {
            true => vec![0; line * rows.len()],
            false => self.layout.fill.repeat(columns * rows.len()),
        };
        self.each_chunk(rows.clone(), &mut |first, bytes| {
            let taken = wide.min(columns - first[1]) * width;
            for (row, from) in (first[0]..rows.end).zip(bytes.chunks_exact(wide * width)) {
                if let Some(row) = row.checked_sub(rows.start) {
                    let to = row * line + first[1] * width;
                    all[to..to + taken].copy_from_slice(&from[..taken]);
                }
            }
        })?;
        Ok(all)
    }

    /// Calls `each` with the row and column of the first element and the bytes of every chunk that holds some of `rows`,
    /// unpacked by all cores, a few at a time: a chunk may be of as many rows as the array.
    fn each_chunk(&self, rows: Range<usize>, each: &mut dyn FnMut([usize; 2], &[u8])) -> Read<()> {
        let kept = std::mem::take(&mut *self.kept.lock().map_err(|e| e.to_string())?);
        let unpack = |chunk: &Chunk| match kept.iter().find(|(first, _)| *first == chunk.first) {
            Some((_, bytes)) => Ok(Some((chunk.first, Arc::clone(bytes)))),
            None => Ok(chunk.read(&self.layout)?.map(|bytes| (chunk.first, Arc::new(bytes)))),
        };
        let [high, _] = rows_and_columns(&self.layout.chunk)?;
        let together = (TOGETHER / self.layout.chunk_bytes().max(1)).max(rayon::current_num_threads());
        let (mut last, mut size) = (Vec::new(), 0);
        for some in chunks::of_rows(&self.layout, &self.folder, rows.clone())?.chunks(together) {
            let found = some.par_iter().filter_map(|chunk| unpack(chunk).transpose());
            for (first, bytes) in found.collect::<Read<Vec<Unpacked>>>()? {
                each(first, &bytes);
                if first[0] + high > rows.end && (size + bytes.len() <= KEPT || last.is_empty()) {
                    size += bytes.len();
                    last.push((first, bytes));
                }
            }
        }
        *self.kept.lock().map_err(|e| e.to_string())? = last;
        Ok(())
    }

    /// Texts of any length.
    fn long_texts(&self) -> Read<Vec<String>> {
        let ([rows, columns], [high, wide]) =
            (rows_and_columns(&self.layout.shape)?, rows_and_columns(&self.layout.chunk)?);
        if columns != 1 || wide != 1 {
            return Err("texts in more than one column are not supported".into());
        }
        if self.layout.fill.len().saturating_mul(rows) > LARGEST_TEXTS {
            return Err("its fill value is too long".into());
        }
        let mut all = vec![String::from_utf8_lossy(&self.layout.fill).into_owned(); rows];
        let chunks = chunks::of_rows(&self.layout, &self.folder, 0..rows)?;
        let found = chunks.into_par_iter().map(|chunk| {
            let bytes = chunk.read(&self.layout)?;
            Ok((chunk.first[0], bytes.map(|bytes| texts_of(&bytes, high)).transpose()?))
        });
        for (first, texts) in found.collect::<Read<Vec<_>>>()? {
            for (place, text) in all[first..].iter_mut().zip(texts.into_iter().flatten()) {
                *place = text;
            }
        }
        Ok(all)
    }
}

/// The texts of a chunk: their number, then each behind its length, 4 bytes each.
fn texts_of(bytes: &[u8], expected: usize) -> Read<Vec<String>> {
    let cut = "a chunk of texts is cut short";
    let (number, mut rest) = bytes.split_first_chunk::<4>().ok_or(cut)?;
    let number = u32::from_le_bytes(*number) as usize;
    if number != expected {
        return Err(format!("a chunk has {number} texts instead of {expected}"));
    }
    let mut texts = Vec::new();
    for _ in 0..number {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(cut)?;
        let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(cut)?;
        texts.push(String::from_utf8_lossy(text).into_owned());
        rest = after;
    }
    Ok(texts)
}

/// A text of characters of 4 bytes.
fn wide_text(bytes: &[u8], big_endian: bool) -> String {
    let character = |&four: &[u8; 4]| {
        let code = if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    let text: String = bytes.as_chunks().0.iter().map(character).collect();
    text.trim_end_matches('\0').to_owned()
}

impl Array for ZarrArray {
    fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    fn kind(&self) -> Result<Kind> {
        Ok(match self.layout.element {
            Element::Number(Form { bits: Bits::Float, .. }) => Kind::Float,
            Element::Number(_) => Kind::Whole,
            Element::Bool => Kind::Bool,
            Element::Text | Element::Bytes(_) | Element::Characters { .. } => Kind::Text,
        })
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
        let wrap = |what: String| self.error(&what);
        let width = self.layout.element.width();
        match self.layout.element {
            Element::Text => self.long_texts().map_err(wrap),
            Element::Bytes(_) => {
                let bytes = self.bytes(0..self.rows()).map_err(wrap)?;
                let text = |bytes| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
                Ok(bytes.chunks_exact(width).map(text).collect())
            }
            Element::Characters { big_endian, .. } => {
                let bytes = self.bytes(0..self.rows()).map_err(wrap)?;
                Ok(bytes.chunks_exact(width).map(|text| wide_text(text, big_endian)).collect())
            }
            _ => Err(self.error("its elements are no texts")),
        }
    }

    fn error(&self, what: &str) -> Error {
        cannot_read(&self.place, what)
    }
}
