//! Cells as lists of gene tokens and values in Parquet, as scGPT and Tahoe-100M lay them out: a row a cell, one
//! column of lists of whole numbers (`genes`), one of lists of values (`expressions`), all others annotations.
//!
//! What a token means is said by a file beside: `gene_metadata.parquet` (`token_id`, `gene_symbol`,
//! `ensembl_id`) or a JSON object of names and numbers (`vocab.json`).

use crate::caught::caught;
use crate::frame::Values;
use crate::matrix::{Matrix, Slab};
use crate::names;
use crate::opened::Opened;
use crate::summary::Skipped;
use crate::text::files_below;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::types::{UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use genil_base::files::{parent, read_text};
use genil_base::{Error, Result};
use genil_data::Gene;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Cells read at a time.
const TOGETHER: usize = 4096;
/// What the two columns of lists are called; else the first two of the right kinds are taken.
const TOKENS: [&str; 5] = ["genes", "gene_ids", "gene_tokens", "input_ids", "indices"];
const VALUES: [&str; 5] = ["expressions", "expression", "values", "counts", "data"];
/// What the column of cell ids is called.
const IDS: [&str; 5] = ["cell_id", "BARCODE_SUB_LIB_ID", "barcode", "id", "__index_level_0__"];

/// The files of one data set.
struct Tokens {
    files: Vec<PathBuf>,
    lists: [String; 2],
    /// For each token the column of its gene.
    columns: HashMap<i64, u32>,
    counts: bool,
}

/// What is done with the tokens and values of every cell.
type EachCell<'a> = &'a mut dyn FnMut(&[f64], &[f64]) -> Result<()>;

/// Whether a path is such a file, or a folder with such files.
pub fn is_parquet(path: &Path) -> Result<bool> {
    Ok(!shards(path)?.is_empty())
}

/// The Parquet files at a path that hold cells, in the order of their names.
fn shards(path: &Path) -> Result<Vec<PathBuf>> {
    let is = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "parquet");
    let is_vocabulary = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().contains("gene_metadata"))
    };
    let files = if path.is_dir() { files_below(path)? } else { vec![path.to_owned()] };
    Ok(files.into_iter().filter(is).filter(|path| !is_vocabulary(path)).collect())
}

/// Reads everything but the values.
pub fn open(path: &Path) -> Result<Opened> {
    let files = shards(path)?;
    let first = files.first().ok_or_else(|| Error::new("there is no Parquet file here").at_path(path))?;
    let schema = builder(first)?.schema().clone();
    let lists = lists(&schema).map_err(|e| e.at_path(first))?;
    let vocabulary = vocabulary(path)?;
    let scalars: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .filter(|name| !lists.contains(&(*name).to_owned()))
        .collect();
    let annotations = Annotations::read(&files, &scalars)?;
    let (genes, columns, notes) = match vocabulary {
        Some((names, beside)) => {
            let columns = names.keys().copied().zip(0..).collect();
            (names.into_values().collect(), columns, vec![format!("genes from {}", beside.display())])
        }
        None => {
            let tokens = used_tokens(&files, &lists)?;
            let gene = |token: &i64| Some(Gene { symbol: token.to_string(), ensembl: None });
            let note =
                "no file of genes was found beside (gene_metadata.parquet, vocab.json): genes are called by \
                        their tokens"
                    .to_owned();
            (tokens.iter().map(gene).collect(), tokens.iter().copied().zip(0..).collect(), vec![note])
        }
    };
    let mut matrix = Tokens { files, lists, columns, counts: true };
    matrix.counts = matrix.first_are_whole()?;
    let Annotations { index, columns, skipped } = annotations;
    Ok(Opened {
        path: path.to_owned(),
        index,
        columns,
        genes,
        counts: matrix.counts,
        taken: matrix.lists[1].clone(),
        matrix: Box::new(matrix),
        skipped,
        notes,
    })
}

