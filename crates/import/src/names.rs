//! What a gene is called: which column holds symbols and which Ensembl ids, and which rows of a
//! file are the same gene.

use crate::GenesBy;
use crate::frame::{Frame, Values};
use genil_base::{Error, Result};
use genil_data::Gene;
use genil_data::genes::{is_ensembl, without_version};
use std::borrow::Cow;
use std::collections::HashMap;

/// Where symbols are kept when the index holds something else, as files in the wild name it.
const SYMBOL_COLUMNS: [&str; 12] = [
    "feature_name",
    "gene_symbols",
    "gene_symbol",
    "gene_name",
    "gene_names",
    "symbol",
    "symbols",
    "gene_short_name",
    "hgnc_symbol",
    "features",
    "name",
    "gene",
];

/// The genes of one file, one for each row of `var`, and in words where their names came from.
#[derive(Debug, Clone)]
pub struct Names {
    /// In the order of the file's columns; a symbol is never empty.
    pub genes: Vec<Gene>,
    /// Such as "symbols from the index, Ensembl ids from 'ensembl_id'".
    pub origin: String,
}

/// Finds symbols and Ensembl ids in a table of genes, by what the entries look like.
pub fn of_frame(var: &Frame) -> Result<Names> {
    let rows = var.index.len();
    let index_is_ensembl = rows > 0 && var.index.iter().filter(|name| is_ensembl(name)).count() * 2 > rows;
    let index_is_number = rows > 0 && var.index.iter().all(|name| name.parse::<u64>().is_ok());

    let named = |wanted: &&str| {
        var.columns.iter().find(|(name, values)| name.eq_ignore_ascii_case(wanted) && is_text(values))
    };
    let symbols = match index_is_ensembl || index_is_number {
        true => SYMBOL_COLUMNS.iter().find_map(named),
        false => None,
    };
    let ids = match index_is_ensembl {
        true => None,
        false => var.columns.iter().find(|(_, values)| holds_ensembl(values)),
    };

    let entry = |column: &(String, Values), row: usize| column.1.text(row).map(Cow::into_owned);
    let genes = (0..rows).map(|row| {
        let index = || Some(var.index[row].clone());
        let symbol = match symbols {
            Some(column) => entry(column, row),
            None if index_is_ensembl => None,
            None => index(),
        };
        let id = if index_is_ensembl { index() } else { ids.and_then(|column| entry(column, row)) };
        let id = id.filter(|id| is_ensembl(id)).map(|id| without_version(&id).to_owned());
        gene(symbol, id).ok_or_else(|| Error::new(format!("row {row} of the genes has no name")))
    });
    let genes = genes.collect::<Result<_>>()?;
    let origin = [("symbols", symbols, !index_is_ensembl), ("Ensembl ids", ids, index_is_ensembl)]
        .map(|(what, column, in_index)| match column {
            Some((name, _)) => format!("{what} from '{name}'"),
            None if in_index => format!("{what} from the index"),
            None => format!("no {what}"),
        })
        .join(", ");
    Ok(Names { genes, origin })
}

/// Whether most entries that are not empty are Ensembl ids.
fn holds_ensembl(values: &Values) -> bool {
    let filled = (0..values.len()).filter_map(|row| values.text(row)).filter(|text| !text.is_empty());
    let (ids, others): (Vec<_>, Vec<_>) = filled.partition(|text| is_ensembl(text));
    ids.len() > others.len()
}

/// The gene of this symbol and this id, where one may stand in for the other. A "symbol" that is an
/// Ensembl id loses its version, so that the same gene has the same name in every file.
pub fn gene(symbol: Option<String>, ensembl: Option<String>) -> Option<Gene> {
    let symbol = symbol.map(|name| without_version(name.trim()).to_owned()).filter(|name| !name.is_empty());
    let ensembl = ensembl.or_else(|| symbol.clone().filter(|name| is_ensembl(name)));
    Some(Gene { symbol: symbol.or_else(|| ensembl.clone())?, ensembl })
}

fn is_text(values: &Values) -> bool {
    !matches!(values, Values::Number(_))
}

/// The genes of a store in the making: files add theirs, and rows of the same gene meet.
pub struct Union {
    by: GenesBy,
    ids: HashMap<String, u32>,
    symbols: HashMap<String, u32>,
    /// The genes so far; the place of a gene is its id.
    pub genes: Vec<Gene>,
}

/// A gene that several rows of one file have.
#[derive(Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The symbol.
    pub gene: String,
    /// How many rows.
    pub rows: usize,
}

impl Union {
    /// No genes yet. Rows are the same gene when they agree in what `by` says.
    pub fn new(by: GenesBy) -> Self {
        Self { by, ids: HashMap::new(), symbols: HashMap::new(), genes: Vec::new() }
    }

