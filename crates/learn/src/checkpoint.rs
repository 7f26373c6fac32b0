//! Checkpoints: safetensors for the numbers, JSON for what they mean. No code in either.
//!
//! A finished stage has `model.safetensors` and `model.json`, the JSON written last: without it the stage
//! is not finished. A stage under way has `state.safetensors`: parameters, Adam's moments, and in its header
//! how far it came. Each file is whole or absent.

use crate::method::Memory;
use genil_base::{Error, Result, files};
use genil_engine::batch::FIRST_GENE;
use genil_engine::{ModelConfig, OptimizerState, Tensor, Tensors};
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

/// What a model is: `model.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Version of this form.
    pub format: u32,
    /// The genil that wrote it.
    pub genil: String,
    /// Size of the model.
    pub model: ModelConfig,
    /// How cells became tokens.
    pub tokens: genil_data::sample::Sampling,
    /// The method that trained it; the stages up to here may be shared with others.
    pub method: String,
    /// The run's seed.
    pub seed: u64,
    /// `k`: the stage that it finished.
    pub stage: usize,
    /// The stage's name.
    pub stage_name: String,
    /// Cells of an epoch of that stage, stored ones included.
    pub cells: usize,
    /// Fingerprint of the plan.
    pub plan: String,
    /// Fingerprint of all that decided it besides the seed (`settings.toml` of its chain).
    pub settings: String,
    /// SHA-256 of `model.safetensors`.
    pub weights: String,
    /// The genes of each stage so far, in the order of their tokens, from token 2 on.
    pub genes: Vec<Vec<String>>,
}

/// The version of [`ModelCard`].
pub const FORMAT: u32 = 1;
const CARD: &str = "model.json";
const WEIGHTS: &str = "model.safetensors";
const STATE: &str = "state.safetensors";
const MEMORY_NOTES: &str = "memory.json";
const MEMORY_TENSORS: &str = "memory.safetensors";

/// Whether the stage in this folder is finished.
pub fn is_finished(folder: &Path) -> bool {
    folder.join(CARD).is_file()
}

/// Whether a stage under way has saved its state in this folder.
pub fn has_state(folder: &Path) -> bool {
    folder.join(STATE).is_file()
}

/// Writes a finished model; fills in the card's hash of the weights.
pub fn write_model(folder: &Path, mut card: ModelCard, parameters: &Tensors) -> Result<()> {
    let weights = folder.join(WEIGHTS);
    write_tensors(&weights, &[("", parameters)], None)?;
    card.weights = files::sha256_file(&weights)?;
    let text = serde_json::to_string_pretty(&card)
        .map_err(|e| Error::new(format!("cannot write the model's card: {e}")).at_path(folder))?;
    files::write_bytes(&folder.join(CARD), text.as_bytes())
}

/// Reads the card of a finished model.
///
/// # Errors
/// No model there, another format, or a card that contradicts itself.
pub fn read_card(folder: &Path) -> Result<ModelCard> {
    let path = folder.join(CARD);
    if !path.is_file() {
        return Err(Error::new("no finished model is here: it has no model.json")
            .at_path(folder)
            .help("name the folder of a stage: RUN/models/seed-0/finetune/stage-1"));
    }
    let bad = |what: String| Error::new(what).at_path(&path).help(AGAIN);
    let card: ModelCard = serde_json::from_str(&files::read_text(&path)?)
        .map_err(|e| bad(format!("not a model's card that can be read: {e}")))?;
    if card.format != FORMAT {
        return Err(bad(format!("the model has format {}, this genil reads {FORMAT}", card.format)));
    }
    // Not its own remedy, which speaks of settings.
    card.model.check().map_err(|e| bad(e.what().to_owned()))?;
    Ok(card)
}

