//! `genil inspect`: what something is, in plain words.

use crate::args::InspectArgs;
use crate::output::Output;
use genil_base::{Error, Result};
use genil_data::{Column, Plan, Store};
use genil_learn::{RunSettings, card, checkpoint};
use serde_json::{Value, json};
use std::path::Path;

/// Tells what is at the path.
pub fn run(args: &InspectArgs, output: &Output) -> Result<()> {
    let (text, value) = look(&args.path, args.verify)?;
    if args.json {
        return output.json(&value);
    }
    output.print(&text);
    Ok(())
}

fn look(path: &Path, verify: bool) -> Result<(String, Value)> {
    if path.join("run.json").is_file() {
        return inspect_run(path);
    }
    if path.join("model.json").is_file() {
        return inspect_model(path);
    }
    if path.join("store.json").is_file() {
        return inspect_store(path, verify);
    }
    if path.extension().is_some_and(|e| e == "toml") {
        // A run's settings have methods, a plan has stages.
        return match RunSettings::read(path) {
            Ok(settings) => inspect_settings(path, &settings),
            Err(no_settings) => match Plan::read(path) {
                Ok(plan) => inspect_plan(path, &plan),
                Err(no_plan) if no_plan.what().contains("stages") => Err(no_settings),
                Err(no_plan) => Err(no_plan),
            },
        };
    }
    let help = match path.extension().and_then(|e| e.to_str()) {
        Some("h5ad" | "h5") => format!("import it first: genil import {} --out NAME.store", path.display()),
        _ => "name a store, plan.toml, run.toml, model folder or run folder".into(),
    };
    if path.exists() {
        Err(Error::new("this is nothing that genil made").at_path(path).help(help))
    } else {
        Err(Error::new("there is nothing at this path").at_path(path).help(help))
    }
}

fn inspect_store(path: &Path, verify: bool) -> Result<(String, Value)> {
    let store = Store::open(path)?;
    if verify {
        store.verify()?;
    }
    let mut text = format!(
        "{} is a store of {} cells and {} genes.\n",
        path.display(),
        store.cells(),
        store.genes().len()
    );
    let expressed: usize = (0..store.cells()).map(|row| store.cell(row).genes.len()).sum();
    if store.cells() > 0 {
        text += &format!("  a cell expresses {} genes on average\n", expressed / store.cells());
    }
    for panel in 0..store.panels() as u16 {
        let measured = (0..store.genes().len() as u32).filter(|&g| store.measured(panel, g)).count();
        text += &format!("  panel '{}': {measured} genes measured\n", store.panel_name(panel));
    }
    let mut columns = serde_json::Map::new();
    for name in store.columns() {
        let what = describe(&store.column(name)?);
        text += &format!("  {name}: {what}\n");
        columns.insert(name.clone(), what.into());
    }
    text += &format!("  fingerprint {}{}", store.fingerprint(), if verify { ", verified" } else { "" });
    let value = json!({
        "kind": "store", "cells": store.cells(), "genes": store.genes().len(), "columns": columns,
        "panels": store.panels(), "fingerprint": store.fingerprint(),
    });
    Ok((text, value))
}

/// A column in a line: the most frequent categories, or the range.
fn describe(column: &Column) -> String {
    match column {
        Column::Category { codes, names } => {
            let mut counts = vec![0usize; names.len()];
            codes.iter().flatten().for_each(|&code| counts[code as usize] += 1);
            let mut order: Vec<usize> = (0..names.len()).collect();
            order.sort_by_key(|&i| std::cmp::Reverse(counts[i]));
            let shown: Vec<String> =
                order.iter().take(8).map(|&i| format!("{}={}", names[i], counts[i])).collect();
            let rest =
                if names.len() > 8 { format!(", … {} values in all", names.len()) } else { String::new() };
            format!("{}{rest}", shown.join(", "))
        }
        Column::Number(values) => {
            let known: Vec<f64> = values.iter().flatten().copied().collect();
            let low = known.iter().copied().fold(f64::INFINITY, f64::min);
            let high = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if known.is_empty() { "numbers, all missing".into() } else { format!("numbers, {low} to {high}") }
        }
        Column::Text(values) => format!("text, {} known", values.iter().flatten().count()),
    }
}

