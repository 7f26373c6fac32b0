//! Metadata of arrays of Zarr 3: `zarr.json`.

use super::codecs::Packing;
use super::layout::{Element, Index, Layout, Names, fill, lengths, separator};
use crate::elements::{Bits, Form};
use serde::Deserialize;
use serde_json::Value;

const SHARDS: &str = "sharding_indexed";

#[derive(Deserialize)]
struct Version3 {
    shape: Vec<u64>,
    data_type: Named,
    chunk_grid: Named,
    chunk_key_encoding: Named,
    fill_value: Value,
    codecs: Vec<Named>,
    #[serde(default)]
    storage_transformers: Vec<Value>,
}

/// A name with settings, or a name alone.
#[derive(Deserialize)]
#[serde(from = "NamedForm")]
struct Named {
    name: String,
    settings: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NamedForm {
    Name(String),
    Whole {
        name: String,
        #[serde(default)]
        configuration: Value,
    },
}

impl From<NamedForm> for Named {
    fn from(form: NamedForm) -> Self {
        match form {
            NamedForm::Name(name) => Self { name, settings: Value::Null },
            NamedForm::Whole { name, configuration } => Self { name, settings: configuration },
        }
    }
}

/// From `zarr.json`.
pub fn layout(json: Value) -> Result<Layout, String> {
    let it: Version3 = serde_json::from_value(json).map_err(|e| e.to_string())?;
    if it.chunk_grid.name != "regular" {
        return Err(format!("its chunks are laid out as '{}', which is not supported", it.chunk_grid.name));
    }
    if !it.storage_transformers.is_empty() {
        return Err("it has storage transformers, which are not supported".into());
    }
    let list = |value: &Value| {
        let all = value.as_array().into_iter().flatten().map(Value::as_u64);
        lengths(&all.collect::<Option<Vec<_>>>().ok_or("its chunks have no lengths")?)
    };
    let encoding = &it.chunk_key_encoding;
    let (prefix, usual) = match encoding.name.as_str() {
        "default" => (true, "/"),
        "v2" => (false, "."),
        other => return Err(format!("its chunks are named by '{other}', which is not supported")),
    };
    let file = list(&it.chunk_grid.settings["chunk_shape"])?;
    let (mut chunk, mut index, mut codecs) = (file.clone(), None, it.codecs);
    if codecs.iter().any(|codec| codec.name == SHARDS) {
        let [shards] = &codecs[..] else {
            return Err(format!("'{SHARDS}' with other codecs around is not supported"));
        };
        chunk = list(&shards.settings["chunk_shape"])?;
        index = Some(index_of(&shards.settings)?);
        codecs = codecs_in(&shards.settings["codecs"])?;
    }
    let steps = Steps::of(&codecs, file.len())?;
    let element = element3(&it.data_type, steps.big_endian)?;
    if steps.texts != (element == Element::Text) {
        return Err(format!("elements '{}' cannot be packed so", it.data_type.name));
    }
    Layout {
        shape: lengths(&it.shape)?,
        element,
        fill: fill(element, &it.fill_value)?,
        names: Names {
            prefix,
            separator: separator(encoding.settings["separator"].as_str().unwrap_or(usual))?,
        },
        file,
        index,
        chunk,
        by_column: steps.by_column,
        packings: steps.packings,
    }
    .checked()
}

fn codecs_in(list: &Value) -> Result<Vec<Named>, String> {
    Vec::deserialize(list).map_err(|e| format!("its codecs cannot be read: {e}"))
}

fn index_of(settings: &Value) -> Result<Index, String> {
    let mut index = Index {
        in_front: settings["index_location"].as_str() == Some("start"),
        checked: false,
        big_endian: false,
    };
    for codec in codecs_in(&settings["index_codecs"])? {
        match codec.name.as_str() {
            "bytes" => index.big_endian = is_big(&codec.settings),
            "crc32c" => index.checked = true,
            other => return Err(format!("its index is packed by '{other}', which is not supported")),
        }
    }
    Ok(index)
}

fn is_big(settings: &Value) -> bool {
    settings["endian"].as_str() == Some("big")
}

/// What the codecs of Zarr 3 do, taken apart.
#[derive(Default)]
struct Steps {
    by_column: bool,
    texts: bool,
    big_endian: bool,
    packings: Vec<Packing>,
}

impl Steps {
    fn of(codecs: &[Named], axes: usize) -> Result<Self, String> {
        let mut steps = Self::default();
        for codec in codecs {
            match codec.name.as_str() {
                "transpose" => {
                    let order = Vec::<usize>::deserialize(&codec.settings["order"]);
                    steps.by_column ^= match order.as_deref() {
                        Ok([0] | [0, 1]) => false,
                        Ok([1, 0]) => axes == 2,
                        _ => return Err("its axes are transposed in an order that is not supported".into()),
                    };
                }
                "bytes" => steps.big_endian = is_big(&codec.settings),
                "vlen-utf8" => steps.texts = true,
                name => steps.packings.insert(0, Packing::named(name, &codec.settings)?),
            }
        }
        Ok(steps)
    }
}

fn element3(of: &Named, big_endian: bool) -> Result<Element, String> {
    let unknown = || format!("its type '{}' is not supported", of.name);
    let bytes = || {
        let length = of.settings["length_bytes"].as_u64().and_then(|n| usize::try_from(n).ok());
        length.filter(|n| (1..1 << 22).contains(n)).ok_or_else(unknown)
    };
    let number = |bits, size| Element::Number(Form { size, big_endian, bits });
    Ok(match of.name.as_str() {
        "bool" => Element::Bool,
        "int8" => number(Bits::Signed, 1),
        "int16" => number(Bits::Signed, 2),
        "int32" => number(Bits::Signed, 4),
        "int64" => number(Bits::Signed, 8),
        "uint8" => number(Bits::Unsigned, 1),
        "uint16" => number(Bits::Unsigned, 2),
        "uint32" => number(Bits::Unsigned, 4),
        "uint64" => number(Bits::Unsigned, 8),
        "float32" => number(Bits::Float, 4),
        "float64" => number(Bits::Float, 8),
        "string" => Element::Text,
        "null_terminated_bytes" => Element::Bytes(bytes()?),
        "fixed_length_utf32" => Element::Characters { length: bytes()?.div_ceil(4), big_endian },
        _ => return Err(unknown()),
    })
}
