//! The genes of every stage as the tokens of one model.
//!
//! | tokens | what |
//! |---|---|
//! | 0, 1 | `<pad>`, `<cls>` |
//! | then | the base genes, sorted by symbol |
//! | then | `G_1`, `G_2` … each in the order of the plan |
//!
//! A stage that comes later appends tokens and never moves one, so that a growing model appends
//! rows to its gene embedding. A gene is its symbol: the same symbol in two stores is one token.

use crate::labels::listed;
use crate::plan::{Plan, Stage};
use crate::split::{CellRef, StageCells};
use crate::store::Store;
use genil_base::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// The token that fills up a batch.
pub const PAD: u32 = 0;
/// The token in front of every cell; its output is the cell's embedding.
pub const CLS: u32 = 1;
/// Where a store's gene is no token of the model.
pub const NONE: u32 = u32::MAX;

const SPECIALS: [&str; 2] = ["<pad>", "<cls>"];

/// The tokens of all stages of a plan, and which gene of which store is which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenePartition {
    symbols: Vec<String>,
    tokens: HashMap<String, u32>,
    /// For each stage, the number of tokens once it is known.
    ends: Vec<u32>,
    /// For each store, the token of each of its genes.
    maps: Vec<Vec<u32>>,
}

impl GenePartition {
    /// The tokens of `plan`; `stores` are those of [`Plan::stores`] in that order, `cells` comes from
    /// [`stage_cells`](crate::split::stage_cells).
    ///
    /// Base genes are [`Plan::base_genes`] where the plan lists them. Otherwise: every gene that at
    /// least [`Plan::min_cells`] training cells of the base stage express and that no stage lists.
    ///
    /// # Errors
    /// When a stage's gene is in no store of that stage, when no training cell of a stage expresses
    /// any of its genes, when a gene is listed twice, or when there is no base gene.
    pub fn new(plan: &Plan, stores: &[Store], cells: &[StageCells]) -> Result<Self> {
        let mut known = Known::default();
        for special in SPECIALS {
            known.add(special, "the special tokens")?;
        }
        let base = base_genes(plan, stores, cells)?;
        for gene in &base {
            known.add(gene, "the base genes")?;
        }
        let mut ends = vec![known.symbols.len() as u32];
        for (k, stage) in plan.stages.iter().enumerate().skip(1) {
            let place = format!("stage {k} '{}'", stage.name);
            for gene in &stage.genes {
                known.add(gene, &place)?;
            }
            ends.push(known.symbols.len() as u32);
            let (store, train) = (store_of(plan, stores, stage)?, training_cells(cells, k));
            check_stage_genes(stage, store, train).map_err(|e| e.at(place))?;
        }
        let map = |store: &Store| {
            let token = |(_, symbol): (u32, &str)| known.token(symbol).unwrap_or(NONE);
            store.genes().iter().map(token).collect()
        };
        let maps = stores.iter().map(map).collect();
        Ok(Self { maps, ends, tokens: known.tokens, symbols: known.symbols })
    }

    /// The number of tokens once stages 0..=`stage` are known, specials included; of a stage
    /// beyond the last, the number of all.
    pub fn tokens_through(&self, stage: usize) -> usize {
        self.ends.get(stage).map_or(self.len(), |&end| end as usize)
    }

    /// The number of all tokens, specials included.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Never: there are always the special tokens.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// The number of stages, the base stage included.
    pub fn stages(&self) -> usize {
        self.ends.len()
    }

    /// The symbol of a token.
    ///
    /// # Panics
    /// When `token` is not below [`len`](Self::len).
    pub fn symbol(&self, token: u32) -> &str {
        &self.symbols[token as usize]
    }

    /// All symbols, in the order of tokens.
    pub fn symbols(&self) -> &[String] {
        &self.symbols
    }

    /// The token of a gene; an unknown gene has none.
    pub fn token(&self, symbol: &str) -> Option<u32> {
        self.tokens.get(symbol).copied()
    }

    /// The stage that brings a token; base genes and specials are of stage 0.
    pub fn stage_of(&self, token: u32) -> usize {
        self.ends.partition_point(|&end| end <= token)
    }

    /// The tokens of the genes that `stage` brings: base genes for stage 0, `G_k` for stage k,
    /// nothing beyond the last stage.
    pub fn tokens_of(&self, stage: usize) -> Range<u32> {
        let all = self.len() as u32;
        let begin = match stage {
            0 => SPECIALS.len() as u32,
            k => self.ends.get(k - 1).copied().unwrap_or(all),
        };
        begin..self.ends.get(stage).copied().unwrap_or(all)
    }

    /// For each gene of a store of the plan, its token or [`NONE`]; empty for a store that is not
    /// of the plan.
    pub fn map(&self, store: usize) -> &[u32] {
        self.maps.get(store).map_or(&[], Vec::as_slice)
    }
}

