//! `genil train`

use crate::args::TrainArgs;
use crate::output::Output;
use genil_base::{Error, Result};
use genil_learn::train_stage::steps_of;
use genil_learn::{Run, RunSettings, Stages, tensorboard};
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// How soon a viewer sees what was learnt.
const MIRROR_EVERY: Duration = Duration::from_secs(2);

/// Trains whatever is not trained yet.
pub fn run(args: &TrainArgs, output: &Output) -> Result<()> {
    let (settings, folder) = settings_and_folder(args)?;
    let save_every = save_every(args.save_every)?;
    if args.dry_run {
        return dry_run(&settings, &folder, args.json, output);
    }
    let run = Run::begin(&folder, settings)?;
    if args.tensorboard {
        mirrored(&folder, || run.train(save_every, output.progress()))?;
    } else {
        run.train(save_every, output.progress())?;
    }
    let trained = run.units().len();
    if args.json {
        return output.json(&serde_json::json!({"run": folder, "models": trained}));
    }
    output.print(&format!(
        "{trained} models are trained in {folder}\nnext: genil evaluate {folder}",
        folder = folder.display()
    ));
    Ok(())
}

/// Does `work` while the run's TensorBoard files follow its events, and brings them up to date at its end.
fn mirrored(folder: &Path, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let follower = scope.spawn(move || {
            // Ends when the sender is dropped; what fails in between is said at the end.
            while stopped.recv_timeout(MIRROR_EVERY) == Err(RecvTimeoutError::Timeout) {
                let _ = tensorboard::mirror(folder);
            }
        });
        let done = work();
        drop(stop);
        let _ = follower.join();
        done.and(tensorboard::mirror(folder).map(|_| ()))
    })
}

/// The settings, and the folder that they run in.
fn settings_and_folder(args: &TrainArgs) -> Result<(RunSettings, PathBuf)> {
    let given = &args.settings;
    if given.is_dir() {
        genil_learn::card::read_card(given)?;
        return Ok((RunSettings::read(&given.join("run.toml"))?, given.clone()));
    }
    let settings = RunSettings::read(given)?;
    let beside = genil_base::files::parent(given);
    let folder = match &args.out {
        Some(out) => out.clone(),
        // The settings that a run keeps belong to that run.
        None if beside.join("run.json").is_file() => beside.to_owned(),
        None => settings_folder(given),
    };
    Ok((settings, folder))
}

/// Where the runs of a settings file go when nobody says: `runs/NAME` beside `NAME.toml`.
pub fn settings_folder(file: &Path) -> PathBuf {
    genil_base::files::parent(file).join("runs").join(file.file_stem().unwrap_or_default())
}

/// The least time between two saved states.
///
/// # Errors
/// When it is no time.
pub fn save_every(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        Error::new(format!("--save-every {seconds} is no number of seconds"))
            .help("as in --save-every 30; 0 saves at every event")
    })
}

/// Says what would be trained.
fn dry_run(settings: &RunSettings, folder: &Path, json: bool, output: &Output) -> Result<()> {
    let stages = Stages::open(&settings.plan)?;
    let mut rows = Vec::new();
    let methods = settings.methods.len();
    for stage in 0..=stages.last() {
        let cells = stages.cells[stage].train.len();
        let steps = steps_of(&settings.train, stage, cells);
        rows.push(serde_json::json!({
            "stage": stage, "name": stages.name(stage), "cells": cells, "steps": steps,
            "genes": stages.partition.tokens_of(stage).len(),
        }));
    }
    if json {
        return output.json(&serde_json::json!({"run": folder, "seeds": settings.seeds, "stages": rows}));
    }
    let mut text = format!("{} seeds × {methods} methods in {}\n", settings.seeds.len(), folder.display());
    for row in rows {
        text += &format!(
            "stage {} {}: {} genes, {} cells, {} steps when fine-tuned\n",
            row["stage"],
            row["name"].as_str().unwrap_or_default(),
            row["genes"],
            row["cells"],
            row["steps"]
        );
    }
    output.print(&text);
    Ok(())
}
