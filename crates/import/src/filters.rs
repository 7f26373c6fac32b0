//! Chunks of HDF5 datasets that were packed by a plugin, which the HDF5 library does not undo: Blosc, Zstandard
//! and LZ4, with the filters of HDF5 itself around them.

use crate::blosc;
use flate2::read::ZlibDecoder;
use hdf5_pure::Dataset;
use std::fs::File;
use std::io::Read;
use std::ops::Range;

const DEFLATE: u16 = 1;
const SHUFFLE: u16 = 2;
const FLETCHER32: u16 = 3;
const BLOSC: u16 = 32001;
const LZ4: u16 = 32004;
const ZSTD: u16 = 32015;

/// A dataset of chunks that a plugin has packed.
pub struct Packed {
    /// The file.
    pub disk: File,
    shape: Vec<usize>,
    chunk: Vec<usize>,
    /// Bytes of an element.
    width: usize,
    filters: Vec<u16>,
    chunks: Vec<Stored>,
}

struct Stored {
    offset: Vec<usize>,
    address: u64,
    size: usize,
    /// Bit `i`: the filter `i` was left out.
    left_out: u32,
}

impl Packed {
    /// The dataset, if a plugin has packed it and what it did can be undone.
    pub fn of(dataset: &Dataset, disk: &File, file_bytes: u64) -> Result<Option<Self>, String> {
        let filters = dataset.filters();
        if !filters.iter().any(|filter| [BLOSC, LZ4, ZSTD].contains(filter)) {
            return Ok(None);
        }
        let text = |e: hdf5_pure::Error| e.to_string();
        let whole = |n: u64| usize::try_from(n).map_err(|_| format!("{n} is too many"));
        let all = |of: Vec<u64>| of.into_iter().map(whole).collect::<Result<Vec<_>, _>>();
        let shape = all(dataset.shape().map_err(text)?)?;
        let chunk = all(dataset.chunk_shape().map_err(text)?.unwrap_or_default())?;
        let width = whole(dataset.element_size().map_err(text)?)?;
        let sizes = chunk.iter().try_fold(width.max(1), |n, &side| n.checked_mul(side));
        // A chunk is at most 4 GiB by the format; honest ones are far smaller.
        if chunk.len() != shape.len() || chunk.contains(&0) || sizes.is_none_or(|n| n > 1 << 32) {
            return Err(format!("chunks of {chunk:?} for a shape of {shape:?}"));
        }
        let mut chunks = Vec::new();
        for found in dataset.chunks().map_err(text)? {
            if found.address.saturating_add(found.storage_size) > file_bytes {
                return Err("a chunk lies behind the end of the file".into());
            }
            let offset = all(found.offset)?;
            // What is behind the end may be left from when there was more.
            if offset.len() < shape.len() || offset.iter().zip(&shape).any(|(at, length)| at >= length) {
                continue;
            }
            chunks.push(Stored {
                offset,
                address: found.address,
                size: whole(found.storage_size)?,
                left_out: found.filter_mask,
            });
        }
        chunks.sort_by(|a, b| a.offset.cmp(&b.offset));
        let disk = disk.try_clone().map_err(|e| e.to_string())?;
        Ok(Some(Self { disk, shape, chunk, width, filters, chunks }))
    }

    /// The bytes of rows, row by row; a chunk that is not there is zeros.
    pub fn rows(&self, rows: Range<usize>) -> Result<Vec<u8>, String> {
        let line = self.shape[1..].iter().product::<usize>() * self.width;
        let mut all = vec![0; rows.len() * line];
        let begin = self.chunks.partition_point(|stored| stored.offset[0] + self.chunk[0] <= rows.start);
        for stored in self.chunks[begin..].iter().take_while(|stored| stored.offset[0] < rows.end) {
            let (first, last) = (stored.offset[0], stored.offset[0] + self.chunk[0]);
            let bytes = self.unpack(stored)?;
            // Everything beyond the second axis lies together: such datasets have one or two axes.
            let (column, columns, wide) = match self.shape.len() {
                1 => (0, 1, 1),
                2 => (stored.offset[1], self.shape[1], self.chunk[1]),
                axes => return Err(format!("{axes} axes")),
            };
            let taken = wide.min(columns.saturating_sub(column)) * self.width;
            for row in first.max(rows.start)..last.min(rows.end).min(self.shape[0]) {
                let from = (row - first) * wide * self.width;
                let to = (row - rows.start) * line + column * self.width;
                all[to..to + taken].copy_from_slice(&bytes[from..from + taken]);
            }
        }
        Ok(all)
    }

