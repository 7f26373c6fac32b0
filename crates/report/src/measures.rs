//! From the scores of a run to matrices, forgetting and new-gene loss, over seeds.
//!
//! Intervals are over seeds. With one seed they are the ones over its cells, where `scores.csv` has them.

use crate::metric::Metric;
use crate::run::{Cost, Method, Run};
use genil_score::{Interval, Matrix, over_seeds};

/// One matrix per seed, in the order of the seeds.
pub fn matrices(run: &Run, method: usize, metric: Metric) -> Vec<Matrix> {
    let size = run.manifest.stages.len();
    let mut matrices = vec![Matrix::new(size, size); run.manifest.seeds.len()];
    for s in run.scores.iter().filter(|s| s.method == method && s.metric == metric.key) {
        if let Some(set) = s.set {
            // Reading has checked that seed, stage and set are listed.
            matrices[s.seed].set(s.stage, set, s.score.value);
        }
    }
    matrices
}

/// Entries `[stage][set]`, means over seeds.
pub fn grid(run: &Run, method: usize, metric: Metric) -> Vec<Vec<Option<Interval>>> {
    let matrices = matrices(run, method, metric);
    let entry = |k, j| {
        over(matrices.iter().map(|m| m.get(k, j)), || cells_bounds(run, method, metric.key, k, Some(j)))
    };
    let size = run.manifest.stages.len();
    (0..size).map(|k| (0..size).map(|j| entry(k, j)).collect()).collect()
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

/// Forgetting of every seed: the mean over [`old_sets`] of how much worse the set is after the last stage than
/// after its own.
pub fn forgetting_by_seed(run: &Run, method: usize, metric: Metric) -> Vec<Option<f64>> {
    let of = |matrix: &Matrix| {
        let known: Vec<f64> = old_sets(run).filter_map(|j| of_set(run, matrix, metric, j)).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    matrices(run, method, metric).iter().map(of).collect()
}

/// Forgetting, mean over seeds.
pub fn forgetting(run: &Run, method: usize, metric: Metric) -> Option<Interval> {
    over(forgetting_by_seed(run, method, metric).into_iter(), || {
        forgetting_over_cells(run, method, metric, None)
    })
}

/// Forgetting of every set, means over seeds.
pub fn forgetting_per_set(run: &Run, method: usize, metric: Metric) -> Vec<Option<Interval>> {
    let matrices = matrices(run, method, metric);
    let of = |j| {
        let by_seed = matrices.iter().map(|m| of_set(run, m, metric, j));
        over(by_seed, || forgetting_over_cells(run, method, metric, Some(j)))
    };
    (0..run.manifest.stages.len()).map(of).collect()
}

/// The score on the newest genes after the last stage, `M[K][K]`, of every seed.
pub fn newest_by_seed(run: &Run, method: usize, metric: Metric) -> Vec<Option<f64>> {
    let last = run.manifest.last();
    matrices(run, method, metric).iter().map(|m| m.get(last, last)).collect()
}

/// The score on the newest genes, mean over seeds.
pub fn newest(run: &Run, method: usize, metric: Metric) -> Option<Interval> {
    let last = run.manifest.last();
    over(newest_by_seed(run, method, metric).into_iter(), || {
        cells_bounds(run, method, metric.key, last, Some(last))
    })
}

/// What a method keeps for later stages, in megabytes: the most after any stage, mean over seeds.
pub fn stored(run: &Run, method: usize) -> Option<Interval> {
    let most = |&seed: &u64| {
        let stages = (0..=run.manifest.last()).filter_map(|stage| cost(run, method, seed, stage));
        stages.map(|cost| cost.kept_bytes as f64 / 1e6).reduce(f64::max)
    };
    over_distinct(run.manifest.seeds.iter().filter_map(most).collect())
}

/// Training time of all stages after the base as a multiple of fine-tuning's, seed by seed: processor time where it is
/// known, since other programs do not lengthen it. `None` without a fine-tuning to compare with.
pub fn relative_time(run: &Run, method: usize) -> Option<Interval> {
    let baseline = run.manifest.methods.iter().position(Method::is_finetune)?;
    let ratio = |&seed: &u64| {
        let time = |method: usize, of: fn(&Cost) -> Option<f64>| -> Option<f64> {
            let stages = 1..=run.manifest.last();
            let all = stages.map(|stage| of(cost(run, method, seed, stage)?)).sum::<Option<f64>>();
            all.filter(|time| *time > 0.0)
        };
        let ratio = |of| Some(time(method, of)? / time(baseline, of)?);
        ratio(|cost| cost.processor_seconds).or_else(|| ratio(|cost| cost.seconds))
    };
    over_distinct(run.manifest.seeds.iter().filter_map(ratio).collect())
}

/// What a stage of a method cost, be it alone in its chain of models or not.
fn cost(run: &Run, method: usize, seed: u64, stage: usize) -> Option<&Cost> {
    let method = &run.manifest.methods[method];
    let chain = method.chains.get(stage).unwrap_or(&method.name);
    run.costs.iter().find(|c| c.chain == *chain && c.seed == seed && c.stage == stage)
}

/// The mean over seeds; without bounds where all are the same.
fn over_distinct(by_seed: Vec<f64>) -> Option<Interval> {
    let first = *by_seed.first()?;
    if by_seed.iter().all(|&value| value == first) {
        return Some(Interval::without_bounds(first));
    }
    Some(over_seeds(&by_seed))
}

/// How much worse set `j` is after the last stage than after its own.
fn of_set(run: &Run, matrix: &Matrix, metric: Metric, j: usize) -> Option<f64> {
    Some(metric.better.worse(matrix.get(run.manifest.last(), j)?, matrix.get(j, j)?))
}

/// The mean over seeds; `of_cells` gives the bounds where there is one seed.
fn over(
    by_seed: impl Iterator<Item = Option<f64>>,
    of_cells: impl FnOnce() -> Option<Interval>,
) -> Option<Interval> {
    let known: Vec<f64> = by_seed.flatten().collect();
    match known[..] {
        [] => None,
        [value] => Some(Interval { value, ..of_cells().unwrap_or(Interval::without_bounds(value)) }),
        _ => Some(over_seeds(&known)),
    }
}

/// The interval of forgetting over the cells of a run of one seed.
fn forgetting_over_cells(run: &Run, method: usize, metric: Metric, set: Option<usize>) -> Option<Interval> {
    let last = run.manifest.last();
    if last == 1 {
        // Of the base genes alone, which are no part of Δ: the same difference, counted the other way.
        let gain = cells_bounds(run, method, &format!("backward_transfer_{}", metric.key), last, set)?;
        return Some(Interval { value: -gain.value, low: -gain.high, high: -gain.low });
    }
    cells_bounds(run, method, &format!("forgetting_{}", metric.key), last, set)
}

/// The row of `scores.csv`, in a run of one seed.
fn cells_bounds(
    run: &Run,
    method: usize,
    metric: &str,
    stage: usize,
    set: Option<usize>,
) -> Option<Interval> {
    if run.manifest.seeds.len() != 1 {
        return None;
    }
    let wanted = run
        .scores
        .iter()
        .find(|s| s.method == method && s.stage == stage && s.set == set && s.metric == metric);
    wanted.map(|s| s.score)
}
