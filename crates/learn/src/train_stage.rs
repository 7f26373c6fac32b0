//! One stage: the loop over epochs and steps, and how it resumes.
//!
//! The state on the disk is only ever written at an event, when no average is open; so a run that was cut
//! continues as if it had not been.

use crate::batch::{Example, epoch_order, training_parts};
use crate::checkpoint;
use crate::events::{Averages, EventLog};
use crate::method::{Context, Loss, Method, Step};
use crate::progress::Progress;
use crate::settings::{Schedule, TrainSettings};
use genil_base::random::{Key, Purpose};
use genil_base::{Error, Result};
use genil_engine::{Engine, OutputGradients};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

/// How far a stage came.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Position {
    step: u64,
    event_bytes: u64,
}

/// Trains `engine` through one stage in `folder` and returns the number of cells of an epoch.
/// `save_every`: the least time between two saved states. `what`: the stage's name on a progress bar.
pub fn train_stage(
    context: Context<'_>,
    method: &mut dyn Method,
    engine: &mut dyn Engine,
    folder: &Path,
    save_every: Duration,
    (what, progress): (&str, &dyn Progress),
) -> Result<usize> {
    engine.restart_optimizer();
    let examples = method.begin_stage(context, engine)?;
    context.stages.check(&examples)?;
    let train = &context.settings.train;
    let steps_an_epoch = examples.len().div_ceil(train.batch) as u64;
    let rate = Rate::new(train, context.stage, steps_an_epoch);

    let mut position = Position { step: 0, event_bytes: 0 };
    if let Some((saved, parameters, adam)) = checkpoint::read_state::<Position>(folder)? {
        engine.restore(parameters, Some(adam)).map_err(|e| checkpoint::bad_state(folder, e.what()))?;
        if saved.step > rate.steps {
            return Err(checkpoint::bad_state(folder, "its step lies beyond the last"));
        }
        position = saved;
    }
    progress.begin(what, "steps", rate.steps);
    progress.advance(position.step, "");
    let mut log = EventLog::open(&folder.join("events.jsonl"), position.event_bytes)?;
    let mut averages = Averages::default();
    let mut saved = Instant::now();

    while position.step < rate.steps {
        let epoch = (position.step / steps_an_epoch) as usize;
        let order_key = Key::new(context.seed, Purpose::Order).with(context.stage as u64).with(epoch as u64);
        let order = epoch_order(&examples, order_key);
        let done = (position.step % steps_an_epoch) as usize;
        for cells in order.chunks(train.batch).skip(done) {
            let lr = rate.at(position.step);
            let loss = one_step(context, method, engine, cells, (epoch, position.step), lr)?;
            position.step += 1;
            averages.add(&loss);
            progress.advance(1, &format!("loss {:.3}", loss.total()));
            if position.step.is_multiple_of(train.log_every) || position.step == rate.steps {
                log.write(&averages.take(position.step, epoch, lr))?;
                if saved.elapsed() >= save_every && position.step < rate.steps {
                    position.event_bytes = log.flushed()?;
                    checkpoint::write_state(folder, &position, engine.parameters(), &engine.optimizer())?;
                    saved = Instant::now();
                }
            }
        }
    }
    progress.end();
    log.flushed()?;
    method.end_stage(context, engine)?;
    Ok(examples.len())
}

/// Steps of a stage with so many cells an epoch.
pub fn steps_of(train: &TrainSettings, stage: usize, cells: usize) -> u64 {
    Rate::new(train, stage, cells.div_ceil(train.batch) as u64).steps
}

/// One step: every part forward, its loss, backward; then Adam.
fn one_step(
    context: Context<'_>,
    method: &mut dyn Method,
    engine: &mut dyn Engine,
    cells: &[Example],
    (epoch, step): (usize, u64),
    lr: f64,
) -> Result<Loss> {
    let parts = training_parts(context.stages, context.settings, cells, (context.seed, context.stage, epoch));
    let dropout = Key::new(context.seed, Purpose::Dropout).with(context.stage as u64).with(step);
    let mut gradients = OutputGradients::default();
    let mut total = Loss::default();
    for at in 0..parts.len() {
        let outputs = engine.forward(&parts[at].batch, dropout.with(at as u64))?;
        let step = Step { context, parts: &parts, at };
        total.add(&method.loss(&step, outputs, &mut gradients)?);
        engine.backward(&gradients)?;
    }
    if !total.total().is_finite() {
        return Err(Error::new(format!("the loss is {} at step {step}: training diverged", total.total()))
            .help("lower [train] learning_rate, or lengthen warmup"));
    }
    engine.step(lr as f32);
    method.after_step(context, engine)?;
    Ok(total)
}

/// The learning rate over a stage's steps.
struct Rate {
    base: f64,
    schedule: Schedule,
    warmup: u64,
    steps: u64,
}

impl Rate {
    fn new(train: &TrainSettings, stage: usize, steps_an_epoch: u64) -> Self {
        let epochs = if stage == 0 { train.base_epochs.unwrap_or(train.epochs) } else { train.epochs };
        let steps = epochs as u64 * steps_an_epoch;
        // The paper's 5,000 steps are for millions of cells; a short run gets a tenth of its steps.
        let warmup = if stage == 0 { train.warmup.min(steps / 10) } else { 0 };
        Self { base: train.learning_rate, schedule: train.schedule, warmup, steps }
    }

    fn at(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.base * (step + 1) as f64 / self.warmup as f64;
        }
        let share = (step - self.warmup) as f64 / (self.steps - self.warmup).max(1) as f64;
        self.base
            * match self.schedule {
                Schedule::Constant => 1.0,
                Schedule::Linear => 1.0 - share,
                Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * share).cos()),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_on_the_base_stage_only_and_then_follows_its_schedule() {
        let train = TrainSettings { epochs: 2, schedule: Schedule::Linear, ..TrainSettings::default() };
        let base = Rate::new(&train, 0, 50);
        assert_eq!((base.steps, base.warmup), (100, 10));
        assert!((base.at(0) - 5e-5).abs() < 1e-12 && (base.at(9) - 5e-4).abs() < 1e-12);
        assert!((base.at(55) - 2.5e-4).abs() < 1e-12);
        let next = Rate::new(&train, 1, 50);
        assert_eq!(next.at(0), 5e-4);
        let flat = Rate::new(&TrainSettings::default(), 1, 50);
        assert_eq!(flat.at(0), flat.at(249));
    }
}
