//! A run folder, read and checked. Every file in it is untrusted: names are looked up, numbers checked, paths kept
//! inside the folder.

mod confusion;
mod drift;
mod embedding;
mod events;
mod genes;
mod manifest;
mod paired;
mod rows;
mod scores;

pub use confusion::Confusion;
pub use drift::Drift;
pub use embedding::Place;
pub use events::{Curve, Point};
pub use genes::GeneScore;
pub use manifest::{Manifest, Method, Stage};
pub use paired::Paired;
pub use scores::{Cost, Score, SummaryRow};

use genil_base::{Error, Result, files};
use std::path::{Path, PathBuf};

/// All that a report says, as it stands in the folder.
#[derive(Debug)]
pub struct Run {
    /// The folder.
    pub folder: PathBuf,
    /// `run.json`.
    pub manifest: Manifest,
    /// `scores.csv`.
    pub scores: Vec<Score>,
    /// `summary.csv`; empty when absent.
    pub summary: Vec<SummaryRow>,
    /// `genes.csv`; empty when absent.
    pub genes: Vec<GeneScore>,
    /// `confusion.csv`; empty when absent.
    pub confusion: Vec<Confusion>,
    /// `models/…/events.jsonl`, those that are there.
    pub curves: Vec<Curve>,
    /// `costs.csv`; empty when absent.
    pub costs: Vec<Cost>,
    /// `paired.csv`; empty when absent.
    pub paired: Vec<Paired>,
    /// `embedding.csv`; empty when absent.
    pub places: Vec<Place>,
    /// `drift.csv`; empty when absent.
    pub drift: Vec<Drift>,
    /// `run.toml` and `plan.toml` as (name, text), those that are there.
    pub texts: Vec<(&'static str, String)>,
}

impl Run {
    /// Reads `folder`; `run.json` and `scores.csv` must be there.
    ///
    /// # Errors
    /// A folder without them; a file that does not fit its form, with file and line; a row that names a method, seed,
    /// stage or gene set that `run.json` does not list.
    pub fn read(folder: &Path) -> Result<Self> {
        let manifest = Manifest::read(folder)?;
        let scores = scores::read(&folder.join("scores.csv"), &manifest)?;
        let mut texts = Vec::new();
        for name in ["run.toml", "plan.toml"] {
            if let Some(path) = present(folder, name) {
                // A page may be passed on: it must not show what lies elsewhere.
                files::refuse_link(&path)?;
                texts.push((name, files::read_text(&path)?));
            }
        }
        Ok(Self {
            summary: optional(folder, "summary.csv", scores::read_summary)?,
            genes: optional(folder, "genes.csv", |path| genes::read(path, &manifest))?,
            confusion: optional(folder, "confusion.csv", |path| confusion::read(path, &manifest))?,
            costs: optional(folder, "costs.csv", scores::read_costs)?,
            paired: optional(folder, "paired.csv", |path| paired::read(path, &manifest))?,
            places: optional(folder, "embedding.csv", |path| embedding::read(path, &manifest))?,
            drift: optional(folder, "drift.csv", |path| drift::read(path, &manifest))?,
            curves: events::read_all(folder, &manifest)?,
            folder: folder.to_owned(),
            manifest,
            scores,
            texts,
        })
    }

    /// The folder's own name, for titles.
    pub fn name(&self) -> String {
        let whole = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        whole.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
    }
}

fn present(folder: &Path, name: &str) -> Option<PathBuf> {
    Some(folder.join(name)).filter(|path| path.is_file())
}

fn optional<T>(folder: &Path, name: &str, read: impl FnOnce(&Path) -> Result<Vec<T>>) -> Result<Vec<T>> {
    present(folder, name).map_or_else(|| Ok(Vec::new()), |path| read(&path))
}

/// The error of a name that `run.json` does not list.
fn unlisted(what: &str, name: &dyn std::fmt::Display) -> Error {
    Error::new(format!("{what} '{name}' is not in run.json"))
        .help("the files of the folder belong to different runs; evaluate the run again")
}
