//! Files that are whole or absent: written beside, flushed, renamed.

use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Writes a file through `fill` into a temporary neighbour and renames it to `path` when whole.
/// A failure or a kill leaves whatever was at `path` as it was.
pub fn write_whole(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let folder = parent(path);
    fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
    let io = |e: io::Error| Error::io("write", path, &e);
    let mut beside = tempfile::Builder::new().prefix(PARTIAL).tempfile_in(folder).map_err(io)?;
    {
        let mut buffered = io::BufWriter::new(beside.as_file_mut());
        fill(&mut buffered)?;
        buffered.flush().map_err(io)?;
    }
    readable_by_all(beside.as_file()).map_err(io)?;
    beside.as_file().sync_all().map_err(io)?;
    beside.persist(path).map_err(|e| io(e.error))?;
    Ok(())
}

/// Temporary files are private to their owner; results are ordinary files.
#[cfg(unix)]
fn readable_by_all(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &File) -> io::Result<()> {
    Ok(())
}

/// Removes what a killed [`write_whole`] left in `folder` and below. Only for folders that no other process writes to.
pub fn remove_partial(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|e| Error::io("read", folder, &e))?;
    for entry in entries {
        let path = entry.map_err(|e| Error::io("read", folder, &e))?.path();
        let partial = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PARTIAL));
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            remove_partial(&path)?;
        } else if partial {
            fs::remove_file(&path).map_err(|e| Error::io("remove", &path, &e))?;
        }
    }
    Ok(())
}

/// How the name of a file begins that is not whole yet.
pub(crate) const PARTIAL: &str = ".genil-partial-";

/// [`write_whole`] for bytes at hand.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write_whole(path, |out| out.write_all(bytes).map_err(|e| Error::io("write", path, &e)))
}

/// Text files that genil reads whole are far smaller than this many bytes.
const LARGEST_TEXT: u64 = 256 << 20;

/// Reads a text file.
///
/// # Errors
/// When it cannot be read, is no UTF-8, or is larger than any such file (as a device that never ends is).
pub fn read_text(path: &Path) -> Result<String> {
    let io = |e: io::Error| Error::io("read", path, &e);
    let mut text = String::new();
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    // One byte beyond the limit tells that there is more, also where a length is not known.
    if length > LARGEST_TEXT
        || file.take(LARGEST_TEXT + 1).read_to_string(&mut text).map_err(io)? as u64 > LARGEST_TEXT
    {
        return Err(Error::new(format!("the file is larger than {} MiB", LARGEST_TEXT >> 20))
            .at_path(path)
            .help("no file of this kind is: check that it is the right one"));
    }
    Ok(text)
}

/// Refuses a symbolic link where a file of a folder that came from elsewhere is opened for writing or shown:
/// it could lead to any other file.
///
/// # Errors
/// When there is a symbolic link at `path`.
pub fn refuse_link(path: &Path) -> Result<()> {
    if path.is_symlink() {
        return Err(Error::new("this is a symbolic link, which may lead out of the folder")
            .at_path(path)
            .help("put the file itself there"));
    }
    Ok(())
}

/// SHA-256 of a file, in lower-case hexadecimal.
pub fn sha256_file(path: &Path) -> Result<String> {
    let io = |e: io::Error| Error::io("read", path, &e);
    let mut file = File::open(path).map_err(io)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block).map_err(io)? {
            0 => return Ok(hex(&digest.finalize())),
            n => digest.update(&block[..n]),
        }
    }
}

/// SHA-256 of bytes, in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A writer that hashes what goes through it, so that nothing need be read again.
#[derive(Debug)]
pub struct Hashed<W> {
    inner: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Hashed<W> {
    /// Nothing has been written yet.
    pub fn new(inner: W) -> Self {
        Self { inner, digest: Sha256::new(), bytes: 0 }
    }

    /// What it wrote to, the number of bytes, and their SHA-256 in lower-case hexadecimal.
    pub fn finish(self) -> (W, u64, String) {
        (self.inner, self.bytes, hex(&self.digest.finalize()))
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The folder that holds `path`; the current one for a bare file name.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// `path` relative to `folder` where it lies below it, else absolute: what a file in `folder` should say of it.
pub fn relative_to(path: &Path, folder: &Path) -> PathBuf {
    let whole =
        |p: &Path| p.canonicalize().or_else(|_| std::path::absolute(p)).unwrap_or_else(|_| p.to_owned());
    let path = whole(path);
    path.strip_prefix(whole(folder)).map(Path::to_owned).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.csv");
        write_bytes(&path, b"old").unwrap();
        let failed = write_whole(&path, |out| {
            out.write_all(b"half").unwrap();
            Err(Error::new("stopped"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing left beside it");
    }

    #[test]
    fn what_a_kill_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("models/stage-0");
        fs::create_dir_all(&deep).unwrap();
        for name in [".genil-partial-abc", "model.json", ".lock"] {
            fs::write(deep.join(name), b"x").unwrap();
        }
        remove_partial(folder.path()).unwrap();
        let mut left: Vec<String> =
            fs::read_dir(&deep).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, [".lock", "model.json"]);
    }

    #[test]
    fn sha256_is_the_published_one() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
        let mut hashed = Hashed::new(Vec::new());
        [b"a".as_slice(), b"bc"].into_iter().for_each(|part| hashed.write_all(part).unwrap());
        assert_eq!(hashed.finish(), (b"abc".to_vec(), 3, abc.to_owned()));
    }
}
