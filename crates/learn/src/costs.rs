//! What each trained stage cost: `costs.csv`.
//!
//! | column | |
//! |---|---|
//! | `chain`, `seed`, `stage` | the model |
//! | `cells` | cells of an epoch |
//! | `seconds` | wall time of training; empty for a stage that was interrupted and resumed |
//! | `processor_seconds` | time of all threads of this process; empty likewise, and where the system does not tell |
//! | `kept_cells` | cells of earlier stages whose counts the method keeps when the stage ends |
//! | `kept_bytes` | bytes that it keeps besides the model: its memory files and those counts |
//!
//! The times are all that two equal runs do not share.

use crate::method::MethodSettings;
use crate::stages::Stages;
use genil_base::{Error, Result, files};
use genil_data::CellRef;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::Path;
use std::time::{Duration, Instant};

/// The file's name in the run folder.
pub const FILE: &str = "costs.csv";

/// Bytes of one expressed gene of a kept cell: gene and count.
const COUNT_BYTES: u64 = 8;

/// What one trained stage cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// The chain of models.
    pub chain: String,
    /// The run's seed.
    pub seed: u64,
    /// The stage.
    pub stage: usize,
    /// Cells of an epoch.
    pub cells: usize,
    /// Wall time of training.
    pub seconds: Option<f64>,
    /// Time of all threads.
    pub processor_seconds: Option<f64>,
    /// Cells whose counts are kept.
    pub kept_cells: usize,
    /// Bytes that are kept besides the model.
    pub kept_bytes: u64,
}

/// What a method keeps of earlier stages besides the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Cells whose counts are kept.
    pub cells: usize,
    /// Bytes: memory files and those counts.
    pub bytes: u64,
}

impl Kept {
    /// What `method` keeps after stage `stage`: the `memory.*` files in the stage's folder, and the counts of the
    /// cells that it stored. Joint training keeps every cell of the earlier
    /// stages from 1 on.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn after(
        stages: &Stages,
        (method, stage): (&MethodSettings, usize),
        mut cells: Vec<CellRef>,
        folder: &Path,
    ) -> Result<Self> {
        if method.is_joint() {
            cells = stages.cells[..stage].iter().skip(1).flat_map(|cells| &cells.train).copied().collect();
        }
        let counts: u64 = cells.iter().map(|&cell| bytes_of_cell(stages, cell)).sum();
        Ok(Self { cells: cells.len(), bytes: counts + memory_files(folder)? })
    }
}

/// Bytes of the counts of one kept cell.
pub fn bytes_of_cell(stages: &Stages, cell: CellRef) -> u64 {
    COUNT_BYTES * stages.stores[usize::from(cell.store)].cell(cell.row as usize).genes.len() as u64
}

/// Bytes of the files `memory.*` in a folder.
fn memory_files(folder: &Path) -> Result<u64> {
    let io = |e: std::io::Error| Error::io("read", folder, &e);
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        if entry.file_name().to_string_lossy().starts_with("memory.") {
            bytes += entry.metadata().map_err(io)?.len();
        }
    }
    Ok(bytes)
}

/// Wall and processor time since a moment.
pub struct Clock {
    begun: Instant,
    processor: Option<Duration>,
}

impl Clock {
    /// From now on.
    pub fn start() -> Self {
        Self { begun: Instant::now(), processor: processor_time() }
    }

    /// Seconds of the wall and of all threads of this process.
    pub fn seconds(&self) -> (f64, Option<f64>) {
        let processor = processor_time().zip(self.processor).map(|(now, then)| now.saturating_sub(then));
        (self.begun.elapsed().as_secs_f64(), processor.map(|time| time.as_secs_f64()))
    }
}

/// Time that all threads of this process have run.
#[cfg(unix)]
fn processor_time() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).ok()
}

#[cfg(not(unix))]
fn processor_time() -> Option<Duration> {
    None
}

const MEND: &str = "delete the broken line, or the whole file: no result depends on it";

/// Appends a line to a run's `costs.csv`.
///
/// # Errors
/// When it cannot be written, or is a link that may lead elsewhere.
pub fn note(run: &Path, cost: &Cost) -> Result<()> {
    let path = run.join(FILE);
    files::refuse_link(&path)?;
    let new = !path.is_file();
    let io = |e: std::io::Error| Error::io("write", &path, &e);
    let failed = |e: csv::Error| Error::new(format!("cannot write: {e}")).at_path(&path);
    let rounded = |seconds: Option<f64>| seconds.map(|s| (s * 100.0).round() / 100.0);
    let cost = Cost {
        seconds: rounded(cost.seconds),
        processor_seconds: rounded(cost.processor_seconds),
        ..cost.clone()
    };
    let file = OpenOptions::new().create(true).append(true).open(&path).map_err(io)?;
    let mut csv = csv::WriterBuilder::new().has_headers(new).from_writer(file);
    csv.serialize(cost).map_err(failed)?;
    csv.flush().map_err(io)
}

/// Reads a run's `costs.csv`, each model's last line; nothing where no stage was trained yet.
///
/// # Errors
/// When a line cannot be read.
pub fn read(run: &Path) -> Result<Vec<Cost>> {
    let path = run.join(FILE);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let bad = |e: csv::Error| Error::new(format!("costs that cannot be read: {e}")).at_path(&path).help(MEND);
    let mut last = BTreeMap::new();
    for (place, row) in csv::Reader::from_path(&path).map_err(bad)?.deserialize().enumerate() {
        let cost: Cost = row.map_err(bad)?;
        last.insert((cost.seed, cost.chain.clone(), cost.stage), (place, cost));
    }
    let mut costs: Vec<(usize, Cost)> = last.into_values().collect();
    costs.sort_unstable_by_key(|(place, _)| *place);
    Ok(costs.into_iter().map(|(_, cost)| cost).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_read_back_and_a_stage_trained_again_counts_once() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(read(run.path()).unwrap(), []);
        let cost = |stage, seconds| Cost {
            chain: "a".into(),
            seed: 0,
            stage,
            cells: 9,
            seconds,
            processor_seconds: Some(1.25),
            kept_cells: 3,
            kept_bytes: 24,
        };
        for it in [cost(1, Some(2.0)), cost(0, None), cost(1, Some(3.004))] {
            note(run.path(), &it).unwrap();
        }
        assert_eq!(read(run.path()).unwrap(), [cost(0, None), cost(1, Some(3.0))]);
    }

    #[test]
    #[cfg(unix)]
    fn the_processor_clock_runs_while_something_is_computed() {
        let clock = Clock::start();
        let mut x = 1u64;
        while clock.seconds().1.unwrap() < 0.01 {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
        assert!(clock.seconds().0 >= 0.005);
    }
}