/// Reads a finished model and checks that it is what its card says.
///
/// # Errors
/// As [`read_card`]; when the weights are not those that the card was written with.
pub fn read_model(folder: &Path) -> Result<(ModelCard, Tensors)> {
    let card = read_card(folder)?;
    let path = folder.join(WEIGHTS);
    if files::sha256_file(&path)? != card.weights {
        return Err(Error::new("the weights are not those that model.json was written with")
            .at_path(&path)
            .help(AGAIN));
    }
    let (mut groups, _) = read_tensors(&path, &[""])?;
    let parameters = groups.remove(0);
    let rows = card.genes.iter().map(Vec::len).sum::<usize>() + FIRST_GENE as usize;
    let bad = |what: &str| Error::new(what).at_path(&path).help(AGAIN);
    match parameters.get("gene_embedding.weight") {
        Some(table) if table.shape == [rows, card.model.width] => {
            let parameters =
                genil_engine::arrange(&card.model, rows, parameters).map_err(|e| bad(e.what()))?;
            Ok((card, parameters))
        }
        _ => Err(bad(&format!("the gene embedding is not {rows} × {}", card.model.width))),
    }
}

/// The state of a stage under way: all that a resume needs.
#[derive(Debug, Clone, PartialEq)]
pub struct State<P> {
    /// How far it came.
    pub progress: P,
    /// The model's parameters.
    pub parameters: Tensors,
    /// Adam's moments.
    pub adam: OptimizerState,
    /// What the method changes from step to step.
    pub method: Tensors,
    /// The parameters of a teacher that moves; else nothing.
    pub teacher: Tensors,
}

/// The groups of a state's file.
const GROUPS: [&str; 5] = ["parameter.", "first.", "second.", "method.", "teacher."];

const AGAIN: &str = "copy the whole folder again, or train the stage again";

/// What to do when numbers have left all bounds.
pub(crate) const DIVERGED: &str = "lower [train] learning_rate, lengthen warmup or weigh a method's loss less, and train in another folder (--out)";

/// Writes the state of a stage under way.
pub fn write_state<P: Serialize>(folder: &Path, state: &State<P>) -> Result<()> {
    let text = |it: serde_json::Result<String>| {
        it.map_err(|e| Error::new(format!("cannot write the state: {e}")).at_path(folder))
    };
    let mut header = HashMap::from([
        ("progress".to_owned(), text(serde_json::to_string(&state.progress))?),
        ("adam_steps".to_owned(), state.adam.steps.to_string()),
    ]);
    let State { parameters, adam, method, teacher, .. } = state;
    let tensors = [parameters, &adam.first, &adam.second, method, teacher];
    header.insert(CONTENT.to_owned(), content_hash(&header, tensors));
    let groups: Vec<(&str, &Tensors)> = GROUPS.into_iter().zip(tensors).collect();
    write_tensors(&folder.join(STATE), &groups, Some(header))
}

/// Reads the state of a stage under way, if there is one.
///
/// # Errors
/// When the file is not one that [`write_state`] wrote.
pub fn read_state<P: DeserializeOwned>(folder: &Path) -> Result<Option<State<P>>> {
    let path = folder.join(STATE);
    if !path.is_file() {
        return Ok(None);
    }
    let bad = |what: &str| bad_state(folder, what);
    let (groups, mut header) = read_tensors(&path, &GROUPS).map_err(|e| bad(e.what()))?;
    let groups: [Tensors; 5] = groups.try_into().map_err(|_| bad("its tensors"))?;
    let content = header.remove(CONTENT);
    if content != Some(content_hash(&header, groups.each_ref())) {
        return Err(bad("its content is not what was written"));
    }
    let [parameters, first, second, method, teacher] = groups;
    let progress = header.get("progress").and_then(|t| serde_json::from_str(t).ok());
    let steps = header.get("adam_steps").and_then(|t| t.parse().ok());
    let (Some(progress), Some(steps)) = (progress, steps) else {
        return Err(bad("no progress in its header"));
    };
    Ok(Some(State { progress, parameters, adam: OptimizerState { steps, first, second }, method, teacher }))
}

/// The key of a state's hash over all else in it: a flipped bit would otherwise end in other results, unseen.
const CONTENT: &str = "content";

