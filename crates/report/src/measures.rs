//! From the scores of a run to matrices, forgetting and new-gene loss, over seeds.

use crate::metric::Metric;
use crate::run::Run;
use genil_score::{Better, Interval, Matrix, over_seeds};

/// One matrix per seed, in the order of the seeds.
pub fn matrices(run: &Run, method: usize, metric: Metric) -> Vec<Matrix> {
    let size = run.manifest.stages.len();
    let mut matrices = vec![Matrix::new(size, size); run.manifest.seeds.len()];
    for s in run.scores.iter().filter(|s| s.method == method && s.metric == metric.key) {
        // Reading has checked that seed, stage and set are listed.
        matrices[s.seed].set(s.stage, s.set, s.score.value);
    }
    matrices
}

/// Entries `[stage][set]`: the mean over seeds with its interval; with one seed, the interval over its cells.
pub fn grid(run: &Run, method: usize, metric: Metric) -> Vec<Vec<Option<Interval>>> {
    let size = run.manifest.stages.len();
    let mut grid = vec![vec![None; size]; size];
    if let [_] = run.manifest.seeds[..] {
        for s in run.scores.iter().filter(|s| s.method == method && s.metric == metric.key) {
            grid[s.stage][s.set] = Some(s.score);
        }
        return grid;
    }
    let matrices = matrices(run, method, metric);
    for (k, row) in grid.iter_mut().enumerate() {
        for (j, entry) in row.iter_mut().enumerate() {
            *entry = over(matrices.iter().map(|m| m.get(k, j)));
        }
    }
    grid
}

/// The gene sets whose forgetting is the run's question: `1 ≤ j < K`, or the base genes where there is but
/// one stage after the base.
pub fn old_sets(run: &Run) -> std::ops::Range<usize> {
    match run.manifest.last() {
        0 => 0..0,
        1 => 0..1,
        last => 1..last,
    }
}

/// For each gene set, how much worse it is after the last stage than after its own.
fn per_set_forgetting(matrix: &Matrix, better: Better) -> Vec<Option<f64>> {
    let last = matrix.rows().saturating_sub(1);
    (0..matrix.columns()).map(|j| Some(better.worse(matrix.get(last, j)?, matrix.get(j, j)?))).collect()
}

/// Forgetting of every seed: the mean over [`old_sets`] of how much worse the set is after the last stage than
/// after its own.
pub fn forgetting_by_seed(run: &Run, method: usize, metric: Metric) -> Vec<Option<f64>> {
    let of = |matrix: &Matrix| {
        let per_set = per_set_forgetting(matrix, metric.better);
        let known: Vec<f64> = old_sets(run).filter_map(|j| per_set.get(j).copied().flatten()).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    matrices(run, method, metric).iter().map(of).collect()
}

/// Forgetting over seeds; without bounds for one seed.
pub fn forgetting(run: &Run, method: usize, metric: Metric) -> Option<Interval> {
    over(forgetting_by_seed(run, method, metric).into_iter())
}

/// Forgetting of every set over seeds.
pub fn forgetting_per_set(run: &Run, method: usize, metric: Metric) -> Vec<Option<Interval>> {
    let per_seed: Vec<Vec<Option<f64>>> =
        matrices(run, method, metric).iter().map(|m| per_set_forgetting(m, metric.better)).collect();
    let sets = 0..run.manifest.stages.len();
    sets.map(|j| over(per_seed.iter().map(|sets| sets.get(j).copied().flatten()))).collect()
}

/// The score on the newest genes after the last stage, `M[K][K]`, of every seed.
pub fn newest_by_seed(run: &Run, method: usize, metric: Metric) -> Vec<Option<f64>> {
    let last = run.manifest.last();
    matrices(run, method, metric).iter().map(|m| m.get(last, last)).collect()
}

/// The score on the newest genes over seeds; without bounds for one seed.
pub fn newest(run: &Run, method: usize, metric: Metric) -> Option<Interval> {
    over(newest_by_seed(run, method, metric).into_iter())
}

fn over(values: impl Iterator<Item = Option<f64>>) -> Option<Interval> {
    let known: Vec<f64> = values.flatten().collect();
    (!known.is_empty()).then(|| over_seeds(&known))
}
