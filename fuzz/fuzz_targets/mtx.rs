//! A matrix-market folder: matrix, barcodes and features, with a zero byte between them.
#![no_main]

use genil_fuzz::{folder, import_one};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mtx = folder().join("mtx");
    std::fs::create_dir_all(&mtx).expect("a folder");
    let mut parts = data.splitn(3, |&byte| byte == 0);
    for name in ["matrix.mtx", "barcodes.tsv", "features.tsv"] {
        std::fs::write(mtx.join(name), parts.next().unwrap_or_default()).expect("room in the folder");
    }
    import_one(&mtx);
});