/// SHA-256 over a state's header and tensors, whatever their order.
fn content_hash(header: &HashMap<String, String>, groups: [&Tensors; 5]) -> String {
    let mut lines: Vec<String> = header.iter().map(|(key, text)| format!("{key} {text}\n")).collect();
    for (prefix, tensors) in GROUPS.into_iter().zip(groups) {
        lines.extend(
            tensors
                .iter()
                .map(|t| format!("{prefix}{} {:?} {}\n", t.name, t.shape, files::sha256(&Seen(t).data()))),
        );
    }
    lines.sort_unstable();
    files::sha256(lines.concat().as_bytes())
}

/// The error of a state in this stage's folder from which no training can go on.
pub(crate) fn bad_state(folder: &Path, what: &str) -> Error {
    Error::new(format!("a stage's state that cannot be read: {what}"))
        .at_path(&folder.join(STATE))
        .help("delete this file: the stage then starts anew and ends the same")
}

/// Removes the state of a stage that is finished.
pub fn remove_state(folder: &Path) -> Result<()> {
    let path = folder.join(STATE);
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path, &e)),
        _ => Ok(()),
    }
}

/// Writes what a method keeps for later stages, if it keeps anything.
pub fn write_memory(folder: &Path, memory: &Memory) -> Result<()> {
    if !memory.tensors.0.is_empty() {
        write_tensors(&folder.join(MEMORY_TENSORS), &[("", &memory.tensors)], None)?;
    }
    if !memory.notes.is_null() {
        files::write_bytes(&folder.join(MEMORY_NOTES), memory.notes.to_string().as_bytes())?;
    }
    Ok(())
}

/// Reads what [`write_memory`] wrote.
///
/// # Errors
/// When a file is not one that it wrote.
pub fn read_memory(folder: &Path) -> Result<Memory> {
    let mut memory = Memory::default();
    let notes = folder.join(MEMORY_NOTES);
    if notes.is_file() {
        memory.notes = serde_json::from_str(&files::read_text(&notes)?).map_err(|e| {
            Error::new(format!("the method's memory cannot be read: {e}"))
                .at_path(&notes)
                .help("delete the folder of this stage and train it again")
        })?;
    }
    let tensors = folder.join(MEMORY_TENSORS);
    if tensors.is_file() {
        memory.tensors = read_tensors(&tensors, &[""])?.0.remove(0);
    }
    Ok(memory)
}

/// A tensor as safetensors sees it.
struct Seen<'a>(&'a Tensor);

impl View for Seen<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.0.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.data.iter().flat_map(|x| x.to_le_bytes()).collect())
    }
    fn data_len(&self) -> usize {
        self.0.data.len() * 4
    }
}

/// Writes groups of tensors, each name behind its group's prefix.
///
/// # Errors
/// When a number is not finite, which could not be read back: what is there stays.
fn write_tensors(
    path: &Path,
    groups: &[(&str, &Tensors)],
    header: Option<HashMap<String, String>>,
) -> Result<()> {
    for (prefix, tensor) in groups.iter().flat_map(|(prefix, all)| all.iter().map(move |t| (prefix, t))) {
        if let Some(number) = tensor.data.iter().find(|x| !x.is_finite()) {
            return Err(Error::new(format!("training diverged: '{prefix}{}' holds {number}", tensor.name))
                .at_path(path)
                .help(DIVERGED));
        }
    }
    let named = groups.iter().flat_map(|(prefix, tensors)| {
        tensors.iter().map(move |tensor| (format!("{prefix}{}", tensor.name), Seen(tensor)))
    });
    // safetensors keeps the header in a hash map: one entry at most keeps the bytes the same.
    let header = header.map(|h| HashMap::from([("genil".to_owned(), sorted_json(&h))]));
    let bytes = safetensors::serialize(named, header)
        .map_err(|e| Error::new(format!("cannot write tensors: {e}")).at_path(path))?;
    files::write_bytes(path, &bytes)
}

fn sorted_json(header: &HashMap<String, String>) -> String {
    let sorted: std::collections::BTreeMap<_, _> = header.iter().collect();
    serde_json::to_string(&sorted).unwrap_or_default()
}

