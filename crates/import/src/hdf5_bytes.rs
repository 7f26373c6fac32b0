//! The few bytes of an HDF5 file that its library cannot write as they are wanted here, so that an embedding is added to a
//! file of any size in little memory: where the file ends, and where the elements of a dataset lie. By the HDF5 file
//! format specification, version 3: II.A (superblock), IV.A.1.b (object header of version 2), IV.A.2 (messages).

use crate::filters::read_at;
use std::fs::File;

const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
const UNDEFINED: u64 = u64::MAX;
/// What a library adds with one dataset is far smaller.
const MOST_ADDED: u64 = 64 << 20;

/// Says that the file ends at `end`. A superblock of version 0 becomes one of version 2, which names the same root group:
/// the library edits such a file without taking all of it into memory.
pub fn set_end(file: &File, end: u64) -> Result<(), String> {
    let head = read_at(file, 0, 96)?;
    if !head.starts_with(SIGNATURE) {
        return Err("something stands before its superblock".into());
    }
    let number = |at: usize| u64::from_le_bytes(array(&head, at));
    let old = |at: usize| write_at(file, at as u64, &end.to_le_bytes());
    let superblock = |version: u8, flags: u8, extension: u64, root: u64| {
        let mut bytes = [SIGNATURE, &[version, 8, 8, flags]].concat();
        [0, extension, end, root].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
        bytes.extend(checksum(&bytes).to_le_bytes());
        bytes
    };
    match head[8] {
        // As all that h5py writes by default: offsets and lengths of 8 bytes, nodes of groups for 2 × 4 and 2 × 16 entries.
        0 if head[13..15] == [8, 8]
            && head[16..20] == [4, 0, 16, 0]
            && number(24) == 0
            && number(48) == UNDEFINED =>
        {
            let mut bytes = superblock(2, 0, UNDEFINED, number(64));
            bytes.resize(96, 0);
            write_at(file, 0, &bytes)
        }
        0 if head[13..15] == [8, 8] => old(40),
        1 if head[13..15] == [8, 8] => old(44),
        2 | 3 if head[9..11] == [8, 8] && number(12) == 0 => {
            write_at(file, 0, &superblock(head[8], head[11], number(20), number(36)))
        }
        version => Err(format!("its superblock has the version {version} and other sizes than usual")),
    }
}

/// A dataset whose elements lie together.
pub struct Elements {
    /// Where they begin.
    pub address: u64,
    /// Bytes of them.
    pub size: u64,
    /// The number of rows.
    pub rows: u64,
}

/// Makes the dataset that has its elements at `before`, and whose header lies behind `from`, have those at `after`.
pub fn move_elements(file: &File, from: u64, before: &Elements, after: &Elements) -> Result<(), String> {
    let end = file.metadata().map_err(|e| e.to_string())?.len();
    let added = end.checked_sub(from).filter(|&n| n <= MOST_ADDED).ok_or("more was added than a dataset")?;
    let mut bytes = read_at(file, from, added as usize)?;
    for start in 0..bytes.len().saturating_sub(4) {
        if let Some(header) =
            bytes[start..].starts_with(b"OHDR").then(|| Header::of(&bytes[start..])).flatten()
            && let Some(length) = header.change(&mut bytes[start..], before, after)
        {
            return write_at(file, from + start as u64, &bytes[start..start + length]);
        }
    }
    Err("the header of the embedding was not found".into())
}

/// Where things are in an object header of version 2.
struct Header {
    /// Where its messages begin and end; a checksum follows.
    messages: (usize, usize),
    /// Bytes before the content of a message.
    prefix: usize,
}

impl Header {
    /// The header at the beginning of `bytes`, if there is one and its checksum is right.
    fn of(bytes: &[u8]) -> Option<Self> {
        let (&version, &flags) = (bytes.get(4)?, bytes.get(5)?);
        let times = if flags & 0x20 != 0 { 16 } else { 0 };
        let limits = if flags & 0x10 != 0 { 4 } else { 0 };
        let (at, width) = (6 + times + limits, 1usize << (flags & 3));
        let mut size = [0; 8];
        size[..width].copy_from_slice(bytes.get(at..at + width)?);
        let start = at + width;
        let end = start.checked_add(usize::try_from(u64::from_le_bytes(size)).ok()?)?;
        let found = bytes.get(end..end.checked_add(4)?)?;
        let prefix = if flags & 4 != 0 { 6 } else { 4 };
        (version == 2 && found == checksum(&bytes[..end]).to_le_bytes())
            .then_some(Self { messages: (start, end), prefix })
    }

