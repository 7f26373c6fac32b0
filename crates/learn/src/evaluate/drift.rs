//! How far a model has moved since each older stage, layer by layer: `drift.csv`, with `[evaluate] drift = true`.
//!
//! Regression asks the value head about masked genes; classification asks the row of `<cls>` after the last layer. Which
//! parts moved says why one may suffer without the other. For the model of stage `k` and each older gene set `j < k`:
//!
//! | part | layer | value |
//! |---|---|---|
//! | `cka_held_out`, `cka_probe` | each | linear CKA ([`genil_score::cka`]) of the rows of `<cls>` of the models of stages `j` and `k`, on the held-out cells of stage `j` and on its labelled data set; both see the genes that model `j` knows, so that only the models differ |
//! | `accuracy` | each | linear probe on the row of `<cls>`, with the genes seen through stage `k`; also for `k = j`. The last layer's is `A[k][j]` |
//! | `base_rows`, `specific_rows` | | `‖W_k − W_j‖ / ‖W_j‖` (Frobenius) of the base genes' rows of the embedding, and of those of `G_j` |
//! | `value_encoder`, `encoder_layer`, `value_head`, `cell_head` | each, of `encoder_layer` | the same of their parameters |

use super::classification::{Cells, trials};
use super::regression::some_of;
use super::table::Table;
use crate::checkpoint;
use crate::embed::embed_layers;
use crate::run::Run;
use genil_base::{Error, Result, files};
use genil_data::CellRef;
use genil_data::sample::Shown;
use genil_engine::{Engine, Tensors};
use genil_score::linear_cka;
use serde::{Deserialize, Serialize};
use std::path::Path;

const FILE: &str = "drift.json";

/// One row of the table, without its model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Moved {
    set: usize,
    part: String,
    layer: Option<usize>,
    value: f64,
}

/// The rows of one model, and what they are the rows of.
#[derive(Serialize, Deserialize)]
struct Drift {
    of: String,
    rows: Vec<Moved>,
}

/// Measures every model that is not measured yet and writes `drift.csv`.
///
/// # Errors
/// When a model is missing, or as [`Engine::predict`].
pub(super) fn write(run: &Run, progress: &dyn crate::Progress) -> Result<()> {
    let units = run.units();
    progress.begin("drift", "models", units.len() as u64);
    for unit @ (seed, method, stage) in units {
        measured(run, unit)?;
        progress.advance(1, &format!("seed {seed} · {} · stage {stage}", run.chain(method, stage)));
    }
    progress.end();
    let mut table = Table::new("method,seed,stage,gene_set,part,layer,value");
    for method in run.settings.methods.keys() {
        for &seed in &run.settings.seeds {
            for stage in 0..=run.stages.last() {
                for row in measured(run, (seed, method, stage))? {
                    let layer = row.layer.map(|layer| layer.to_string()).unwrap_or_default();
                    let set = run.stages.name(row.set).to_owned();
                    let who = [method.clone(), seed.to_string(), stage.to_string(), set];
                    table.row(who.into_iter().chain([row.part, layer, row.value.to_string()]));
                }
            }
        }
    }
    table.write(&run.folder.join("drift.csv"))
}

/// The rows of a model: those that were kept beside it, or new ones.
fn measured(run: &Run, unit: (u64, &str, usize)) -> Result<Vec<Moved>> {
    let (seed, method, stage) = unit;
    let path = run.model_folder(seed, method, stage).join(FILE);
    let of = fingerprint(run, unit)?;
    let sound = |there: &Drift| there.of == of && there.rows.iter().all(|row| row.set <= stage);
    if let Some(there) = read(&path).filter(sound) {
        return Ok(there.rows);
    }
    let drift = Drift { of, rows: measure(run, unit)? };
    let text = serde_json::to_string(&drift).map_err(|e| Error::new(e).at_path(&path))?;
    files::write_bytes(&path, text.as_bytes())?;
    Ok(drift.rows)
}

/// What was measured before; nothing where it was not, or not in this form.
fn read(path: &Path) -> Option<Drift> {
    serde_json::from_str(&files::read_text(path).ok()?).ok()
}

/// SHA-256 of the models and the settings of the evaluation.
fn fingerprint(run: &Run, (seed, method, stage): (u64, &str, usize)) -> Result<String> {
    let mut text = run.settings.evaluate.to_text()?;
    for k in 0..=stage {
        text += &checkpoint::read_card(&run.model_folder(seed, method, k))?.weights;
    }
    Ok(files::sha256(text.as_bytes()))
}

