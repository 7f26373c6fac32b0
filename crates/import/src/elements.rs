//! Bytes as numbers and texts: those of HDF5 where its library gives only bytes, and those of Zarr.

use crate::filters::read_at;
use hdf5_pure::{Datatype, DatatypeByteOrder};
use rayon::prelude::*;
use std::fs::File;
use std::ops::Range;

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
            (Bits::Float, 2) => each(bytes, big, |n| T::real(half(u16::from_le_bytes(n)))),
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

/// A half-precision number: a sign, 5 bits of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    let size = match bits >> 10 & 31 {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * 2f64.powi(i32::from(exponent) - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
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
            let parts: Vec<Vec<String>> = bytes
                .par_chunks(REFERENCE * TOGETHER)
                .map(|references| heap_texts(references, disk))
                .collect::<Result<_, String>>()?;
            Ok(parts.into_iter().flatten().collect())
        }
        _ => Err("its elements are no texts".into()),
    }
}

/// Bytes of a reference to a text in a heap: its length, the address of the heap, its number in it.
const REFERENCE: usize = 16;
/// References that one task follows.
const TOGETHER: usize = 1 << 14;

/// Bytes of a heap, at most: usual ones are of 4 KiB, or as large as their largest text.
const LARGEST_HEAP: u64 = 16 << 20;

/// The texts that references mean. They lie in heaps one after the other, so one heap at a time is kept.
fn heap_texts(references: &[u8], disk: &File) -> Result<Vec<String>, String> {
    let mut heap: Option<(u64, Heap)> = None;
    let on_disk = disk.metadata().map_err(|e| e.to_string())?.len();
    // References that jump to and fro between heaps, or heaps that overlap, would be read without end.
    let mut left = on_disk.saturating_mul(4);
    let text = |reference: &[u8]| {
        let length = u32::from_le_bytes(array(reference, 0)?) as usize;
        let address = u64::from_le_bytes(array(reference, 4)?);
        let number = u32::from_le_bytes(array(reference, 12)?) as u16;
        if length == 0 || address == 0 || address == u64::MAX {
            return Ok(String::new());
        }
        if heap.as_ref().is_none_or(|(of, _)| *of != address) {
            let next = Heap::read(disk, address, on_disk)?;
            left = left.checked_sub(next.bytes.len() as u64).ok_or("its texts lie in too many heaps")?;
            heap = Some((address, next));
        }
        let object =
            heap.as_ref().and_then(|(_, heap)| heap.object(number)).ok_or("a text is not in its heap")?;
        let text = object.get(..length).ok_or("a text is longer than its place")?;
        Ok(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
    };
    references.chunks_exact(REFERENCE).map(text).collect()
}

/// A global heap: `GCOL`, its size, then objects: number, references, size, bytes padded to 8.
struct Heap {
    bytes: Vec<u8>,
    /// Where the object of each number is; nowhere: an empty range at 0.
    objects: Vec<Range<usize>>,
}

impl Heap {
    fn read(disk: &File, address: u64, on_disk: u64) -> Result<Self, String> {
        let header = read_at(disk, address, 16)?;
        let size = u64::from_le_bytes(array(&header, 8)?);
        let sound = (16..=LARGEST_HEAP).contains(&size) && address.saturating_add(size) <= on_disk;
        if !header.starts_with(b"GCOL") || !sound {
            return Err("a heap of texts is damaged".into());
        }
        let bytes = read_at(disk, address, size as usize)?;
        let (mut objects, mut at) = (Vec::new(), 16);
        while at + 16 <= bytes.len() {
            let number = usize::from(u16::from_le_bytes(array(&bytes, at)?));
            let length = usize::try_from(u64::from_le_bytes(array(&bytes, at + 8)?)).unwrap_or(usize::MAX);
            if number == 0 {
                break;
            }
            let object = at + 16..(at + 16).saturating_add(length);
            if object.end > bytes.len() {
                return Err("a heap of texts is damaged".into());
            }
            at = object.end.saturating_add(7) / 8 * 8;
            if objects.len() <= number {
                objects.resize(number + 1, 0..0);
            }
            objects[number] = object;
        }
        Ok(Self { bytes, objects })
    }

    fn object(&self, number: u16) -> Option<&[u8]> {
        let object = self.objects.get(usize::from(number)).filter(|object| object.start > 0)?;
        Some(&self.bytes[object.clone()])
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], String> {
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied();
    part.ok_or_else(|| "the bytes are cut short".to_owned())
}