/// Symbols in the order of their tokens, none twice.
#[derive(Default)]
struct Known {
    symbols: Vec<String>,
    tokens: HashMap<String, u32>,
    listed_by: Vec<String>,
}

impl Known {
    fn add(&mut self, symbol: &str, place: &str) -> Result<()> {
        let token = self.symbols.len() as u32;
        if let Some(first) = self.tokens.insert(symbol.to_owned(), token) {
            let first = &self.listed_by[first as usize];
            return Err(Error::new(format!("the gene '{symbol}' is listed twice"))
                .at(if first == place { place.to_owned() } else { format!("{first} and {place}") })
                .help("a gene belongs to one stage: remove it from the other list"));
        }
        self.symbols.push(symbol.to_owned());
        self.listed_by.push(place.to_owned());
        Ok(())
    }

    fn token(&self, symbol: &str) -> Option<u32> {
        self.tokens.get(symbol).copied().filter(|&token| token as usize >= SPECIALS.len())
    }
}

/// The base genes, sorted by symbol.
fn base_genes(plan: &Plan, stores: &[Store], cells: &[StageCells]) -> Result<Vec<String>> {
    let Some(stage) = plan.stages.first() else { return Err(Error::new("the plan has no stage")) };
    let store = store_of(plan, stores, stage)?;
    let mut genes: Vec<String> = match &plan.base_genes {
        Some(listed_genes) => {
            let missing = not_in(store, listed_genes);
            if !missing.is_empty() {
                return Err(Error::new(format!(
                    "{} of {} base genes are not in the store '{}': {}",
                    missing.len(),
                    listed_genes.len(),
                    stage.cells.store,
                    listed(&missing)
                ))
                .at("base_genes")
                .help("remove them from the list, or leave the list out"));
            }
            listed_genes.clone()
        }
        None => {
            let specific: HashSet<&str> =
                plan.stages.iter().flat_map(|stage| &stage.genes).map(String::as_str).collect();
            let counts = expressing(store, training_cells(cells, 0));
            let enough = |&(gene, symbol): &(u32, &str)| {
                counts[gene as usize] as usize >= plan.min_cells.max(1) && !specific.contains(symbol)
            };
            store.genes().iter().filter(enough).map(|(_, symbol)| symbol.to_owned()).collect()
        }
    };
    if genes.is_empty() {
        let cells = training_cells(cells, 0).len();
        return Err(Error::new(format!(
            "there is no base gene: {} of the {cells} training cells must express it",
            plan.min_cells.max(1)
        ))
        .at(format!("stage 0 '{}'", stage.name))
        .help("lower min_cells, or list fewer genes in the stages"));
    }
    genes.sort_unstable();
    Ok(genes)
}

/// Checks that cells of the stage can teach a model about its genes.
fn check_stage_genes(stage: &Stage, store: &Store, train: &[CellRef]) -> Result<()> {
    let name = &stage.cells.store;
    let missing = not_in(store, &stage.genes);
    if !missing.is_empty() {
        let all = if missing.len() == stage.genes.len() { "none" } else { "not all" };
        return Err(Error::new(format!(
            "{all} of the stage's {} genes are in the store '{name}' of its cells; missing: {}",
            stage.genes.len(),
            listed(&missing)
        ))
        .help(
            "remove them from the plan, or give the stage cells that measure them; \
             'genil plan' leaves such genes out",
        ));
    }
    let counts = expressing(store, train);
    let found = |gene: &String| store.genes().find(gene).is_some_and(|gene| counts[gene as usize] > 0);
    if !stage.genes.iter().any(found) {
        return Err(Error::new(format!(
            "none of the stage's {} training cells expresses any of its {} genes",
            train.len(),
            stage.genes.len()
        ))
        .help(
            "choose other cells for the stage, or other genes; \
             'genil plan' takes genes that its cells express",
        ));
    }
    Ok(())
}

/// The gene of `store` with this very symbol.
pub(crate) fn gene_of(store: &Store, symbol: &str) -> Option<u32> {
    store.genes().find(symbol).filter(|&gene| store.genes().symbol(gene) == symbol)
}

fn not_in<'a>(store: &Store, genes: &'a [String]) -> Vec<&'a str> {
    genes.iter().map(String::as_str).filter(|gene| gene_of(store, gene).is_none()).collect()
}

fn training_cells(cells: &[StageCells], stage: usize) -> &[CellRef] {
    cells.get(stage).map_or(&[], |cells| &cells.train)
}

