//! A plan of any text: what can be read is written as text that reads back as itself.
#![no_main]

use genil_data::Plan;
use genil_fuzz::folder;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let path = folder().join("plan.toml");
    std::fs::write(&path, data).expect("room in the folder");
    if let Ok(plan) = Plan::read(&path) {
        std::fs::write(&path, plan.to_text().expect("a checked plan")).expect("room in the folder");
        assert_eq!(Plan::read(&path).expect("its own text"), plan);
        let _ = plan.open_stores();
    }
});
