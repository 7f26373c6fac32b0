//! A benchmark: several settings × methods × seeds, each setting a run folder of its own.
//!
//! ```toml
//! # What all settings share, as in run.toml but for the plan.
//! seeds = [0, 1, 2]
//! [train]
//! epochs = 3
//! [methods]
//! finetune = { method = "finetune" }
//! # A setting: its plan, and whatever is different in it.
//! [settings.shifted]
//! plan = "plan-shifted.toml"
//! [settings.long]
//! plan = "plan-long.toml"
//! train.epochs = 2
//! ```
//!
//! * [`forecast`]: what is left to do and how long it will take.
//! * [`table`]: all settings × methods on one page of numbers.

pub mod forecast;
pub mod table;

use crate::settings::RunSettings;
use genil_base::{Error, Result, files};
use indexmap::IndexMap;
use std::path::Path;

/// The settings of every run of a benchmark, by the run's name.
#[derive(Debug, Clone, PartialEq)]
pub struct Bench {
    /// In the order of the file.
    pub runs: IndexMap<String, RunSettings>,
}

impl Bench {
    /// Reads and checks a benchmark's file; the plans' paths come back relative to the current folder.
    ///
    /// # Errors
    /// When it cannot be read, names no setting, or the settings of a run are not right: with the run.
    pub fn read(path: &Path) -> Result<Self> {
        let mut bench = Self::parse(&files::read_text(path)?).map_err(|e| e.at_path(path))?;
        for settings in bench.runs.values_mut().filter(|settings| settings.plan.is_relative()) {
            settings.plan = files::parent(path).join(&settings.plan);
        }
        Ok(bench)
    }

    /// The benchmark of a text, checked.
    ///
    /// # Errors
    /// As [`Bench::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let mut common: toml::Table = toml::from_str(text)
            .map_err(|e| Error::new(format!("settings that cannot be read: {}", e.to_string().trim_end())))?;
        let settings = match common.remove("settings") {
            Some(toml::Value::Table(settings)) if !settings.is_empty() => settings,
            _ => {
                return Err(Error::new("no setting to run")
                    .help("add one: [settings.shifted] with plan = \"plan-shifted.toml\""));
            }
        };
        let mut runs = IndexMap::new();
        for (name, own) in settings {
            runs.insert(
                name.clone(),
                run(&common, &name, own).map_err(|e| e.at(format!("[settings.{name}]")))?,
            );
        }
        Ok(Self { runs })
    }
}

/// The settings of one run: the common ones with its own put over them.
fn run(common: &toml::Table, name: &str, own: toml::Value) -> Result<RunSettings> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.chars().all(plain) || name.starts_with('.') {
        return Err(Error::new(format!("'{name}' cannot name a setting"))
            .help("use letters, digits, '-', '_' and '.'; it becomes a folder"));
    }
    let toml::Value::Table(own) = own else {
        return Err(Error::new("a setting is a table").help("write plan = \"plan.toml\" below its name"));
    };
    let mut whole = common.clone();
    put_over(&mut whole, own);
    let settings: RunSettings = whole.try_into().map_err(|e: toml::de::Error| {
        Error::new(format!("settings that cannot be read: {}", e.to_string().trim_end()))
            .help("a benchmark's file has the keys of run.toml, and plan in each of its settings")
    })?;
    settings.check()?;
    Ok(settings)
}

/// Puts `own` over `below`, tables key by key; a method as a whole.
fn put_over(below: &mut toml::Table, own: toml::Table) {
    for (key, value) in own {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(own)) if !own.contains_key("method") => {
                put_over(below, own);
            }
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "seeds = [0, 1]\n[train]\nepochs = 3\nbatch = 64\n\
        [methods]\nfinetune = { method = 'finetune' }\nreplay = { method = 'replay', cells = 5, base = true }\n\
        [settings.alike]\nplan = 'a.toml'\n\
        [settings.long]\nplan = 'b.toml'\ntrain.epochs = 2\nmethods.replay = { method = 'replay', cells = 9 }\n";

    #[test]
    fn a_setting_differs_from_the_others_only_in_what_it_says() {
        let bench = Bench::parse(TEXT).unwrap();
        let [alike, long] = ["alike", "long"].map(|name| &bench.runs[name]);
        assert_eq!((alike.train.epochs, alike.train.batch, alike.seeds.len()), (3, 64, 2));
        assert_eq!((long.train.epochs, long.train.batch, long.seeds.len()), (2, 64, 2));
        assert_eq!(long.methods["finetune"], alike.methods["finetune"]);
        let text = toml::to_string(&long.methods["replay"]).unwrap();
        assert!(
            text.contains("cells = 9") && text.contains("base = false"),
            "a method is put over as a whole: {text}"
        );
        assert_eq!(bench.runs.keys().collect::<Vec<_>>(), ["alike", "long"]);
    }

    #[test]
    fn the_benchmarks_that_come_with_genil_can_be_read() {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        let mut found = 0;
        for entry in std::fs::read_dir(configs).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("bench-") && name.ends_with(".toml") {
                Bench::read(&path).unwrap();
                found += 1;
            } else if name.ends_with(".toml") && !name.starts_with("plan-") {
                RunSettings::read(&path).unwrap();
            }
        }
        assert!(found > 0);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_setting() {
        let error = |from: &str, to: &str| Bench::parse(&TEXT.replace(from, to)).unwrap_err().to_string();
        let unknown = error("train.epochs", "train.epoch");
        assert!(unknown.contains("epoch") && unknown.contains("[settings.long]"), "{unknown}");
        assert!(error("plan = 'b.toml'\n", "").contains("plan"));
        assert!(error("settings.long", "settings.'a/b'").contains("cannot name a setting"));
        assert!(Bench::parse("seeds = [0]\n").unwrap_err().to_string().contains("[settings.shifted]"));
    }
}
