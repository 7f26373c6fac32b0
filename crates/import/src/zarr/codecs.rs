//! How chunks of Zarr arrays are packed, and how that is undone. Names and settings: those of the Zarr 3 codecs and of
//! numcodecs, which Zarr 2 uses.

use crate::{blosc, filters};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use serde_json::Value;
use std::io::Read;

/// One step of packing, from bytes to bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Blosc 1, whose header says how.
    Blosc,
    /// Zstandard.
    Zstd,
    /// gzip.
    Gzip,
    /// zlib.
    Zlib,
    /// The length (4 bytes), then a block of LZ4.
    Lz4,
    /// All first bytes of elements of this width, all second bytes …
    Shuffle(usize),
    /// A checksum of 4 bytes behind the rest.
    Crc32c,
}

impl Packing {
    /// The step of this name.
    pub fn named(name: &str, settings: &Value) -> Result<Self, String> {
        // Codecs of numcodecs that Zarr 3 has no word for carry a prefix there.
        Ok(match name.strip_prefix("numcodecs.").unwrap_or(name) {
            "blosc" => Self::Blosc,
            "zstd" => Self::Zstd,
            "gzip" => Self::Gzip,
            "zlib" => Self::Zlib,
            "lz4" => Self::Lz4,
            // numcodecs puts its own checksum in front; only that of Zarr 3 is known here.
            "crc32c" if name == "crc32c" => Self::Crc32c,
            "shuffle" => {
                let width = settings["elementsize"].as_u64().unwrap_or(4);
                Self::Shuffle(usize::try_from(width).ok().filter(|&n| n > 0).ok_or("a shuffle of 0 bytes")?)
            }
            _ => return Err(format!("its codec '{name}' is not supported")),
        })
    }

    /// Undoes this step on `packed`; what comes out has at most `most` bytes.
    pub fn undo(self, packed: Vec<u8>, most: usize) -> Result<Vec<u8>, String> {
        match self {
            Self::Blosc => blosc::unpack(&packed, most),
            Self::Zstd => filters::unpack_zstd(&packed, most),
            Self::Gzip => inflate(MultiGzDecoder::new(&*packed), most),
            Self::Zlib => inflate(ZlibDecoder::new(&*packed), most),
            Self::Lz4 => unpack_lz4(&packed, most),
            Self::Shuffle(width) => Ok(blosc::unshuffle(&packed, width)),
            Self::Crc32c => {
                let (bytes, sum) = packed.split_last_chunk::<4>().ok_or("it is cut short")?;
                match crc32c::crc32c(bytes) == u32::from_le_bytes(*sum) {
                    true => Ok(bytes.to_vec()),
                    false => Err("its checksum is another".into()),
                }
            }
        }
    }
}

fn inflate(packed: impl Read, most: usize) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    packed.take(most as u64 + 1).read_to_end(&mut all).map_err(|e| e.to_string())?;
    match all.len() <= most {
        true => Ok(all),
        false => Err("it unpacks to too much".into()),
    }
}

fn unpack_lz4(packed: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let (size, block) = packed.split_first_chunk::<4>().ok_or("it is cut short")?;
    let size = u32::from_le_bytes(*size) as usize;
    match size <= most {
        true => blosc::unpack_lz4_block(block, size),
        false => Err("it unpacks to too much".into()),
    }
}
