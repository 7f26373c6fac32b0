//! A data set with a known answer: synthetic cells for the demonstration and for tests.
//!
//! Three tissues. Every base gene follows one *programme*, whose activity varies from cell to cell,
//! so that a gene's value can be predicted from the others of its programme. A few *level* programmes
//! are active in every cell; the others are active in some lineages only. Each stage k ≥ 1 has
//! *markers*: a class of its tissue expresses its own, and how high is set by a level programme, which
//! the base genes betray. Hence
//!
//! * the classes of a stage are told apart mainly by its markers, which the planner should find;
//! * the values of markers can be predicted from base genes, which a model should learn;
//! * the last tissue is *rewired*: its base genes follow other programmes, with other strengths, and
//!   markers follow other levels. A model trained on it alone unlearns what the others taught it.
//!
//! | tissue | cells | stage | wiring |
//! |---|---|---|---|
//! | marrow | ½ | 0 | first |
//! | blood | ¼ | 1 | first |
//! | gut | ¼ | 2 | second |
//!
//! Counts are negative-binomial (a gamma mixture of Poisson laws), `variance = μ + φ μ²`, with
//! `μ = depth of the cell · batch effect · strength of the gene · activity`, and are lost (dropout)
//! with probability `K / (K + μ)` (Michaelis–Menten: Andrews & Hemberg, Bioinformatics 2019).

mod nature;

use crate::cells::{Annotation, ColumnKind};
use crate::genes::Gene;
use crate::planner::{CellFilter, PlanRequest, StageRequest};
use crate::store::{Measured, Panel, Store, StoreWriter};
use genil_base::{Error, Result, files};
use nature::{Nature, SyntheticCell};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The tissues; that of stage k is the k-th.
pub const TISSUES: [&str; 3] = ["marrow", "blood", "gut"];
/// The store of the cells to train on, in the folder of [`SyntheticConfig::write`].
pub const CELLS: &str = "cells.store";
/// The labelled stores of stages 1 and 2.
pub const PROBES: [&str; 2] = ["probe-1.store", "probe-2.store"];
/// The known answer, a [`SyntheticTruth`] as JSON.
pub const TRUTH: &str = "truth.json";

const COLUMNS: [&str; 5] = ["cell_type", "lineage", "tissue", "donor", "batch"];

/// How much of what is made. The defaults train in a minute or two on two cores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyntheticConfig {
    /// Everything is a function of the seed and of the other settings.
    pub seed: u64,
    /// Cells to train on, of all tissues (≥ 40).
    pub cells: usize,
    /// Cells of each labelled store (≥ 40).
    pub probe_cells: usize,
    /// Base genes (≥ one for each programme).
    pub base_genes: usize,
    /// Programmes that are active in every cell, more or less (≥ 2).
    pub level_programmes: usize,
    /// Programmes that are active in some lineages only (≥ 2).
    pub lineage_programmes: usize,
    /// Lineages of each tissue (≥ 1); each has two lineage programmes. With half as many lineages as
    /// lineage programmes, every tissue expresses every base gene.
    pub lineages: usize,
    /// Classes that the markers of a stage tell apart (2 to 26).
    pub classes: usize,
    /// Markers of each class (≥ 1).
    pub markers: usize,
    /// Standard deviation of the natural logarithm of a programme's activity among cells.
    pub activity_spread: f64,
    /// Mean count of a typical gene whose programme is active (> 0).
    pub strength: f64,
    /// Standard deviation of the natural logarithm of a cell's depth.
    pub depth_spread: f64,
    /// φ of the negative-binomial law (≥ 0; 0 is Poisson).
    pub overdispersion: f64,
    /// K of the dropout (≥ 0; 0 is none): a gene of mean K is lost in half of the cells.
    pub dropout: f64,
    /// Standard deviation of the natural logarithm of a batch's effect on a gene.
    pub batch_effect: f64,
    /// Donors of each store (≥ 2), spread over two batches.
    pub donors: usize,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            cells: 3600,
            probe_cells: 600,
            base_genes: 176,
            level_programmes: 2,
            lineage_programmes: 4,
            lineages: 2,
            classes: 4,
            markers: 12,
            activity_spread: 1.0,
            strength: 5.0,
            depth_spread: 0.25,
            overdispersion: 0.05,
            dropout: 0.5,
            batch_effect: 0.15,
            donors: 6,
        }
    }
}

