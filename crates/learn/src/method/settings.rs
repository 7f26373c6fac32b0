//! The methods of `run.toml`: one ingredient, or several that work together.
//!
//! ```toml
//! replay = { method = "replay", cells = 500 }
//! both = [{ method = "replay", cells = 500 }, { method = "distill", lambda = 1.0 }]
//! ```

use super::{
    Agem, Average, AverageSettings, Composed, Derpp, DerppSettings, Distill, Ema, EmaSettings, EmaTeacher,
    EmaTeacherSettings, EwcSettings, FeatureSettings, Features, FineTune, Focus, Freeze, FreezeSettings,
    Gdumb, Imagine, ImagineSettings, Joint, L2, L2Settings, Lora, LoraSettings, MasSettings, Measured,
    Method, PrototypeSettings, Prototypes, Replay, Si, SiSettings, StartRows, StartRowsSettings,
    StoredSettings,
};
use crate::batch::Origin;
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
    Replay(StoredSettings),
    /// Agreement with the frozen previous model.
    Distill {
        /// Weight of the agreement.
        lambda: f64,
    },
    /// Pseudo-cells drawn from group means of earlier stages.
    Prototypes(PrototypeSettings),
    /// Old genes put back into today's cells.
    Imagine(ImagineSettings),
    /// The stage's own genes are drawn before others.
    Focus {},
    /// Only the rows of new genes move.
    Freeze(FreezeSettings),
    /// The mean of the models before and after a stage.
    Average(AverageSettings),
    /// A moving average of a stage's iterates.
    Ema(EmaSettings),
    /// First rows of new genes, made from base rows.
    #[serde(rename = "start-rows")]
    StartRows(StartRowsSettings),
    /// A pull of all parameters to their old values.
    L2(L2Settings),
    /// Elastic weight consolidation.
    Ewc(EwcSettings),
    /// Synaptic intelligence.
    Si(SiSettings),
    /// Memory-aware synapses.
    Mas(MasSettings),
    /// Agreement of cell embeddings with the frozen previous model.
    Features(FeatureSettings),
    /// Stored cells with stored outputs.
    Derpp(DerppSettings),
    /// Gradients that do not point against stored cells.
    Agem(StoredSettings),
    /// A new model of stored cells alone.
    Gdumb(StoredSettings),
    /// The teacher of other ingredients follows the model.
    #[serde(rename = "ema-teacher")]
    EmaTeacher(EmaTeacherSettings),
    /// Matrices move by low-rank updates only.
    Lora(LoraSettings),
}

impl Ingredient {
    fn check(&self) -> Result<()> {
        match self {
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
            Self::Freeze(it) => it.check(),
            Self::Average(it) => it.check(),
            Self::Ema(it) => it.check(),
            Self::StartRows(it) => it.check(),
            Self::L2(it) => it.check(),
            Self::Ewc(it) => it.check(),
            Self::Si(it) => it.check(),
            Self::Mas(it) => it.check(),
            Self::Features(it) => it.check(),
            Self::Derpp(it) => it.check(),
            Self::Replay(it) | Self::Agem(it) | Self::Gdumb(it) => it.check(),
            Self::EmaTeacher(it) => it.check(),
            Self::Lora(it) => it.check(),
            Self::FineTune {} | Self::Joint {} | Self::Focus {} => Ok(()),
        }
    }

    fn build(&self) -> Box<dyn Method> {
        match self {
            Self::FineTune {} => Box::new(FineTune),
            Self::Joint {} => Box::new(Joint),
            Self::Focus {} => Box::new(Focus),
            Self::Replay(it) => Box::new(Replay::new(it.clone())),
            Self::Distill { lambda } => Box::new(Distill::new(*lambda)),
            Self::Prototypes(it) => Box::new(Prototypes::new(it.clone())),
            Self::Imagine(it) => Box::new(Imagine::new(it.clone())),
            Self::Freeze(it) => Box::new(Freeze::new(it.clone())),
            Self::Average(it) => Box::new(Average::new(it.clone())),
            Self::Ema(it) => Box::new(Ema::new(it.clone())),
            Self::StartRows(it) => Box::new(StartRows::new(it.clone())),
            Self::L2(it) => Box::new(L2::new(it.clone())),
            Self::Ewc(it) => Box::new(Measured::ewc(it.clone())),
            Self::Si(it) => Box::new(Si::new(it.clone())),
            Self::Mas(it) => Box::new(Measured::mas(it.clone())),
            Self::Features(it) => Box::new(Features::new(it.clone())),
            Self::Derpp(it) => Box::new(Derpp::new(it.clone())),
            Self::Agem(it) => Box::new(Agem::new(it.clone())),
            Self::Gdumb(it) => Box::new(Gdumb::new(it.clone())),
            Self::EmaTeacher(it) => Box::new(EmaTeacher::new(it.clone())),
            Self::Lora(it) => Box::new(Lora::new(it.clone())),
        }
    }
}

/// Whether stage `stage` is treated by a method that leaves stage 1 alone unless `base`.
///
/// All references do so, as replay does: methods are compared from the same model of stage 1 on.
pub(super) fn base_or_later(base: bool, stage: usize) -> bool {
    stage > usize::from(!base)
}

/// Refuses a number outside 0..=1.
pub(super) fn share_of_one(name: &str, value: f64) -> Result<()> {
    match value {
        0.0..=1.0 => Ok(()),
        value => Err(Error::new(format!("{name} = {value} must be in 0..=1"))),
    }
}

/// Refuses a decay outside 0..1.
pub(super) fn decay(value: f64) -> Result<()> {
    match value {
        0.0..1.0 => Ok(()),
        value => {
            Err(Error::new(format!("decay = {value} must be in 0..1")).help("0.99 spans about 100 steps"))
        }
    }
}

/// Refuses a number that is not above 0.
pub(super) fn positive(name: &str, value: f64) -> Result<()> {
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
        self.0.iter().try_for_each(Ingredient::check)?;
        let follows = self.0.iter().any(|it| matches!(it, Ingredient::EmaTeacher(_)));
        let method = self.build();
        if follows && ![Origin::Data, Origin::Drawn].into_iter().any(|of| method.asks_teacher(of)) {
            return Err(Error::new("'ema-teacher' moves a teacher that no ingredient asks").help(
                "add one that does: [{ method = \"distill\", lambda = 1.0 }, { method = \"ema-teacher\" }]",
            ));
        }
        Ok(())
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
    fn settings_that_make_no_sense_are_refused() {
        for wrong in [
            "{ method = 'replay' }",
            "{ method = 'replay', cells = 5, megabytes = 1.0 }",
            "{ method = 'replay', megabytes = 0.0 }",
            "{ method = 'agem', cells = 0 }",
            "{ method = 'derpp', cells = 5, alpha = 0.0 }",
            "{ method = 'freeze', share = 1.5 }",
            "{ method = 'ema', decay = 1.0 }",
            "{ method = 'lora', rank = 0 }",
            "{ method = 'ema-teacher' }",
            "[{ method = 'prototypes' }, { method = 'ema-teacher' }]",
        ] {
            let file: File =
                toml::from_str(&format!("one = {wrong}\nboth = {{ method = 'joint' }}")).unwrap();
            assert!(file.one.check().is_err(), "{wrong}");
        }
        let followed = TEXT.replace("'replay', cells = 5", "'ema-teacher'");
        toml::from_str::<File>(&followed).unwrap().both.check().unwrap();
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
