//! The folder that every case starts from: files to import, stores, a plan, settings, a run that is
//! finished and one that was stopped.

use crate::anndata::AnnData;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Memory that a command may ask for, in KiB: hostile sizes must not be believed.
const MEMORY: u32 = 1 << 20;

/// The folder of one case.
pub struct World(tempfile::TempDir);

/// What is in a folder: each path with the bytes of a file, the target of a link, or nothing.
pub type Contents = BTreeMap<String, Vec<u8>>;

/// How a command ended.
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

const SETTINGS: &str = "plan = 'plan.toml'
seeds = [0]
[model]
width = 8
layers = 1
heads = 1
ffn = 8
[tokens]
max_genes = 12
[train]
epochs = 1
batch = 4
learning_rate = 2e-3
log_every = 2
[evaluate]
cells = 10
trials = 1
probe_epochs = 2
resamples = 10
drift = true
[methods]
finetune = { method = 'finetune' }
replay = { method = 'replay', cells = 5 }
";

/// A cell of one gene in three, as 10x writes it.
fn matrix_market(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let lines = |all: &[&str]| all.join("\n") + "\n";
    let matrix =
        "%%MatrixMarket matrix coordinate integer general\n%\n3 4 5\n1 1 2\n2 1 1\n3 2 4\n1 3 1\n2 4 7\n";
    fs::write(folder.join("matrix.mtx"), matrix).unwrap();
    fs::write(folder.join("barcodes.tsv"), lines(&["AAA", "CCC", "GGG", "TTT"])).unwrap();
    let features =
        ["ENSG00000000001\tA\tGene Expression", "X2\tB\tGene Expression", "X3\tC\tGene Expression"];
    fs::write(folder.join("features.tsv"), lines(&features)).unwrap();
}

/// The file of 10x with the same three genes and four cells.
pub fn tenx(path: &Path, change: impl FnOnce(&mut hdf5_pure::GroupBuilder)) {
    let mut file = hdf5_pure::FileBuilder::new();
    let mut matrix = file.create_group("matrix");
    change(&mut matrix);
    file.add_group(matrix.finish());
    file.write(path).unwrap();
}

/// The parts of a 10x file, without those named in `but`.
pub fn tenx_parts(matrix: &mut hdf5_pure::GroupBuilder, but: &[&str]) {
    let has = |name: &str| !but.contains(&name);
    if has("barcodes") {
        matrix.create_dataset("barcodes").with_vlen_strings(&["AAA", "CCC", "GGG", "TTT"]);
    }
    matrix.create_dataset("data").with_i32_data(&[2, 1, 4, 1, 7]);
    matrix.create_dataset("indices").with_i64_data(&[0, 1, 2, 0, 1]);
    if has("indptr") {
        matrix.create_dataset("indptr").with_i64_data(&[0, 2, 3, 4, 5]);
    }
    if has("shape") {
        matrix.create_dataset("shape").with_i32_data(&[3, 4]);
    }
    if has("features") {
        let mut features = matrix.create_group("features");
        features.create_dataset("id").with_vlen_strings(&["X1", "X2", "X3"]);
        features.create_dataset("name").with_vlen_strings(&["A", "B", "C"]);
        let of = if has("expression") { "Gene Expression" } else { "Antibody Capture" };
        features.create_dataset("feature_type").with_vlen_strings(&[of; 3]);
        matrix.add_group(features.finish());
    }
}

/// A new folder, in memory where the system has such a place: most of the time would go into flushing.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Made once; every case gets a copy.
fn original() -> &'static World {
    static ORIGINAL: OnceLock<World> = OnceLock::new();
    ORIGINAL.get_or_init(|| {
        let world = World(folder());
        AnnData::cells().write(&world.path("cells.h5ad"));
        AnnData::probe(2).write(&world.path("blood.h5ad"));
        AnnData::probe(3).write(&world.path("gut.h5ad"));
        tenx(&world.path("tenx.h5"), |matrix| tenx_parts(matrix, &[]));
        matrix_market(&world.path("mtx"));
        // As h5py writes by default: without checksums, so that damage reaches what is behind them.
        let plain = concat!(env!("CARGO_MANIFEST_DIR"), "/../import/tests/data/csr.h5ad.gz");
        let mut unzipped = Vec::new();
        flate2::read::GzDecoder::new(fs::File::open(plain).unwrap()).read_to_end(&mut unzipped).unwrap();
        world.write("plain.h5ad", unzipped);
        world.write("run.toml", SETTINGS);
        for command in [
            "import cells.h5ad --out cells.store",
            "import blood.h5ad --out blood.store",
            "import gut.h5ad --out gut.store",
            "plan --cells cells.store --base tissue=marrow --stage blood.store:kind@tissue=blood \
             --stage gut.store:kind@tissue=gut --top 4 --out plan.toml",
            "train run.toml --out run",
            "evaluate run",
            "report run",
        ] {
            world.must(command);
        }
        // A model.json that cannot be written stops the run where its state is still there.
        let stage = "half/models/seed-0/shared/stage-1";
        fs::create_dir_all(world.path(&format!("{stage}/model.json"))).unwrap();
        assert_eq!(world.run("train run.toml --out half --save-every 0").code, Some(1));
        fs::remove_dir(world.path(&format!("{stage}/model.json"))).unwrap();
        fs::remove_file(world.path(&format!("{stage}/model.safetensors"))).unwrap();
        assert!(world.path(&format!("{stage}/state.safetensors")).is_file());
        world
    })
}

