//! A folder in the making: written beside its target under a name that tells whose it is, renamed when whole.

use crate::files::{PARTIAL, parent, refuse_link};
use crate::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

/// A folder that becomes `target` when it is whole. For the target `all.store` there are meanwhile
///
/// | beside it | what |
/// |---|---|
/// | `.genil-partial-all.store` | the folder in the making |
/// | `.genil-partial-all.store.lock` | locked while a process works on it; the lock goes with the process |
/// | `.genil-partial-all.store.replaced` | what was at the target, for the moment between two renames |
///
/// Nothing of it is left when this is dropped. What a killed process left is put in order by the next one with
/// the same target.
#[derive(Debug)]
pub struct FolderInTheMaking {
    target: PathBuf,
    folder: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

impl FolderInTheMaking {
    /// Begins an empty folder. What a killed process left of this target is removed, and what it was about to
    /// replace is put back.
    ///
    /// # Errors
    /// When another process works on the same target, or the place cannot be written.
    pub fn begin(target: &Path) -> Result<Self> {
        let Some(name) = target.file_name() else {
            return Err(Error::new("this cannot be the name of a new folder")
                .at_path(target)
                .help("name another"));
        };
        let beside = parent(target);
        fs::create_dir_all(beside).map_err(|e| Error::io("create the folder", beside, &e))?;
        let named = |ending: &str| {
            let mut whole = std::ffi::OsString::from(PARTIAL);
            whole.push(name);
            whole.push(ending);
            beside.join(whole)
        };
        let lock_path = named(".lock");
        let it = Self {
            target: target.to_owned(),
            folder: named(""),
            _lock: lock(&lock_path, target)?,
            lock_path,
        };
        it.tidy()?;
        fs::create_dir(&it.folder).map_err(|e| Error::io("create a folder in", beside, &e))?;
        Ok(it)
    }

    /// Where the folder is for now.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Moves the folder to its target; with `replace`, what is there goes away once the new one is in place.
    ///
    /// # Errors
    /// When it cannot be moved; what was at the target is as it was then.
    pub fn finish(self, replace: bool) -> Result<()> {
        let old = self.replaced();
        let replaces = replace && self.target.exists();
        if replaces {
            fs::rename(&self.target, &old).map_err(|e| Error::io("move away", &self.target, &e))?;
        }
        if let Err(e) = fs::rename(&self.folder, &self.target) {
            // Back to what it was; if even that fails, the next one with this target does it.
            let _ = replaces.then(|| fs::rename(&old, &self.target));
            return Err(Error::io("create", &self.target, &e));
        }
        match replaces {
            true => fs::remove_dir_all(&old).map_err(|e| Error::io("remove what was replaced:", &old, &e)),
            false => Ok(()),
        }
    }

    fn replaced(&self) -> PathBuf {
        let mut name = self.folder.clone().into_os_string();
        name.push(".replaced");
        name.into()
    }

    /// Puts in order what a killed process left.
    fn tidy(&self) -> Result<()> {
        let old = self.replaced();
        if old.is_dir() && fs::symlink_metadata(&self.target).is_err() {
            fs::rename(&old, &self.target).map_err(|e| Error::io("put back", &self.target, &e))?;
        }
        for left in [&old, &self.folder] {
            if left.is_dir() {
                fs::remove_dir_all(left).map_err(|e| Error::io("remove", left, &e))?;
            }
        }
        Ok(())
    }
}

impl Drop for FolderInTheMaking {
    fn drop(&mut self) {
        // An error has been told already, or there is nothing to remove.
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_file(&self.lock_path);
    }
}

/// Locks the file at `path` for this process.
fn lock(path: &Path, target: &Path) -> Result<File> {
    let io = |e: std::io::Error| Error::io("lock", path, &e);
    loop {
        refuse_link(path)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, path) => return Ok(file),
            // The process that held it removed it meanwhile.
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(Error::new("another genil is writing this")
                    .at_path(target)
                    .help("wait until it ends"));
            }
            Err(fs::TryLockError::Error(e)) => return Err(io(e)),
        }
    }
}

/// Whether `file` is still what is at `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |it: fs::Metadata| (it.dev(), it.ino());
    file.metadata().ok().map(identity) == path.metadata().ok().map(identity)
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_is_there_when_whole_and_nothing_is_when_not() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("new/all.store");
        drop(FolderInTheMaking::begin(&target).unwrap());
        assert!(names(&place.path().join("new")).is_empty());
        let folder = FolderInTheMaking::begin(&target).unwrap();
        fs::write(folder.path().join("a"), "whole").unwrap();
        folder.finish(false).unwrap();
        assert_eq!(names(&place.path().join("new")), ["all.store"]);
        assert_eq!(fs::read(target.join("a")).unwrap(), b"whole");
    }

    #[test]
    fn two_at_once_are_one_too_many() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("all.store");
        let first = FolderInTheMaking::begin(&target).unwrap();
        let second = FolderInTheMaking::begin(&target).unwrap_err().to_string();
        assert!(second.contains("another genil") && second.contains("all.store"), "{second}");
        assert!(first.path().is_dir(), "the first one is left alone");
        FolderInTheMaking::begin(&place.path().join("other.store")).unwrap();
    }

    #[test]
    fn what_a_kill_left_is_put_in_order_by_the_next_one() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("all.store");
        let leave = |name: &str| {
            fs::create_dir(place.path().join(name)).unwrap();
            fs::write(place.path().join(name).join("a"), name).unwrap();
        };
        // Killed while writing.
        leave(".genil-partial-all.store");
        fs::write(place.path().join(".genil-partial-all.store.lock"), "").unwrap();
        let folder = FolderInTheMaking::begin(&target).unwrap();
        assert!(names(folder.path()).is_empty());
        drop(folder);
        assert!(names(place.path()).is_empty());
        // Killed between the two renames: the old one is put back, and then replaced.
        leave(".genil-partial-all.store.replaced");
        leave(".genil-partial-all.store");
        let folder = FolderInTheMaking::begin(&target).unwrap();
        assert_eq!(fs::read(target.join("a")).unwrap(), b".genil-partial-all.store.replaced");
        folder.finish(true).unwrap();
        assert_eq!((names(place.path()), names(&target).len()), (vec!["all.store".to_owned()], 0));
        // Killed while the old one was being removed.
        leave(".genil-partial-all.store.replaced");
        drop(FolderInTheMaking::begin(&target).unwrap());
        assert_eq!(names(place.path()), ["all.store"]);
    }
}
