//! How much a gene tells about the classes of a labelled data set.
//!
//! Scores are computed on `ln(1 + count)` of the cells given, which are the training part of a
//! probe: no test cell is looked at. In a store of several panels, a gene is judged by the cells
//! that measured it. Genes that are zero in most cells are cheap: zeros are one block.

mod statistics;

pub use statistics::{Expressed, anova_f, dispersion, normalised_dispersions, rank_sums};

use crate::division::Labelled;
use crate::genes::GeneVocab;
use crate::store::Store;
use genil_base::random::Key;
use genil_base::{Error, Result, files};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// How genes are ranked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Importance {
    /// [`anova_f`]: variance between classes against variance within.
    #[default]
    Anova,
    /// [`rank_sums`]: the largest |z| of any class against the rest.
    Wilcoxon,
    /// [`normalised_dispersions`]: variable genes, whatever the classes.
    HighlyVariable,
    /// A random order, for comparison.
    Random,
}

impl Importance {
    const NAMES: [(&str, Self); 4] = [
        ("anova", Self::Anova),
        ("wilcoxon", Self::Wilcoxon),
        ("highly-variable", Self::HighlyVariable),
        ("random", Self::Random),
    ];

    /// The way to rank where no cell has a class: this one if it needs none, else by variability.
    pub fn without_classes(self) -> Self {
        if self == Self::Random { self } else { Self::HighlyVariable }
    }
}

impl FromStr for Importance {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|&(_, importance)| importance).ok_or_else(|| {
            let names = Self::NAMES.map(|(name, _)| name).join(", ");
            Error::new(format!("'{name}' is no way to rank genes")).help(format!("choose one of: {names}"))
        })
    }
}

impl fmt::Display for Importance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::NAMES.iter().find(|(_, importance)| importance == self);
        f.write_str(found.map_or("", |(name, _)| name))
    }
}

/// The score of every gene of `store` among `cells`, which have `classes` classes; higher is more
/// important. Nothing for a gene that says nothing: constant in these cells, or not measured.
pub fn scores(
    store: &Store,
    cells: &[Labelled],
    classes: usize,
    by: Importance,
    key: Key,
) -> Vec<Option<f64>> {
    if by == Importance::Random {
        return (0..store.genes().len() as u64).map(|gene| Some(key.uniform(gene))).collect();
    }
    let table = GeneTable::new(store, cells, classes);
    let genes = (0..store.genes().len()).into_par_iter();
    match by {
        Importance::Anova => genes.map(|gene| anova_f(&table.sizes(gene), &table.logs(gene))).collect(),
        Importance::Wilcoxon => genes
            .map(|gene| {
                let z = rank_sums(&table.sizes(gene), &table.logs(gene));
                Some(z.into_iter().fold(0.0, |best: f64, z| best.max(z.abs()))).filter(|best| *best > 0.0)
            })
            .collect(),
        Importance::HighlyVariable | Importance::Random => {
            let of_gene = |gene| dispersion(table.sizes(gene).iter().sum(), table.counts(gene));
            normalised_dispersions(&genes.map(of_gene).collect::<Vec<_>>())
        }
    }
}

/// Genes with a score, best first; equal scores by symbol, so that nothing depends on the order of a file.
pub fn ranking(genes: &GeneVocab, scores: &[Option<f64>]) -> Vec<u32> {
    let mut ranked: Vec<(u32, f64)> =
        (0u32..).zip(scores).filter_map(|(gene, score)| Some((gene, (*score)?))).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| genes.symbol(a.0).cmp(genes.symbol(b.0))));
    ranked.into_iter().map(|(gene, _)| gene).collect()
}

/// A list of genes from a text file: one symbol a line, best first; empty lines and what follows `#`
/// are skipped, and so is a symbol that was there before.
///
/// # Errors
/// When the file cannot be read or names no gene.
pub fn read_list(path: &Path) -> Result<Vec<String>> {
    let text = files::read_text(path)?;
    let mut seen = HashSet::new();
    let symbols = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let genes: Vec<String> =
        symbols.filter(|s| !s.is_empty() && seen.insert(*s)).map(str::to_owned).collect();
    if genes.is_empty() {
        return Err(Error::new("the list names no gene").at_path(path).help("write one gene symbol a line"));
    }
    Ok(genes)
}

/// The cells by gene instead of by cell.
struct GeneTable<'a> {
    store: &'a Store,
    /// Where each gene's entries begin; one more than there are genes.
    begins: Vec<usize>,
    /// Class and raw value, gene by gene.
    entries: Vec<(u32, f32)>,
    /// For each panel, the number of cells of each class.
    panels: Vec<Vec<usize>>,
}

