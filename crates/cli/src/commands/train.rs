//! `genil train`

use crate::args::TrainArgs;
use crate::output::Output;
use genil_base::{Error, Result};
use genil_learn::train_stage::steps_of;
use genil_learn::{Run, RunSettings, Stages};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Trains whatever is not trained yet.
pub fn run(args: &TrainArgs, output: &Output) -> Result<()> {
    let (settings, folder) = settings_and_folder(args)?;
    let save_every = Duration::try_from_secs_f64(args.save_every).map_err(|_| {
        Error::new(format!("--save-every {} is no number of seconds", args.save_every))
            .help("as in --save-every 30; 0 saves at every event")
    })?;
    if args.dry_run {
        return dry_run(&settings, &folder, args.json, output);
    }
    let run = Run::begin(&folder, settings)?;
    run.train(save_every, output.progress())?;
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
        None => beside.join("runs").join(given.file_stem().unwrap_or_default()),
    };
    Ok((settings, folder))
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
