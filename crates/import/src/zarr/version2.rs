//! Metadata of arrays of Zarr 2: `.zarray`.

use super::codecs::Packing;
use super::layout::{Element, Layout, Names, fill, lengths, separator};
use crate::elements::{Bits, Form};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Version2 {
    shape: Vec<u64>,
    chunks: Vec<u64>,
    dtype: Value,
    compressor: Option<Value>,
    filters: Option<Vec<Value>>,
    #[serde(default)]
    fill_value: Value,
    order: String,
    #[serde(default = "dot")]
    dimension_separator: String,
}

fn dot() -> String {
    ".".into()
}

/// From `.zarray`.
pub fn layout(json: Value) -> Result<Layout, String> {
    let it: Version2 = serde_json::from_value(json).map_err(|e| e.to_string())?;
    let code = it.dtype.as_str().ok_or("its elements are of several parts, which is not supported")?;
    let mut element = element2(code)?;
    let mut packings = Vec::new();
    if let Some(codec) = &it.compressor {
        packings.push(packing2(codec)?);
    }
    for filter in it.filters.iter().flatten().rev() {
        match (element, id(filter)) {
            (None, "vlen-utf8") => element = Some(Element::Text),
            _ => packings.push(packing2(filter)?),
        }
    }
    let element = element.ok_or("its elements are objects, not texts")?;
    let chunk = lengths(&it.chunks)?;
    Layout {
        shape: lengths(&it.shape)?,
        element,
        fill: fill(element, &it.fill_value)?,
        names: Names { prefix: false, separator: separator(&it.dimension_separator)? },
        file: chunk.clone(),
        index: None,
        chunk,
        by_column: it.order == "F",
        packings,
    }
    .checked()
}

fn id(codec: &Value) -> &str {
    codec["id"].as_str().unwrap_or("?")
}

fn packing2(codec: &Value) -> Result<Packing, String> {
    Packing::named(id(codec), codec)
}

/// What a type of NumPy is: `<f4`, `|b1`, `|S5`, `<U5`; `None` for objects, of which the filters say what they are.
fn element2(code: &str) -> Result<Option<Element>, String> {
    let unknown = || format!("its type '{code}' is not supported");
    let (order, rest) = code.split_at_checked(1).ok_or_else(unknown)?;
    let (kind, size) = rest.split_at_checked(1).ok_or_else(unknown)?;
    if kind == "O" {
        return Ok(None);
    }
    let length: usize = size.parse().ok().filter(|n| (1..1 << 20).contains(n)).ok_or_else(unknown)?;
    let big_endian = order == ">";
    let number = |bits| Element::Number(Form { size: length, big_endian, bits });
    Ok(Some(match (kind, length) {
        ("b", 1) => Element::Bool,
        ("i", 1 | 2 | 4 | 8) => number(Bits::Signed),
        ("u", 1 | 2 | 4 | 8) => number(Bits::Unsigned),
        ("f", 4 | 8) => number(Bits::Float),
        ("S", _) => Element::Bytes(length),
        ("U", _) => Element::Characters { length, big_endian },
        _ => return Err(unknown()),
    }))
}
