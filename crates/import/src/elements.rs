//! The bytes of HDF5's elements as numbers and texts, where the library gives only bytes.

use crate::filters::read_at;
use hdf5_pure::{Datatype, DatatypeByteOrder};
use std::collections::HashMap;
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

/// Numbers of any width and byte order.
pub fn numbers<T: Number>(bytes: &[u8], of: &Datatype) -> Result<Vec<T>, String> {
    let (size, order, signed) = match of {
        Datatype::FixedPoint { size, byte_order, layout } => {
            (*size as usize, byte_order, Some(layout.signed))
        }
        Datatype::FloatingPoint { size, byte_order, .. } => (*size as usize, byte_order, None),
        Datatype::Enumeration { size: 1, .. } => (1, &DatatypeByteOrder::LittleEndian, Some(false)),
        _ => return Err("its elements are no numbers".into()),
    };
    let number = |element: &[u8]| {
        let mut wide = [0; 8];
        wide[..size].copy_from_slice(element);
        if *order == DatatypeByteOrder::BigEndian {
            wide[..size].reverse();
        }
        let bits = u64::from_le_bytes(wide);
        match (signed, size) {
            (None, 4) => T::real(f32::from_bits(bits as u32).into()),
            (None, _) => T::real(f64::from_bits(bits)),
            (Some(true), _) => T::whole((bits as i64) << (64 - 8 * size) >> (64 - 8 * size)),
            (Some(false), _) => T::whole(i64::try_from(bits).unwrap_or(i64::MAX)),
        }
    };
    let sound = matches!((signed, size), (None, 4 | 8) | (Some(_), 1..=8));
    if !sound || *order == DatatypeByteOrder::Vax {
        return Err(format!("numbers of {size} bytes are not supported"));
    }
    // The usual forms in loops of their own, which vectorise.
    let words = bytes.as_chunks::<4>().0.iter();
    match (signed, size, order) {
        (None, 4, DatatypeByteOrder::LittleEndian) => {
            return Ok(words.map(|&word| T::real(f32::from_le_bytes(word).into())).collect());
        }
        (Some(true), 4, DatatypeByteOrder::LittleEndian) => {
            return Ok(words.map(|&word| T::whole(i32::from_le_bytes(word).into())).collect());
        }
        _ => {}
    }
    Ok(bytes.chunks_exact(size).map(number).collect())
}

/// Texts of fixed length, or of variable length in the heaps of the file.
pub fn texts(bytes: &[u8], of: &Datatype, disk: &File) -> Result<Vec<String>, String> {
    match of {
        Datatype::String { size, .. } if *size > 0 => Ok(bytes
            .chunks_exact(*size as usize)
            .map(|text| String::from_utf8_lossy(text).trim_end_matches(['\0', ' ']).to_owned())
            .collect()),
        Datatype::VariableLength { is_string: true, .. } => {
            let mut heaps = HashMap::new();
            bytes.chunks_exact(16).map(|reference| heap_text(reference, disk, &mut heaps)).collect()
        }
        _ => Err("its elements are no texts".into()),
    }
}

/// The objects of a heap by their numbers.
type Heap = HashMap<u16, Vec<u8>>;

/// The text that a reference (length, address of the heap, number in it) means.
fn heap_text(reference: &[u8], disk: &File, heaps: &mut HashMap<u64, Heap>) -> Result<String, String> {
    let length = u32::from_le_bytes(array(reference, 0)?) as usize;
    let address = u64::from_le_bytes(array(reference, 4)?);
    let number = u32::from_le_bytes(array(reference, 12)?) as u16;
    if length == 0 || address == 0 || address == u64::MAX {
        return Ok(String::new());
    }
    if let std::collections::hash_map::Entry::Vacant(place) = heaps.entry(address) {
        place.insert(heap(disk, address)?);
    }
    let text = heaps[&address].get(&number).ok_or("a text is not in its heap")?;
    let text = text.get(..length).ok_or("a text is longer than its place")?;
    Ok(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
}

/// Reads a global heap: `GCOL`, its size, then objects: number, references, size, bytes padded to 8.
fn heap(disk: &File, address: u64) -> Result<Heap, String> {
    let header = read_at(disk, address, 16)?;
    let size = u64::from_le_bytes(array(&header, 8)?);
    let on_disk = disk.metadata().map_err(|e| e.to_string())?.len();
    if !header.starts_with(b"GCOL") || size < 16 || address.saturating_add(size) > on_disk {
        return Err("a heap of texts is damaged".into());
    }
    let bytes = read_at(disk, address, size as usize)?;
    let (mut objects, mut at) = (Heap::new(), 16);
    while at + 16 <= bytes.len() {
        let number = u16::from_le_bytes(array(&bytes, at)?);
        let length = usize::try_from(u64::from_le_bytes(array(&bytes, at + 8)?)).unwrap_or(usize::MAX);
        if number == 0 {
            break;
        }
        let end = (at + 16).saturating_add(length);
        objects.insert(number, bytes.get(at + 16..end).ok_or("a heap of texts is damaged")?.to_vec());
        at = end.saturating_add(7) / 8 * 8;
    }
    Ok(objects)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], String> {
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied();
    part.ok_or_else(|| "the bytes are cut short".to_owned())
}
