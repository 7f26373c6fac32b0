//! The files of cells, written and hashed by a thread of their own while the next cells are gathered.

use super::manifest::FileEntry;
use arrow_array::{Array, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use genil_base::files::Hashed;
use genil_base::{Error, Result};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{JoinHandle, spawn};

/// A file of cells is closed after this many values (1 GiB with their gene ids).
const SHARD_VALUES: u64 = 1 << 27;

/// Files of cells in the making: batches go in, and in the end come the files' names, sizes and hashes.
pub(super) struct CellFiles {
    batches: Option<SyncSender<RecordBatch>>,
    thread: Option<JoinHandle<Result<Vec<FileEntry>>>>,
}

impl CellFiles {
    /// Begins with the first file in `folder`.
    pub fn begin(folder: PathBuf, schema: SchemaRef) -> Self {
        // One batch waits while another is written.
        let (send, receive) = sync_channel(1);
        let mut writing = Writing { folder, schema, shard: None, done: Vec::new(), syncing: Vec::new() };
        let thread = spawn(move || {
            receive.iter().try_for_each(|batch| writing.write(&batch))?;
            writing.close()?;
            writing.sync()?;
            Ok(writing.done)
        });
        Self { batches: Some(send), thread: Some(thread) }
    }

    /// Writes a batch after all others.
    ///
    /// # Errors
    /// When this or an earlier one cannot be written.
    pub fn push(&mut self, batch: RecordBatch) -> Result<()> {
        match self.batches.as_ref().is_some_and(|batches| batches.send(batch).is_ok()) {
            true => Ok(()),
            false => Err(self.finish().err().unwrap_or_else(stopped)),
        }
    }

    /// Waits until the disk has all files.
    pub fn finish(&mut self) -> Result<Vec<FileEntry>> {
        self.batches = None;
        match self.thread.take() {
            Some(thread) => thread.join().unwrap_or_else(|_| Err(stopped())),
            None => Err(stopped()),
        }
    }
}

impl Drop for CellFiles {
    fn drop(&mut self) {
        // The folder goes away next: nothing may be written there any more.
        let _ = self.finish();
    }
}

/// Lets the system take back the memory in which it keeps the file: of a large store it would soon be taken anyway, and
/// pages that are used again are several times faster to write to than ever new ones.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn forget(file: &File) {
    // Only advice: nothing is wrong where it is not taken.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn forget(_: &File) {}

fn stopped() -> Error {
    Error::new("the files of cells cannot be written any more")
}

struct Writing {
    folder: PathBuf,
    schema: SchemaRef,
    shard: Option<Shard>,
    done: Vec<FileEntry>,
    syncing: Vec<JoinHandle<io::Result<()>>>,
}

struct Shard {
    name: String,
    file: FileWriter<Hashed<BufWriter<File>>>,
    values: u64,
}

impl Writing {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let folder = &self.folder;
        let shard = match &mut self.shard {
            Some(shard) => shard,
            None => {
                let name = format!("cells-{:05}.arrow", self.done.len());
                let path = folder.join(&name);
                let file = File::create(&path).map_err(|e| Error::io("create", &path, &e))?;
                let hashed = Hashed::new(BufWriter::new(file));
                let file = FileWriter::try_new(hashed, &self.schema).map_err(|e| self.arrow(&e))?;
                self.shard.insert(Shard { name, file, values: 0 })
            }
        };
        let written = shard.file.write(batch);
        shard.values += batch.column(2).to_data().child_data()[0].len() as u64;
        let full = shard.values >= SHARD_VALUES;
        written.map_err(|e| self.arrow(&e))?;
        if full { self.close() } else { Ok(()) }
    }

    /// Ends a file. The next one is written while the disk takes this one.
    fn close(&mut self) -> Result<()> {
        let Some(Shard { name, file, values }) = self.shard.take() else { return Ok(()) };
        let full = values >= SHARD_VALUES;
        let (buffered, bytes, sha256) = file.into_inner().map_err(|e| self.arrow(&e))?.finish();
        let file = buffered.into_inner().map_err(|e| Error::io("write", &self.folder, e.error()))?;
        self.syncing.push(spawn(move || {
            file.sync_all()?;
            if full {
                forget(&file);
            }
            Ok(())
        }));
        self.done.push(FileEntry { name, bytes, sha256 });
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        let stopped = |_| Err(io::Error::other("the disk was not waited for"));
        self.syncing
            .drain(..)
            .try_for_each(|syncing| syncing.join().unwrap_or_else(stopped))
            .map_err(|e| Error::io("write", &self.folder, &e))
    }

    fn arrow(&self, error: &ArrowError) -> Error {
        Error::new(format!("cannot write cells: {error}"))
            .at_path(&self.folder)
            .help("check that the disk has room and may be written")
    }
}
