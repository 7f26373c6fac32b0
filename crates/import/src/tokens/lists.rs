//! The two columns of lists: the gene tokens and the values of every cell.

use super::columns::{batches, numbers};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, SchemaRef};
use genil_base::{Error, Result};
use std::path::PathBuf;

/// What the two columns of lists are called; else the first two of the right kinds are taken.
const TOKENS: [&str; 5] = ["genes", "gene_ids", "gene_tokens", "input_ids", "indices"];
const VALUES: [&str; 5] = ["expressions", "expression", "values", "counts", "data"];

/// What is done with the tokens and values of every cell.
pub type EachCell<'a> = &'a mut dyn FnMut(&[f64], &[f64]) -> Result<()>;

/// The names of the columns of tokens and of values.
pub fn names(schema: &SchemaRef) -> Result<[String; 2]> {
    let of = |names: &[&str], wanted: &dyn Fn(&DataType) -> bool, not: &str| {
        let lists: Vec<&String> = schema
            .fields()
            .iter()
            .filter(|field| matches!(field.data_type(), DataType::List(of) | DataType::LargeList(of) if wanted(of.data_type())))
            .map(|field| field.name())
            .filter(|name| *name != not)
            .collect();
        names
            .iter()
            .find_map(|name| lists.iter().find(|found| found.eq_ignore_ascii_case(name)))
            .or(lists.first())
            .map(|name| (*name).clone())
    };
    let tokens = of(&TOKENS, &DataType::is_integer, "");
    let values = tokens.as_ref().and_then(|tokens| of(&VALUES, &DataType::is_numeric, tokens));
    match (tokens, values) {
        (Some(tokens), Some(values)) => Ok([tokens, values]),
        _ => {
            let found: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            Err(Error::new("the file has no column of lists of gene tokens and one of values").help(format!(
                "as scGPT and Tahoe-100M have them: genes, expressions; it has: {}",
                found.join(", ")
            )))
        }
    }
}

/// Calls `each` with every cell's tokens and values, of at most so many cells of each file. An entry in front with a negative
/// value is the mark of the cell (`<cls>`, −2) and left out.
pub fn each_cell(files: &[PathBuf], lists: &[String; 2], most: usize, each: EachCell<'_>) -> Result<()> {
    batches(files, lists, most, &mut |batch, path| {
        let column = |name: &String| {
            let array = batch.column_by_name(name).ok_or_else(|| {
                Error::new(format!("the file has no column '{name}', which the first one has")).at_path(path)
            })?;
            List::of(array).ok_or_else(|| Error::new(format!("'{name}' is no list of numbers")).at_path(path))
        };
        let (tokens, values) = (column(&lists[0])?, column(&lists[1])?);
        for row in 0..batch.num_rows() {
            let (tokens, values) = (tokens.row(row), values.row(row));
            if tokens.len() != values.len() {
                let what = format!("a cell has {} tokens and {} values", tokens.len(), values.len());
                return Err(Error::new(what).at_path(path));
            }
            let marked = usize::from(values.first().is_some_and(|&value| value < 0.0));
            each(&tokens[marked..], &values[marked..])?;
        }
        Ok(())
    })
}

/// A column of lists of numbers.
struct List {
    offsets: Vec<usize>,
    numbers: Vec<f64>,
}

impl List {
    fn of(array: &ArrayRef) -> Option<Self> {
        let (offsets, numbers) = match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                (list.value_offsets().iter().map(|&at| at as usize).collect(), numbers(list.values())?)
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                (list.value_offsets().iter().map(|&at| at as usize).collect(), numbers(list.values())?)
            }
            _ => return None,
        };
        Some(Self { offsets, numbers })
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.numbers[self.offsets[row]..self.offsets[row + 1]]
    }
}
