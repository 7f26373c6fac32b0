//! Chunks of HDF5 datasets, unpacked by all cores straight to where they belong: what gzip and shuffle have
//! packed, and what plugins have, which the HDF5 library does not undo: Blosc, Zstandard and LZ4.

use crate::blosc;
use flate2::{Decompress, FlushDecompress, Status};
use hdf5_pure::Dataset;
use rayon::prelude::*;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

const DEFLATE: u16 = 1;
const SHUFFLE: u16 = 2;
const FLETCHER32: u16 = 3;
const BLOSC: u16 = 32001;
const LZ4: u16 = 32004;
const ZSTD: u16 = 32015;

/// A dataset of packed chunks.
pub struct Packed {
    disk: Arc<File>,
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

/// What a thread uses again for each chunk.
struct Scratch {
    bytes: Vec<u8>,
    other: Vec<u8>,
    zlib: Decompress,
}

impl Packed {
    /// The dataset, if it is packed and what was done can be undone; else it is left to the library.
    pub fn of(dataset: &Dataset, disk: &Arc<File>, file_bytes: u64) -> Result<Option<Self>, String> {
        let filters = dataset.filters();
        let by_plugin = filters.iter().any(|filter| [BLOSC, LZ4, ZSTD].contains(filter));
        let own = |filter| [DEFLATE, SHUFFLE].contains(filter);
        if !by_plugin && (filters.is_empty() || !filters.iter().all(own)) {
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
            if offset.len() != chunk.len() || offset.iter().zip(&chunk).any(|(at, side)| at % side != 0) {
                return Err(format!("a chunk at {offset:?} where chunks are of {chunk:?}"));
            }
            // What is behind the end may be left from when there was more.
            if offset.iter().zip(&shape).any(|(at, length)| at >= length) {
                continue;
            }
            let size = whole(found.storage_size)?;
            chunks.push(Stored { offset, address: found.address, size, left_out: found.filter_mask });
        }
        chunks.sort_by(|a, b| a.offset.cmp(&b.offset));
        let grid = shape.iter().zip(&chunk).map(|(all, side)| all.div_ceil(*side));
        let whole_grid = grid.fold(1usize, usize::saturating_mul) == chunks.len();
        // The library knows what stands where there is no chunk.
        if !by_plugin && (!whole_grid || !(1..=2).contains(&shape.len())) {
            return Ok(None);
        }
        let disk = Arc::clone(disk);
        Ok(Some(Self { disk, shape, chunk, width, filters, chunks }))
    }

    /// The bytes of rows, row by row; a chunk that is not there is zeros.
    pub fn rows(&self, rows: Range<usize>) -> Result<Vec<u8>, String> {
        self.read(rows, self.width, |bytes| Ok(bytes.to_vec()))
    }

    /// The elements of rows, row by row, made of the bytes of each chunk.
    pub fn elements<T: Copy + Default + Send>(
        &self,
        rows: Range<usize>,
        make: impl Fn(&[u8]) -> Result<Vec<T>, String> + Sync,
    ) -> Result<Vec<T>, String> {
        self.read(rows, 1, make)
    }

    /// Rows, where `make` makes `parts` things of each element.
    fn read<T: Copy + Default + Send>(
        &self,
        rows: Range<usize>,
        parts: usize,
        make: impl Fn(&[u8]) -> Result<Vec<T>, String> + Sync,
    ) -> Result<Vec<T>, String> {
        let line = self.shape.iter().skip(1).product::<usize>() * parts;
        let mut all = vec![T::default(); rows.len() * line];
        // The rows that the same chunks hold are one task.
        let high = self.chunk.first().copied().unwrap_or(1);
        let (mut bands, mut rest, mut row) = (Vec::new(), &mut all[..], rows.start);
        while row < rows.end {
            let last = ((row / high + 1) * high).min(rows.end);
            let (band, after) = rest.split_at_mut((last - row) * line);
            bands.push((row..last, band));
            (rest, row) = (after, last);
        }
        bands.into_par_iter().try_for_each_init(Scratch::new, |scratch, (rows, band)| {
            self.read_band(rows, band, parts, scratch, &make)
        })?;
        Ok(all)
    }