impl<'a> GeneTable<'a> {
    fn new(store: &'a Store, cells: &[Labelled], classes: usize) -> Self {
        let mut panels = vec![vec![0; classes]; store.panels()];
        let mut begins = vec![0; store.genes().len() + 1];
        for cell in cells {
            panels[usize::from(store.panel(cell.row as usize))][cell.label as usize] += 1;
            for &gene in store.cell(cell.row as usize).genes {
                begins[gene as usize + 1] += 1;
            }
        }
        for gene in 1..begins.len() {
            begins[gene] += begins[gene - 1];
        }
        let mut next = begins.clone();
        let mut entries = vec![(0, 0.0); begins[store.genes().len()]];
        for cell in cells {
            let expressed = store.cell(cell.row as usize);
            for (&gene, &value) in expressed.genes.iter().zip(expressed.values) {
                entries[next[gene as usize]] = (cell.label, value);
                next[gene as usize] += 1;
            }
        }
        Self { store, begins, entries, panels }
    }

    /// The number of cells of each class whose panel measured the gene.
    fn sizes(&self, gene: usize) -> Vec<usize> {
        let mut sizes = vec![0; self.panels.first().map_or(0, Vec::len)];
        for (panel, of_panel) in (0u16..).zip(&self.panels) {
            if self.store.measured(panel, gene as u32) {
                sizes.iter_mut().zip(of_panel).for_each(|(size, n)| *size += n);
            }
        }
        sizes
    }

    fn of(&self, gene: usize) -> &[(u32, f32)] {
        &self.entries[self.begins[gene]..self.begins[gene + 1]]
    }

    fn logs(&self, gene: usize) -> Vec<Expressed> {
        self.of(gene).iter().map(|&(class, value)| (class, f64::from(value).ln_1p())).collect()
    }

    fn counts(&self, gene: usize) -> impl Iterator<Item = f64> + Clone {
        self.of(gene).iter().map(|&(_, value)| f64::from(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use genil_base::random::Purpose;

    #[test]
    fn ties_are_ranked_by_symbol() {
        let gene = |symbol: &str| crate::genes::Gene { symbol: symbol.into(), ensembl: None };
        let genes = GeneVocab::new(["C", "B", "A", "D"].map(gene).to_vec()).unwrap();
        assert_eq!(ranking(&genes, &[Some(1.0), Some(1.0), Some(2.0), None]), [2, 1, 0]);
    }

    #[test]
    fn a_list_is_read_without_comments_and_doubles() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("genes.txt");
        files::write_bytes(&path, b"# markers\nCD3E\n\n LYZ # monocytes\r\nCD3E\n").unwrap();
        assert_eq!(read_list(&path).unwrap(), ["CD3E", "LYZ"]);
        files::write_bytes(&path, b"#\n").unwrap();
        assert!(read_list(&path).unwrap_err().to_string().contains("one gene symbol a line"));
    }

    #[test]
    fn every_way_to_rank_is_called_as_it_is_written() {
        for (name, importance) in Importance::NAMES {
            assert_eq!(name.parse::<Importance>().unwrap(), importance);
            assert_eq!(importance.to_string(), name);
            assert_eq!(serde_json::to_string(&importance).unwrap(), format!("\"{name}\""));
        }
        assert!("f".parse::<Importance>().unwrap_err().to_string().contains("anova, wilcoxon"));
    }

    #[test]
    fn only_the_cells_given_count_and_a_gene_that_marks_a_class_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        // NOISE varies, MARK is class 1's, FLAT is constant; in the last cell, MARK is everywhere.
        let cells: Vec<_> = (0..20u8)
            .map(|i| {
                (vec![f32::from(i % 3), if i % 2 == 1 { 5.0 + f32::from(i % 5) } else { 0.0 }, 1.0], vec![])
            })
            .chain([(vec![0.0, 9e9, 3.0], vec![])])
            .collect();
        let store = testing::store(&folder.path().join("s"), &["NOISE", "MARK", "FLAT"], &[], &cells);
        let given: Vec<Labelled> = (0..20).map(|row| Labelled { row, label: row % 2, group: row }).collect();
        let key = Key::new(0, Purpose::Genes);
        for by in [Importance::Anova, Importance::Wilcoxon] {
            let ranked = ranking(store.genes(), &scores(&store, &given, 2, by, key));
            assert_eq!(ranked.first(), Some(&1), "{by}");
            assert!(!ranked.contains(&2), "{by}: FLAT says nothing");
        }
        let variable = scores(&store, &given, 2, Importance::HighlyVariable, key);
        assert_eq!(variable.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
        let random = |key| scores(&store, &given, 2, Importance::Random, key);
        assert_eq!(random(key), random(key));
        assert_ne!(random(key), random(key.with(1)));
    }
}
