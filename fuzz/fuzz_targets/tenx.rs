//! A 10x file of any content.
#![no_main]

use genil_fuzz::{folder, import_one};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let path = folder().join("tenx.h5");
    std::fs::write(&path, data).expect("room in the folder");
    import_one(&path);
});
