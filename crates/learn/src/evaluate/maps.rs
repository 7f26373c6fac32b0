//! Cell embeddings as maps: where the cells of every labelled data set lie just after its own stage and after the last.
//!
//! `embedding.csv`, one row per method, stage, gene set and cell: `method,seed,stage,gene_set,cell,class,x,y`. Of the first
//! seed, at most [`CELLS`] cells of a data set, the same for every model. The map after the last stage starts from
//! the one before: what stays in place has not changed its neighbours. Units of `x` and `y` mean nothing.

use super::layout::layout;
use super::table::Table;
use super::unit::fingerprint;
use crate::Progress;
use crate::embed::embed;
use crate::run::Run;
use genil_base::random::{Key, Purpose};
use genil_base::{Error, Result, files};
use genil_data::sample::Shown;
use genil_data::{CellRef, Labelled};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Cells of a map: enough to see every common class, few enough for an exact layout.
pub const CELLS: usize = 500;

/// A model's maps, and what they are the maps of.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Maps {
    /// SHA-256 of what was laid out and how.
    of: String,
    /// By data set.
    maps: Vec<Map>,
}

/// The map of one data set under one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Map {
    /// The stage of the data set.
    set: usize,
    /// Row in the store and class of every cell.
    cells: Vec<(u32, u32)>,
    /// Their places; empty when there are too few.
    places: Vec<[f32; 2]>,
}

/// Lays out the maps of every model that has some and has none yet, and writes `embedding.csv`.
///
/// # Errors
/// As [`Run::engine_after`]; a file that cannot be read or written.
pub fn write(run: &Run, progress: &dyn Progress) -> Result<()> {
    let Some(&seed) = run.settings.seeds.first() else { return Ok(()) };
    let models: Vec<(&str, usize)> = run
        .units()
        .into_iter()
        .filter(|&(of, _, stage)| of == seed && !sets(run, stage).is_empty())
        .map(|(_, method, stage)| (method, stage))
        .collect();
    if models.is_empty() {
        return Ok(());
    }
    progress.begin("maps of embeddings", "models", models.len() as u64);
    for (method, stage) in models {
        measure(run, seed, method, stage)?;
        progress.advance(1, &format!("{} · stage {stage}", run.chain(method, stage)));
    }
    progress.end();
    let mut table = Table::new("method,seed,stage,gene_set,cell,class,x,y");
    for method in run.settings.methods.keys() {
        for stage in 0..=run.stages.last() {
            for map in read_present(run, seed, method, stage)?.unwrap_or_default() {
                add(run, &mut table, (method, seed, stage), &map);
            }
        }
    }
    table.write(&run.folder.join("embedding.csv"))
}

/// The data sets that a stage's model has maps of: its own; after the last stage all earlier ones too.
fn sets(run: &Run, stage: usize) -> Vec<usize> {
    let earliest = if stage == run.stages.last() { 0 } else { stage };
    (earliest..=stage).filter(|&set| run.stages.probes[set].is_some()).collect()
}

fn path(run: &Run, seed: u64, method: &str, stage: usize) -> PathBuf {
    run.model_folder(seed, method, stage).join("maps.json")
}

/// A model's maps, if they are of this model and these settings.
fn read_present(run: &Run, seed: u64, method: &str, stage: usize) -> Result<Option<Vec<Map>>> {
    let path = path(run, seed, method, stage);
    if !path.is_file() {
        return Ok(None);
    }
    // Of another version, or damaged: laid out again.
    let Ok(maps) = serde_json::from_str::<Maps>(&files::read_text(&path)?) else { return Ok(None) };
    let sound = maps.maps.iter().map(|map| map.set).eq(sets(run, stage));
    Ok((sound && maps.of == fingerprint(run, (seed, method, stage))?).then_some(maps.maps))
}

/// Lays out the maps of one model, unless that was done before.
fn measure(run: &Run, seed: u64, method: &str, stage: usize) -> Result<()> {
    if read_present(run, seed, method, stage)?.is_some() {
        return Ok(());
    }
    let path = path(run, seed, method, stage);
    let settings = run.settings.when_measured();
    let mut engine = run.engine_after(seed, method, stage)?;
    let width = engine.config().width;
    let mut embedded = Vec::new();
    for set in sets(run, stage) {
        let Some(probe) = &run.stages.probes[set] else { continue };
        let some = some_of(&probe.split.train, &probe.split.test, set);
        let cells: Vec<CellRef> = some.iter().map(|c| CellRef { store: probe.store, row: c.row }).collect();
        let rows = embed(&mut *engine, &run.stages, &settings, &cells, Shown::Through(stage))?;
        let before = if set < stage {
            read_present(run, seed, method, set)?.into_iter().flatten().find(|m| m.set == set)
        } else {
            None
        };
        embedded.push((set, some, rows, before));
    }
    let maps = embedded.into_par_iter().map(|(set, some, rows, before)| {
        let places = layout(&rows, width, before.as_ref().map(|map| map.places.as_slice()))?;
        Ok(Map { set, cells: some.iter().map(|cell| (cell.row, cell.label)).collect(), places })
    });
    let maps: Vec<Map> = maps.collect::<Result<_>>()?;
    let maps = Maps { of: fingerprint(run, (seed, method, stage))?, maps };
    let text = serde_json::to_string(&maps).map_err(|e| Error::new(e).at_path(&path))?;
    files::write_bytes(&path, text.as_bytes())
}

/// At most [`CELLS`] cells of a data set, by a draw that is the same for every model.
fn some_of(train: &[Labelled], test: &[Labelled], set: usize) -> Vec<Labelled> {
    let key = Key::new(1, Purpose::Subsample).with(set as u64);
    let mut cells: Vec<Labelled> = train.iter().chain(test).copied().collect();
    cells.sort_unstable_by_key(|cell| (key.bits(u64::from(cell.row)), cell.row));
    cells.truncate(CELLS);
    cells.sort_unstable_by_key(|cell| cell.row);
    cells
}

fn add(run: &Run, table: &mut Table, (method, seed, stage): (&str, u64, usize), map: &Map) {
    let Some(probe) = &run.stages.probes[map.set] else { return };
    for (&(row, label), [x, y]) in map.cells.iter().zip(&map.places) {
        let class = probe.split.classes.get(label as usize).cloned().unwrap_or_default();
        let who =
            [method.to_owned(), seed.to_string(), stage.to_string(), run.stages.name(map.set).to_owned()];
        let what = [row.to_string(), class, format!("{x:.3}"), format!("{y:.3}")];
        table.row(who.into_iter().chain(what));
    }
}
