//! Several files as one: their genes, panels and annotation columns united.

use crate::ImportOptions;
use crate::frame::Values;
use crate::measured::MeasuredTable;
use crate::names::{Duplicate, Union};
use crate::opened::Opened;
use genil_base::{Error, Result};
use genil_data::store::RESERVED;
use genil_data::{ColumnKind, Gene, Measured, Panel};
use std::collections::HashMap;

/// All files, ready to be written.
pub struct Merged {
    /// All genes; the place of a gene is its id.
    pub genes: Vec<Gene>,
    /// All panels.
    pub panels: Vec<Panel>,
    /// All annotation columns.
    pub columns: Vec<(String, ColumnKind)>,
    /// The files, in the order in which they were named.
    pub files: Vec<Part>,
    /// What the person who imports should know, over all files.
    pub notes: Vec<String>,
}

/// One file within the whole.
pub struct Part {
    /// The file.
    pub opened: Opened,
    /// Its name in the store.
    pub source: String,
    /// For each column of its matrix the id of the gene, if it is one.
    pub gene_ids: Vec<Option<u32>>,
    /// The genes that several rows have.
    pub duplicates: Vec<Duplicate>,
    /// For each cell the number of its panel.
    pub panels: Vec<u16>,
    /// For each column of the store the column of the file, if it has one.
    pub columns: Vec<Option<Values>>,
}

/// Unites `files`.
pub fn merge(files: Vec<Opened>, options: &ImportOptions) -> Result<Merged> {
    let table = match &options.measured {
        Some((path, column)) => Some((MeasuredTable::read(path)?, column.as_str())),
        None => None,
    };
    let sources = sources(&files);
    let mut union = Union::new(options.genes_by);
    let named: Vec<_> = files.iter().map(|file| union.add(&file.genes)).collect();
    let mut merged = Merged {
        genes: union.genes,
        panels: Vec::new(),
        columns: Vec::new(),
        files: Vec::new(),
        notes: Vec::new(),
    };
    let several = files.len() > 1;
    let (names, columns) = unite_columns(&files, several.then_some(&sources));
    merged.columns = names;
    for (((opened, source), (gene_ids, duplicates)), columns) in
        files.into_iter().zip(sources).zip(named).zip(columns)
    {
        let mut part = Part { opened, source, gene_ids, duplicates, panels: Vec::new(), columns };
        part.panels =
            match table.as_ref().and_then(|(table, name)| Some((table, groups(&part.opened, name)?))) {
                Some((table, groups)) => merged.panels_by_group(&part, table, groups, several)?,
                None => {
                    let number = merged.panel(part.source.clone(), present(&part))?;
                    vec![number; part.opened.index.len()]
                }
            };
        merged.files.push(part);
    }
    match table {
        Some((_, name)) if !merged.files.iter().any(|part| groups(&part.opened, name).is_some()) => {
            let known: Vec<&str> = merged.columns.iter().map(|(name, _)| name.as_str()).collect();
            Err(Error::new(format!("no file has the annotation column '{name}' of the measured groups"))
                .help(format!("the columns are: {}", known.join(", "))))
        }
        _ => Ok(merged),
    }
}

impl Merged {
    fn panel(&mut self, name: String, genes: Vec<u32>) -> Result<u16> {
        let number = u16::try_from(self.panels.len())
            .map_err(|_| Error::new("more than 65,536 panels").help("import fewer files into one store"))?;
        self.panels.push(Panel { name, genes: Measured::Only(genes) });
        Ok(number)
    }

