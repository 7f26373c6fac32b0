//! Blosc 1 buffers, as `hdf5plugin` writes them into .h5ad files: a header, then blocks, each shuffled and
//! packed by a general codec. Layout: c-blosc's `README_CHUNK_FORMAT.rst` and `README_HEADER.rst`.

use flate2::read::ZlibDecoder;
use std::io::Read;

type Unpacked = Result<Vec<u8>, String>;

const HEADER: usize = 16;
/// Blocks of wider types are never split by byte, nor are streams shorter than [`SHORTEST`].
const WIDEST: usize = 16;
const SHORTEST: usize = 128;

/// What the header says.
struct Header {
    version: u8,
    flags: u8,
    width: usize,
    bytes: usize,
    block: usize,
}

impl Header {
    /// Up to version 2 of the format, bits were shuffled only in blocks of a multiple of 8 elements; later, in as
    /// many elements of any block as are such a multiple.
    fn shuffles_bits(&self, block: usize) -> bool {
        self.version > 2 || (block / self.width).is_multiple_of(8)
    }
}

/// Unpacks a buffer of at most `most` bytes.
pub fn unpack(packed: &[u8], most: usize) -> Unpacked {
    let cut = || "the buffer is cut short".to_owned();
    let number = |at: usize| {
        let four = packed.get(at..at + 4).ok_or_else(cut)?;
        Ok::<_, String>(u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize)
    };
    let header = Header {
        version: *packed.first().ok_or_else(cut)?,
        flags: *packed.get(2).ok_or_else(cut)?,
        width: usize::from(*packed.get(3).ok_or_else(cut)?).max(1),
        bytes: number(4)?,
        block: number(8)?,
    };
    if header.bytes > most {
        return Err(format!("{} bytes instead of {most}", header.bytes));
    }
    if header.flags & 2 != 0 {
        return Ok(packed.get(HEADER..HEADER + header.bytes).ok_or_else(cut)?.to_vec());
    }
    if header.block == 0 && header.bytes > 0 {
        return Err("blocks of 0 bytes".into());
    }
    let mut all = Vec::with_capacity(room(header.bytes, packed));
    for number_of in 0..header.bytes.div_ceil(header.block.max(1)) {
        let start = number(HEADER + 4 * number_of)?;
        let length = header.block.min(header.bytes - all.len());
        let block = unpack_block(packed.get(start..).ok_or_else(cut)?, &header, length)?;
        let block = match () {
            () if header.flags & 1 != 0 => unshuffle(&block, header.width),
            () if header.flags & 4 != 0 && header.shuffles_bits(length) => {
                unshuffle_bits(&block, header.width)
            }
            () => block,
        };
        all.extend(block);
    }
    Ok(all)
}

/// Room for what a header claims, but no more than what is packed can honestly hold: the rest is made when it comes.
fn room(claimed: usize, packed: &[u8]) -> usize {
    claimed.min(packed.len().saturating_mul(256))
}

fn unpack_block(packed: &[u8], header: &Header, length: usize) -> Unpacked {
    let whole = length == header.block;
    let split = header.flags & 0x10 == 0
        && whole
        && header.width <= WIDEST
        && header.block / header.width >= SHORTEST;
    let streams = if split { header.width } else { 1 };
    let each = length / streams;
    let (mut rest, mut block) = (packed, Vec::with_capacity(room(length, packed)));
    for _ in 0..streams {
        let (size, after) = rest.split_first_chunk::<4>().ok_or("a stream is cut short")?;
        let size = u32::from_le_bytes(*size) as usize;
        let (stream, after) = after.split_at_checked(size).ok_or("a stream is cut short")?;
        rest = after;
        let before = block.len();
        match (size == each, header.flags >> 5) {
            (true, _) => block.extend_from_slice(stream),
            (false, 0) => block.extend(unpack_blosclz(stream, each)?),
            (false, 1) => block.extend(unpack_lz4_block(stream, each)?),
            (false, 3) => {
                let mut zlib = ZlibDecoder::new(stream).take(each as u64);
                zlib.read_to_end(&mut block).map_err(|e| e.to_string())?;
            }
            (false, 4) => block.extend(super::filters::unpack_zstd(stream, each)?),
            (false, codec) => return Err(format!("its codec {codec} (snappy or newer) cannot be read")),
        }
        if block.len() - before != each {
            return Err(format!("a stream has {} bytes instead of {each}", block.len() - before));
        }
    }
    Ok(block)
}

