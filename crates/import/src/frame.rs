//! The tables `obs` and `var` of an AnnData file: an index and columns of many encodings.
//! A column that cannot be read is set aside with its reason; only the index is needed.

use crate::hierarchy::{Attribute, Hierarchy, Kind};
use crate::summary::Skipped;
use genil_base::{Error, Result};

/// A table: one row a cell or a gene.
pub struct Frame {
    /// The name of each row.
    pub index: Vec<String>,
    /// The columns that could be read, in the file's order.
    pub columns: Vec<(String, Values)>,
    /// The columns that could not be read, and why.
    pub skipped: Vec<Skipped>,
}

/// The entries of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// One of a few names; `None` where nothing is known.
    Category {
        /// For each row, a place in `names`.
        codes: Vec<Option<u32>>,
        /// The names, in the file's order.
        names: Vec<String>,
    },
    /// Numbers; NaN where nothing is known.
    Number(Vec<f64>),
    /// Free text.
    Text(Vec<Option<String>>),
}

impl Values {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Category { codes, .. } => codes.len(),
            Self::Number(numbers) => numbers.len(),
            Self::Text(texts) => texts.len(),
        }
    }

    /// The entry of a row as text, if there is one.
    pub fn text(&self, row: usize) -> Option<std::borrow::Cow<'_, str>> {
        match self {
            Self::Category { codes, names } => codes[row].map(|code| names[code as usize].as_str().into()),
            Self::Number(numbers) => Some(numbers[row]).filter(|n| !n.is_nan()).map(|n| n.to_string().into()),
            Self::Text(texts) => texts[row].as_deref().map(Into::into),
        }
    }

    /// Text as categories when names repeat, as anndata itself does when it writes.
    pub fn of_texts(texts: Vec<Option<String>>) -> Self {
        match Self::categories(&texts) {
            Self::Category { names, .. }
                if names.len() == texts.iter().flatten().count() && !names.is_empty() =>
            {
                Self::Text(texts)
            }
            categories => categories,
        }
    }

    /// Categories, numbered by first occurrence.
    pub fn categories(texts: &[Option<String>]) -> Self {
        let mut codes = std::collections::HashMap::new();
        let mut names = Vec::new();
        for name in texts.iter().flatten() {
            codes.entry(name.as_str()).or_insert_with(|| {
                names.push(name.clone());
                names.len() as u32 - 1
            });
        }
        let codes = texts.iter().map(|name| name.as_deref().map(|name| codes[name])).collect();
        Self::Category { codes, names }
    }
}

impl Frame {
    /// Reads the table at `place`: `obs`, `var` or `raw/var`.
    pub fn read(file: &dyn Hierarchy, place: &str) -> Result<Self> {
        if !file.has_group(place) {
            let what = if file.has(place) {
                "is a table of the layout before anndata 0.7, which is not supported"
            } else {
                "does not exist"
            };
            return Err(Error::new(format!("'{place}' {what}"))
                .help("open the file with a current anndata and write it again: adata.write_h5ad(...)"));
        }
        let index_name = file.text(place, "_index").unwrap_or_else(|| "_index".into());
        let index = read_index(file, &format!("{place}/{index_name}")).map_err(|e| {
            e.help(format!(
                "'{place}' needs the names of its rows; write the file again with a current anndata"
            ))
        })?;
        let names = match file.attribute(place, "column-order") {
            Some(Attribute::Texts(names)) => names,
            _ => file.names(place)?.into_iter().filter(|n| *n != index_name && n != "__categories").collect(),
        };
        Ok(Self::with_columns(file, place, index, names))
    }

    /// Reads the group at `place` whose arrays, of `rows` entries each, are the columns of a table: the first of
    /// `names` that is there has the names of the rows.
    pub fn of_attributes(file: &dyn Hierarchy, place: &str, names: &[&str], rows: usize) -> Result<Self> {
        let mut columns = file.names(place)?;
        let Some(name) = names.iter().find_map(|name| columns.iter().position(|found| found == name)) else {
            return Err(Error::new(format!("'{place}' has no names: none of {}", names.join(", ")))
                .help(format!("it has: {}", columns.join(", "))));
        };
        let index = read_index(file, &format!("{place}/{}", columns.remove(name)))?;
        match index.len() == rows {
            true => Ok(Self::with_columns(file, place, index, columns)),
            false => Err(Error::new(format!("'{place}' has {} names for {rows} rows", index.len()))),
        }
    }

