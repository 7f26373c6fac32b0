//! A file that is written over some time, beside its place, and renamed when whole.

use genil_base::{Error, FolderInTheMaking, Result};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A file in the making, alone in a folder beside its place. Both are removed when this is dropped; what a killed
/// process left is removed by the next one with the same place.
pub struct Beside {
    file: File,
    path: PathBuf,
    place: PathBuf,
    _folder: FolderInTheMaking,
}

/// What the file is called meanwhile.
const NAME: &str = "file";

impl Beside {
    /// Begins the file that will be at `place`, whose folder is made if need be.
    ///
    /// # Errors
    /// When another process is writing the same file, or it cannot be written.
    pub fn create(place: &Path) -> Result<Self> {
        let folder = FolderInTheMaking::begin(place)?;
        let path = folder.path().join(NAME);
        let file = File::create_new(&path).map_err(|e| Error::io("create", &path, &e))?;
        Ok(Self { file, path, place: place.to_owned(), _folder: folder })
    }

    /// Where it is meanwhile.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins as a copy of another file.
    pub fn copy(&self, from: &Path) -> Result<()> {
        fs::copy(from, &self.path).map_err(|e| Error::io("copy to", &self.path, &e))?;
        // A copy has the permissions of what was copied, which may be read-only.
        make_writable(&self.path).map_err(|e| Error::io("write", &self.path, &e))
    }

    /// A handle to write with.
    pub fn handle(&self) -> Result<File> {
        self.file.try_clone().map_err(|e| Error::io("write", &self.place, &e))
    }

    /// Renames the file, which is whole now, to its place.
    pub fn finish(self) -> Result<()> {
        let io = |e: io::Error| Error::io("write", &self.place, &e);
        self.file.sync_all().map_err(io)?;
        fs::rename(&self.path, &self.place).map_err(io)
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
