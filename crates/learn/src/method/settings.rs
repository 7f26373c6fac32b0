//! The methods of `run.toml`: one ingredient, or several that work together.
//!
//! ```toml
//! replay = { method = "replay", cells = 500 }
//! both = [{ method = "replay", cells = 500 }, { method = "distill", lambda = 1.0 }]
//! ```

use super::{
    Choice, Composed, Distill, FineTune, Imagine, ImagineSettings, Joint, Method, PrototypeSettings,
    Prototypes, Replay,
};
use genil_base::{Error, Result};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A method: its ingredients in order, at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodSettings(pub Vec<Ingredient>);

/// One ingredient and its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase", deny_unknown_fields)]
pub enum Ingredient {
    /// The stage's cells, nothing else.
    FineTune {},
    /// All cells of stages 1..k with all genes seen so far.
    Joint {},
    /// Stored cells of earlier stages.
    Replay {
        /// Stored cells of each earlier stage.
        cells: usize,
        /// How they are chosen.
        #[serde(default)]
        choose: Choice,
        /// Whether cells of the base stage are stored too.
        #[serde(default)]
        base: bool,
    },
    /// Agreement with the frozen previous model.
    Distill {
        /// Weight of the agreement.
        lambda: f64,
    },
    /// Pseudo-cells drawn from group means of earlier stages.
    Prototypes(PrototypeSettings),
    /// Old genes put back into today's cells.
    Imagine(ImagineSettings),
}

impl Ingredient {
    fn check(&self) -> Result<()> {
        match self {
            Self::Replay { cells: 0, .. } => {
                Err(Error::new("replay needs cells of at least 1")
                    .help("without stored cells it is 'finetune'"))
            }
            Self::Distill { lambda } => positive("lambda", *lambda),
            Self::Prototypes(it) => {
                positive("lambda", it.lambda)?;
                positive("share", it.share)?;
                positive("clusters", it.clusters as f64)
            }
            Self::Imagine(it) => {
                positive("lambda", it.lambda)?;
                positive("genes", it.genes as f64)?;
                match it.context {
                    0.0..1.0 => Ok(()),
                    context => Err(Error::new(format!("context = {context} must be in 0..1"))),
                }
            }
            _ => Ok(()),
        }
    }

    fn build(&self) -> Box<dyn Method> {
        match self {
            Self::FineTune {} => Box::new(FineTune),
            Self::Joint {} => Box::new(Joint),
            Self::Replay { cells, choose, base } => Box::new(Replay::new(*cells, *choose, *base)),
            Self::Distill { lambda } => Box::new(Distill::new(*lambda)),
            Self::Prototypes(it) => Box::new(Prototypes::new(it.clone())),
            Self::Imagine(it) => Box::new(Imagine::new(it.clone())),
        }
    }
}

/// Refuses a number that is not above 0.
fn positive(name: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::new(format!("{name} = {value} must be above 0")))
}

impl MethodSettings {
    /// Checks the ranges.
    ///
    /// # Errors
    /// No ingredient, or one whose settings are out of range.
    pub fn check(&self) -> Result<()> {
        if self.0.is_empty() {
            return Err(Error::new("a method without ingredients")
                .help("give one, { method = \"finetune\" }, or a list of them"));
        }
        self.0.iter().try_for_each(Ingredient::check)
    }

    /// The method, at its beginning.
    pub fn build(&self) -> Box<dyn Method> {
        match &self.0[..] {
            [one] => one.build(),
            several => Box::new(Composed::new(several.iter().map(Ingredient::build).collect())),
        }
    }

    /// Whether this is the oracle.
    pub fn is_joint(&self) -> bool {
        self.0 == [Ingredient::Joint {}]
    }
}

impl Serialize for MethodSettings {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match &self.0[..] {
            [one] => one.serialize(to),
            several => several.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for MethodSettings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_any(OneOrSeveral)
    }
}

/// Reads a table as one ingredient and a list as several, so that an error names the key that is wrong.
struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = MethodSettings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a method, { method = \"replay\", cells = 500 }, or a list of methods")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Self::Value, A::Error> {
        Ok(MethodSettings(vec![Ingredient::deserialize(MapAccessDeserializer::new(map))?]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> std::result::Result<Self::Value, A::Error> {
        Ok(MethodSettings(Vec::deserialize(SeqAccessDeserializer::new(list))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        one: MethodSettings,
        both: MethodSettings,
    }

    const TEXT: &str = "one = { method = 'joint' }\n\
        both = [{ method = 'replay', cells = 5 }, { method = 'distill', lambda = 0.5 }]\n";

    #[test]
    fn one_ingredient_is_a_table_and_several_are_a_list() {
        let file: File = toml::from_str(TEXT).unwrap();
        assert_eq!((file.one.0.len(), file.both.0.len()), (1, 2));
        assert!(file.one.is_joint() && !file.both.is_joint());
        let again: File = toml::from_str(&toml::to_string(&file).unwrap()).unwrap();
        assert_eq!(again, file);
    }

    #[test]
    fn a_wrong_key_is_named_in_either_form() {
        for (right, wrong) in [("'joint'", "'joined'"), ("lambda", "lamda"), ("cells = 5", "cells = 'many'")]
        {
            let error = toml::from_str::<File>(&TEXT.replace(right, wrong)).unwrap_err().to_string();
            assert!(error.contains(wrong.trim_matches('\'')) || error.contains("usize"), "{error}");
        }
    }
}