/// The names of the columns of tokens and of values.
fn lists(schema: &SchemaRef) -> Result<[String; 2]> {
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

fn builder(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(|e| Error::io("open", path, &e))?;
    read(path, || ParquetRecordBatchReaderBuilder::try_new(file))
}

/// What the library reads.
fn read<T>(path: &Path, work: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T> {
    let done = caught(work).ok_or_else(|| broken(path, &"it contradicts itself"))?;
    done.map_err(|e| broken(path, &e))
}

fn broken(path: &Path, error: &dyn std::fmt::Display) -> Error {
    let what = error.to_string();
    let help = if what.to_lowercase().contains("disabled feature") {
        "write it again with a compression that can be read: pq.write_table(table, path, compression='snappy')"
    } else {
        "the file may be cut short or damaged: copy it again"
    };
    Error::new(format!("cannot be read as Parquet: {what}")).at_path(path).help(help)
}

/// Calls `each` with the batches of the files, of these columns and at most so many rows of each file.
fn batches(
    files: &[PathBuf],
    columns: &[String],
    most: usize,
    each: &mut dyn FnMut(&RecordBatch, &Path) -> Result<()>,
) -> Result<()> {
    for path in files {
        let builder = builder(path)?.with_limit(most);
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().map(String::as_str));
        let mut reader: ParquetRecordBatchReader =
            read(path, || builder.with_projection(mask).with_batch_size(TOGETHER).build())?;
        while let Some(batch) = read(path, || Ok(reader.next().transpose()?))? {
            each(&batch, path)?;
        }
    }
    Ok(())
}

impl Tokens {
    /// Calls `each` with every cell's tokens and values. An entry in front with a negative value is the mark of
    /// the cell (`<cls>`, −2) and left out.
    fn cells(&self, each: EachCell<'_>) -> Result<()> {
        each_cell(&self.files, &self.lists, usize::MAX, each)
    }

    fn first_are_whole(&self) -> Result<bool> {
        let files = &self.files[..1];
        let mut whole = true;
        each_cell(files, &self.lists, TOGETHER, &mut |_, values| {
            whole &= values.iter().all(|value| value.fract() == 0.0);
            Ok(())
        })?;
        Ok(whole)
    }
}

fn each_cell(files: &[PathBuf], lists: &[String; 2], most: usize, each: EachCell<'_>) -> Result<()> {
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

/// Numbers of any width; NaN where there is none. Whole numbers are exact up to 2⁵³.
fn numbers(array: &ArrayRef) -> Option<Vec<f64>> {
    macro_rules! all {
        ($kind:ty) => {
            array.as_primitive::<$kind>().iter().map(|n| n.map_or(f64::NAN, |n| n as f64)).collect()
        };
    }
    Some(match array.data_type() {
        DataType::Int8 => all!(Int8Type),
        DataType::Int16 => all!(Int16Type),
        DataType::Int32 => all!(Int32Type),
        DataType::Int64 => all!(Int64Type),
        DataType::UInt8 => all!(UInt8Type),
        DataType::UInt16 => all!(UInt16Type),
        DataType::UInt32 => all!(UInt32Type),
        DataType::UInt64 => all!(UInt64Type),
        DataType::Float32 => all!(Float32Type),
        DataType::Float64 => all!(Float64Type),
        _ => return None,
    })
}

/// Texts; `None` where the array holds something else.
fn texts(array: &ArrayRef) -> Option<Vec<Option<String>>> {
    let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().map(owned).collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().map(owned).collect(),
        DataType::Utf8View => array.as_string_view().iter().map(owned).collect(),
        DataType::Boolean => array.as_boolean().iter().map(|yes| yes.map(|yes| yes.to_string())).collect(),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary_opt()?;
            let names = texts(dictionary.values())?;
            let keys = dictionary.normalized_keys();
            (0..keys.len())
                .map(|row| array.is_valid(row).then(|| names[keys[row]].clone()).flatten())
                .collect()
        }
        _ => return None,
    })
}

/// All columns that are no lists.
#[derive(Default)]
struct Annotations {
    index: Vec<String>,
    columns: Vec<(String, Values)>,
    skipped: Vec<Skipped>,
}

/// A column in the making.
enum Growing {
    Numbers(Vec<f64>),
    Texts(Vec<Option<String>>),
}

