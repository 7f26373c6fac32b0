//! What each gene set lost: every model measured on every gene set, then matrices and forgetting.
//!
//! * [`regression`]: `L[k][j]`, masked values of `G_j` predicted by the model of stage `k`.
//! * [`classification`]: `A[k][j]`, classes of the data set of stage `j` told from cell embeddings.
//! * [`mod@unit`]: both for one model, kept in its folder as `scores.json`.
//! * [`maps`]: where the cells lie before and after, laid out in the plane by [`mod@layout`]: `embedding.csv`.
//! * [`scores`]: all of them together: `scores.csv`, `genes.csv`, `confusion.csv`, `summary.csv`.

pub mod classification;
pub mod layout;
pub mod maps;
pub mod regression;
pub mod scores;
pub mod unit;

use crate::run::Run;
use crate::settings::UNTRAINED;
use crate::{Progress, checkpoint};
use genil_base::Result;

/// Measures every model of a run that is not measured yet, and writes the run's scores.
///
/// # Errors
/// When a model is missing; what was measured before is kept.
pub fn evaluate(run: &Run, progress: &dyn Progress) -> Result<()> {
    let todo = run.units();
    for (seed, method, stage) in &todo {
        if !checkpoint::is_finished(&run.model_folder(*seed, method, *stage)) {
            // Says which stage is missing and what to do.
            run.engine_after(*seed, method, *stage)?;
        }
    }
    let baselines = run.settings.seeds.len() * run.stages.last();
    progress.begin("evaluation", "models", (todo.len() + baselines) as u64);
    for (seed, method, stage) in todo {
        unit::measure(run, (seed, method, stage))?;
        progress.advance(1, &format!("seed {seed} · {} · stage {stage}", run.chain(method, stage)));
    }
    for &seed in &run.settings.seeds {
        for stage in 0..run.stages.last() {
            unit::measure(run, (seed, UNTRAINED, stage))?;
            progress.advance(1, &format!("seed {seed} · {UNTRAINED}"));
        }
    }
    progress.end();
    scores::write(run)?;
    maps::write(run, progress)
}
