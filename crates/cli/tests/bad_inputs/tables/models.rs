//! Checkpoints: finished models, states of stages under way, the memory of methods.

use crate::world::World;
use crate::{Case, fine, refused, stopped};
use genil_base::files::sha256;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use std::collections::HashMap;

const STAGE: &str = "half/models/seed-0/shared/stage-0";
const CARD: &str = "half/models/seed-0/shared/stage-0/model.json";
const WEIGHTS: &str = "half/models/seed-0/shared/stage-0/model.safetensors";
const STATE: &str = "half/models/seed-0/shared/stage-1/state.safetensors";
const INSPECT: &str = "inspect half/models/seed-0/shared/stage-0";
const TRAIN: &str = "train half";
/// Trains what was added to the settings of a finished run.
const GROW: &str = "train run.toml --out run";

/// One tensor: type, shape, bytes.
type Raw = (Dtype, Vec<usize>, Vec<u8>);

impl World {
    /// Writes the weights anew with other tensors, and their hash into the card: nothing but the
    /// tensors themselves can tell.
    fn tensors(&self, change: impl FnOnce(&mut HashMap<String, Raw>)) {
        self.retensor(WEIGHTS, change);
        self.json(CARD, "/weights", json!(sha256(&self.read(WEIGHTS))));
    }

    /// Changes the tensors of a file, its header left as it is.
    fn retensor(&self, name: &str, change: impl FnOnce(&mut HashMap<String, Raw>)) {
        let bytes = self.read(name);
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let raw = |view: TensorView| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        let mut tensors: HashMap<String, Raw> = SafeTensors::deserialize(&bytes)
            .unwrap()
            .tensors()
            .into_iter()
            .map(|(n, v)| (n, raw(v)))
            .collect();
        change(&mut tensors);
        let views: Vec<(String, TensorView)> = tensors
            .iter()
            .map(|(n, (of, shape, data))| (n.clone(), TensorView::new(*of, shape.clone(), data).unwrap()))
            .collect();
        self.write(name, safetensors::serialize(views, metadata.metadata().clone()).unwrap());
    }

    /// Makes the last stage of replay start from another memory.
    fn memory(&self, change: impl FnOnce(&str) -> String) {
        let text = String::from_utf8(self.read("run/models/seed-0/replay/stage-2/memory.json")).unwrap();
        self.remove("run/models/seed-0/replay");
        self.write("run/models/seed-0/shared/stage-1/memory.json", change(&text));
    }

    /// Adds a method to a run that is finished, which must begin its last stage with this memory.
    fn method_with(&self, method: &str, notes: &str) {
        self.replace("run.toml", "replay = {", &format!("new = {method}\nreplay = {{"));
        self.write("run/models/seed-0/shared/stage-1/memory.json", notes);
        // The run's own cards, which name all its methods, are written anew.
        ["run/run.json", "run/run.toml"].into_iter().for_each(|card| self.remove(card));
    }

    /// The same with one group of prototypes of stage 1, of these genes.
    fn prototypes_with(&self, tokens: &[f32]) {
        self.method_with("{ method = 'prototypes' }", "null");
        let n = tokens.len();
        let parts: [(&str, Vec<f32>); 7] = [
            ("cells", vec![20.0]),
            ("depth_mean", vec![2.0]),
            ("depth_deviation", vec![0.5]),
            ("genes", vec![n as f32]),
            ("tokens", tokens.to_vec()),
            ("share", vec![1.0 / n as f32; n]),
            ("dispersion", Vec::new()),
        ];
        let bytes = parts.map(|(name, data)| {
            (
                format!("stage-1.{name}"),
                data.len(),
                data.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>(),
            )
        });
        let views = bytes
            .iter()
            .map(|(name, n, data)| (name.clone(), TensorView::new(Dtype::F32, vec![*n], data).unwrap()));
        let file = safetensors::serialize(views, None).unwrap();
        self.write("run/models/seed-0/shared/stage-1/memory.safetensors", file);
    }

