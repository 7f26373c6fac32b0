//! Text files, plain or gzipped.

use flate2::read::MultiGzDecoder;
use genil_base::{Error, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Opens a text file; one that starts with the mark of gzip is unpacked, whatever its name.
pub fn open_text(path: &Path) -> Result<Box<dyn BufRead>> {
    let io = |e: std::io::Error| Error::io("read", path, &e);
    let mut file = File::open(path).map_err(|e| Error::io("open", path, &e))?;
    let mut start = Vec::new();
    file.by_ref().take(2).read_to_end(&mut start).map_err(io)?;
    let zipped = start == [0x1f, 0x8b];
    let whole = std::io::Cursor::new(start).chain(file);
    Ok(match zipped {
        true => Box::new(BufReader::with_capacity(1 << 17, MultiGzDecoder::new(whole))),
        false => Box::new(BufReader::with_capacity(1 << 17, whole)),
    })
}

/// All lines of a text file, without their ends.
pub fn lines(path: &Path) -> Result<Vec<String>> {
    open_text(path)?.lines().collect::<std::io::Result<_>>().map_err(|e| Error::io("read", path, &e))
}