/// Reads groups of tensors by prefix, each in the order of the file's offsets, and the header.
fn read_tensors(path: &Path, prefixes: &[&str]) -> Result<(Vec<Tensors>, HashMap<String, String>)> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
    let bad = |what: String| {
        Error::new(format!("not a safetensors file that can be read: {what}"))
            .at_path(path)
            .help("the file may be cut short: copy it again, or train the stage again")
    };
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| bad(e.to_string()))?;
    let header = metadata
        .metadata()
        .as_ref()
        .and_then(|m| m.get("genil"))
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let file = SafeTensors::deserialize(&bytes).map_err(|e| bad(e.to_string()))?;
    let mut groups = vec![Tensors::default(); prefixes.len()];
    for name in metadata.offset_keys() {
        let view = file.tensor(&name).map_err(|e| bad(e.to_string()))?;
        if view.dtype() != Dtype::F32 {
            return Err(bad(format!("'{name}' is {:?}, not f32", view.dtype())));
        }
        let data: Vec<f32> =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if let Some(at) = data.iter().position(|x| !x.is_finite()) {
            return Err(bad(format!("'{name}' holds {} at {at}", data[at])));
        }
        let group = prefixes.iter().position(|p| name.starts_with(p));
        let Some(group) = group else { return Err(bad(format!("'{name}' is unknown"))) };
        let tensor =
            Tensor { name: name[prefixes[group].len()..].to_owned(), shape: view.shape().to_vec(), data };
        groups[group].0.push(tensor);
    }
    Ok((groups, header))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors(start: f32) -> Tensors {
        let tensor = |name: &str, shape: &[usize], start: f32| Tensor {
            name: name.into(),
            shape: shape.into(),
            data: (0..shape.iter().product::<usize>()).map(|i| start + i as f32).collect(),
        };
        Tensors(vec![
            tensor("b.weight", &[2, 3], start),
            tensor("a.bias", &[4], -start),
            tensor("c", &[0], 0.0),
        ])
    }

    fn state<P>(progress: P) -> State<P> {
        let adam = OptimizerState { steps: 7, first: tensors(0.5), second: tensors(2.5) };
        State { progress, parameters: tensors(1.0), adam, method: tensors(4.0), teacher: Tensors::default() }
    }

    #[test]
    fn a_state_reads_back_as_itself() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(vec![1.5f64, 0.1]);
        write_state(folder.path(), &state).unwrap();
        let again = read_state::<Vec<f64>>(folder.path()).unwrap().unwrap();
        let sorted = |t: &Tensors| {
            let mut t = t.clone();
            t.0.sort_by(|a, b| a.name.cmp(&b.name));
            t
        };
        assert_eq!((again.progress, again.adam.steps), (state.progress, 7));
        assert_eq!(sorted(&again.parameters), sorted(&state.parameters));
        assert_eq!(sorted(&again.adam.first), sorted(&state.adam.first));
        assert_eq!(sorted(&again.method), sorted(&state.method));
        assert_eq!(again.teacher, state.teacher);
    }

    #[test]
    fn a_cut_or_flipped_file_is_an_error_that_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        write_state(folder.path(), &state(0u8)).unwrap();
        let path = folder.path().join(STATE);
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 4, 9, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let error = read_state::<u8>(folder.path()).unwrap_err().to_string();
            assert!(error.contains("help:"), "{error}");
        }
        let mut huge = whole.clone();
        huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        std::fs::write(&path, &huge).unwrap();
        assert!(read_state::<u8>(folder.path()).is_err());
    }

    #[test]
    fn numbers_that_could_not_be_read_back_leave_the_file_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        write_state(folder.path(), &state(1u8)).unwrap();
        for spoil in [f32::NAN, f32::INFINITY] {
            let mut spoilt = state(2u8);
            spoilt.adam.second.0[0].data[1] = spoil;
            let error = write_state(folder.path(), &spoilt).unwrap_err().to_string();
            assert!(error.contains("second.b.weight") && error.contains("help:"), "{error}");
            assert_eq!(read_state::<u8>(folder.path()).unwrap().unwrap().progress, 1);
        }
    }

    #[test]
    fn the_same_state_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let write = || {
            write_state(folder.path(), &state(0u8)).unwrap();
            std::fs::read(folder.path().join(STATE)).unwrap()
        };
        assert_eq!(write(), write());
    }
}