    /// One panel for each group of cells in a file; the panel of each cell.
    fn panels_by_group(
        &mut self,
        part: &Part,
        table: &MeasuredTable,
        of: &Values,
        several: bool,
    ) -> Result<Vec<u16>> {
        let present = present(part);
        let unknown =
            present.iter().filter(|&&id| table.measured(&self.genes[id as usize], 0).is_none()).count();
        if unknown > 0 {
            self.notes.push(format!(
                "{unknown} genes of {} are not in the table of measured genes and count as measured",
                part.source
            ));
        }
        let mut numbers: HashMap<String, u16> = HashMap::new();
        (0..of.len())
            .map(|row| {
                let group = of.text(row).unwrap_or_default();
                if let Some(&number) = numbers.get(group.as_ref()) {
                    return Ok(number);
                }
                let column = table.groups().iter().position(|name| *name == group).ok_or_else(|| {
                    Error::new(format!("the group '{group}' is not in the table of measured genes"))
                        .at(format!("cell '{}' of {}", part.opened.index[row], part.source))
                        .help(format!("the groups are: {}", table.groups().join(", ")))
                })?;
                let measured = |id: &u32| table.measured(&self.genes[*id as usize], column) != Some(false);
                let genes = present.iter().copied().filter(measured).collect();
                let name = if several { format!("{}/{group}", part.source) } else { group.to_string() };
                let number = self.panel(name, genes)?;
                numbers.insert(group.into_owned(), number);
                Ok(number)
            })
            .collect()
    }
}

/// The ids of the genes of a file, each once.
fn present(part: &Part) -> Vec<u32> {
    let mut ids: Vec<u32> = part.gene_ids.iter().copied().flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn groups<'a>(opened: &'a Opened, name: &str) -> Option<&'a Values> {
    opened.columns.iter().find(|(found, _)| found == name).map(|(_, values)| values)
}

type Columns = Vec<(String, ColumnKind)>;

/// The columns of the store, and for each file its entries in them. With several files, the first
/// column says which file a cell is from.
fn unite_columns(files: &[Opened], sources: Option<&[String]>) -> (Columns, Vec<Vec<Option<Values>>>) {
    let mut columns: Columns = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    if sources.is_some() {
        columns.push((SOURCE.into(), ColumnKind::Category));
    }
    for (name, values) in files.iter().flat_map(|file| &file.columns) {
        match places.get(name.as_str()) {
            Some(&place) => columns[place].1 = common(columns[place].1, kind(values)),
            None => {
                places.insert(name, columns.len());
                let name = free_name(name, &columns);
                columns.push((name, kind(values)));
            }
        }
    }
    let entries = files.iter().enumerate().map(|(number, file)| {
        let mut entries = vec![None; columns.len()];
        if let Some(sources) = sources {
            let codes = vec![Some(0); file.index.len()];
            entries[0] = Some(Values::Category { codes, names: vec![sources[number].clone()] });
        }
        for (name, values) in &file.columns {
            let place = places[name.as_str()];
            entries[place] = Some(match (columns[place].1, values) {
                (ColumnKind::Number, _) => values.clone(),
                (_, Values::Number(_)) => {
                    Values::Text((0..values.len()).map(|row| values.text(row).map(Into::into)).collect())
                }
                _ => values.clone(),
            });
        }
        entries
    });
    let entries = entries.collect();
    (columns, entries)
}

/// The column that says which file a cell is from.
const SOURCE: &str = "source";

/// The name, with `_obs` appended until neither the store nor another column has it.
fn free_name(name: &str, columns: &Columns) -> String {
    let mut name = name.to_owned();
    while RESERVED.contains(&name.as_str()) || columns.iter().any(|(taken, _)| *taken == name) {
        name.push_str("_obs");
    }
    name
}

fn kind(values: &Values) -> ColumnKind {
    match values {
        Values::Category { .. } => ColumnKind::Category,
        Values::Number(_) => ColumnKind::Number,
        Values::Text(_) => ColumnKind::Text,
    }
}

/// What a column holds that is one thing in one file and another in the next.
fn common(a: ColumnKind, b: ColumnKind) -> ColumnKind {
    match (a, b) {
        (a, b) if a == b => a,
        (ColumnKind::Text, ColumnKind::Number) | (ColumnKind::Number, ColumnKind::Text) => ColumnKind::Text,
        _ => ColumnKind::Category,
    }
}

/// A name for each file: its own without the ending, made unique.
fn sources(files: &[Opened]) -> Vec<String> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    files
        .iter()
        .map(|file| {
            let name = file.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let times = taken.entry(name.clone()).or_default();
            *times += 1;
            if *times == 1 { name } else { format!("{name}-{times}") }
        })
        .collect()
}