    /// Changes the words of a state's header: how far the stage came.
    fn progress(&self, from: &str, to: &str) {
        let bytes = self.read(STATE);
        let (length, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let said = metadata.metadata().clone().unwrap()["genil"].clone();
        assert!(said.contains(from), "{said}");
        let header = String::from_utf8(bytes[8..8 + length].to_vec()).unwrap();
        let quote = |text: &str| serde_json::to_string(text).unwrap();
        let header = header.replace(&quote(&said), &quote(&said.replacen(from, to, 1)));
        let header = format!("{header}{}", " ".repeat(header.len().next_multiple_of(8) - header.len()));
        let length_bytes = (header.len() as u64).to_le_bytes();
        self.write(STATE, [&length_bytes, header.as_bytes(), &bytes[8 + length..]].concat());
    }
}

fn first_bytes(tensors: &mut HashMap<String, Raw>, bytes: [u8; 4]) {
    let tensor = tensors.get_mut("value_head.0.weight").unwrap();
    tensor.2[..4].copy_from_slice(&bytes);
}

pub const CASES: &[Case] = &[
    refused("a model without a card", |w| w.remove(CARD), INSPECT, &["stage-0", "help"]),
    refused("an empty card", |w| w.write(CARD, ""), INSPECT, &["model.json", "train"]),
    refused("half a card", |w| w.cut(CARD, 0.5), INSPECT, &["model.json", "train"]),
    refused("a card that is no text", |w| w.write(CARD, b"\xff\xfe"), INSPECT, &["model.json"]),
    refused(
        "a card of another version",
        |w| w.json(CARD, "/format", json!(9)),
        INSPECT,
        &["model.json", "format 9", "reads 1"],
    ),
    refused(
        "a card with a key of a later version",
        |w| w.replace(CARD, "\"format\"", "\"modules\": [], \"format\""),
        INSPECT,
        &["model.json", "modules"],
    ),
    refused(
        "2^60 layers",
        |w| w.json(CARD, "/model/layers", json!(1u64 << 60)),
        INSPECT,
        &["model.json", "layers"],
    ),
    refused(
        "a width of 2^60",
        |w| w.json(CARD, "/model/width", json!(1u64 << 60)),
        TRAIN,
        &["model.json", "width"],
    ),
    refused(
        "another width",
        |w| w.json(CARD, "/model/width", json!(16)),
        INSPECT,
        &["model.safetensors", "16"],
    ),
    refused(
        "another number of layers",
        |w| w.json(CARD, "/model/layers", json!(2)),
        TRAIN,
        &["stage-0", "layers.1"],
    ),
    refused(
        "another number of layers to inspect",
        |w| w.json(CARD, "/model/layers", json!(2)),
        INSPECT,
        &["stage-0", "layers.1"],
    ),
    refused(
        "another gene of the same number",
        |w| w.json(CARD, "/genes/0/0", json!("NOGENE")),
        TRAIN,
        &["stage-0", "other genes"],
    ),
    refused(
        "genes of two stages",
        |w| w.json(CARD, "/genes", json!([["A"], ["B"]])),
        INSPECT,
        &["model.safetensors", "gene embedding"],
    ),
    refused(
        "a model of another plan",
        |w| w.json(CARD, "/plan", json!("0")),
        TRAIN,
        &["stage-0", "another plan"],
    ),
    refused(
        "a model of other settings",
        |w| w.json(CARD, "/settings", json!("0")),
        TRAIN,
        &["stage-0", "other settings"],
    ),
    refused("a card of another stage", |w| w.json(CARD, "/stage", json!(1)), TRAIN, &["stage-0", "stage 1"]),
    refused("no weights", |w| w.remove(WEIGHTS), INSPECT, &["model.safetensors"]),
    refused(
        "half of the weights",
        |w| w.cut(WEIGHTS, 0.5),
        INSPECT,
        &["model.safetensors", "train the stage again"],
    ),
    refused(
        "a flipped weight",
        |w| w.flip(WEIGHTS, -5),
        TRAIN,
        &["model.safetensors", "not those that model.json was written with"],
    ),
    refused(
        "weights of another model",
        |w| w.write(WEIGHTS, w.read("run/models/seed-0/shared/stage-1/model.safetensors")),
        TRAIN,
        &["model.safetensors", "not those"],
    ),
    refused(
        "a tensor of another shape",
        |w| w.tensors(|t| t.get_mut("value_head.0.weight").unwrap().1 = vec![4, 16]),
        TRAIN,
        &["stage-0", "value_head.0.weight", "[4, 16]"],
    ),
    refused(
        "a tensor of another shape to inspect",
        |w| w.tensors(|t| t.get_mut("value_head.0.weight").unwrap().1 = vec![4, 16]),
        INSPECT,
        &["stage-0", "value_head.0.weight", "[4, 16]"],
    ),
    refused(
        "another vocabulary",
        |w| {
            w.tensors(|t| {
                let genes = t.get_mut("gene_embedding.weight").unwrap();
                genes.1[0] += 1;
                genes.2.extend([0; 32])
            })
        },
        TRAIN,
        &["model.safetensors", "gene embedding"],
    ),
    refused(
        "a tensor too few",
        |w| w.tensors(|t| drop(t.remove("value_head.0.bias"))),
        TRAIN,
        &["stage-0", "'value_head.0.bias' is missing"],
    ),
    refused(
        "a tensor too many",
        |w| w.tensors(|t| drop(t.insert("x".into(), (Dtype::F32, vec![1], vec![0; 4])))),
        TRAIN,
        &["stage-0", "'x' is unknown"],
    ),
    refused(
        "a weight that is no number",
        |w| w.tensors(|t| first_bytes(t, f32::NAN.to_le_bytes())),
        TRAIN,
        &["model.safetensors", "value_head.0.weight", "NaN"],
    ),
    refused(
        "an infinite weight",
        |w| w.tensors(|t| first_bytes(t, f32::INFINITY.to_le_bytes())),
        INSPECT,
        &["model.safetensors", "inf"],
    ),
    refused(
        "weights in half precision",
        |w| {
            w.tensors(|t| {
                let it = t.get_mut("value_head.0.bias").unwrap();
                *it = (Dtype::F16, vec![8], vec![0; 16])
            })
        },
        TRAIN,
        &["model.safetensors", "F16"],
    ),
    refused(
        "a header of 2^60 bytes",
        |w| {
            w.edit(WEIGHTS, |b| b[..8].copy_from_slice(&(1u64 << 60).to_le_bytes()));
            w.json(CARD, "/weights", json!(sha256(&w.read(WEIGHTS))))
        },
        INSPECT,
        &["model.safetensors", "header"],
    ),
    refused(
        "a model folder of nothing",
        |w| {
            w.remove(STAGE);
            w.write(&format!("{STAGE}/x"), "")
        },
        "inspect half/models/seed-0/shared/stage-0",
        &["stage-0"],
    ),
    refused("half a state", |w| w.cut(STATE, 0.5), TRAIN, &["state.safetensors", "delete this file"]),
    refused("an empty state", |w| w.write(STATE, ""), TRAIN, &["state.safetensors", "delete this file"]),
    refused(
        "a flipped number in a state",
        |w| w.flip(STATE, -7),
        TRAIN,
        &["state.safetensors", "delete this file"],
    ),
    refused(
        "a state of another shape",
        |w| w.retensor(STATE, |t| t.get_mut("parameter.value_head.0.weight").unwrap().1 = vec![4, 16]),
        TRAIN,
        &["state.safetensors", "delete this file"],
    ),
    refused(
        "a state without moments",
        |w| w.retensor(STATE, |t| t.retain(|name, _| !name.starts_with("second."))),
        TRAIN,
        &["state.safetensors", "delete this file"],
    ),
    refused(
        "a state without progress",
        |w| w.progress("progress", "regress"),
        TRAIN,
        &["state.safetensors", "delete this file"],
    ),
    refused(
        "a state at step 2^60",
        |w| w.progress("\\\"step\\\":", "\\\"step\\\":115292150460684697"),
        TRAIN,
        &["state.safetensors", "delete this file"],
    ),
    refused(
        "a state after 2^60 bytes of events",
        |w| w.progress("\\\"event_bytes\\\":", "\\\"event_bytes\\\":1152921504606"),
        TRAIN,
        &["state.safetensors", "delete this file"],
    ),
    refused(
        "events that are gone",
        |w| w.remove("half/models/seed-0/shared/stage-1/events.jsonl"),
        TRAIN,
        &["events.jsonl", "state.safetensors"],
    ),
    stopped(
        "half a memory",
        |w| w.memory(|text| text[..text.len() / 2].to_owned()),
        "train run",
        &["memory.json", "train it again"],
    ),
    stopped(
        "a memory of something else",
        |w| w.memory(|_| "{\"stored\": 7}".into()),
        "train run",
        &["memory.json", "train it again"],
    ),
    stopped(
        "a memory of a cell that is not there",
        |w| w.memory(|_| r#"{"stored": {"1": [{"store": 0, "row": 4000000000}]}}"#.into()),
        "train run",
        &["4000000000", "memory.json"],
    ),
    stopped(
        "a memory of a store that is not there",
        |w| w.memory(|_| r#"{"stored": {"1": [{"store": 60000, "row": 0}]}}"#.into()),
        "train run",
        &["60000", "memory.json"],
    ),
    stopped(
        "a memory of a stage that is not there",
        |w| w.memory(|_| r#"{"stored": {"1000000": [{"store": 0, "row": 0}]}}"#.into()),
        "train run",
        &["1000000", "memory.json"],
    ),
    stopped(
        "a cell that is not there, for gradients",
        |w| {
            w.method_with("{ method = 'agem', cells = 5 }", r#"{"stored": {"1": [{"store": 0, "row": 96}]}}"#)
        },
        GROW,
        &["cell 96", "memory.json", "train it again"],
    ),
    stopped(
        "a store that is not there, for stored outputs",
        |w| {
            w.method_with("{ method = 'derpp', cells = 5 }", r#"{"stored": {"1": [{"store": 9, "row": 0}]}}"#)
        },
        GROW,
        &["store 9", "memory.json", "train it again"],
    ),
    stopped(
        "stored cells of a stage to come",
        |w| {
            w.method_with("{ method = 'gdumb', cells = 5 }", r#"{"stored": {"2": [{"store": 0, "row": 0}]}}"#)
        },
        GROW,
        &["a stage 2 before stage 2", "memory.json", "train it again"],
    ),
    stopped(
        "a cell that is not there, of an ingredient that does nothing yet",
        |w| {
            w.method_with(
                "[{ method = 'replay', cells = 5 }, { method = 'prototypes', base = true }]",
                r#"[{"stored": {"1": [{"store": 0, "row": 96}]}}, null]"#,
            );
            let memory = "run/models/seed-0/shared/stage-1/memory.json";
            w.write("run/models/seed-0/shared/stage-0/memory.json", w.read(memory));
        },
        GROW,
        &["cell 96", "memory.json", "train it again"],
    ),
    stopped(
        "stored outputs of other cells",
        |w| {
            w.method_with(
                "{ method = 'derpp', cells = 1 }",
                r#"{"stored": {"1": [{"store": 0, "row": 1}]}}"#,
            );
            let one = [0u8; 4];
            let view = || TensorView::new(Dtype::F32, vec![1], &one).unwrap();
            let said = ["stage-1.value", "stage-1.cell_value"].map(|name| (name, view()));
            let bytes = safetensors::serialize(said, None).unwrap();
            w.write("run/models/seed-0/shared/stage-1/memory.safetensors", bytes);
        },
        GROW,
        &["stored outputs", "memory", "train it again"],
    ),
    stopped(
        "prototypes of a gene 4 thousand million",
        |w| w.prototypes_with(&[2.0, 4e9]),
        GROW,
        &["group 0", "memory.safetensors", "train it again"],
    ),
    stopped(
        "prototypes of a gene twice",
        |w| w.prototypes_with(&[2.0, 2.0]),
        GROW,
        &["group 0", "memory.safetensors", "train it again"],
    ),
    fine("prototypes of two genes", |w| w.prototypes_with(&[2.0, 3.0]), GROW, &[]),
];