impl Annotations {
    fn read(files: &[PathBuf], names: &[&str]) -> Result<Self> {
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

/// The genes by their tokens, and where they were found: beside, or one folder up.
type Vocabulary = (BTreeMap<i64, Option<Gene>>, PathBuf);

fn vocabulary(path: &Path) -> Result<Option<Vocabulary>> {
    let here = if path.is_dir() { path.to_owned() } else { parent(path).to_owned() };
    for folder in [here.clone(), here.join(".."), here.join("../metadata"), here.join("metadata")] {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            if name.contains("gene_metadata") && name.ends_with(".parquet") {
                return Ok(Some((gene_metadata(&file)?, file)));
            }
            if name.ends_with("vocab.json") {
                return Ok(Some((vocab_json(&file)?, file)));
            }
        }
    }
    Ok(None)
}

/// `token_id`, `gene_symbol`, `ensembl_id`, as Tahoe-100M has them.
fn gene_metadata(path: &Path) -> Result<BTreeMap<i64, Option<Gene>>> {
    let names = ["token_id", "gene_symbol", "ensembl_id"];
    let mut genes = BTreeMap::new();
    batches(&[path.to_owned()], &names.map(ToOwned::to_owned), usize::MAX, &mut |batch, _| {
        let tokens = batch.column_by_name(names[0]).and_then(numbers);
        let tokens = tokens.ok_or_else(|| {
            Error::new("the genes have no column 'token_id'")
                .at_path(path)
                .help("gene_metadata.parquet has token_id, gene_symbol and ensembl_id")
        })?;
        let column = |name| batch.column_by_name(name).and_then(texts);
        let (symbols, ids) = (column(names[1]), column(names[2]));
        for (row, token) in tokens.into_iter().enumerate() {
            let entry =
                |column: &Option<Vec<Option<String>>>| column.as_ref().and_then(|all| all[row].clone());
            genes.insert(token as i64, named(entry(&symbols), entry(&ids)));
        }
        Ok(())
    })?;
    Ok(genes)
}

/// A JSON object of names and tokens, as scGPT has it. `<cls>` and the like are no genes.
fn vocab_json(path: &Path) -> Result<BTreeMap<i64, Option<Gene>>> {
    let names: HashMap<String, i64> = serde_json::from_str(&read_text(path)?).map_err(|e| {
        Error::new(format!("not an object of names and tokens: {e}"))
            .at_path(path)
            .help(r#"such as {"CD3E": 12, …}"#)
    })?;
    let is_special = |name: &str| name.starts_with('<') && name.ends_with('>');
    Ok(names
        .into_iter()
        .map(|(name, token)| (token, if is_special(&name) { None } else { named(Some(name), None) }))
        .collect())
}

fn named(symbol: Option<String>, id: Option<String>) -> Option<Gene> {
    let id = id.filter(|id| genil_data::genes::is_ensembl(id));
    names::gene(symbol, id.map(|id| genil_data::genes::without_version(&id).to_owned()))
}

/// The tokens that occur, in order.
fn used_tokens(files: &[PathBuf], lists: &[String; 2]) -> Result<Vec<i64>> {
    let mut used = std::collections::BTreeSet::new();
    each_cell(files, lists, usize::MAX, &mut |tokens, _| {
        used.extend(tokens.iter().map(|&token| token as i64));
        Ok(())
    })?;
    Ok(used.into_iter().collect())
}

impl Matrix for Tokens {
    fn visit(&self, each: &mut dyn FnMut(Slab) -> Result<()>) -> Result<()> {
        let mut slab = Slab { offsets: vec![0], ..Slab::default() };
        self.cells(&mut |tokens, values| {
            for (&token, &value) in tokens.iter().zip(values) {
                let column = self.columns.get(&(token as i64)).ok_or_else(|| {
                    Error::new(format!("the token {token} is no gene of the vocabulary"))
                        .at(format!("cell {}", slab.first + slab.offsets.len() - 1))
                        .help("the vocabulary beside the file must be the one it was made with")
                })?;
                slab.genes.push(*column);
                slab.values.push(value as f32);
            }
            slab.offsets.push(slab.genes.len());
            if slab.offsets.len() <= TOGETHER {
                return Ok(());
            }
            let first = slab.first + slab.offsets.len() - 1;
            each(std::mem::replace(&mut slab, Slab { first, offsets: vec![0], ..Slab::default() }))
        })?;
        each(slab)
    }

    fn looks_like_counts(&self) -> Result<bool> {
        Ok(self.counts)
    }
}
