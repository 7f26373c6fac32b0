//! Zarr folders of versions 2 and 3 of which one file has any content. The first byte says which.
#![no_main]

use genil_fuzz::{folder, import_one};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The files of both folders, in the order of their paths, with what is in them.
static FILES: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("template/zarr");
    let (mut files, mut folders) = (Vec::new(), vec![template.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the template") {
            let path = entry.expect("the template").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).expect("the template");
                files.push((path.strip_prefix(&template).expect("below it").to_owned(), bytes));
            }
        }
    }
    files.sort();
    files
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&first, data)) = data.split_first() else { return };
    let (spoilt, _) = &FILES[usize::from(first) % FILES.len()];
    let version = spoilt.components().next().expect("a folder");
    let zarr = folder().join("cells.zarr");
    let _ = fs::remove_dir_all(&zarr);
    for (path, bytes) in FILES.iter().filter(|(path, _)| path.starts_with(version)) {
        let place = zarr.join(path.strip_prefix(version).expect("below it"));
        fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        fs::write(place, if path == spoilt { data } else { bytes }).expect("room in the folder");
    }
    import_one(&zarr);
});