/// Unpacks a block of LZ4 to at most `size` bytes.
pub fn unpack_lz4_block(packed: &[u8], size: usize) -> Unpacked {
    // A byte of LZ4 stands for at most 255: a claim beyond that must not cost memory.
    if size / 256 > packed.len() {
        return Err("it claims too many bytes".into());
    }
    lz4_flex::block::decompress(packed, size).map_err(|e| e.to_string())
}

/// From all first bytes, all second bytes … to elements of `width` bytes; what is left over stays.
pub fn unshuffle(bytes: &[u8], width: usize) -> Vec<u8> {
    let elements = bytes.len() / width;
    let mut all = bytes.to_vec();
    for byte in 0..width {
        for (element, &value) in bytes[byte * elements..(byte + 1) * elements].iter().enumerate() {
            all[element * width + byte] = value;
        }
    }
    all
}

/// From all first bits, all second bits … to elements of `width` bytes, for the elements that fill whole bytes of
/// bits; the rest stays.
fn unshuffle_bits(bytes: &[u8], width: usize) -> Vec<u8> {
    let elements = bytes.len() / width / 8 * 8;
    let mut all = bytes.to_vec();
    all[..elements * width].fill(0);
    for (row, bits) in bytes[..elements * width].chunks_exact((elements / 8).max(1)).enumerate() {
        let (byte, bit) = (row / 8, row % 8);
        for element in 0..elements {
            all[element * width + byte] |= (bits[element / 8] >> (element % 8) & 1) << bit;
        }
    }
    all
}

/// BloscLZ, which packs as FastLZ does: runs of literals, and matches up to 8191 (or 65536 + 8191) bytes back.
fn unpack_blosclz(packed: &[u8], length: usize) -> Unpacked {
    const FAR: usize = 8191;
    let mut all: Vec<u8> = Vec::with_capacity(room(length, packed));
    let mut bytes = packed.iter().map(|&byte| usize::from(byte));
    let cut = || "a stream is cut short".to_owned();
    let mut control = bytes.next().ok_or_else(cut)? & 31;
    loop {
        if control < 32 {
            for _ in 0..=control {
                all.push(bytes.next().ok_or_else(cut)? as u8);
            }
        } else {
            let mut run = (control >> 5) + 2;
            if control >> 5 == 7 {
                loop {
                    let more = bytes.next().ok_or_else(cut)?;
                    run += more;
                    if more != 255 || run > length {
                        break;
                    }
                }
            }
            let mut back = (control & 31) << 8;
            let low = bytes.next().ok_or_else(cut)?;
            if low == 255 && back == 31 << 8 {
                let (high, low) = (bytes.next().ok_or_else(cut)?, bytes.next().ok_or_else(cut)?);
                back = FAR + (high << 8) + low;
            } else {
                back += low;
            }
            let from = all.len().checked_sub(back + 1).ok_or("a match before the beginning")?;
            for at in from..from + run {
                all.push(all[at]);
            }
        }
        if all.len() > length {
            return Err("a stream unpacks to too much".into());
        }
        match bytes.next() {
            Some(next) => control = next,
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_bits_come_back_in_order() {
        let numbers: Vec<u8> = (0..40u16).flat_map(|n| (n * 517).to_le_bytes()).collect();
        let shuffled: Vec<u8> =
            (0..2).flat_map(|byte| numbers.iter().skip(byte).step_by(2).copied()).collect();
        assert_eq!(unshuffle(&shuffled, 2), numbers);
        let mut bits = vec![0u8; numbers.len()];
        for (element, pair) in numbers.chunks_exact(2).enumerate() {
            for bit in 0..16 {
                bits[bit * 5 + element / 8] |= (pair[bit / 8] >> (bit % 8) & 1) << (element % 8);
            }
        }
        assert_eq!(unshuffle_bits(&bits, 2), numbers);
    }

    #[test]
    fn damaged_buffers_are_errors() {
        let mut noise = 1u32;
        for length in 0..400 {
            let mut bytes: Vec<u8> = (0..length)
                .map(|_| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (noise >> 24) as u8
                })
                .collect();
            // Small claims, so that the blocks are looked at.
            for (at, value) in [(3, 4), (5, 0), (6, 0), (7, 0), (9, 0), (10, 0), (11, 0)] {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            let _ = unpack(&bytes, 1 << 16);
        }
    }
}
