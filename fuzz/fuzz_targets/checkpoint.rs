//! A model's folder: the first byte says whether the card, the weights (with their hash in the card), a state or one
//! of the two files of a method's memory has any content.
#![no_main]

use genil_base::files::sha256;
use genil_fuzz::folder;
use genil_learn::checkpoint::{read_memory, read_model, read_state};
use std::fs;

const CARD: &str = include_str!("../template/model/model.json");
const WEIGHTS: &[u8] = include_bytes!("../template/model/model.safetensors");

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&first, data)) = data.split_first() else { return };
    let model = folder().join("model");
    fs::create_dir_all(&model).expect("a folder");
    let write = |name: &str, bytes: &[u8]| fs::write(model.join(name), bytes).expect("room in the folder");
    match first % 5 {
        0 => {
            write("model.json", data);
            write("model.safetensors", WEIGHTS);
            let _ = read_model(&model);
        }
        1 => {
            write("model.json", CARD.replace(&sha256(WEIGHTS), &sha256(data)).as_bytes());
            write("model.safetensors", data);
            let _ = read_model(&model);
        }
        2 => {
            write("state.safetensors", data);
            let _ = read_state::<u64>(&model);
        }
        which => {
            write(["memory.json", "memory.safetensors"][usize::from(which - 3)], data);
            let _ = read_memory(&model);
        }
    }
});
