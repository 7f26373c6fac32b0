//! One stage: the loop over epochs and steps, and how it resumes.
//!
//! The state on the disk is only ever written at an event, when no average is open; so a run that was cut
//! continues as if it had not been.

use crate::batch::{Example, Origin, draw_cells, epoch_order, step_parts};
use crate::checkpoint::{self, State};
use crate::events::{Averages, EventLog};
use crate::method::{Context, Loss, Method, Step, Teacher, prediction_loss};
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
    let mut examples = context.own_cells();
    method.begin_stage(context, engine, &mut examples)?;
    let origins = [Origin::Data, Origin::Drawn];
    let teaches = context.stage > 0 && origins.into_iter().any(|of| method.asks_teacher(of));
    let unknown = context.stages.partition.tokens_of(context.stage);
    let mut teacher = teaches.then(|| Teacher::new(engine, unknown));
    let train = &context.settings.train;
    let steps_an_epoch = examples.len().div_ceil(train.batch) as u64;
    let rate = Rate::new(train, context.stage, steps_an_epoch);

    let mut position = Position { step: 0, event_bytes: 0 };
    if let Some(state) = checkpoint::read_state::<Position>(folder)? {
        let here = |e: Error| checkpoint::bad_state(folder, e.what());
        let vocabulary = engine.vocabulary();
        engine.restore(state.parameters, Some(state.adam)).map_err(here)?;
        method.resume(state.method).map_err(here)?;
        if let Some(teacher) = teacher.as_mut().filter(|_| method.moves_teacher()) {
            teacher.engine.restore(state.teacher, None).map_err(here)?;
        }
        let teaches = teacher.as_ref().map_or(vocabulary, |teacher| teacher.engine.vocabulary());
        if (engine.vocabulary(), teaches) != (vocabulary, vocabulary) {
            return Err(checkpoint::bad_state(folder, "its genes are not those of the stage"));
        }
        if state.progress.step > rate.steps {
            return Err(checkpoint::bad_state(folder, "its step lies beyond the last"));
        }
        position = state.progress;
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
            let done = position.step as f64 / rate.steps as f64;
            let at = At { epoch, step: position.step, done, lr };
            let loss = one_step(context, method, engine, teacher.as_mut(), cells, at)?;
            position.step += 1;
            averages.add(&loss);
            progress.advance(1, &format!("loss {:.3}", loss.total()));
            if position.step.is_multiple_of(train.log_every) || position.step == rate.steps {
                log.write(&averages.take(position.step, epoch, lr))?;
                if saved.elapsed() >= save_every && position.step < rate.steps {
                    position.event_bytes = log.flushed()?;
                    let moved = teacher.as_ref().filter(|_| method.moves_teacher());
                    checkpoint::write_state(
                        folder,
                        &State {
                            progress: position,
                            parameters: engine.parameters().clone(),
                            adam: engine.optimizer(),
                            method: method.progress(),
                            teacher: moved.map(|t| t.engine.parameters().clone()).unwrap_or_default(),
                        },
                    )?;
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

/// Where in a stage a step is.
struct At {
    epoch: usize,
    step: u64,
    /// Share of the stage's steps that is over.
    done: f64,
    lr: f64,
}

/// One step: its cells and what the method adds to them, laid out in parts; every part forward, its loss,
/// backward; then Adam.
fn one_step(
    context: Context<'_>,
    method: &mut dyn Method,
    engine: &mut dyn Engine,
    mut teacher: Option<&mut Teacher>,
    cells: &[Example],
    at: At,
) -> Result<Loss> {
    let Context { stages, settings, seed, stage } = context;
    let mut cells = draw_cells(stages, settings, cells, (seed, stage, at.epoch));
    method.add_cells(context, at.step, &mut cells)?;
    let mut parts = step_parts(&cells, settings.train.part_tokens);
    for part in &mut parts {
        if let Some(teacher) = &mut teacher {
            part.said = Some(teacher.says(part, |of| method.asks_teacher(of))?);
        }
        method.set_targets(context, part)?;
    }
    let dropout = Key::new(seed, Purpose::Dropout).with(stage as u64).with(at.step);
    let mut gradients = OutputGradients::default();
    let mut total = Loss::default();
    for part in 0..parts.len() {
        let outputs = engine.forward(&parts[part].batch, dropout.with(part as u64))?;
        let step = Step { context, parts: &parts, at: part };
        let mut loss = prediction_loss(&step, outputs, &mut gradients);
        loss.added += method.add_loss(&step, outputs, &mut gradients)?;
        total.add(&loss);
        engine.backward(&gradients)?;
    }
    if !total.total().is_finite() {
        let (loss, step) = (total.total(), at.step);
        return Err(Error::new(format!("the loss is {loss} at step {step}: training diverged"))
            .help(checkpoint::DIVERGED));
    }
    method.change_gradients(context, engine, at.done)?;
    engine.step(at.lr as f32);
    method.after_step(context, engine, teacher)?;
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
        self.base * self.schedule.factor(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::FineTune;
    use crate::method::testing::train;
    use crate::{RunSettings, Silent};

    #[test]
    fn a_stage_that_was_cut_ends_as_if_it_had_not_been_whatever_the_method() {
        let run = train("no = { method = 'finetune' }");
        for method in [
            "{ method = 'ema', decay = 0.9 }",
            "{ method = 'si' }",
            "{ method = 'lora' }",
            "[{ method = 'distill', lambda = 1.0 }, { method = 'ema-teacher', decay = 0.5 }]",
            "[{ method = 'start-rows' }, { method = 'freeze', share = 0.9 }, { method = 'average' }]",
            "[{ method = 'l2' }, { method = 'ewc', cells = 9 }, { method = 'mas', cells = 9 }]",
            "[{ method = 'agem', cells = 9 }, { method = 'derpp', cells = 9 }]",
            "[{ method = 'prototypes' }, { method = 'imagine' }, { method = 'features', on = 'both' }]",
            "{ method = 'gdumb', cells = 9 }",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let settings = RunSettings::parse(&format!("plan = 'p'\n[methods]\nit = {method}")).unwrap();
            // The state of the last event but one stays in the folder: the second run goes on from there.
            let through = || {
                let (mut method, mut engine) = (settings.methods["it"].build(), run.engine_before("no", 2));
                let quiet: (&str, &dyn Progress) = ("", &Silent);
                train_stage(run.context(2), &mut *method, &mut *engine, folder.path(), Duration::ZERO, quiet)
                    .unwrap();
                (engine.parameters().clone(), method.memory())
            };
            let whole = through();
            assert!(checkpoint::has_state(folder.path()));
            assert!(through() == whole, "{method}");
        }
    }

    /// Fine-tuning that spoils a parameter after so many steps.
    struct Spoilt(u32);

    impl Method for Spoilt {
        fn departs_at(&self, _: usize) -> bool {
            true
        }

        fn after_step(
            &mut self,
            _: Context<'_>,
            engine: &mut dyn Engine,
            _: Option<&mut Teacher>,
        ) -> Result<()> {
            self.0 = self.0.wrapping_sub(1);
            if self.0 == 0 {
                engine.parameters_mut().0[0].data[0] = f32::NAN;
            }
            Ok(())
        }
    }

    #[test]
    fn a_stage_that_diverges_ends_in_an_error_and_goes_on_from_its_last_good_state() {
        let run = train("no = { method = 'finetune' }");
        let through = |method: &mut dyn Method, folder: &Path| {
            let mut engine = run.engine_before("no", 2);
            let quiet: (&str, &dyn Progress) = ("", &Silent);
            train_stage(run.context(2), method, &mut *engine, folder, Duration::ZERO, quiet)?;
            Ok::<_, Error>(engine.parameters().clone())
        };
        let whole = through(&mut FineTune, tempfile::tempdir().unwrap().path()).unwrap();
        // Between two events, and right before one.
        for steps in [5, 6] {
            let folder = tempfile::tempdir().unwrap();
            let error = through(&mut Spoilt(steps), folder.path()).unwrap_err().to_string();
            assert!(error.contains("diverged") && error.contains("learning_rate"), "{error}");
            let state = checkpoint::read_state::<Position>(folder.path()).unwrap().unwrap();
            assert_eq!(state.progress.step, 4);
            assert!(through(&mut FineTune, folder.path()).unwrap() == whole);
        }
    }

    #[test]
    fn a_state_with_genes_of_another_stage_is_refused() {
        let run = train("no = { method = 'finetune' }");
        let folder = tempfile::tempdir().unwrap();
        let zeros = |of: &genil_engine::Tensors| {
            let mut of = of.clone();
            of.iter_mut().for_each(|t| t.data.fill(0.0));
            of
        };
        let parameters = run.parameters("no", 1);
        let (first, second) = (zeros(&parameters), zeros(&parameters));
        let state = State {
            progress: Position { step: 2, event_bytes: 0 },
            adam: genil_engine::OptimizerState { steps: 2, first, second },
            parameters,
            method: Default::default(),
            teacher: Default::default(),
        };
        checkpoint::write_state(folder.path(), &state).unwrap();
        let quiet: (&str, &dyn Progress) = ("", &Silent);
        let mut engine = run.engine_before("no", 2);
        let ended =
            train_stage(run.context(2), &mut FineTune, &mut *engine, folder.path(), Duration::ZERO, quiet);
        let error = ended.unwrap_err().to_string();
        assert!(error.contains("genes") && error.contains("delete this file"), "{error}");
    }

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
