//! What decides the models of a chain, kept beside them: `models/seed-S/CHAIN/settings.toml`.
//!
//! A run may grow: methods and seeds can be added, and the evaluation may change. What its models were trained
//! with may not; this file tells, chain by chain.

use crate::method::MethodSettings;
use crate::settings::{RunSettings, TrainSettings};
use genil_base::{Error, Result, files};
use genil_data::sample::Sampling;
use genil_engine::ModelConfig;
use serde::Serialize;
use std::path::Path;

const FILE: &str = "settings.toml";

/// What decides the models of one chain, besides its seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainSettings<'a> {
    /// Fingerprint of the plan.
    pub plan: &'a str,
    /// Size of the model.
    pub model: &'a ModelConfig,
    /// How a cell becomes tokens.
    pub tokens: &'a Sampling,
    /// The loop of one stage.
    pub train: &'a TrainSettings,
    /// The chain's own method; none where all methods train alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'a MethodSettings>,
}

impl<'a> ChainSettings<'a> {
    /// Those of the chain `name` in a run with these settings.
    pub fn new(settings: &'a RunSettings, plan: &'a str, name: &str) -> Self {
        let RunSettings { model, tokens, train, methods, .. } = settings;
        Self { plan, model, tokens, train, method: methods.get(name) }
    }

    fn to_text(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::new(format!("cannot write a chain's settings: {e}")))
    }

    /// SHA-256 of all of them.
    ///
    /// # Errors
    /// Never for checked settings.
    pub fn fingerprint(&self) -> Result<String> {
        Ok(files::sha256(self.to_text()?.as_bytes()))
    }

    /// Whether the models in a chain's folder, if there are any, were trained with these settings.
    ///
    /// # Errors
    /// When they were not: with what differs.
    pub fn check(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        if !path.is_file() {
            return Ok(());
        }
        let (there, here) = (files::read_text(&path)?, self.to_text()?);
        if there == here {
            return Ok(());
        }
        let whole = |text: &str| text.parse::<toml::Table>().unwrap_or_default();
        let what = match difference(&whole(&there), &whole(&here), "") {
            Some(what) if what.starts_with("plan ") => "on another plan".to_owned(),
            Some(what) => format!("with other settings: {what}"),
            None => "with other settings".to_owned(),
        };
        Err(Error::new(format!("these models were trained {what}")).at_path(folder).help(
            "choose another run folder with --out, give a changed method another name, \
             or delete this folder and train it again",
        ))
    }

    /// Notes these settings in a chain's folder, before its first model is trained.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note(&self, folder: &Path) -> Result<()> {
        files::write_bytes(&folder.join(FILE), self.to_text()?.as_bytes())
    }
}

/// The first key that two tables do not share: `train.epochs was 2 there and is 3 here`.
fn difference(there: &toml::Table, here: &toml::Table, above: &str) -> Option<String> {
    let keys = here.keys().chain(there.keys().filter(|key| !here.contains_key(*key)));
    keys.filter(|key| there.get(*key) != here.get(*key)).find_map(|key| {
        let name = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        if let (Some(toml::Value::Table(there)), Some(toml::Value::Table(here))) =
            (there.get(key), here.get(key))
        {
            return difference(there, here, &name);
        }
        let show = |value: Option<&toml::Value>| value.map_or("not set".to_owned(), ToString::to_string);
        Some(format!("{name} was {} and is now {}", show(there.get(key)), show(here.get(key))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SHARED;

    fn settings(lambda: f64) -> RunSettings {
        RunSettings::parse(&format!(
            "plan = 'p'\n[methods]\nfinetune = {{ method = 'finetune' }}\n\
             pull = {{ method = 'distill', lambda = {lambda:?} }}\n"
        ))
        .unwrap()
    }

    #[test]
    fn a_method_decides_its_own_chain_only() {
        let (one, other) = (settings(1.0), settings(2.0));
        let of = |settings, name| ChainSettings::new(settings, "plan", name).fingerprint().unwrap();
        assert_eq!(of(&one, SHARED), of(&other, SHARED));
        assert_ne!(of(&one, "pull"), of(&other, "pull"));
        let more = RunSettings { seeds: vec![0, 1, 2], ..one.clone() };
        assert_eq!(of(&one, "pull"), of(&more, "pull"));
    }

    #[test]
    fn what_differs_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (settings(1.0), settings(2.0));
        let chain = ChainSettings::new(&one, "plan", "pull");
        chain.check(folder.path()).unwrap();
        chain.note(folder.path()).unwrap();
        chain.check(folder.path()).unwrap();
        let changed = |settings, plan| {
            ChainSettings::new(settings, plan, "pull").check(folder.path()).unwrap_err().to_string()
        };
        let error = changed(&other, "plan");
        assert!(error.contains("method.lambda was 1.0 and is now 2.0"), "{error}");
        assert!(changed(&one, "other").contains("on another plan"));
    }
}
