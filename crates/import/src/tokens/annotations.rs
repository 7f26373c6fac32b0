//! The columns that are no lists: annotations of the cells, one of them their ids.

use super::columns::{batches, numbers, texts};
use crate::frame::Values;
use crate::summary::Skipped;
use genil_base::Result;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the column of cell ids is called.
const IDS: [&str; 5] = ["cell_id", "BARCODE_SUB_LIB_ID", "barcode", "id", "__index_level_0__"];

/// All columns that are no lists.
#[derive(Default)]
pub struct Annotations {
    /// The ids of the cells.
    pub index: Vec<String>,
    /// The columns that could be read.
    pub columns: Vec<(String, Values)>,
    /// The columns that could not be read.
    pub skipped: Vec<Skipped>,
}

/// A column in the making.
enum Growing {
    Numbers(Vec<f64>),
    Texts(Vec<Option<String>>),
}

impl Annotations {
    /// Reads the columns of these names from all files.
    pub fn read(files: &[PathBuf], names: &[&str]) -> Result<Self> {
        let mut growing: BTreeMap<usize, Growing> = BTreeMap::new();
        let mut skipped: BTreeMap<usize, String> = BTreeMap::new();
        let mut cells = 0;
        let wanted: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        batches(files, &wanted, usize::MAX, &mut |batch, _| {
            for (place, name) in
                names.iter().enumerate().filter(|(place, _)| !skipped.contains_key(place)).collect::<Vec<_>>()
            {
                let Some(array) = batch.column_by_name(name) else {
                    skipped.insert(place, "not every file has it".into());
                    continue;
                };
                let more = match numbers(array) {
                    Some(numbers) => Some(Growing::Numbers(numbers)),
                    None => texts(array).map(Growing::Texts),
                };
                match (growing.get_mut(&place), more) {
                    (None, Some(more)) if cells == 0 => drop(growing.insert(place, more)),
                    (Some(Growing::Numbers(all)), Some(Growing::Numbers(more))) => all.extend(more),
                    (Some(Growing::Texts(all)), Some(Growing::Texts(more))) => all.extend(more),
                    _ => drop(
                        skipped.insert(place, format!("its type is not supported ({})", array.data_type())),
                    ),
                }
            }
            cells += batch.num_rows();
            Ok(())
        })?;
        let mut it = Self::default();
        for (place, column) in growing.into_iter().filter(|(place, _)| !skipped.contains_key(place)) {
            let values = match column {
                Growing::Numbers(numbers) => Values::Number(numbers),
                Growing::Texts(texts) => Values::of_texts(texts),
            };
            it.columns.push((names[place].to_owned(), values));
        }
        it.skipped = skipped
            .into_iter()
            .map(|(place, reason)| Skipped { name: names[place].to_owned(), reason })
            .collect();
        it.index = it.take_ids(cells);
        Ok(it)
    }

    /// The ids of the cells: of the column that is called so, or numbers.
    fn take_ids(&mut self, cells: usize) -> Vec<String> {
        let named = IDS.iter().find_map(|id| self.columns.iter().position(|(name, _)| name == id));
        let ids = named.map(|place| self.columns.remove(place).1);
        (0..cells)
            .map(|row| match ids.as_ref().and_then(|ids| ids.text(row)) {
                Some(id) => id.into_owned(),
                None => row.to_string(),
            })
            .collect()
    }
}
