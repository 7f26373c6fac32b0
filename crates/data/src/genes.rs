//! The genes of a store, in the order of their ids.

use genil_base::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// One gene: its symbol and, where known, its Ensembl id without the version suffix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gene {
    /// What people call it, such as `CD3E`; unique in a vocabulary and never empty.
    pub symbol: String,
    /// Such as `ENSG00000198851`.
    pub ensembl: Option<String>,
}

/// The genes of one store. The id of a gene is its place in this list.
#[derive(Debug, Clone, Default)]
pub struct GeneVocab {
    genes: Vec<Gene>,
    by_symbol: HashMap<String, u32>,
    by_ensembl: HashMap<String, u32>,
}

impl GeneVocab {
    /// The vocabulary of `genes`, whose places become their ids.
    ///
    /// # Errors
    /// When a symbol is empty or occurs twice, or when there are more genes than a `u32` can count.
    pub fn new(genes: Vec<Gene>) -> Result<Self> {
        let mut by_symbol = HashMap::with_capacity(genes.len());
        let mut by_ensembl = HashMap::new();
        for (place, gene) in genes.iter().enumerate() {
            let id = u32::try_from(place).map_err(|_| Error::new("more than 4,294,967,296 genes"))?;
            if gene.symbol.is_empty() {
                return Err(Error::new(format!("gene {id} has no symbol")).help("give every gene a name"));
            }
            if let Some(first) = by_symbol.insert(gene.symbol.clone(), id) {
                return Err(Error::new(format!("the gene '{}' occurs twice", gene.symbol))
                    .at(format!("genes {first} and {id}"))
                    .help("give every gene its own symbol"));
            }
            // Several symbols may share an Ensembl id (old and new names): the first one answers.
            if let Some(ensembl) = &gene.ensembl {
                by_ensembl.entry(ensembl.clone()).or_insert(id);
            }
        }
        Ok(Self { genes, by_symbol, by_ensembl })
    }

    /// How many genes there are; ids run from 0 to this number, exclusive.
    pub fn len(&self) -> usize {
        self.genes.len()
    }

    /// Whether there is no gene at all.
    pub fn is_empty(&self) -> bool {
        self.genes.is_empty()
    }

    /// The symbol of a gene.
    ///
    /// # Panics
    /// When `gene` is not an id of this vocabulary.
    pub fn symbol(&self, gene: u32) -> &str {
        &self.genes[gene as usize].symbol
    }

    /// The Ensembl id of a gene, without version, where the source had one.
    ///
    /// # Panics
    /// When `gene` is not an id of this vocabulary.
    pub fn ensembl(&self, gene: u32) -> Option<&str> {
        self.genes[gene as usize].ensembl.as_deref()
    }

    /// The gene of this symbol or, failing that, of this Ensembl id (with or without version).
    pub fn find(&self, symbol_or_ensembl: &str) -> Option<u32> {
        let by_ensembl = || self.by_ensembl.get(without_version(symbol_or_ensembl));
        self.by_symbol.get(symbol_or_ensembl).or_else(by_ensembl).copied()
    }

    /// Ids and symbols, in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        (0u32..).zip(self.genes.iter().map(|gene| gene.symbol.as_str()))
    }

    /// All genes, in the order of ids.
    pub fn genes(&self) -> &[Gene] {
        &self.genes
    }
}

/// Whether a name is an Ensembl gene id of any species, with or without version:
/// `ENSG00000198851`, `ENSMUSG00000032093.7`.
pub fn is_ensembl(name: &str) -> bool {
    let Some(rest) = without_version(name).strip_prefix("ENS") else { return false };
    let digits = rest.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let letters = &rest[..rest.len() - digits.len()];
    letters.ends_with('G') && digits.len() == 11 && digits.bytes().all(|b| b.is_ascii_digit())
}

/// An Ensembl id without its version: `ENSG00000198851.12` → `ENSG00000198851`.
/// The suffix of chromosome Y's pseudo-autosomal copies (`.12_PAR_Y`) is kept, for they are other genes.
/// Anything else is returned as it is.
pub fn without_version(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, version)) if stem.starts_with("ENS") && is_number(version) => stem,
        _ => name,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gene(symbol: &str, ensembl: Option<&str>) -> Gene {
        Gene { symbol: symbol.into(), ensembl: ensembl.map(Into::into) }
    }

    #[test]
    fn a_gene_is_found_by_symbol_and_by_ensembl_id_with_or_without_version() {
        let genes = vec![gene("CD3E", Some("ENSG00000198851")), gene("LYZ", None)];
        let vocab = GeneVocab::new(genes).unwrap();
        assert_eq!(vocab.find("CD3E"), Some(0));
        assert_eq!(vocab.find("ENSG00000198851"), Some(0));
        assert_eq!(vocab.find("ENSG00000198851.12"), Some(0));
        assert_eq!(vocab.find("LYZ"), Some(1));
        assert_eq!(vocab.find("cd3e"), None, "human and mouse genes differ by case only");
        assert_eq!(vocab.iter().collect::<Vec<_>>(), [(0, "CD3E"), (1, "LYZ")]);
    }

    #[test]
    fn a_gene_that_occurs_twice_is_refused_by_name() {
        let error = GeneVocab::new(vec![gene("A", None), gene("A", None)]).unwrap_err();
        assert!(error.to_string().contains("'A' occurs twice"), "{error}");
        assert!(GeneVocab::new(vec![gene("", None)]).is_err());
    }

    #[test]
    fn ensembl_ids_of_all_species_are_recognised_and_symbols_are_not() {
        for id in ["ENSG00000198851", "ENSG00000198851.12", "ENSMUSG00000032093", "ENSDARG00000000001.3"] {
            assert!(is_ensembl(id), "{id}");
        }
        for symbol in ["CD3E", "ENSA", "ENSG1", "ENST00000361390", "ENSG0000019885X", "", "AC004556.1"] {
            assert!(!is_ensembl(symbol), "{symbol}");
        }
        assert_eq!(without_version("AC004556.1"), "AC004556.1", "a clone's name is no version");
        assert_eq!(without_version("ENSG00000182378.14_PAR_Y"), "ENSG00000182378.14_PAR_Y");
    }
}
