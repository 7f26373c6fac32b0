//! The plan: which genes and which cells belong to which stage. A readable file, `plan.toml`.
//!
//! Stage 0 is the base stage. Every cell goes to at most one stage: to one of those whose
//! [`CellChoice`] takes it, drawn in proportion to their shares. A plan names its stores by the
//! fingerprint of their content, so that the same plan always means the same cells.

use crate::store::Store;
use genil_base::{Error, Result, files};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The version of the file's form.
pub const FORMAT: u32 = 1;

/// Base and specific genes, and the cells of every stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of the file's form: [`FORMAT`].
    pub format: u32,
    /// Seed of every division of cells.
    pub seed: u64,
    /// Share of each stage's cells that is never trained on and gives `L[k][j]`, in 0..1.
    pub held_out: f64,
    /// Share of each probe's cells that is its test part, in 0..1; genes are ranked without it.
    pub probe_test: f64,
    /// A gene is a base gene only if at least so many training cells of the base stage express it.
    pub min_cells: usize,
    /// The stores that the stages draw on.
    pub stores: Vec<StoreRef>,
    /// The stages in order; the first is the base stage.
    pub stages: Vec<Stage>,
    /// Base genes by name; when absent, every gene measured in the base stage that is in no stage's list
    /// and that enough cells express.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_genes: Option<Vec<String>>,
}

/// A store by name, place and content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreRef {
    /// The name that the stages use.
    pub name: String,
    /// Its folder; a relative path is relative to the plan's own folder.
    pub path: PathBuf,
    /// SHA-256 of its content.
    pub fingerprint: String,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// A short name, unique in the plan: `base`, `pbmc3k`, …
    pub name: String,
    /// The specific genes `G_k`, best ranked first; empty for the base stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub genes: Vec<String>,
    /// Which cells the stage is trained on.
    pub cells: CellChoice,
    /// The data set that tests what the stage's genes are worth for classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

impl Stage {
    /// The name of the store in which the stage's genes are ranked: the probe's, or that of its cells.
    pub fn ranking_store(&self) -> &str {
        self.probe.as_ref().map_or(&self.cells.store, |probe| &probe.store)
    }
}

/// Which cells a stage takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellChoice {
    /// The store, by its name in [`Plan::stores`].
    pub store: String,
    /// Only cells whose annotation in this column is one of `values`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The values of `column` that are taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Where several stages take the same cell, each gets it with probability in proportion to its share (> 0).
    pub share: f64,
}

/// A labelled data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The store, by its name in [`Plan::stores`].
    pub store: String,
    /// The annotation column with the class labels.
    pub label: String,
    /// Labels that are no classes (`unassigned` …): their cells are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leave_out: Vec<String>,
    /// The annotation column whose groups (donors) are never divided between training and test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

impl Plan {
    /// Reads and checks a plan; store paths come back relative to the current folder.
    ///
    /// # Errors
    /// An unknown key, another format, a stage that names no store, two stages of one name, a share or
    /// fraction out of range: each with the file and the key.
    pub fn read(path: &Path) -> Result<Self> {
        let text = files::read_text(path)?;
        let mut plan: Self = toml::from_str(&text).map_err(|e| {
            Error::new(format!("not a plan that can be read: {}", e.to_string().trim_end()))
                .at_path(path)
                .help("make one with 'genil plan', or mend the line above")
        })?;
        plan.check()
            .map_err(|e| e.at_path(path).help("mend it there, or make the plan again with 'genil plan'"))?;
        let folder = files::parent(path);
        for store in &mut plan.stores {
            if store.path.is_relative() {
                store.path = folder.join(&store.path);
            }
        }
        Ok(plan)
    }