    fn unpack(&self, stored: &Stored) -> Result<Vec<u8>, String> {
        let whole = self.chunk.iter().product::<usize>() * self.width;
        // Filters may add a little: a checksum, a header.
        let most = whole + 1024;
        let mut bytes = read_at(&self.disk, stored.address, stored.size)?;
        for (number, &filter) in self.filters.iter().enumerate().rev() {
            if number < 32 && stored.left_out >> number & 1 == 1 {
                continue;
            }
            bytes = match filter {
                DEFLATE => {
                    let mut all = Vec::new();
                    let mut zlib = ZlibDecoder::new(&*bytes).take(most as u64);
                    zlib.read_to_end(&mut all).map_err(|e| e.to_string())?;
                    all
                }
                SHUFFLE => blosc::unshuffle(&bytes, self.width.max(1)),
                FLETCHER32 => bytes[..bytes.len().saturating_sub(4)].to_vec(),
                BLOSC => blosc::unpack(&bytes, most)?,
                LZ4 => unpack_lz4(&bytes, most)?,
                ZSTD => unpack_zstd(&bytes, most)?,
                other => return Err(format!("the filter {other} cannot be undone")),
            };
        }
        match bytes.len() == whole {
            true => Ok(bytes),
            false => Err(format!("a chunk has {} bytes instead of {whole}", bytes.len())),
        }
    }
}

/// A frame of Zstandard with at most `most` bytes in it.
pub fn unpack_zstd(packed: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let mut frame = ruzstd::decoding::StreamingDecoder::new(packed).map_err(|e| e.to_string())?;
    let mut all = Vec::new();
    frame.by_ref().take(most as u64 + 1).read_to_end(&mut all).map_err(|e| e.to_string())?;
    match all.len() <= most {
        true => Ok(all),
        false => Err("a frame unpacks to too much".into()),
    }
}

/// As HDF5's LZ4 filter lays it out: the size of all (8 bytes), of a block (4), then each block behind its packed size;
/// all big-endian. A block that did not shrink is as it was.
fn unpack_lz4(packed: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let cut = "the buffer is cut short";
    let (size, rest) = packed.split_first_chunk::<8>().ok_or(cut)?;
    let (block, mut rest) = rest.split_first_chunk::<4>().ok_or(cut)?;
    let (size, block) = (u64::from_be_bytes(*size), u32::from_be_bytes(*block) as usize);
    let size = usize::try_from(size).ok().filter(|&size| size <= most).ok_or("it claims too many bytes")?;
    let mut all = Vec::with_capacity(size);
    while all.len() < size {
        let length = block.min(size - all.len());
        let (packed, after) = rest.split_first_chunk::<4>().ok_or(cut)?;
        let (packed, after) = after.split_at_checked(u32::from_be_bytes(*packed) as usize).ok_or(cut)?;
        rest = after;
        match packed.len() == length {
            true => all.extend_from_slice(packed),
            false => all.extend(lz4_flex::block::decompress(packed, length).map_err(|e| e.to_string())?),
        }
        if length == 0 {
            return Err("blocks of 0 bytes".into());
        }
    }
    Ok(all)
}

#[cfg(unix)]
pub fn read_at(disk: &File, address: u64, size: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; size];
    std::os::unix::fs::FileExt::read_exact_at(disk, &mut bytes, address).map_err(|e| e.to_string())?;
    Ok(bytes)
}

#[cfg(not(unix))]
pub fn read_at(disk: &File, address: u64, size: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; size];
    std::os::windows::fs::FileExt::seek_read(disk, &mut bytes, address)
        .map_err(|e| e.to_string())
        .and_then(|n| if n == size { Ok(bytes) } else { Err("the file is cut short".into()) })
}
