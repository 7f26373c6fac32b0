//! What a run still has to do, and how long that will take.
//!
//! A stage that another seed has trained takes as long again. Before that, its cells times the seconds of a cell of
//! this run's stages, or of a few steps that are timed on the run's own data; what a method adds is then a guess. The
//! evaluation counts passes of cells through the models only: no probes, no drift.

use crate::batch::{Example, Origin, draw_cells, into_parts, step_parts};
use crate::checkpoint;
use crate::costs::{self, Cost};
use crate::embed::evaluation_key;
use crate::evaluate::{all_units, is_measured};
use crate::method::{Context, Ingredient, MethodSettings, Step, prediction_loss};
use crate::run::Run;
use crate::settings::{SHARED, UNTRAINED};
use crate::train_stage::steps_of;
use genil_base::Result;
use genil_base::random::{Key, Purpose};
use genil_data::sample::{Masking, Shown, draw};
use genil_engine::{CpuEngine, Engine, OutputGradients};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What is left of one stage of one chain, or of a run's evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Left {
    /// The chain of models; none for the evaluation.
    pub chain: Option<String>,
    /// The stage; none for the evaluation.
    pub stage: Option<usize>,
    /// Models of it: one a seed.
    pub models: usize,
    /// Those that are not there yet.
    pub left: usize,
    /// Seconds of each.
    pub seconds: f64,
}

impl Left {
    /// Seconds of all that is left.
    pub fn total(&self) -> f64 {
        self.left as f64 * self.seconds
    }
}

/// What is left of a run: training by chain and stage, then the evaluation.
///
/// # Errors
/// As [`Engine::predict`].
pub fn forecast(run: &Run) -> Result<Vec<Left>> {
    let missing = |&(seed, method, stage): &(u64, &str, usize)| {
        method != UNTRAINED && !checkpoint::is_finished(&run.model_folder(seed, method, stage))
    };
    let mut to_measure = Vec::new();
    for unit in all_units(run) {
        if missing(&unit) || !is_measured(run, unit)? {
            to_measure.push(unit);
        }
    }
    // Where everything is there, nothing needs to be timed.
    let speed = if to_measure.is_empty() { Speed::default() } else { Speed::of(run)? };
    let costs = costs::read(&run.folder)?;
    let mut all: Vec<Left> = Vec::new();
    for unit @ (_, method, stage) in run.units() {
        let chain = run.chain(method, stage);
        let same = |left: &&mut Left| left.chain.as_deref() == Some(chain) && left.stage == Some(stage);
        if let Some(known) = all.iter_mut().find(same) {
            known.models += 1;
            known.left += usize::from(missing(&unit));
            continue;
        }
        all.push(Left {
            chain: Some(chain.to_owned()),
            stage: Some(stage),
            models: 1,
            left: usize::from(missing(&unit)),
            seconds: seconds_of(run, &costs, &speed, method, stage),
        });
    }
    let cells: usize =
        to_measure.iter().map(|&(_, method, stage)| cells_to_measure(run, method, stage)).sum();
    all.push(Left {
        chain: None,
        stage: None,
        models: all_units(run).len(),
        left: to_measure.len(),
        seconds: speed.measuring * cells as f64 / to_measure.len().max(1) as f64,
    });
    Ok(all)
}

/// Cells that pass through a model of stage `stage` when it is measured.
fn cells_to_measure(run: &Run, method: &str, stage: usize) -> usize {
    if method == UNTRAINED {
        return probe_cells(run, stage + 1);
    }
    let most = match run.settings.evaluate.cells {
        0 => usize::MAX,
        most => most,
    };
    let held_out: usize = (0..=stage).map(|set| run.stages.cells[set].held_out.len().min(most)).sum();
    held_out + (0..=run.stages.last()).map(|set| probe_cells(run, set)).sum::<usize>()
}

fn probe_cells(run: &Run, set: usize) -> usize {
    run.stages.probes[set].as_ref().map_or(0, |probe| probe.split.train.len() + probe.split.test.len())
}

/// Seconds of training one model.
fn seconds_of(run: &Run, costs: &[Cost], speed: &Speed, method: &str, stage: usize) -> f64 {
    let chain = run.chain(method, stage);
    let of = |chain: &str, stage: usize| {
        let known = costs.iter().filter(|cost| cost.chain == chain && cost.stage == stage);
        mean(known.filter_map(|cost| cost.seconds))
    };
    if let Some(seconds) = of(chain, stage) {
        return seconds;
    }
    let train = &run.settings.train;
    let steps = |cells: usize| steps_of(train, stage, cells) as f64 * train.batch as f64;
    let own = run.stages.cells[stage].train.len();
    let seconds_a_cell = of(SHARED, stage).map_or(speed.training, |seconds| seconds / steps(own));
    if chain == SHARED {
        return seconds_a_cell * steps(own);
    }
    let (cells, factor) = added(run, &run.settings.methods[method], stage);
    seconds_a_cell * steps(own + cells) * factor
}