/// What is true of the synthetic cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyntheticTruth {
    /// The settings.
    pub config: SyntheticConfig,
    /// For each wiring, for each programme (level programmes first), the base genes that follow it.
    pub programmes: Vec<Vec<Vec<String>>>,
    /// For stages 1 and 2, what they bring.
    pub stages: Vec<StageTruth>,
}

/// What a stage brings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageTruth {
    /// Its tissue.
    pub tissue: String,
    /// Its classes, each with its markers.
    pub classes: Vec<ClassTruth>,
}

/// A class and its markers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassTruth {
    /// Its name in the column `cell_type`.
    pub name: String,
    /// The genes that only it expresses among the classes of its stage.
    pub markers: Vec<String>,
    /// For each wiring, for each marker, the level programme that sets its value.
    pub levels: Vec<Vec<usize>>,
}

impl StageTruth {
    /// The markers of all classes.
    pub fn markers(&self) -> impl Iterator<Item = &str> {
        self.classes.iter().flat_map(|class| class.markers.iter().map(String::as_str))
    }
}

impl SyntheticConfig {
    /// Makes the cells and writes [`CELLS`], [`PROBES`] and [`TRUTH`] into `folder`.
    ///
    /// # Errors
    /// When a setting is out of range, when a store exists there already, or when the disk is full.
    pub fn write(&self, folder: &Path) -> Result<SyntheticTruth> {
        self.check()?;
        let nature = Nature::new(self);
        let tissue_of = |cell: usize| [0, 1, 0, 2][cell % 4];
        write_store(&nature, &folder.join(CELLS), 0, self.cells, tissue_of)?;
        for (stage, name) in (1..).zip(PROBES) {
            write_store(&nature, &folder.join(name), stage, self.probe_cells, |_| stage as usize)?;
        }
        let truth = nature.truth();
        let text = serde_json::to_string_pretty(&truth)
            .map_err(|e| Error::new(format!("cannot write the known answer: {e}")))?;
        files::write_bytes(&folder.join(TRUTH), text.as_bytes())?;
        Ok(truth)
    }

    /// The plan to ask for, of the stores in `folder`: every stage on its own tissue, so that the cells
    /// shift from stage to stage, or (`by_tissue` false) on cells of all tissues.
    pub fn request(&self, folder: &Path, by_tissue: bool) -> PlanRequest {
        let only = |tissue: &str| CellFilter { column: "tissue".into(), values: vec![tissue.into()] };
        let stages = TISSUES[1..].iter().zip(PROBES).map(|(tissue, probe)| StageRequest {
            cells: by_tissue.then(|| only(tissue)),
            ..StageRequest::new(*tissue, folder.join(probe), "cell_type")
        });
        PlanRequest {
            base: by_tissue.then(|| only(TISSUES[0])),
            top: self.classes * self.markers,
            seed: self.seed,
            ..PlanRequest::new(folder.join(CELLS), stages.collect())
        }
    }

    fn check(&self) -> Result<()> {
        let programmes = self.level_programmes.saturating_add(self.lineage_programmes);
        let counts = [
            ("cells", self.cells, 40),
            ("probe_cells", self.probe_cells, 40),
            ("base_genes", self.base_genes, programmes),
            ("level_programmes", self.level_programmes, 2),
            ("lineage_programmes", self.lineage_programmes, 2),
            ("lineages", self.lineages, 1),
            ("classes", self.classes, 2),
            ("markers", self.markers, 1),
            ("donors", self.donors, 2),
        ];
        for (key, value, least) in counts {
            if !(least..=1 << 24).contains(&value) {
                return Err(Error::new(format!("{key} = {value} must be at least {least}"))
                    .help("and not above 16,777,216"));
            }
        }
        if self.classes > 26 {
            return Err(Error::new(format!("classes = {} must be at most 26", self.classes)));
        }
        let spreads = [
            ("activity_spread", self.activity_spread),
            ("strength", self.strength),
            ("depth_spread", self.depth_spread),
            ("overdispersion", self.overdispersion),
            ("dropout", self.dropout),
            ("batch_effect", self.batch_effect),
        ];
        for (key, value) in spreads {
            if !(0.0..=100.0).contains(&value) {
                return Err(Error::new(format!("{key} = {value} must lie between 0 and 100")));
            }
        }
        Ok(())
    }
}