    fn with_columns(file: &dyn Hierarchy, place: &str, index: Vec<String>, names: Vec<String>) -> Self {
        let mut frame = Self { index, columns: Vec::new(), skipped: Vec::new() };
        for name in names {
            match read_values(file, place, &name, frame.index.len()) {
                Ok(values) => frame.columns.push((name, values)),
                Err(error) => frame.skipped.push(Skipped { name, reason: error.what().to_owned() }),
            }
        }
        frame
    }
}

fn read_index(file: &dyn Hierarchy, place: &str) -> Result<Vec<String>> {
    let values = read_encoded(file, place)?;
    (0..values.len())
        .map(|row| values.text(row).map(|name| name.into_owned()))
        .collect::<Option<_>>()
        .ok_or_else(|| Error::new(format!("'{place}' has rows without a name")))
}

fn read_values(file: &dyn Hierarchy, frame: &str, name: &str, rows: usize) -> Result<Values> {
    let place = format!("{frame}/{name}");
    // anndata 0.7 kept the names of categories apart, and codes where the column is.
    let legacy = format!("{frame}/__categories/{name}");
    let values = if file.has(&legacy) && !file.has_group(&place) {
        categories(file, &place, &legacy)?
    } else {
        match read_encoded(file, &place)? {
            Values::Text(texts) => Values::of_texts(texts),
            other => other,
        }
    };
    if values.len() == rows {
        return Ok(values);
    }
    Err(Error::new(format!("'{place}' has {} entries for {rows} rows", values.len())))
}

/// Reads one array, or a group of arrays that together make a column.
fn read_encoded(file: &dyn Hierarchy, place: &str) -> Result<Values> {
    let (codes, names) = (format!("{place}/codes"), format!("{place}/categories"));
    if file.has_group(place) && file.has(&codes) {
        return categories(file, &codes, &names);
    }
    read_masked(file, place)
}

/// Reads one array, or an array with a mask of what is missing.
fn read_masked(file: &dyn Hierarchy, place: &str) -> Result<Values> {
    if !file.has_group(place) {
        return read_plain(file, place);
    }
    let at = |part: &str| format!("{place}/{part}");
    if !file.has(&at("mask")) {
        let encoding = file.text(place, "encoding-type").unwrap_or_default();
        return Err(Error::new(format!("'{place}' ({encoding}) has neither codes nor a mask")));
    }
    let missing = file.column(&at("mask"))?.bools()?;
    let mut values = read_plain(file, &at("values"))?;
    if missing.len() != values.len() {
        return Err(Error::new(format!("'{place}' has not as many values as its mask")));
    }
    for row in (0..missing.len()).filter(|&row| missing[row]) {
        match &mut values {
            Values::Category { codes, .. } => codes[row] = None,
            Values::Number(numbers) => numbers[row] = f64::NAN,
            Values::Text(texts) => texts[row] = None,
        }
    }
    Ok(values)
}

fn read_plain(file: &dyn Hierarchy, place: &str) -> Result<Values> {
    let array = file.column(place)?;
    Ok(match array.kind()? {
        Kind::Whole | Kind::Float => Values::Number(array.f64s(0..array.rows())?),
        Kind::Text => Values::Text(array.texts()?.into_iter().map(Some).collect()),
        Kind::Bool => {
            let codes = array.bools()?.into_iter().map(|yes| Some(u32::from(yes))).collect();
            Values::Category { codes, names: vec!["false".into(), "true".into()] }
        }
    })
}

fn categories(file: &dyn Hierarchy, codes: &str, names: &str) -> Result<Values> {
    // Never categories of categories: a group may hold itself.
    let names = read_masked(file, names)?;
    let names: Vec<String> =
        (0..names.len()).map(|row| names.text(row).unwrap_or_default().into_owned()).collect();
    let array = file.column(codes)?;
    let known = |code: i64| match u32::try_from(code) {
        Err(_) => Ok(None),
        Ok(code) if (code as usize) < names.len() => Ok(Some(code)),
        Ok(code) => Err(array.error(&format!("the code {code} has no category"))),
    };
    let codes = array.i64s(0..array.rows())?.into_iter().map(known).collect::<Result<_>>()?;
    Ok(Values::Category { codes, names })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_repeats_is_a_category_and_text_that_does_not_is_text() {
        let texts = |all: &[Option<&str>]| all.iter().map(|t| t.map(String::from)).collect::<Vec<_>>();
        let repeated = Values::of_texts(texts(&[Some("B"), None, Some("A"), Some("B")]));
        let names = vec!["B".to_string(), "A".to_string()];
        assert_eq!(repeated, Values::Category { codes: vec![Some(0), None, Some(1), Some(0)], names });
        let notes = texts(&[Some("x"), None, Some("y")]);
        assert_eq!(Values::of_texts(notes.clone()), Values::Text(notes));
    }
}
