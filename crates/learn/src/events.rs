//! `events.jsonl`: how training went, one JSON object a line, without times of day: the same run gives the
//! same bytes.

use crate::method::Loss;
use genil_base::{Error, Result, files};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Averages over the steps since the last event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Steps of the stage so far.
    pub step: u64,
    /// The epoch that the last of them belongs to, from 0.
    pub epoch: usize,
    /// The learning rate of the last of them.
    pub lr: f64,
    /// What was minimised.
    pub loss: f64,
    /// Mean squared error of the value head.
    pub value: f64,
    /// Mean squared error of the cell head.
    pub cell: f64,
    /// What the method added.
    pub added: f64,
    /// Mean squared error of the value head on genes of earlier stages.
    pub old: Option<f64>,
    /// Mean squared error of the value head on the stage's own genes.
    pub new: Option<f64>,
}

/// Losses summed since the last event.
#[derive(Debug, Clone, Default)]
pub struct Averages {
    sum: Loss,
    steps: u32,
}

impl Averages {
    /// Adds one step.
    pub fn add(&mut self, loss: &Loss) {
        self.sum.add(loss);
        self.steps += 1;
    }

    /// The event, and empty averages again.
    pub fn take(&mut self, step: u64, epoch: usize, lr: f64) -> Event {
        let Self { sum, steps } = std::mem::take(self);
        let n = f64::from(steps.max(1));
        let mean = |(sum, count): (f64, usize)| (count > 0).then(|| sum / count as f64);
        Event {
            step,
            epoch,
            lr,
            loss: sum.total() / n,
            value: sum.value / n,
            cell: sum.cell / n,
            added: sum.added / n,
            old: mean(sum.old),
            new: mean(sum.new),
        }
    }
}

/// The open file.
pub struct EventLog {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl EventLog {
    /// Opens the file and cuts it to the first `bytes`: what was written after the state that a resume starts
    /// from will be written again.
    ///
    /// # Errors
    /// When the file is shorter than that, or is a symbolic link, or cannot be written.
    pub fn open(path: &Path, bytes: u64) -> Result<Self> {
        files::refuse_link(path)?;
        let io = |e: std::io::Error| Error::io("write", path, &e);
        let found = path.metadata().map_or(0, |it| it.len());
        if found < bytes {
            return Err(Error::new(format!("{found} bytes instead of at least {bytes}: events are missing"))
                .at_path(path)
                .help("delete state.safetensors beside it: the stage then starts anew and ends the same"));
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(io)?;
        file.set_len(bytes).map_err(io)?;
        Ok(Self { file, path: path.to_owned(), bytes })
    }

    /// Appends an event.
    pub fn write(&mut self, event: &Event) -> Result<()> {
        let mut line = serde_json::to_vec(event).map_err(|e| Error::new(e).at_path(&self.path))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|e| Error::io("write", &self.path, &e))?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Bytes so far, all of them on the disk.
    pub fn flushed(&mut self) -> Result<u64> {
        self.file.sync_data().map_err(|e| Error::io("write", &self.path, &e))?;
        Ok(self.bytes)
    }
}
