//! The chunks of an array on disk: which hold some rows, where each lies, and what is in it.

use super::layout::{Index, Layout};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes of a chunk of texts, at most.
pub const LARGEST_TEXTS: usize = 256 << 20;

/// Files that are looked at for a window of rows, at most.
const MOST_FILES: usize = 1 << 20;

/// A chunk on disk.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The row and the column of its first element.
    pub first: [usize; 2],
    file: PathBuf,
    /// Where it lies in the file; `None`: it is the file.
    part: Option<Range<u64>>,
}

/// Lengths along rows and columns; a single axis has one column, no axis one row.
pub fn rows_and_columns(lengths: &[usize]) -> Result<[usize; 2], String> {
    match *lengths {
        [] => Ok([1, 1]),
        [rows] => Ok([rows, 1]),
        [rows, columns] => Ok([rows, columns]),
        _ => Err(format!("{} axes are not supported", lengths.len())),
    }
}

/// The chunks that hold elements of these rows, in order. Chunks that are not there may be among them, unless they
/// are known to be none.
pub fn of_rows(layout: &Layout, folder: &Path, rows: Range<usize>) -> Result<Vec<Chunk>, String> {
    let [_, columns] = rows_and_columns(&layout.shape)?;
    let (file, chunk) = (rows_and_columns(&layout.file)?, rows_and_columns(&layout.chunk)?);
    let mut chunks = Vec::new();
    if rows.is_empty() || columns == 0 {
        return Ok(chunks);
    }
    let files = (rows.len().div_ceil(file[0]) + 1).saturating_mul(columns.div_ceil(file[1]));
    if files > MOST_FILES {
        return Err(format!(
            "its chunks of {:?} are too small: {files} files for {} rows",
            layout.file,
            rows.len()
        ));
    }
    for row in rows.start / file[0]..=(rows.end - 1) / file[0] {
        for column in 0..columns.div_ceil(file[1]) {
            let first = [row * file[0], column * file[1]];
            let path = folder.join(name(layout, [row, column]));
            let Some(index) = layout.index else {
                chunks.push(Chunk { first, file: path, part: None });
                continue;
            };
            let grid = [file[0] / chunk[0], file[1] / chunk[1]];
            for (number, part) in parts(&path, index, grid)?.into_iter().enumerate() {
                let at = [number / grid[1] * chunk[0], number % grid[1] * chunk[1]];
                let first = [first[0] + at[0], first[1] + at[1]];
                let wanted = first[0] < rows.end && first[0] + chunk[0] > rows.start && first[1] < columns;
                if let Some(part) = part.filter(|_| wanted) {
                    chunks.push(Chunk { first, file: path.clone(), part: Some(part) });
                }
            }
        }
    }
    Ok(chunks)
}

/// The name of a file by its numbers along the axes.
fn name(layout: &Layout, numbers: [usize; 2]) -> String {
    let numbers = numbers[..layout.shape.len().min(2)].iter().map(usize::to_string);
    let parts: Vec<String> = layout.names.prefix.then(|| "c".to_owned()).into_iter().chain(numbers).collect();
    match parts.is_empty() {
        true => "0".into(),
        false => parts.join(&layout.names.separator),
    }
}

/// Where the chunks of a file lie, row by row; none in a file that is not there.
fn parts(path: &Path, index: Index, grid: [usize; 2]) -> Result<Vec<Option<Range<u64>>>, String> {
    let broken = |what: &str| format!("{}: {what}", path.display());
    let Some((mut file, length)) = open(path).map_err(|e| broken(&e))? else { return Ok(Vec::new()) };
    let chunks = grid[0].checked_mul(grid[1]).and_then(|n| n.checked_mul(16));
    let size = chunks.map(|n| n + if index.checked { 4 } else { 0 });
    let size = size.filter(|&n| n as u64 <= length).ok_or_else(|| broken("it is shorter than its index"))?;
    let start = if index.in_front { 0 } else { length - size as u64 };
    let mut bytes = vec![0; size];
    file.seek(SeekFrom::Start(start))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|e| broken(&e.to_string()))?;
    if index.checked {
        bytes = super::codecs::Packing::Crc32c
            .undo(bytes, size)
            .map_err(|e| broken(&format!("its index: {e}")))?;
    }
    let number = |bytes: [u8; 8]| match index.big_endian {
        true => u64::from_be_bytes(bytes),
        false => u64::from_le_bytes(bytes),
    };
    let numbers: Vec<u64> = bytes.as_chunks().0.iter().copied().map(number).collect();
    numbers
        .as_chunks()
        .0
        .iter()
        .map(|&[start, bytes]| match (start, start.checked_add(bytes)) {
            (u64::MAX, _) => Ok(None),
            (_, Some(end)) if end <= length => Ok(Some(start..end)),
            _ => Err(broken("a chunk lies behind its end")),
        })
        .collect()
}

impl Chunk {
    /// Its bytes, unpacked; `None` where it is not there.
    pub fn read(&self, layout: &Layout) -> Result<Option<Vec<u8>>, String> {
        self.unpacked(layout).map_err(|what| format!("{}: {what}", self.file.display()))
    }

    fn unpacked(&self, layout: &Layout) -> Result<Option<Vec<u8>>, String> {
        let whole = Some(layout.chunk_bytes()).filter(|&n| n > 0);
        let most = whole.unwrap_or(LARGEST_TEXTS);
        let Some((mut file, length)) = open(&self.file)? else { return Ok(None) };
        let part = self.part.clone().unwrap_or(0..length);
        let size = part.end.saturating_sub(part.start);
        // Packing may add a little: headers, a checksum.
        if size > (most + most / 8) as u64 + 4096 {
            return Err(format!("{size} bytes for a chunk of at most {most}"));
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(part.start)).map_err(|e| e.to_string())?;
        file.take(size).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        for packing in &layout.packings {
            bytes = packing.undo(bytes, most + 1024)?;
        }
        match whole {
            Some(whole) if bytes.len() != whole => {
                Err(format!("a chunk has {} bytes instead of {whole}", bytes.len()))
            }
            Some(_) if layout.by_column => by_rows(&bytes, layout).map(Some),
            _ => Ok(Some(bytes)),
        }
    }
}

/// A file and its length; `None` where it is not there.
fn open(path: &Path) -> Result<Option<(File, u64)>, String> {
    let tell = |e: std::io::Error| e.to_string();
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(tell(error)),
        Ok(file) => {
            let length = file.metadata().map_err(tell)?.len();
            Ok(Some((file, length)))
        }
    }
}

/// A chunk column by column as one row by row.
fn by_rows(bytes: &[u8], layout: &Layout) -> Result<Vec<u8>, String> {
    let [rows, columns] = rows_and_columns(&layout.chunk)?;
    let width = layout.element.width();
    let mut all = Vec::with_capacity(bytes.len());
    for row in 0..rows {
        for column in 0..columns {
            let at = (column * rows + row) * width;
            all.extend_from_slice(&bytes[at..at + width]);
        }
    }
    Ok(all)
}
