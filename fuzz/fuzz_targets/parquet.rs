//! Lists of gene tokens in a Parquet file of any content. The first byte says whether it is the file of the cells or
//! that of the genes beside it.
#![no_main]

use genil_fuzz::{folder, import_one};
use std::fs;

const FILES: [(&str, &[u8]); 2] = [
    ("cells.parquet", include_bytes!("../template/parquet/cells.parquet")),
    ("gene_metadata.parquet", include_bytes!("../template/parquet/gene_metadata.parquet")),
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&first, data)) = data.split_first() else { return };
    let spoilt = usize::from(first) % FILES.len();
    let cells = folder().join("parquet");
    fs::create_dir_all(&cells).expect("a folder");
    for (place, (name, bytes)) in FILES.iter().enumerate() {
        let bytes = if place == spoilt { data } else { bytes };
        fs::write(cells.join(name), bytes).expect("room in the folder");
    }
    import_one(&cells);
});
