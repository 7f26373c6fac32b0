//! Bytes as numbers and texts: those of HDF5 where its library gives only bytes, and those of Zarr.

use crate::filters::read_at;
use hdf5_pure::{Datatype, DatatypeByteOrder};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;

/// Makes a number of what was whole or not.
pub trait Number: Copy {
    /// From a whole number.
    fn whole(n: i64) -> Self;
    /// From any other.
    fn real(x: f64) -> Self;
}

impl Number for f32 {
    fn whole(n: i64) -> Self {
        n as Self
    }
    fn real(x: f64) -> Self {
        x as Self
    }
}

impl Number for f64 {
    fn whole(n: i64) -> Self {
        n as Self
    }
    fn real(x: f64) -> Self {
        x
    }
}

impl Number for i64 {
    fn whole(n: i64) -> Self {
        n
    }
    fn real(x: f64) -> Self {
        x as Self
    }
}

impl Number for u32 {
    fn whole(n: i64) -> Self {
        // What does not fit is above every limit that an index has.
        n.try_into().unwrap_or(Self::MAX)
    }
    fn real(x: f64) -> Self {
        x as Self
    }
}

/// How a number lies on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Bytes of an element.
    pub size: usize,
    /// Whether its first byte is its highest.
    pub big_endian: bool,
    /// What its bits are.
    pub bits: Bits,
}

/// What the bits of a number are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    /// A whole number, maybe below 0.
    Signed,
    /// A whole number.
    Unsigned,
    /// As IEEE 754 has it.
    Float,
}

impl Form {
    fn of(datatype: &Datatype) -> Result<Self, String> {
        let (size, order, bits) = match datatype {
            Datatype::FixedPoint { size, byte_order, layout } if layout.signed => {
                (*size, byte_order, Bits::Signed)
            }
            Datatype::FixedPoint { size, byte_order, .. } => (*size, byte_order, Bits::Unsigned),
            Datatype::FloatingPoint { size, byte_order, .. } => (*size, byte_order, Bits::Float),
            Datatype::Enumeration { size: 1, .. } => (1, &DatatypeByteOrder::LittleEndian, Bits::Unsigned),
            _ => return Err("its elements are no numbers".into()),
        };
        match order {
            DatatypeByteOrder::Vax => Err("numbers of a VAX are not supported".into()),
            order => {
                Ok(Self { size: size as usize, big_endian: *order == DatatypeByteOrder::BigEndian, bits })
            }
        }
    }

    /// The numbers that bytes are.
    pub fn numbers<T: Number>(self, bytes: &[u8]) -> Result<Vec<T>, String> {
        let big = self.big_endian;
        Ok(match (self.bits, self.size) {
            (Bits::Float, 4) => each(bytes, big, |n| T::real(f32::from_le_bytes(n).into())),
            (Bits::Float, 8) => each(bytes, big, |n| T::real(f64::from_le_bytes(n))),
            (Bits::Signed, 1) => each(bytes, big, |n| T::whole(i8::from_le_bytes(n).into())),
            (Bits::Signed, 2) => each(bytes, big, |n| T::whole(i16::from_le_bytes(n).into())),
            (Bits::Signed, 4) => each(bytes, big, |n| T::whole(i32::from_le_bytes(n).into())),
            (Bits::Signed, 8) => each(bytes, big, |n| T::whole(i64::from_le_bytes(n))),
            (Bits::Unsigned, 1) => each(bytes, big, |n| T::whole(u8::from_le_bytes(n).into())),
            (Bits::Unsigned, 2) => each(bytes, big, |n| T::whole(u16::from_le_bytes(n).into())),
            (Bits::Unsigned, 4) => each(bytes, big, |n| T::whole(u32::from_le_bytes(n).into())),
            (Bits::Unsigned, 8) => {
                each(bytes, big, |n| T::whole(u64::from_le_bytes(n).try_into().unwrap_or(i64::MAX)))
            }
            _ => return Err(format!("numbers of {} bytes are not supported", self.size)),
        })
    }
}

