//! Places that cannot be written: full and read-only disks, closed pipes. These need a file system of
//! their own, which only root can mount; where that is not possible the test says so and is skipped.
#![cfg(target_os = "linux")]

use crate::world::World;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file system in memory at `full` below the case's folder; unmounted at the end.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, options: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        if mount.is_ok_and(|it| it.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("skipped: only root can mount a small file system");
        None
    }

    /// Fills it but for so many bytes.
    fn fill(&self, but: usize) {
        let filling = self.0.join("filling");
        // What does not fit is left away.
        let _ = std::fs::write(&filling, vec![7; 2 << 20]);
        let file = std::fs::File::options().write(true).open(&filling).unwrap();
        file.set_len(file.metadata().unwrap().len().saturating_sub(but as u64)).unwrap();
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Commands that write to `disk`.
const WRITERS: [&str; 5] = [
    "import cells.h5ad --out disk/new.store --replace",
    "import cells.h5ad --out disk/cells.store --replace",
    "plan --cells cells.store --stage gut.store:kind --top 4 --out disk/plan.toml --replace",
    "train run.toml --out disk/run",
    "report run run --out disk/page.html",
];

#[test]
fn a_read_only_disk_is_said_and_nothing_is_changed() {
    let world = World::new();
    let Some(disk) = Disk::mount(&world.path("disk"), "size=4m") else { return };
    world.must("import cells.h5ad --out disk/cells.store");
    disk.remount("ro");
    let before = world.contents();
    for writer in WRITERS {
        let ended = world.run(writer);
        assert_eq!(ended.code, Some(1), "{writer}: {}", ended.err);
        assert!(
            ended.err.contains("Read-only") && ended.err.contains("help: choose a place"),
            "{}",
            ended.err
        );
        assert!(world.contents() == before, "{writer}");
    }
}

#[test]
fn a_full_disk_is_said_and_what_was_there_is_kept() {
    let world = World::new();
    let Some(disk) = Disk::mount(&world.path("disk"), "size=1m") else { return };
    world.must("import cells.h5ad --out disk/cells.store");
    world.must("train run.toml --out disk/trained");
    for room in [0, 8192, 24576] {
        for writer in WRITERS.iter().chain(&["evaluate disk/trained"]) {
            disk.fill(room);
            let before = world.contents();
            let ended = world.run(writer);
            // What is small may still fit.
            if ended.code == Some(0) {
                continue;
            }
            assert_eq!(ended.code, Some(1), "{writer} with {room} bytes: {}", ended.err);
            let said = ended.err.contains("No space left") && ended.err.contains("help: ");
            assert!(said, "{writer} with {room} bytes: {}", ended.err);
            let after = world.contents();
            assert!(
                !after.keys().any(|name| name.contains(".genil-partial-")),
                "{writer}: {:?}",
                after.keys()
            );
            let lost = before.iter().find(|(name, what)| after.get(*name) != Some(what));
            assert!(lost.is_none(), "{writer} with {room} bytes: {:?} has changed", lost.map(|it| it.0));
        }
    }
    std::fs::remove_file(world.path("disk/filling")).unwrap();
    world.must("inspect disk/cells.store --verify");
    world.must("evaluate disk/trained");
}

#[test]
fn a_full_disk_behind_standard_output_is_an_error_and_a_closed_pipe_is_none() {
    let world = World::new();
    for command in [
        "inspect cells.store",
        "inspect run --json",
        "report run",
        "plan --cells cells.store --stage gut.store:kind --dry-run",
    ] {
        let ended = world.run(&format!("{command} >/dev/full"));
        assert_eq!(ended.code, Some(1), "{command}");
        assert!(ended.err.contains("standard output") && ended.err.contains("help: "), "{}", ended.err);

        let mut running = Command::new(env!("CARGO_BIN_EXE_genil"))
            .args(command.split(' '))
            .current_dir(world.path("."))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(running.stdout.take());
        let mut said = String::new();
        running.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((running.wait().unwrap().code(), said.contains("panicked")), (Some(0), false), "{said}");
    }
}