fn inspect_plan(path: &Path, plan: &Plan) -> Result<(String, Value)> {
    let mut text =
        format!("{} is a plan of {} stages, seed {}.\n", path.display(), plan.stages.len(), plan.seed);
    for (k, stage) in plan.stages.iter().enumerate() {
        let cells = &stage.cells;
        let filter = cells.column.as_ref().map(|c| format!(" where {c} is {}", cells.values.join(" or ")));
        let genes =
            if k == 0 { "base genes".into() } else { format!("{} specific genes", stage.genes.len()) };
        text += &format!(
            "  stage {k} '{}': {genes}; cells of '{}'{}, share {}",
            stage.name,
            cells.store,
            filter.unwrap_or_default(),
            cells.share
        );
        if let Some(probe) = &stage.probe {
            text += &format!("; classes '{}' of '{}'", probe.label, probe.store);
        }
        text.push('\n');
    }
    for store in &plan.stores {
        text += &format!("  store '{}': {}\n", store.name, store.path.display());
    }
    let hash = plan.fingerprint()?;
    text += &format!("  fingerprint {hash}");
    Ok((text, json!({"kind": "plan", "fingerprint": hash, "plan": plan})))
}

fn inspect_settings(path: &Path, settings: &RunSettings) -> Result<(String, Value)> {
    let model = &settings.model;
    let methods: Vec<&str> = settings.methods.keys().map(String::as_str).collect();
    let hash = settings.fingerprint()?;
    let text = format!(
        "{} is the settings of a run.\n  plan {}\n  methods {}; seeds {:?}\n  model: {} layers, width {}, {} heads, \
         dropout {}\n  {} epochs of {} cells a step, learning rate {}, at most {} genes a cell\n  fingerprint {hash}",
        path.display(),
        settings.plan.display(),
        methods.join(", "),
        settings.seeds,
        model.layers,
        model.width,
        model.heads,
        model.dropout,
        settings.train.epochs,
        settings.train.batch,
        settings.train.learning_rate,
        settings.tokens.max_genes,
    );
    Ok((text, json!({"kind": "settings", "fingerprint": hash, "settings": settings})))
}

fn inspect_model(path: &Path) -> Result<(String, Value)> {
    let (card, parameters) = checkpoint::read_model(path)?;
    let genes: usize = card.genes.iter().map(Vec::len).sum();
    let mut text = format!(
        "{} is a model after stage {} '{}' ({}, seed {}).\n  {} layers, width {}, {} heads; {} parameters; {genes} genes\n",
        path.display(),
        card.stage,
        card.stage_name,
        card.method,
        card.seed,
        card.model.layers,
        card.model.width,
        card.model.heads,
        parameters.count()
    );
    for (k, genes) in card.genes.iter().enumerate() {
        let some: Vec<&str> = genes.iter().take(5).map(String::as_str).collect();
        text += &format!("  stage {k}: {} genes ({}…)\n", genes.len(), some.join(", "));
    }
    text +=
        &format!("  plan {}\n  settings {}\n  weights {}, verified", card.plan, card.settings, card.weights);
    Ok((text, json!({"kind": "model", "parameters": parameters.count(), "card": card})))
}

fn inspect_run(path: &Path) -> Result<(String, Value)> {
    let card = card::read_card(path)?;
    let mut text = format!("{} is a run.\n", path.display());
    let mut all = std::collections::BTreeSet::new();
    for seed in &card.seeds {
        for method in &card.methods {
            for (stage, chain) in method.chains.iter().enumerate() {
                all.insert(
                    path.join("models")
                        .join(format!("seed-{seed}"))
                        .join(chain)
                        .join(format!("stage-{stage}")),
                );
            }
        }
    }
    let done = all.iter().filter(|folder| checkpoint::is_finished(folder)).count();
    let methods: Vec<&str> = card.methods.iter().map(|m| m.name.as_str()).collect();
    text += &format!("  methods {}; seeds {:?}\n", methods.join(", "), card.seeds);
    for stage in &card.stages {
        text += &format!(
            "  stage {} '{}': {} genes, {} cells to train on, {} held out\n",
            stage.index, stage.name, stage.genes, stage.train_cells, stage.held_out_cells
        );
    }
    text += &format!("  {done} of {} models are trained", all.len());
    let measured = path.join("scores.csv").is_file();
    text += if measured { "; measured\n" } else { "; not measured yet: genil evaluate\n" };
    text += &format!("  plan {}\n  settings {}", card.plan_hash, card.settings_hash);
    let value =
        json!({"kind": "run", "models": all.len(), "trained": done, "measured": measured, "card": card});
    Ok((text, value))
}