fn measure(run: &Run, (seed, method, stage): (u64, &str, usize)) -> Result<Vec<Moved>> {
    let mut rows = Vec::new();
    let mut now = run.engine_after(seed, method, stage)?;
    for set in 0..=stage {
        let mut add =
            |part: &str, layer, value| rows.push(Moved { set, part: part.to_owned(), layer, value });
        if let Some(probe) = &run.stages.probes[set] {
            let cells = Cells::of(probe);
            for (x, layer) in
                rows_of_cls(run, &mut *now, &cells.cells, Shown::Through(stage))?.iter().zip(1..)
            {
                let right = trials(run, x, &cells, probe, seed)?.right;
                add("accuracy", Some(layer), right.iter().sum::<f64>() / right.len() as f64);
            }
        }
        if set == stage {
            continue;
        }
        let mut then = run.engine_after(seed, method, set)?;
        let held_out = some_of(&run.stages.cells[set].held_out, run.settings.evaluate.cells, set);
        let probe = run.stages.probes[set].as_ref().map(|probe| Cells::of(probe).cells);
        for (part, cells) in [("cka_held_out", Some(held_out)), ("cka_probe", probe)] {
            let Some(cells) = cells else { continue };
            let shown = Shown::Through(set);
            let width = now.config().width;
            let (x, y) =
                (rows_of_cls(run, &mut *then, &cells, shown)?, rows_of_cls(run, &mut *now, &cells, shown)?);
            for ((x, y), layer) in x.iter().zip(&y).zip(1..) {
                if let Some(cka) = linear_cka(x, width, y, width) {
                    add(part, Some(layer), cka);
                }
            }
        }
        for (part, layer, value) in parameters(run, set, then.parameters(), now.parameters()) {
            add(part, layer, value);
        }
    }
    Ok(rows)
}

/// The rows of `<cls>` after each layer, with the tokens of the evaluation.
fn rows_of_cls(run: &Run, engine: &mut dyn Engine, cells: &[CellRef], shown: Shown) -> Result<Vec<Vec<f32>>> {
    embed_layers(engine, &run.stages, &run.settings.when_measured(), cells, shown)
}

/// `‖W_k − W_j‖ / ‖W_j‖` by part and layer; a part without parameters, or of zeros, is left out.
fn parameters<'a>(
    run: &Run,
    set: usize,
    then: &Tensors,
    now: &Tensors,
) -> Vec<(&'a str, Option<usize>, f64)> {
    let width = run.settings.model.width;
    let mut moved = Vec::new();
    let gene_rows = [("base_rows", Some(0)), ("specific_rows", Some(set).filter(|&set| set > 0))];
    for (part, of) in gene_rows {
        let Some(of) = of else { continue };
        let tokens = run.stages.partition.tokens_of(of);
        let range = tokens.start as usize * width..tokens.end as usize * width;
        let of_genes = |tensors: &Tensors| -> Option<Vec<f32>> {
            Some(tensors.get("gene_embedding.weight")?.data.get(range.clone())?.to_vec())
        };
        if let (Some(then), Some(now)) = (of_genes(then), of_genes(now)) {
            moved.extend(
                relative_change([(&then[..], &now[..])].into_iter()).map(|value| (part, None, value)),
            );
        }
    }
    let mut of_names = |part, layer, prefix: &str| {
        let pairs = then.iter().filter(|tensor| tensor.name.starts_with(prefix));
        let pairs = pairs.filter_map(|tensor| Some((&tensor.data[..], &now.get(&tensor.name)?.data[..])));
        moved.extend(relative_change(pairs).map(|value| (part, layer, value)));
    };
    of_names("value_encoder", None, "value_encoder.");
    for layer in 0..run.settings.model.layers {
        of_names("encoder_layer", Some(layer + 1), &format!("encoder.layers.{layer}."));
    }
    of_names("value_head", None, "value_head.");
    of_names("cell_head", None, "cell_head.");
    moved
}

/// The norm of all differences over the norm of all first numbers.
fn relative_change<'a>(pairs: impl Iterator<Item = (&'a [f32], &'a [f32])>) -> Option<f64> {
    let (mut apart, mut size) = (0.0, 0.0);
    for (then, now) in pairs {
        for (&then, &now) in then.iter().zip(now) {
            apart += (f64::from(now) - f64::from(then)).powi(2);
            size += f64::from(then).powi(2);
        }
    }
    (size > 0.0).then(|| (apart / size).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relative_change_is_over_all_numbers_of_a_part() {
        let pairs = [(&[3.0][..], &[3.0][..]), (&[0.0, 4.0][..], &[6.0, -4.0][..])];
        assert_eq!(relative_change(pairs.into_iter()), Some(2.0), "√(36 + 64) / √(9 + 16)");
        assert_eq!(relative_change([(&[0.0][..], &[1.0][..])].into_iter()), None);
    }
}
