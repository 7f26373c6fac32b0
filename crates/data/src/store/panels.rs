//! Panels: which genes were measured. A gene that was not measured is not a gene with zero counts.

use crate::genes::GeneVocab;
use genil_base::{Error, Result};
use std::io::{Read, Write};

/// The name of the table of panels in a store's folder: a row a gene, a column a panel, 1 where measured.
pub(crate) const PANELS: &str = "panels.csv";

/// A set of measured genes, shared by the cells of one file, chip or study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// Its name, unique in a store.
    pub name: String,
    /// The genes that were measured.
    pub genes: Measured,
}

/// Which genes were measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measured {
    /// Every gene of the store.
    All,
    /// The genes with these ids, in any order.
    Only(Vec<u32>),
}

/// The panels of a store, ready for fast questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Panels {
    names: Vec<String>,
    /// For each panel, one flag a gene.
    measured: Vec<Vec<bool>>,
}

impl Panels {
    /// Checks and lays out `panels` for `genes` genes.
    pub fn new(panels: Vec<Panel>, genes: usize) -> Result<Self> {
        let mut names = Vec::new();
        let mut measured = Vec::new();
        for panel in panels {
            let flags = match panel.genes {
                Measured::All => vec![true; genes],
                Measured::Only(ids) => {
                    let mut flags = vec![false; genes];
                    for id in ids {
                        *flags.get_mut(id as usize).ok_or_else(|| {
                            Error::new(format!("gene {id} does not exist: there are {genes} genes"))
                                .at(format!("panel '{}'", panel.name))
                        })? = true;
                    }
                    flags
                }
            };
            names.push(panel.name);
            measured.push(flags);
        }
        Self { names, measured }.checked()
    }

    fn checked(self) -> Result<Self> {
        if self.names.is_empty() {
            return Err(Error::new("a store needs at least one panel of measured genes"));
        }
        if self.names.len() > usize::from(u16::MAX) + 1 {
            return Err(Error::new(format!("{} panels; a store holds at most 65,536", self.names.len())));
        }
        let mut sorted: Vec<_> = self.names.iter().collect();
        sorted.sort();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::new(format!("two panels are called '{}'", pair[0]))),
            None => Ok(self),
        }
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether a panel measures all of these genes, which exist.
    pub fn measure(&self, panel: u16, genes: &[u32]) -> bool {
        let measured = &self.measured[usize::from(panel)];
        genes.iter().all(|&gene| measured[gene as usize])
    }

    #[inline]
    pub fn measured(&self, panel: u16, gene: u32) -> bool {
        self.measured[usize::from(panel)][gene as usize]
    }

    /// Writes the table of panels.
    pub fn write(&self, genes: &GeneVocab, out: &mut dyn Write) -> csv::Result<()> {
        let mut table = csv::Writer::from_writer(out);
        table.write_record(["gene", "symbol"].into_iter().chain(self.names.iter().map(String::as_str)))?;
        for (id, symbol) in genes.iter() {
            table.write_field(id.to_string())?;
            table.write_field(symbol)?;
            let flags = self.measured.iter().map(|panel| if panel[id as usize] { "1" } else { "0" });
            table.write_record(flags)?;
        }
        table.flush()?;
        Ok(())
    }

    /// Reads the table of panels of a store with these genes.
    pub fn read(input: impl Read, genes: &GeneVocab) -> Result<Self> {
        let broken = |what: String| Error::new(format!("the table of panels is damaged: {what}"));
        let mut table = csv::Reader::from_reader(input);
        let header = table.headers().map_err(|e| broken(e.to_string()))?.clone();
        let names: Vec<String> = header.iter().skip(2).map(Into::into).collect();
        let mut measured = vec![Vec::with_capacity(genes.len()); names.len()];
        for record in table.records() {
            let record = record.map_err(|e| broken(e.to_string()))?;
            let row = measured.first().map_or(0, Vec::len);
            if row >= genes.len() || record.get(1) != Some(genes.symbol(row as u32)) {
                return Err(broken(format!("row {row} is not gene {row} of the store")));
            }
            for (flags, field) in measured.iter_mut().zip(record.iter().skip(2)) {
                flags.push(match field {
                    "1" => true,
                    "0" => false,
                    other => return Err(broken(format!("'{other}' in row {row} is neither 0 nor 1"))),
                });
            }
        }
        if measured.iter().any(|flags| flags.len() != genes.len()) {
            return Err(broken(format!("it does not have {} rows", genes.len())));
        }
        Self { names, measured }.checked()
    }
}