/// Writes one store; `number` tells the stores of one seed apart.
fn write_store(
    nature: &Nature,
    path: &Path,
    number: u64,
    cells: usize,
    tissue_of: impl Fn(usize) -> usize + Sync,
) -> Result<Store> {
    let genes = nature.genes().map(|symbol| Gene { symbol, ensembl: None }).collect();
    let panels = vec![Panel { name: "synthetic".into(), genes: Measured::All }];
    let columns = COLUMNS.map(|column| (column.to_owned(), ColumnKind::Category)).to_vec();
    let mut writer = StoreWriter::create(path, genes, panels, columns)?;
    let made: Vec<SyntheticCell> =
        (0..cells).into_par_iter().map(|cell| nature.cell(tissue_of(cell), number, cell as u64)).collect();
    for (row, cell) in made.iter().enumerate() {
        let labels = [&cell.cell_type, &cell.lineage, &cell.tissue, &cell.donor, &cell.batch];
        let labels = labels.map(|label| Annotation::Text(label));
        writer.push(&format!("cell-{number}-{row}"), 0, &cell.genes, &cell.counts, &labels)?;
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use tempfile::TempDir;

    fn made(config: &SyntheticConfig) -> (TempDir, SyntheticTruth) {
        let folder = tempfile::tempdir().unwrap();
        let truth = config.write(folder.path()).unwrap();
        (folder, truth)
    }

    fn open(folder: &TempDir, name: &str) -> Store {
        Store::open(&folder.path().join(name)).unwrap()
    }

    /// ln(1 + count) of some genes in some cells; cells × genes.
    fn values(store: &Store, rows: &[usize], genes: &[String]) -> Vec<Vec<f64>> {
        let ids: Vec<u32> = genes.iter().map(|gene| store.genes().find(gene).unwrap()).collect();
        let value = |row: usize, gene: &u32| {
            let cell = store.cell(row);
            cell.genes.binary_search(gene).map_or(0.0, |place| f64::from(cell.values[place]).ln_1p())
        };
        rows.iter().map(|&row| ids.iter().map(|gene| value(row, gene)).collect()).collect()
    }

    fn correlation(pairs: &[(f64, f64)]) -> f64 {
        let n = pairs.len() as f64;
        let mean = |f: fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / n;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let sum = |f: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|p| f(p.0 - x, p.1 - y)).sum::<f64>();
        sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
    }

    /// How well the programme that sets a marker's value in the first wiring predicts it, on average.
    fn predictability(store: &Store, tissue: &str, truth: &SyntheticTruth) -> f64 {
        let tissues = Labels::read(store, "tissue").unwrap();
        let rows: Vec<usize> = (0..store.cells()).filter(|&row| tissues.name(row) == Some(tissue)).collect();
        let mut correlations = Vec::new();
        for class in &truth.stages[0].classes {
            for (marker, &level) in class.markers.iter().zip(&class.levels[0]) {
                let marker = values(store, &rows, std::slice::from_ref(marker));
                let programme = values(store, &rows, &truth.programmes[0][level]);
                let expressed = marker.iter().zip(&programme).filter(|(marker, _)| marker[0] > 0.0);
                let pairs: Vec<_> =
                    expressed.map(|(m, p)| (m[0], p.iter().sum::<f64>() / p.len() as f64)).collect();
                correlations.push(correlation(&pairs));
            }
        }
        correlations.iter().sum::<f64>() / correlations.len() as f64
    }

    #[test]
    fn the_same_seed_makes_the_same_cells_and_another_seed_makes_others() {
        let small = SyntheticConfig { cells: 60, probe_cells: 40, ..Default::default() };
        let fingerprints = |seed| {
            let (folder, _) = made(&SyntheticConfig { seed, ..small.clone() });
            [CELLS, PROBES[0], PROBES[1]].map(|name| open(&folder, name).fingerprint().to_owned())
        };
        assert_eq!(fingerprints(1), fingerprints(1));
        assert_ne!(fingerprints(1), fingerprints(2));
    }

    #[test]
    fn counts_are_whole_and_cells_have_the_size_that_the_demonstration_needs() {
        let (folder, truth) = made(&SyntheticConfig { cells: 400, ..Default::default() });
        let store = open(&folder, CELLS);
        assert!(store.manifest().whole_numbers);
        assert_eq!((store.cells(), store.genes().len()), (400, 176 + 2 * 4 * 12));
        let mean = store.manifest().values as f64 / 400.0;
        assert!((80.0..120.0).contains(&mean), "{mean} genes a cell");
        let tissues = Labels::read(&store, "tissue").unwrap();
        assert_eq!(tissues.described(), "marrow (200), blood (100), gut (100)");
        let text = files::read_text(&folder.path().join(TRUTH)).unwrap();
        assert_eq!(serde_json::from_str::<SyntheticTruth>(&text).unwrap(), truth);
    }

    #[test]
    fn a_class_expresses_its_own_markers_and_hardly_any_other() {
        let (folder, truth) = made(&SyntheticConfig::default());
        for (stage, probe) in truth.stages.iter().zip(PROBES) {
            let store = open(&folder, probe);
            let labels = Labels::read(&store, "cell_type").unwrap();
            let names: Vec<&String> = stage.classes.iter().map(|class| &class.name).collect();
            assert_eq!(labels.names.iter().collect::<Vec<_>>(), names);
            for class in &stage.classes {
                let (own, other): (Vec<usize>, Vec<usize>) =
                    (0..store.cells()).partition(|&row| labels.name(row) == Some(class.name.as_str()));
                let share = |rows: &[usize]| {
                    let values = values(&store, rows, &class.markers);
                    let expressed = values.iter().flatten().filter(|value| **value > 0.0).count();
                    expressed as f64 / (rows.len() * class.markers.len()) as f64
                };
                assert!(share(&own) > 0.75, "{} {}", class.name, share(&own));
                assert!(share(&other) < 0.05, "{} {}", class.name, share(&other));
            }
        }
    }

    #[test]
    fn base_genes_predict_markers_in_one_wiring_and_mislead_in_the_other() {
        let (folder, truth) = made(&SyntheticConfig::default());
        let store = open(&folder, CELLS);
        let (blood, gut) = (predictability(&store, "blood", &truth), predictability(&store, "gut", &truth));
        assert!(blood > 0.6, "{blood}");
        assert!(gut < 0.3, "{gut}");
    }

    #[test]
    fn settings_out_of_range_are_refused_and_extreme_ones_make_valid_cells() {
        let folder = tempfile::tempdir().unwrap();
        for config in [
            SyntheticConfig { cells: 3, ..Default::default() },
            SyntheticConfig { classes: 27, ..Default::default() },
            SyntheticConfig { base_genes: 4, ..Default::default() },
            SyntheticConfig { dropout: f64::NAN, ..Default::default() },
        ] {
            assert!(config.write(folder.path()).is_err(), "{config:?}");
        }
        let small = SyntheticConfig { cells: 40, probe_cells: 40, ..Default::default() };
        made(&SyntheticConfig { overdispersion: 0.0, dropout: 0.0, batch_effect: 0.0, ..small.clone() });
        made(&SyntheticConfig {
            lineages: 40,
            activity_spread: 100.0,
            overdispersion: 100.0,
            ..small.clone()
        });
        made(&SyntheticConfig { strength: 0.0, dropout: 0.0, ..small });
    }
}
