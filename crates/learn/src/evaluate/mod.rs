//! What each gene set lost: every model measured on every gene set, then matrices and forgetting.
//!
//! * [`regression`]: `L[k][j]`, masked values of `G_j` predicted by the model of stage `k`.
//! * [`classification`]: `A[k][j]`, classes of the data set of stage `j` told from cell embeddings.
//! * [`mod@unit`]: both for one model, kept in its folder as `scores.json`.
//! * [`maps`]: where the cells lie before and after, laid out in the plane by [`mod@layout`]: `embedding.csv`.
//! * [`scores`]: all of them together: `scores.csv`, `genes.csv`, `confusion.csv`, `summary.csv`.
//! * [`drift`]: how far each model has moved since older stages: `drift.csv`.
//! * [`mod@paired`]: methods against references: `paired.csv`.

pub mod classification;
pub mod drift;
pub mod layout;
pub mod maps;
pub mod paired;
pub mod regression;
pub mod scores;
mod table;
pub mod unit;

pub use unit::is_measured;

use crate::run::Run;
use crate::settings::UNTRAINED;
use crate::{Progress, checkpoint};
use genil_base::Result;

/// Measures every model of a run that is not measured yet, and writes the run's scores.
///
/// # Errors
/// When a model is missing; what was measured before is kept.
pub fn evaluate(run: &Run, progress: &dyn Progress) -> Result<()> {
    for (seed, method, stage) in run.units() {
        if !checkpoint::is_finished(&run.model_folder(seed, method, stage)) {
            // Says which stage is missing and what to do.
            run.engine_after(seed, method, stage)?;
        }
    }
    let units = all_units(run);
    progress.begin("evaluation", "models", units.len() as u64);
    for (seed, method, stage) in units {
        unit::measure(run, (seed, method, stage))?;
        progress.advance(1, &format!("seed {seed} · {} · stage {stage}", run.chain(method, stage)));
    }
    progress.end();
    scores::write(run)?;
    maps::write(run, progress)?;
    if run.settings.evaluate.drift { drift::write(run, progress) } else { Ok(()) }
}

/// Every model that is measured: the trained ones, then the untrained baselines of forward transfer.
pub fn all_units(run: &Run) -> Vec<(u64, &str, usize)> {
    let seeds = run.settings.seeds.iter();
    let untrained = seeds.flat_map(|&seed| (0..run.stages.last()).map(move |stage| (seed, UNTRAINED, stage)));
    run.units().into_iter().chain(untrained).collect()
}