/// Makes a number of each `N` bytes, their lowest first.
fn each<T, const N: usize>(bytes: &[u8], big_endian: bool, number: impl Fn([u8; N]) -> T) -> Vec<T> {
    let elements = bytes.as_chunks::<N>().0.iter().copied();
    match big_endian {
        false => elements.map(number).collect(),
        true => elements
            .map(|mut element| {
                element.reverse();
                number(element)
            })
            .collect(),
    }
}

/// Numbers of any width and byte order.
pub fn numbers<T: Number>(bytes: &[u8], of: &Datatype) -> Result<Vec<T>, String> {
    Form::of(of)?.numbers(bytes)
}

/// Texts of fixed length, or of variable length in the heaps of the file.
pub fn texts(bytes: &[u8], of: &Datatype, disk: &File) -> Result<Vec<String>, String> {
    match of {
        Datatype::String { size, .. } if *size > 0 => Ok(bytes
            .chunks_exact(*size as usize)
            .map(|text| String::from_utf8_lossy(text).trim_end_matches(['\0', ' ']).to_owned())
            .collect()),
        Datatype::VariableLength { is_string: true, .. } => {
            let mut heaps = Heaps { disk, left: length_of(disk)?, read: HashMap::new() };
            bytes.chunks_exact(16).map(|reference| heap_text(reference, &mut heaps)).collect()
        }
        _ => Err("its elements are no texts".into()),
    }
}

/// The objects of a heap by their numbers.
type Heap = HashMap<u16, Vec<u8>>;

/// The heaps that have been read, by their addresses.
struct Heaps<'a> {
    disk: &'a File,
    /// Bytes that others may have: heaps lie side by side, so all of them are no more than the file.
    left: u64,
    read: HashMap<u64, Heap>,
}

fn length_of(disk: &File) -> Result<u64, String> {
    disk.metadata().map(|it| it.len()).map_err(|e| e.to_string())
}

/// The text that a reference (length, address of the heap, number in it) means.
fn heap_text(reference: &[u8], heaps: &mut Heaps<'_>) -> Result<String, String> {
    let length = u32::from_le_bytes(array(reference, 0)?) as usize;
    let address = u64::from_le_bytes(array(reference, 4)?);
    let number = u32::from_le_bytes(array(reference, 12)?) as u16;
    if length == 0 || address == 0 || address == u64::MAX {
        return Ok(String::new());
    }
    if let Entry::Vacant(place) = heaps.read.entry(address) {
        place.insert(heap(heaps.disk, address, &mut heaps.left)?);
    }
    let text = heaps.read[&address].get(&number).ok_or("a text is not in its heap")?;
    let text = text.get(..length).ok_or("a text is longer than its place")?;
    Ok(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
}

/// Reads a global heap: `GCOL`, its size, then objects: number, references, size, bytes padded to 8.
fn heap(disk: &File, address: u64, left: &mut u64) -> Result<Heap, String> {
    let header = read_at(disk, address, 16)?;
    let size = u64::from_le_bytes(array(&header, 8)?);
    let damaged = "a heap of texts is damaged";
    if !header.starts_with(b"GCOL") || size < 16 {
        return Err(damaged.into());
    }
    *left = left.checked_sub(size).ok_or(damaged)?;
    let bytes = read_at(disk, address, size as usize)?;
    let (mut objects, mut at) = (Heap::new(), 16);
    while at + 16 <= bytes.len() {
        let number = u16::from_le_bytes(array(&bytes, at)?);
        let length = usize::try_from(u64::from_le_bytes(array(&bytes, at + 8)?)).unwrap_or(usize::MAX);
        if number == 0 {
            break;
        }
        let end = (at + 16).saturating_add(length);
        objects.insert(number, bytes.get(at + 16..end).ok_or(damaged)?.to_vec());
        at = end.saturating_add(7) / 8 * 8;
    }
    Ok(objects)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], String> {
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied();
    part.ok_or_else(|| "the bytes are cut short".to_owned())
}
