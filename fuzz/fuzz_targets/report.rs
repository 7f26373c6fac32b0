//! A measured run of which one file has any content. The first byte says which.
#![no_main]

use genil_fuzz::folder;
use std::fs;

const FILES: [(&str, &[u8]); 10] = [
    ("run.json", include_bytes!("../template/run/run.json")),
    ("scores.csv", include_bytes!("../template/run/scores.csv")),
    ("summary.csv", include_bytes!("../template/run/summary.csv")),
    ("genes.csv", include_bytes!("../template/run/genes.csv")),
    ("confusion.csv", include_bytes!("../template/run/confusion.csv")),
    ("costs.csv", include_bytes!("../template/run/costs.csv")),
    ("paired.csv", include_bytes!("../template/run/paired.csv")),
    ("embedding.csv", include_bytes!("../template/run/embedding.csv")),
    ("drift.csv", include_bytes!("../template/run/drift.csv")),
    ("models/seed-0/shared/stage-1/events.jsonl", include_bytes!("../template/run/events.jsonl")),
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&first, data)) = data.split_first() else { return };
    let spoilt = usize::from(first) % FILES.len();
    let run = folder().join("run");
    for (place, (name, bytes)) in FILES.iter().enumerate() {
        let path = run.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, if place == spoilt { data } else { bytes }).expect("room in the folder");
    }
    // Figures of names that no other run has must not fill the memory.
    for written in ["tables", "figures"] {
        let _ = fs::remove_dir_all(run.join(written));
    }
    if genil_report::write(&run).is_ok() {
        genil_report::text_summary(&run).expect("a run that was just read").to_string();
    }
});
