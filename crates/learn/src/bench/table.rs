//! All settings × methods as tables, read from the run folders: `bench.csv`, `paired.csv` and both as `bench.md`.

use crate::costs::{self, Cost};
use crate::run::Run;
use crate::settings::SHARED;
use genil_base::{Error, Result, files};
use genil_score::{Cell, Interval, Table, over_seeds};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// The figures of the tables: their metric in `summary.csv` and what they are called.
const FIGURES: [(&str, &str); 4] = [
    ("forgetting_mse", "Δ regression"),
    ("forgetting_accuracy", "Δ classification"),
    ("new_mse", "loss on new genes"),
    ("new_accuracy", "accuracy on new classes"),
];

/// A row of `summary.csv`.
#[derive(Deserialize)]
struct Summary {
    method: String,
    metric: String,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
}

/// A row of a run's `paired.csv`.
#[derive(Deserialize)]
struct Paired {
    method: String,
    against: String,
    metric: String,
    difference: f64,
    low: Option<f64>,
    high: Option<f64>,
    p: Option<f64>,
}

/// What a benchmark found.
pub struct Found {
    /// One row per setting and method: figures with 95 % intervals over seeds, time, storage.
    pub methods: Table,
    /// One row per setting, method and reference: paired differences with 95 % intervals, and p.
    pub paired: Table,
}

impl Found {
    /// Nothing yet.
    pub fn new() -> Self {
        let mut methods = Table::new(&["setting", "method"]);
        methods.header.extend(FIGURES.map(|(_, title)| title.to_owned()));
        methods.header.extend(["time / fine-tuning", "kept cells", "kept MB"].map(str::to_owned));
        let mut paired = Table::new(&["setting", "method", "less"]);
        paired
            .header
            .extend(FIGURES.iter().flat_map(|(_, title)| [(*title).to_owned(), format!("p of {title}")]));
        Self { methods, paired }
    }

    /// Adds a run that is trained and evaluated.
    ///
    /// # Errors
    /// When one of its tables cannot be read.
    pub fn add(&mut self, name: &str, run: &Run) -> Result<()> {
        let summary: Vec<Summary> = rows(&run.folder.join("summary.csv"))?;
        let paired: Vec<Paired> = rows(&run.folder.join("paired.csv"))?;
        let costs = costs::read(&run.folder)?;
        for method in run.settings.methods.keys() {
            let mut row: Vec<Cell> = vec![name.into(), method.as_str().into()];
            row.extend(FIGURES.map(|(metric, _)| {
                let of = summary.iter().find(|it| it.method == *method && it.metric == metric);
                of.map(|it| interval(it.value, it.low, it.high)).into()
            }));
            row.push(time_beside_fine_tuning(run, &costs, method).into());
            row.extend(kept(run, &costs, method));
            self.methods.rows.push(row);
        }
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for it in &paired {
            let pair = (it.method.as_str(), it.against.as_str());
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        for (method, against) in pairs {
            let mut row: Vec<Cell> = vec![name.into(), method.into(), against.into()];
            for (metric, _) in FIGURES {
                let of = paired.iter().find(|it| {
                    (it.method.as_str(), it.against.as_str()) == (method, against) && it.metric == metric
                });
                row.push(of.map(|it| interval(it.difference, it.low, it.high)).into());
                row.push(of.and_then(|it| it.p).into());
            }
            self.paired.rows.push(row);
        }
        Ok(())
    }

    /// Writes `bench.csv`, `paired.csv` and `bench.md` into a folder.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        files::write_bytes(&folder.join("bench.csv"), self.methods.to_csv().as_bytes())?;
        files::write_bytes(&folder.join("paired.csv"), self.paired.to_csv().as_bytes())?;
        files::write_bytes(&folder.join("bench.md"), self.to_markdown().as_bytes())
    }

    fn to_markdown(&self) -> String {
        format!(
            "Mean and 95 % interval (Student's t) over seeds. Δ: how much worse after the last stage than right after their \
             own, mean over the earlier stages; below 0, later stages helped. Time: of the stages that a method trains \
             otherwise than fine-tuning does, beside fine-tuning's time for the same. Kept: of earlier stages, besides the \
             model.\n\n{}\nSeed by seed, a method's figure less another's, with the p of the paired t-test (not corrected \
             for the number of comparisons):\n\n{}",
            self.methods.to_markdown(),
            self.paired.to_markdown()
        )
    }
}

impl Default for Found {
    fn default() -> Self {
        Self::new()
    }
}

/// Seconds of the stages that a method trains itself, over fine-tuning's for the same stages; by seed pairs.
fn time_beside_fine_tuning(run: &Run, costs: &[Cost], method: &str) -> Option<Interval> {
    let own: Vec<usize> = (0..=run.stages.last()).filter(|&k| run.chain(method, k) != SHARED).collect();
    if own.is_empty() {
        return Some(Interval::without_bounds(1.0));
    }
    let seconds = |chain: &str, seed: u64| -> Option<f64> {
        let of = |stage: usize| {
            let cost = costs.iter().find(|it| it.chain == chain && it.seed == seed && it.stage == stage)?;
            cost.processor_seconds.or(cost.seconds)
        };
        own.iter().map(|&stage| of(stage)).sum()
    };
    let ratio = |&seed: &u64| Some(seconds(method, seed)? / seconds(SHARED, seed)?);
    let ratios: Vec<f64> = run.settings.seeds.iter().filter_map(ratio).collect();
    (!ratios.is_empty()).then(|| over_seeds(&ratios))
}

/// The most cells and megabytes that a method kept in any stage and seed.
fn kept(run: &Run, costs: &[Cost], method: &str) -> [Cell; 2] {
    let own = |cost: &&Cost| cost.chain == method && cost.stage <= run.stages.last();
    let cells = costs.iter().filter(own).map(|cost| cost.kept_cells).max().unwrap_or(0);
    let bytes = costs.iter().filter(own).map(|cost| cost.kept_bytes).max().unwrap_or(0);
    [Cell::Count(cells), Cell::Number(bytes as f64 / 1e6)]
}

fn interval(value: f64, low: Option<f64>, high: Option<f64>) -> Interval {
    Interval { value, low: low.unwrap_or(f64::NAN), high: high.unwrap_or(f64::NAN) }
}

fn rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let bad = |e: csv::Error| {
        Error::new(format!("a table that cannot be read: {e}")).at_path(path).help("evaluate the run again")
    };
    csv::Reader::from_path(path)
        .map_err(bad)?
        .deserialize()
        .collect::<std::result::Result<_, _>>()
        .map_err(bad)
}
