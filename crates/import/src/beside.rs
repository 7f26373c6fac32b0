//! A file that is written over some time, beside its place, and renamed when whole.

use genil_base::files::parent;
use genil_base::{Error, Result};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file in the making; it is removed when this is dropped before [`Beside::finish`].
pub struct Beside {
    file: NamedTempFile,
    place: PathBuf,
}

impl Beside {
    /// Begins the file that will be at `place`, whose folder is made if need be.
    pub fn create(place: &Path) -> Result<Self> {
        let folder = parent(place);
        fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
        let file = tempfile::Builder::new()
            .prefix(".genil-partial-")
            .tempfile_in(folder)
            .map_err(|e| Error::io("create a file in", folder, &e))?;
        make_writable(file.path()).map_err(|e| Error::io("write", file.path(), &e))?;
        Ok(Self { file, place: place.to_owned() })
    }

    /// Where it is meanwhile.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Begins as a copy of another file.
    pub fn copy(&self, from: &Path) -> Result<()> {
        fs::copy(from, self.path()).map_err(|e| Error::io("copy to", self.path(), &e))?;
        // A copy has the permissions of what was copied, which may be read-only.
        make_writable(self.path()).map_err(|e| Error::io("write", self.path(), &e))
    }

    /// A handle to write with.
    pub fn handle(&self) -> Result<File> {
        self.file.as_file().try_clone().map_err(|e| Error::io("write", &self.place, &e))
    }

    /// Renames the file, which is whole now, to its place.
    pub fn finish(self) -> Result<()> {
        let io = |e: io::Error| Error::io("write", &self.place, &e);
        self.file.as_file().sync_all().map_err(io)?;
        self.file.persist(&self.place).map_err(|e| io(e.error))?;
        Ok(())
    }
}

/// An ordinary file: readable by all, writable by its owner.
fn make_writable(path: &Path) -> io::Result<()> {
    let mut permissions = fs::metadata(path)?.permissions();
    #[cfg(unix)]
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    #[cfg(not(unix))]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions)
}
