//! A store of which one file has any content; the manifest agrees with its length. The first byte says which.
#![no_main]

use genil_data::Store;
use genil_fuzz::{folder, read_all};
use std::fs;

const FILES: [(&str, &[u8]); 4] = [
    ("cells-00000.arrow", include_bytes!("../template/store/cells-00000.arrow")),
    ("genes.csv", include_bytes!("../template/store/genes.csv")),
    ("panels.csv", include_bytes!("../template/store/panels.csv")),
    ("store.json", include_bytes!("../template/store/store.json")),
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&first, data)) = data.split_first() else { return };
    let spoilt = usize::from(first) % FILES.len();
    let store = folder().join("fuzzed.store");
    fs::create_dir_all(&store).expect("a folder");
    for (place, (name, bytes)) in FILES.iter().enumerate() {
        let mut bytes = if place == spoilt { data.to_vec() } else { bytes.to_vec() };
        if *name == "store.json" && place != spoilt {
            let lengths = |text: String, (name, old): (&str, usize), new: usize| {
                let entry = |length| format!("\"name\": \"{name}\",\n      \"bytes\": {length}");
                text.replace(&entry(old), &entry(new))
            };
            let text = String::from_utf8(bytes).expect("the template is text");
            bytes = lengths(text, (FILES[spoilt].0, FILES[spoilt].1.len()), data.len()).into_bytes();
        }
        // Another file of the same name: the old one is still mapped where a test holds on to it.
        let _ = fs::remove_file(store.join(name));
        fs::write(store.join(name), bytes).expect("room in the folder");
    }
    if let Ok(store) = Store::open(&store) {
        read_all(&store);
    }
});