    /// Reads rows of one row of chunks into `band`.
    fn read_band<T: Copy>(
        &self,
        rows: Range<usize>,
        band: &mut [T],
        parts: usize,
        scratch: &mut Scratch,
        make: impl Fn(&[u8]) -> Result<Vec<T>, String>,
    ) -> Result<(), String> {
        let first = rows.start / self.chunk[0] * self.chunk[0];
        let begin = self.chunks.partition_point(|stored| stored.offset[0] < first);
        for stored in self.chunks[begin..].iter().take_while(|stored| stored.offset[0] == first) {
            let elements = make(self.unpack(stored, scratch)?)?;
            // Everything beyond the second axis lies together: such datasets have one or two axes.
            let (column, columns, wide) = match self.shape.len() {
                1 => (0, 1, 1),
                2 => (stored.offset[1], self.shape[1], self.chunk[1]),
                axes => return Err(format!("{axes} axes")),
            };
            if wide == columns {
                let from = (rows.start - first) * columns * parts;
                band.copy_from_slice(&elements[from..from + band.len()]);
                continue;
            }
            let taken = wide.min(columns.saturating_sub(column)) * parts;
            for row in rows.clone() {
                let from = (row - first) * wide * parts;
                let to = (row - rows.start) * columns * parts + column * parts;
                band[to..to + taken].copy_from_slice(&elements[from..from + taken]);
            }
        }
        Ok(())
    }

    /// The bytes of a chunk.
    fn unpack<'s>(&self, stored: &Stored, scratch: &'s mut Scratch) -> Result<&'s [u8], String> {
        let whole = self.chunk.iter().product::<usize>() * self.width;
        // Filters may add a little: a checksum, a header.
        let most = whole + 1024;
        scratch.bytes.resize(stored.size, 0);
        read_into(&self.disk, stored.address, &mut scratch.bytes)?;
        for (number, &filter) in self.filters.iter().enumerate().rev() {
            if number < 32 && stored.left_out >> number & 1 == 1 {
                continue;
            }
            let bytes = &scratch.bytes;
            scratch.bytes = match filter {
                DEFLATE => {
                    inflate(bytes, &mut scratch.other, most, &mut scratch.zlib)?;
                    std::mem::swap(&mut scratch.bytes, &mut scratch.other);
                    continue;
                }
                SHUFFLE => blosc::unshuffle(bytes, self.width.max(1)),
                FLETCHER32 => bytes[..bytes.len().saturating_sub(4)].to_vec(),
                BLOSC => blosc::unpack(bytes, most)?,
                LZ4 => unpack_lz4(bytes, most)?,
                ZSTD => unpack_zstd(bytes, most)?,
                other => return Err(format!("the filter {other} cannot be undone")),
            };
        }
        match scratch.bytes.len() == whole {
            true => Ok(&scratch.bytes),
            false => Err(format!("a chunk has {} bytes instead of {whole}", scratch.bytes.len())),
        }
    }
}

impl Scratch {
    fn new() -> Self {
        Self { bytes: Vec::new(), other: Vec::new(), zlib: Decompress::new(true) }
    }
}

/// Unpacks a whole zlib stream of at most `most` bytes into `out`.
fn inflate(packed: &[u8], out: &mut Vec<u8>, most: usize, zlib: &mut Decompress) -> Result<(), String> {
    // A byte of it stands for at most 1032: what a chunk claims beyond that must not cost memory.
    out.resize(most.min(packed.len().saturating_mul(1032) + 1024), 0);
    zlib.reset(true);
    let status = zlib.decompress(packed, out, FlushDecompress::Finish).map_err(|e| e.to_string())?;
    out.truncate(usize::try_from(zlib.total_out()).unwrap_or(usize::MAX));
    match status {
        Status::StreamEnd => Ok(()),
        _ => Err("the packed bytes of a chunk are cut short, or too many".into()),
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

/// `size` bytes of a file from an address on.
pub fn read_at(disk: &File, address: u64, size: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; size];
    read_into(disk, address, &mut bytes)?;
    Ok(bytes)
}

#[cfg(unix)]
fn read_into(disk: &File, address: u64, bytes: &mut [u8]) -> Result<(), String> {
    std::os::unix::fs::FileExt::read_exact_at(disk, bytes, address).map_err(|e| e.to_string())
}

#[cfg(not(unix))]
fn read_into(disk: &File, address: u64, bytes: &mut [u8]) -> Result<(), String> {
    std::os::windows::fs::FileExt::seek_read(disk, bytes, address)
        .map_err(|e| e.to_string())
        .and_then(|n| if n == bytes.len() { Ok(()) } else { Err("the file is cut short".into()) })
}