impl World {
    /// A folder of its own with everything in it.
    pub fn new() -> Self {
        let world = Self(folder());
        let original = original().0.path();
        copy(original, world.0.path());
        // The plans of runs name their stores by whole paths.
        for plan in ["run/plan.toml", "half/plan.toml"] {
            let text = String::from_utf8(world.read(plan)).unwrap();
            let [from, to] = [original, world.0.path()].map(|path| path.canonicalize().unwrap());
            world.write(plan, text.replace(from.to_str().unwrap(), to.to_str().unwrap()));
        }
        world
    }

    /// The place of a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs genil in the folder, with little memory.
    pub fn run(&self, arguments: &str) -> Ended {
        let genil = env!("CARGO_BIN_EXE_genil");
        let script = format!("ulimit -v {MEMORY} 2>/dev/null; exec '{genil}' --threads 2 {arguments}");
        let ended = Command::new("sh").arg("-c").arg(script).current_dir(self.0.path()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended { code: ended.status.code(), out: text(&ended.stdout), err: text(&ended.stderr) }
    }

    /// Runs what must go well.
    pub fn must(&self, arguments: &str) {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "genil {arguments}: {}", ended.err);
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn remove(&self, name: &str) {
        let path = self.path(name);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    /// Changes the bytes of a file in place.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.read(name);
        change(&mut bytes);
        self.write(name, bytes);
    }

    /// Keeps only the first part of a file, a share of 0 to 1.
    pub fn cut(&self, name: &str, share: f64) {
        self.edit(name, |bytes| bytes.truncate((bytes.len() as f64 * share) as usize));
    }

    /// Flips all bits of one byte; a place below 0 counts from the end.
    pub fn flip(&self, name: &str, at: isize) {
        self.edit(name, |bytes| {
            let at = if at < 0 { bytes.len().checked_add_signed(at).unwrap() } else { at as usize };
            bytes[at] ^= 0xff;
        });
    }

    /// Replaces text in a file, which must be there.
    pub fn replace(&self, name: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.read(name)).unwrap();
        assert!(text.contains(from), "'{from}' is not in {name}:\n{text}");
        self.write(name, text.replacen(from, to, 1));
    }

    /// Replaces each occurrence of bytes by others of the same length.
    pub fn patch(&self, name: &str, from: &[u8], to: &[u8]) {
        assert_eq!(from.len(), to.len());
        self.edit(name, |bytes| {
            let places: Vec<usize> =
                (0..=bytes.len() - from.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
            assert!(!places.is_empty(), "the bytes are not in {name}");
            places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
        });
    }

    /// Changes a value of a JSON file by its pointer, as in `/stages/0/name`.
    pub fn json(&self, name: &str, pointer: &str, value: serde_json::Value) {
        let mut whole: serde_json::Value = serde_json::from_slice(&self.read(name)).unwrap();
        *whole.pointer_mut(pointer).unwrap() = value;
        self.write(name, whole.to_string());
    }

    /// Writes another AnnData file over `cells.h5ad`.
    pub fn anndata(&self, change: impl FnOnce(&mut AnnData)) {
        let mut file = AnnData::cells();
        change(&mut file);
        file.write(&self.path("cells.h5ad"));
    }

    /// Everything in the folder.
    pub fn contents(&self) -> Contents {
        let mut found = Contents::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.0.path()).unwrap().to_string_lossy().into_owned();
                let what = if path.is_symlink() {
                    fs::read_link(&path).unwrap().as_os_str().as_encoded_bytes().to_owned()
                } else if path.is_dir() {
                    folders.push(path);
                    Vec::new()
                } else {
                    fs::read(&path).unwrap()
                };
                found.insert(name, what);
            }
        }
        found
    }
}

/// Copies a folder to a place where nothing is.
pub fn copy_new(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    copy(from, to);
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_new(&path, &place);
        } else {
            fs::copy(&path, &place).unwrap();
        }
    }
}

/// A gzipped text.
pub fn gzipped(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}