/// A guess of the cells that a method adds to an epoch, and of what else it costs as a factor.
fn added(run: &Run, method: &MethodSettings, stage: usize) -> (usize, f64) {
    /// A forward pass of the previous model, beside a step's forward and backward pass.
    const TEACHER: f64 = 1.35;
    /// A few passes over the parameters.
    const PARAMETERS: f64 = 1.1;
    let of = |stage: usize| run.stages.cells[stage].train.len();
    let (mut cells, mut factor) = (0, 1.0);
    for ingredient in &method.0 {
        match ingredient {
            Ingredient::Joint {} => cells += (1..stage).map(of).sum::<usize>(),
            Ingredient::Replay(it) => {
                cells += (usize::from(!it.base)..stage).map(|j| it.cells_of(j, &run.stages)).sum::<usize>();
            }
            Ingredient::Prototypes(it) => factor += it.share,
            Ingredient::Derpp(it) => factor += it.share,
            Ingredient::Agem(_) => factor += 1.0,
            Ingredient::FineTune {}
            | Ingredient::Focus {}
            | Ingredient::Distill { .. }
            | Ingredient::Imagine(_)
            | Ingredient::Features(_) => {}
            _ => factor *= PARAMETERS,
        }
    }
    let method = method.build();
    if [Origin::Data, Origin::Drawn].into_iter().any(|of| method.asks_teacher(of)) {
        factor *= TEACHER;
    }
    (cells, factor)
}

/// Seconds of a cell in a few steps on the run's own data.
#[derive(Default)]
struct Speed {
    /// Of a step of training.
    training: f64,
    /// Of a prediction, with the tokens of the evaluation.
    measuring: f64,
}

impl Speed {
    /// How long the timed steps last at least, together.
    const LONG_ENOUGH: Duration = Duration::from_millis(700);

    fn of(run: &Run) -> Result<Self> {
        let (stages, settings, seed, stage) = (&run.stages, &run.settings, run.settings.seeds[0], 0);
        let cells = &stages.cells[stage].train;
        let mut engine =
            CpuEngine::new(settings.model.clone(), stages.partition.tokens_through(stage), seed)?;
        let context = Context { stages, settings, seed, stage };
        let key = Key::new(seed, Purpose::Dropout);
        let shown = Shown::Stage(stage);
        let training = seconds_of_a_cell(cells, settings.train.batch, |cells| {
            let examples: Vec<Example> = cells.iter().map(|&cell| Example::new(cell, shown)).collect();
            let drawn = draw_cells(stages, settings, &examples, (seed, stage, 0));
            let parts = step_parts(&drawn, settings.train.part_tokens);
            let mut gradients = OutputGradients::default();
            for at in 0..parts.len() {
                let outputs = engine.forward(&parts[at].batch, key)?;
                prediction_loss(&Step { context, parts: &parts, at }, outputs, &mut gradients);
                engine.backward(&gradients)?;
            }
            engine.step(1e-6);
            Ok(())
        })?;
        let tokens = settings.when_measured().tokens;
        let measuring = seconds_of_a_cell(cells, settings.train.batch, |cells| {
            let one = |&cell| {
                let what = (shown, Masking::RandomOf(0));
                draw(&stages.stores, &stages.partition, &tokens, cell, what, evaluation_key())
            };
            let drawn: Vec<_> = cells.iter().map(one).collect();
            for part in into_parts(&drawn, settings.train.part_tokens) {
                engine.predict(&part.batch)?;
            }
            Ok(())
        })?;
        Ok(Self { training, measuring })
    }
}

/// Seconds of a cell when `batch` of them at a time go through `step`; the first step warms up.
fn seconds_of_a_cell<T>(cells: &[T], batch: usize, mut step: impl FnMut(&[T]) -> Result<()>) -> Result<f64> {
    let mut begun = Instant::now();
    let mut seen = 0;
    for (place, cells) in cells.chunks(batch).enumerate() {
        step(cells)?;
        if place == 0 {
            begun = Instant::now();
            continue;
        }
        seen += cells.len();
        if begun.elapsed() >= Speed::LONG_ENOUGH {
            break;
        }
    }
    Ok(begun.elapsed().as_secs_f64() / seen.max(1) as f64)
}

fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let all: Vec<f64> = numbers.collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}