    /// Changes the header if its elements are at `before`; the length of all of it.
    fn change(&self, bytes: &mut [u8], before: &Elements, after: &Elements) -> Option<usize> {
        const DATASPACE: u8 = 1;
        const LAYOUT: u8 = 8;
        const CONTIGUOUS: u8 = 1;
        let (mut at, end) = self.messages;
        let (mut rows, mut layout) = (None, None);
        while at + self.prefix <= end {
            let content = at + self.prefix;
            let size = usize::from(u16::from_le_bytes([bytes[at + 1], bytes[at + 2]]));
            let message = bytes.get(content..content + size)?;
            match bytes[at] {
                // The lengths of the axes stand behind the version, rank, flags and type.
                DATASPACE if size >= 12 && message[0] == 2 && message[2] & 1 == 0 => rows = Some(content + 4),
                DATASPACE if size >= 16 && message[0] == 1 && message[2] & 1 == 0 => rows = Some(content + 8),
                LAYOUT if size >= 18 && [3, 4].contains(&message[0]) && message[1] == CONTIGUOUS => {
                    layout = Some(content + 2);
                }
                _ => {}
            }
            at = content + size;
        }
        let (rows, layout) = (rows?, layout?);
        let is = |at: usize, n: u64| u64::from_le_bytes(array(bytes, at)) == n;
        if !is(layout, before.address) || !is(layout + 8, before.size) || !is(rows, before.rows) {
            return None;
        }
        for (at, n) in [(layout, after.address), (layout + 8, after.size), (rows, after.rows)] {
            bytes[at..at + 8].copy_from_slice(&n.to_le_bytes());
        }
        let sum = checksum(&bytes[..end]).to_le_bytes();
        bytes[end..end + 4].copy_from_slice(&sum);
        Some(end + 4)
    }
}

/// Eight bytes that are there.
fn array(bytes: &[u8], at: usize) -> [u8; 8] {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    eight
}

#[cfg(unix)]
fn write_at(file: &File, at: u64, bytes: &[u8]) -> Result<(), String> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at).map_err(|e| e.to_string())
}

#[cfg(not(unix))]
fn write_at(file: &File, at: u64, bytes: &[u8]) -> Result<(), String> {
    use std::io::{Seek, SeekFrom, Write};
    let mut file = file;
    file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(bytes)).map_err(|e| e.to_string())
}

/// Bob Jenkins's lookup3, with which HDF5 checks its metadata.
fn checksum(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let [mut a, mut b, mut c] = [start; 3];
    let mut rest = bytes;
    loop {
        let mut twelve = [0; 12];
        let n = rest.len().min(12);
        twelve[..n].copy_from_slice(&rest[..n]);
        let word = |i: usize| u32::from_le_bytes([twelve[i], twelve[i + 1], twelve[i + 2], twelve[i + 3]]);
        if n == 0 {
            return c;
        }
        (a, b, c) = (a.wrapping_add(word(0)), b.wrapping_add(word(4)), c.wrapping_add(word(8)));
        if rest.len() <= 12 {
            break;
        }
        rest = &rest[12..];
        for (x, y, z, by) in
            [(0, 2, 1, 4), (1, 0, 2, 6), (2, 1, 0, 8), (0, 2, 1, 16), (1, 0, 2, 19), (2, 1, 0, 4)]
        {
            let mut three = [a, b, c];
            three[x] = three[x].wrapping_sub(three[y]) ^ three[y].rotate_left(by);
            three[y] = three[y].wrapping_add(three[z]);
            [a, b, c] = three;
        }
    }
    for (x, y, by) in [(2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24)] {
        let mut three = [a, b, c];
        three[x] = (three[x] ^ three[y]).wrapping_sub(three[y].rotate_left(by));
        [a, b, c] = three;
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        // From the self-test of lookup3.c: hashlittle("", 0, 0) and hashlittle("Four score …", 30, 0).
        assert_eq!(checksum(b""), 0xdead_beef);
        assert_eq!(checksum(b"Four score and seven years ago"), 0x1777_0551);
    }
}