    /// The plan as the text of `plan.toml`.
    ///
    /// # Errors
    /// Never for a plan that passes [`Plan::check`].
    pub fn to_text(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::new(format!("cannot write the plan: {e}")))
    }

    /// Writes the plan to `path`; store paths, here relative to the current folder, are written
    /// relative to the plan's own folder where both lie side by side or one below the other.
    ///
    /// # Errors
    /// When a store does not exist, or when the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let real = |path: &Path| path.canonicalize().map_err(|e| Error::io("find", path, &e));
        let folder = files::parent(path);
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
        let folder = real(folder)?;
        let mut plan = self.clone();
        for store in &mut plan.stores {
            let place = real(&store.path)?;
            store.path = relative(&place, &folder).unwrap_or(place);
        }
        files::write_bytes(path, plan.to_text()?.as_bytes())
    }

    /// Opens the stores of [`Plan::stores`], in that order, and checks that they hold the cells that
    /// the plan was made for.
    ///
    /// # Errors
    /// When a store cannot be opened, or has another content than the plan says.
    pub fn open_stores(&self) -> Result<Vec<Store>> {
        let open = |named: &StoreRef| {
            let store = Store::open(&named.path)?;
            if store.fingerprint() == named.fingerprint {
                return Ok(store);
            }
            Err(Error::new(format!("the store '{}' is not the one that the plan was made for", named.name))
                .at_path(&named.path)
                .help(
                    "its content has changed: make the plan again with 'genil plan', or bring \
                       the old store back",
                ))
        };
        self.stores.iter().map(open).collect()
    }

    /// SHA-256 over everything that decides results: all but the stores' places.
    ///
    /// # Errors
    /// As [`Plan::to_text`].
    pub fn fingerprint(&self) -> Result<String> {
        let mut plan = self.clone();
        for store in &mut plan.stores {
            store.path = PathBuf::new();
        }
        Ok(files::sha256(plan.to_text()?.as_bytes()))
    }

    /// Checks what can be checked without opening a store.
    ///
    /// # Errors
    /// As [`Plan::read`].
    pub fn check(&self) -> Result<()> {
        let bad = |what: String| Err(Error::new(what));
        if self.format != FORMAT {
            return bad(format!("the plan has format {}, this genil reads {FORMAT}", self.format));
        }
        for (key, share) in [("held_out", self.held_out), ("probe_test", self.probe_test)] {
            if !(share > 0.0 && share < 1.0) {
                return bad(format!("{key} = {share} must lie between 0 and 1"));
            }
        }
        if self.stages.len() < 2 {
            return bad("a plan needs a base stage and at least one more".into());
        }
        for (place, store) in self.stores.iter().enumerate() {
            if self.stores[..place].iter().any(|s| s.name == store.name) {
                return bad(format!("two stores are called '{}'", store.name));
            }
        }
        for (k, stage) in self.stages.iter().enumerate() {
            if self.stages[..k].iter().any(|s| s.name == stage.name) {
                return bad(format!("two stages are called '{}'", stage.name));
            }
            if (k == 0) != stage.genes.is_empty() {
                return bad(format!(
                    "stage {k} '{}' has {} specific genes: the base stage has none, every other at least one",
                    stage.name,
                    stage.genes.len()
                ));
            }
            if !(stage.cells.share > 0.0 && stage.cells.share.is_finite()) {
                let share = stage.cells.share;
                return bad(format!("stage '{}': share = {share} must be above 0", stage.name));
            }
            if stage.cells.column.is_some() == stage.cells.values.is_empty() {
                return bad(format!("stage '{}': column and values belong together", stage.name));
            }
            let named = [Some(&stage.cells.store), stage.probe.as_ref().map(|p| &p.store)];
            for name in named.into_iter().flatten() {
                if !self.stores.iter().any(|s| &s.name == name) {
                    return bad(format!(
                        "stage '{}' names the store '{name}', which is not listed",
                        stage.name
                    ));
                }
            }
        }
        Ok(())
    }
}

/// `path` as seen from `folder`, both absolute: at most one step up, for a longer way is easier read
/// in full.
fn relative(path: &Path, folder: &Path) -> Option<PathBuf> {
    if let Ok(below) = path.strip_prefix(folder) {
        return Some(below.to_owned());
    }
    let beside = path.strip_prefix(folder.parent()?).ok()?;
    Some(Path::new("..").join(beside))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_plan_is_read_as_it_was_written_and_finds_its_stores_from_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let cells: Vec<_> = (0..4).map(|_| (vec![1.0, 1.0], vec![])).collect();
        let store = testing::store(&folder.path().join("all.store"), &["A", "B"], &[], &cells);
        let plan = testing::plan(&store, &[&["A"]]);
        for place in ["plan.toml", "below/plan.toml"] {
            let path = folder.path().join(place);
            plan.write(&path).unwrap();
            let text = files::read_text(&path).unwrap();
            assert!(
                text.contains("path = \"all.store\"") || text.contains("path = \"../all.store\""),
                "{text}"
            );
            let read = Plan::read(&path).unwrap();
            assert_eq!(read.fingerprint().unwrap(), plan.fingerprint().unwrap());
            assert_eq!(read.open_stores().unwrap()[0].cells(), 4);
        }
    }

    #[test]
    fn a_store_with_another_content_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let cells: Vec<_> = (0..4).map(|_| (vec![1.0, 1.0], vec![])).collect();
        let store = testing::store(&folder.path().join("all.store"), &["A", "B"], &[], &cells);
        let mut plan = testing::plan(&store, &[&["A"]]);
        plan.stores[0].fingerprint = "0".repeat(64);
        let error = plan.open_stores().unwrap_err().to_string();
        assert!(error.contains("'all' is not the one") && error.contains("genil plan"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.toml");
        files::write_bytes(&path, b"format = 1\nsede = 3\n").unwrap();
        let error = Plan::read(&path).unwrap_err().to_string();
        assert!(error.contains("sede") && error.contains("line 2"), "{error}");
    }
}
