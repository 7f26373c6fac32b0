//! `models/seed-S/CHAIN/stage-K/events.jsonl`: the loss while training.

use super::Manifest;
use genil_base::{Error, Result, files};
use serde::Deserialize;
use std::path::{Component, Path};

/// The events of one stage of one chain, for all methods that share it.
#[derive(Debug, Clone)]
pub struct Curve {
    /// The stage.
    pub stage: usize,
    /// The methods (places in `run.json`) whose stage this is.
    pub methods: Vec<usize>,
    /// The events, in the order of the file.
    pub points: Vec<Point>,
}

/// Averages since the event before. A measure that a stage does not have is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Point {
    /// Training steps of this stage.
    pub step: u64,
    /// The whole training loss.
    pub loss: Option<f64>,
    /// The value head's part.
    pub value: Option<f64>,
    /// The value head's loss on genes of earlier stages and base genes.
    pub old: Option<f64>,
    /// The value head's loss on the stage's own genes.
    pub new: Option<f64>,
}

/// Reads the events of every chain, stage and seed; a file that is not there is left out.
pub fn read_all(folder: &Path, manifest: &Manifest) -> Result<Vec<Curve>> {
    let mut curves = Vec::new();
    for stage in 0..manifest.stages.len() {
        for (chain, methods) in chains(manifest, stage)? {
            for seed in &manifest.seeds {
                let place = format!("models/seed-{seed}/{chain}/stage-{stage}/events.jsonl");
                let path = folder.join(place);
                if path.is_file() {
                    curves.push(Curve { stage, methods: methods.clone(), points: read(&path)? });
                }
            }
        }
    }
    Ok(curves)
}

/// The chains of a stage, each with its methods, in the methods' order.
fn chains(manifest: &Manifest, stage: usize) -> Result<Vec<(String, Vec<usize>)>> {
    let mut chains: Vec<(String, Vec<usize>)> = Vec::new();
    for (m, method) in manifest.methods.iter().enumerate() {
        let chain = method.chains.get(stage).unwrap_or(&method.name);
        // A chain is one folder's name: nothing that leads out of the run folder.
        let parts: Vec<Component> = Path::new(chain).components().collect();
        if !matches!(parts[..], [Component::Normal(_)]) || chain.contains(['/', '\\']) {
            return Err(Error::new(format!("'{chain}' is no name of a model folder"))
                .at("run.json, chains")
                .help("the file was changed: copy the run again"));
        }
        match chains.iter_mut().find(|(name, _)| name == chain) {
            Some((_, methods)) => methods.push(m),
            None => chains.push((chain.clone(), vec![m])),
        }
    }
    Ok(chains)
}

fn read(path: &Path) -> Result<Vec<Point>> {
    files::refuse_link(path)?;
    let text = files::read_text(path)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut points = Vec::with_capacity(lines.len());
    for (number, line) in lines.iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(point) => points.push(point),
            // A run that goes on, or was cut, may end in half a line.
            Err(_) if number + 1 == lines.len() => {}
            Err(e) => {
                return Err(Error::new(format!("line {} is no event: {e}", number + 1))
                    .at_path(path)
                    .help("train the stage again, or delete the file: it only serves the loss curves"));
            }
        }
    }
    Ok(points)
}
