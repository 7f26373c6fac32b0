//! Other names of a gene, from HGNC's table (`hgnc_complete_set.txt`, or its custom downloads): approved symbol,
//! previous symbols, aliases and Ensembl id.

use crate::text::open_text;
use genil_base::{Error, Result};
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// Names that mean the same gene.
pub struct Aliases {
    /// All names of each gene.
    genes: Vec<Vec<String>>,
    /// The genes that a name may mean.
    by_name: HashMap<String, Vec<usize>>,
}

/// The columns as HGNC's full table and its custom downloads call them.
const COLUMNS: [(&str, &str); 4] = [
    ("symbol", "approved symbol"),
    ("prev_symbol", "previous symbols"),
    ("alias_symbol", "alias symbols"),
    ("ensembl_gene_id", "ensembl gene id"),
];

impl Aliases {
    /// Reads the table at `path`, maybe gzipped.
    ///
    /// # Errors
    /// When there is no column of symbols, or the file is no tab-separated text.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(open_text(path)?).map_err(|e| {
            e.at_path(path)
                .help("give HGNC's 'complete set' (tab-separated), with symbol, alias_symbol and prev_symbol")
        })
    }

    /// Reads a table of tab-separated columns.
    pub(crate) fn parse(input: impl Read) -> Result<Self> {
        let broken = |e: csv::Error| Error::new(format!("not a table of symbols: {e}"));
        let mut table = csv::ReaderBuilder::new().delimiter(b'\t').flexible(true).from_reader(input);
        let header = table.headers().map_err(broken)?.clone();
        let place = |(one, other): (&str, &str)| {
            header.iter().position(|name| {
                let name = name.trim().to_lowercase();
                name == one
                    || name == other
                    || name.strip_suffix("(supplied by ensembl)").is_some_and(|n| n.trim() == other)
            })
        };
        let places = COLUMNS.map(place);
        if places[0].is_none() {
            return Err(Error::new("not a table of symbols: it has no column 'symbol'"));
        }
        let mut it = Self { genes: Vec::new(), by_name: HashMap::new() };
        for record in table.records() {
            let record = record.map_err(broken)?;
            let cells = places.iter().flatten().filter_map(|&place| record.get(place));
            let names = cells.flat_map(|cell| cell.split(['|', ','])).map(|name| name.trim().to_owned());
            it.add(names.filter(|name| !name.is_empty()).collect());
        }
        Ok(it)
    }

    fn add(&mut self, names: Vec<String>) {
        let number = self.genes.len();
        for name in &names {
            let genes = self.by_name.entry(name.clone()).or_default();
            if genes.last() != Some(&number) {
                genes.push(number);
            }
        }
        self.genes.push(names);
    }

    /// All other names of the genes that `name` may mean.
    pub fn others<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let genes = self.by_name.get(name).into_iter().flatten();
        genes.flat_map(|&gene| &self.genes[gene]).map(String::as_str).filter(move |other| *other != name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_hgncs_table_are_read() {
        let full = "hgnc_id\tsymbol\talias_symbol\tprev_symbol\nHGNC:1\tPTPRC\t\"LCA|CD45\"\t\n";
        let custom = "Approved symbol\tPrevious symbols\tAlias symbols\nPTPRC\t\tLCA, CD45\n";
        for table in [full, custom] {
            let aliases = Aliases::parse(table.as_bytes()).unwrap();
            let mut others: Vec<&str> = aliases.others("CD45").collect();
            others.sort_unstable();
            assert_eq!(others, ["LCA", "PTPRC"]);
        }
        assert!(Aliases::parse("a\tb\n1\t2\n".as_bytes()).is_err());
    }
}