    /// Adds the genes of a file: the id of each row's gene, and the genes that several rows have.
    pub fn add(&mut self, genes: &[Option<Gene>]) -> (Vec<Option<u32>>, Vec<Duplicate>) {
        let ids: Vec<Option<u32>> =
            genes.iter().map(|gene| gene.as_ref().map(|gene| self.id(gene))).collect();
        let mut rows = vec![0usize; self.genes.len()];
        ids.iter().flatten().for_each(|&id| rows[id as usize] += 1);
        let twice = rows.iter().zip(&self.genes).filter(|(rows, _)| **rows > 1);
        let duplicates = twice.map(|(&rows, gene)| Duplicate { gene: gene.symbol.clone(), rows }).collect();
        (ids, duplicates)
    }

    fn id(&mut self, gene: &Gene) -> u32 {
        let key = match (self.by, &gene.ensembl) {
            (GenesBy::Ensembl, Some(ensembl)) => ensembl,
            _ => &gene.symbol,
        };
        if let Some(&id) = self.ids.get(key) {
            let known = &mut self.genes[id as usize];
            if known.ensembl.is_none() {
                known.ensembl.clone_from(&gene.ensembl);
            }
            return id;
        }
        let id = self.genes.len() as u32;
        self.ids.insert(key.clone(), id);
        // By Ensembl id two genes may share a symbol: the second is called by its id.
        let mut new = gene.clone();
        if self.symbols.contains_key(&new.symbol) {
            new.symbol.clone_from(key);
        }
        self.symbols.insert(new.symbol.clone(), id);
        self.genes.push(new);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(index: &[&str], columns: &[(&str, &[&str])]) -> Frame {
        let text = |all: &[&str]| Values::Text(all.iter().map(|t| Some(t.to_string())).collect());
        Frame {
            index: index.iter().map(|name| name.to_string()).collect(),
            columns: columns.iter().map(|(name, all)| (name.to_string(), text(all))).collect(),
            skipped: Vec::new(),
        }
    }

    fn made(symbol: &str, ensembl: Option<&str>) -> Gene {
        Gene { symbol: symbol.into(), ensembl: ensembl.map(Into::into) }
    }

    #[test]
    fn symbols_and_ids_are_found_wherever_they_are() {
        let (a, b) = ("ENSG00000198851", "ENSG00000090382");
        let expected = [made("CD3E", Some(a)), made("LYZ", Some(b))];
        let versions = ["ENSG00000198851.10", "ENSG00000090382.7"];
        let by_symbol = frame(&["CD3E", "LYZ"], &[("n", &["x", "y"]), ("gene_ids", &versions)]);
        let by_id = frame(&versions, &[("Feature_Name", &["CD3E", "LYZ"])]);
        let by_number = frame(&["0", "1"], &[("gene_symbols", &["CD3E", "LYZ"]), ("id", &[a, b])]);
        for var in [by_symbol, by_id, by_number] {
            assert_eq!(of_frame(&var).unwrap().genes, expected, "{:?}", var.index);
        }
        let ids_only = of_frame(&frame(&versions, &[])).unwrap();
        assert_eq!(ids_only.genes, [made(a, Some(a)), made(b, Some(b))]);
        let symbols_only = of_frame(&frame(&["CD3E", "AC004556.1"], &[])).unwrap();
        assert_eq!(symbols_only.genes, [made("CD3E", None), made("AC004556.1", None)]);
    }

    #[test]
    fn rows_of_the_same_gene_meet_within_and_across_files() {
        let mut union = Union::new(GenesBy::Symbol);
        let (ids, duplicates) =
            union.add(&[Some(made("A", None)), Some(made("B", None)), None, Some(made("A", Some("ENSG1")))]);
        assert_eq!(ids, [Some(0), Some(1), None, Some(0)]);
        assert_eq!(duplicates, [Duplicate { gene: "A".into(), rows: 2 }]);
        let (ids, duplicates) = union.add(&[Some(made("C", None)), Some(made("B", None))]);
        assert_eq!(ids, [Some(2), Some(1)]);
        assert!(duplicates.is_empty());
        assert_eq!(union.genes[0].ensembl.as_deref(), Some("ENSG1"), "an id that a later row knows is kept");
    }

    #[test]
    fn by_ensembl_id_two_genes_of_one_symbol_stay_two() {
        let mut union = Union::new(GenesBy::Ensembl);
        let genes = [("A", "ENSG1"), ("A", "ENSG2"), ("old A", "ENSG1")];
        let (ids, _) = union.add(&genes.map(|(symbol, id)| Some(made(symbol, Some(id)))));
        assert_eq!(ids, [Some(0), Some(1), Some(0)]);
        assert_eq!(union.genes[1].symbol, "ENSG2");
    }
}