/// The opened store that a stage's cells come from.
pub(crate) fn store_of<'a>(plan: &Plan, stores: &'a [Store], stage: &Stage) -> Result<&'a Store> {
    let place = plan.stores.iter().position(|named| named.name == stage.cells.store);
    place.and_then(|place| stores.get(place)).ok_or_else(|| {
        Error::new(format!("the store '{}' is not open", stage.cells.store))
            .at(format!("stage '{}'", stage.name))
    })
}

/// For each gene of `store`, how many of `cells` (all of this store) express it.
pub(crate) fn expressing(store: &Store, cells: &[CellRef]) -> Vec<u32> {
    let mut counts = vec![0; store.genes().len()];
    for cell in cells {
        for &gene in store.cell(cell.row as usize).genes {
            counts[gene as usize] += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::stage_cells;
    use crate::testing;
    use std::path::Path;

    /// 20 cells that express the genes A to E; nobody expresses F.
    fn store(folder: &Path) -> Store {
        let cells: Vec<_> = (0..20).map(|_| (vec![1.0, 2.0, 3.0, 1.0, 1.0, 0.0], vec![])).collect();
        testing::store(&folder.join("all"), &["E", "D", "C", "B", "A", "F"], &[], &cells)
    }

    fn partition(genes: &[&[&str]], change: impl Fn(&mut Plan)) -> Result<GenePartition> {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let mut plan = testing::plan(&store, genes);
        change(&mut plan);
        let stores = [store];
        GenePartition::new(&plan, &stores, &stage_cells(&plan, &stores)?)
    }

    #[test]
    fn specials_then_base_genes_by_name_then_the_stages_in_their_own_order() {
        let genes = partition(&[&["D", "C"], &["A"]], |_| ()).unwrap();
        assert_eq!(genes.symbols(), ["<pad>", "<cls>", "B", "E", "D", "C", "A"]);
        assert_eq!([0, 1, 2, 3].map(|k| genes.tokens_through(k)), [4, 6, 7, 7]);
        assert_eq!([0, 1, 2, 3].map(|k| genes.tokens_of(k)), [2..4, 4..6, 6..7, 7..7]);
        assert_eq!([0, 1, 3, 4, 5, 6].map(|t| genes.stage_of(t)), [0, 0, 0, 1, 1, 2]);
        assert_eq!((genes.token("C"), genes.symbol(5)), (Some(5), "C"));
    }

    #[test]
    fn an_unknown_gene_is_no_token_and_never_token_0() {
        let genes = partition(&[&["D", "C"], &["A"]], |_| ()).unwrap();
        assert_eq!(genes.token("ZZZ"), None);
        // F is expressed by no cell: no base gene, although it is in the store.
        assert_eq!(genes.map(0), [3, 4, 5, 2, 6, NONE]);
        assert!(genes.map(1).is_empty());
    }

    #[test]
    fn a_later_stage_only_appends_tokens() {
        let listed: Vec<String> = ["B", "E"].map(Into::into).to_vec();
        let two = partition(&[&["D"]], |plan| plan.base_genes = Some(listed.clone())).unwrap();
        let three = partition(&[&["D"], &["A"]], |plan| plan.base_genes = Some(listed.clone())).unwrap();
        assert_eq!(two.symbols(), &three.symbols()[..two.len()]);
    }

    #[test]
    fn genes_that_no_cell_of_the_stage_has_are_refused_with_the_remedy() {
        let error = partition(&[&["D", "X", "Y"]], |_| ()).unwrap_err().to_string();
        assert!(error.contains("missing: X, Y") && error.contains("genil plan"), "{error}");
        let error = partition(&[&["F"]], |_| ()).unwrap_err().to_string();
        assert!(
            error.contains("none of the stage's 8 training cells expresses any of its 1 genes"),
            "{error}"
        );
    }

    #[test]
    fn a_gene_in_two_lists_is_refused_by_name() {
        let error = partition(&[&["D"], &["C", "D"]], |_| ()).unwrap_err().to_string();
        assert!(error.contains("'D' is listed twice") && error.contains("stage-1"), "{error}");
        let base = |plan: &mut Plan| plan.base_genes = Some(vec!["D".into()]);
        assert!(partition(&[&["D"]], base).unwrap_err().to_string().contains("the base genes and stage 1"));
        assert!(partition(&[&["<pad>"]], |_| ()).unwrap_err().to_string().contains("special"));
    }

    #[test]
    fn base_genes_that_do_not_exist_or_are_none_are_refused() {
        let base = |plan: &mut Plan| plan.base_genes = Some(vec!["B".into(), "QQ".into()]);
        assert!(partition(&[&["D"]], base).unwrap_err().to_string().contains("1 of 2 base genes"));
        let error = partition(&[&["D"]], |plan| plan.min_cells = 99).unwrap_err().to_string();
        assert!(error.contains("no base gene: 99 of the 8 training cells"), "{error}");
    }
}
