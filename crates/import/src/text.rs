//! Text files, plain or gzipped.

use flate2::read::MultiGzDecoder;
use genil_base::{Error, Result};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Opens a text file; one that starts with the mark of gzip is unpacked, whatever its name.
pub fn open_text(path: &Path) -> Result<Box<dyn BufRead>> {
    let io = |e: io::Error| Error::io("read", path, &e);
    let mut file = File::open(path).map_err(|e| Error::io("open", path, &e))?;
    let mut start = Vec::new();
    file.by_ref().take(2).read_to_end(&mut start).map_err(io)?;
    let zipped = start == [0x1f, 0x8b];
    let whole = io::Cursor::new(start).chain(file);
    Ok(match zipped {
        true => Box::new(BufReader::with_capacity(1 << 17, MultiGzDecoder::new(whole))),
        false => Box::new(BufReader::with_capacity(1 << 17, whole)),
    })
}

/// Opens a text file of which every line is a row, as [`open_text`] does; a line without end is an error.
pub fn open_rows(path: &Path) -> Result<Box<dyn BufRead>> {
    let rows = EndingLines { text: open_text(path)?, since: 0 };
    Ok(Box::new(BufReader::with_capacity(1 << 17, rows)))
}

/// A text whose lines all end.
struct EndingLines {
    text: Box<dyn BufRead>,
    /// Bytes since the last line ended.
    since: usize,
}

impl Read for EndingLines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.text.read(buffer)?;
        self.since = match buffer[..length].iter().rposition(|&byte| byte == b'\n') {
            Some(end) => length - end - 1,
            None => self.since + length,
        };
        match self.since <= LONGEST_ROW {
            true => Ok(length),
            false => {
                let what = format!("a line has more than {} MiB", LONGEST_ROW >> 20);
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
        }
    }
}

/// Bytes of a line that is a row of a table or a document, at most: as many as three million names.
const LONGEST_ROW: usize = 64 << 20;

/// Bytes of a line, at most: a small gzipped file may unpack to a line without end.
pub const LONGEST_LINE: u64 = 1 << 20;

/// Bytes of a list of names, at most: of ten million cells or more.
const LARGEST_LIST: usize = 256 << 20;

/// All lines of a text file, without their ends.
pub fn lines(path: &Path) -> Result<Vec<String>> {
    let mut input = open_text(path)?;
    let (mut lines, mut bytes) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        let length =
            (&mut input).take(LONGEST_LINE).read_line(&mut line).map_err(|e| Error::io("read", path, &e))?;
        bytes += length;
        if length as u64 == LONGEST_LINE || bytes > LARGEST_LIST {
            return Err(Error::new(format!(
                "it is no list of names: {bytes} bytes in {} lines",
                lines.len() + 1
            ))
            .at_path(path)
            .help("check that it is the right file"));
        }
        if length == 0 {
            return Ok(lines);
        }
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        lines.push(line);
    }
}

/// An upper bound of the bytes of a text: deflate cannot shrink by more than 1032 : 1.
pub fn most_bytes(path: &Path) -> Result<u64> {
    let bytes = path.metadata().map_err(|e| Error::io("open", path, &e))?.len();
    Ok(bytes.saturating_mul(if path.extension().is_some_and(|e| e == "gz") { 1100 } else { 1 }))
}

/// All files below a folder that are not hidden, in the order of their paths. Links are not followed.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let io = |e: io::Error| Error::io("read", folder, &e);
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).map_err(io)? {
            let entry = entry.map_err(io)?;
            let kind = entry.file_type().map_err(io)?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}
