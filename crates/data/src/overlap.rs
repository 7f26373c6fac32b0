//! What becomes of a gene that several stages want.
//!
//! The rules of Qi et al., AAAI 2026 (arXiv 2511.13762). A rank is a place in a stage's list, best
//! first, from 0. Of a gene that is in two or more lists:
//!
//! | ranks | what becomes of it |
//! |---|---|
//! | the best is above 100 | it leaves all lists |
//! | below 20 in two or more lists | it leaves all lists |
//! | below 20 in exactly one list | it stays there |
//! | the best is between 20 and 100 | it stays in the first of the lists |
//!
//! A gene that has left all lists is a base gene. The others keep their order.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// A gene ranked below this is claimed by its stage.
pub const CLAIMED: usize = 20;
/// A gene whose best rank is above this matters to no stage.
pub const LAST: usize = 100;

/// What became of a gene of several lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Its best rank is above [`LAST`]: a base gene.
    LowEverywhere,
    /// Below [`CLAIMED`] in two or more lists: a base gene.
    ClaimedBySeveral,
    /// Below [`CLAIMED`] in this list only: it stays there.
    ClaimedBy(usize),
    /// It stays in this list, the first that has it.
    First(usize),
}

impl Fate {
    /// The list that keeps the gene.
    pub fn list(self) -> Option<usize> {
        match self {
            Self::ClaimedBy(list) | Self::First(list) => Some(list),
            Self::LowEverywhere | Self::ClaimedBySeveral => None,
        }
    }
}

/// A gene that was in several lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// The gene.
    pub gene: String,
    /// Its rank in each list that had it, as (list, rank).
    pub ranks: Vec<(usize, usize)>,
    /// What became of it.
    pub fate: Fate,
}

/// The lists without genes in common, and the genes that were, sorted by symbol. Where a list
/// names a gene twice, its first place counts.
pub fn resolve(lists: &[Vec<String>]) -> (Vec<Vec<String>>, Vec<Shared>) {
    let mut ranks: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for (list, genes) in lists.iter().enumerate() {
        for (rank, gene) in genes.iter().enumerate() {
            let of_gene = ranks.entry(gene).or_default();
            if of_gene.last().is_none_or(|&(last, _)| last != list) {
                of_gene.push((list, rank));
            }
        }
    }
    let shared: Vec<Shared> = ranks
        .iter()
        .filter(|(_, ranks)| ranks.len() > 1)
        .map(|(gene, ranks)| Shared { gene: (*gene).to_owned(), ranks: ranks.clone(), fate: fate(ranks) })
        .collect();
    let fates: HashMap<&str, Fate> = shared.iter().map(|s| (s.gene.as_str(), s.fate)).collect();
    let kept = |(list, genes): (usize, &Vec<String>)| {
        let stays = |(rank, gene): &(usize, &String)| {
            let here = fates.get(gene.as_str()).is_none_or(|fate| fate.list() == Some(list));
            here && ranks.get(gene.as_str()).is_some_and(|of_gene| of_gene.contains(&(list, *rank)))
        };
        genes.iter().enumerate().filter(stays).map(|(_, gene)| gene.clone()).collect()
    };
    (lists.iter().enumerate().map(kept).collect(), shared)
}

/// The rules, for a gene in two or more lists.
fn fate(ranks: &[(usize, usize)]) -> Fate {
    let best = ranks.iter().map(|&(_, rank)| rank).min().unwrap_or(usize::MAX);
    let mut claims = ranks.iter().filter(|&&(_, rank)| rank < CLAIMED).map(|&(list, _)| list);
    match (claims.next(), claims.next()) {
        (Some(_), Some(_)) => Fate::ClaimedBySeveral,
        (Some(list), None) => Fate::ClaimedBy(list),
        (None, _) if best > LAST => Fate::LowEverywhere,
        // `ranks` is in the order of the lists.
        (None, _) => ranks.first().map_or(Fate::LowEverywhere, |&(list, _)| Fate::First(list)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lists of 150 genes of their own, with `gene` put at the given ranks.
    fn with(ranks: &[Option<usize>]) -> Vec<Vec<String>> {
        let list = |(list, rank): (usize, &Option<usize>)| {
            let mut genes: Vec<String> = (0..150).map(|place| format!("own-{list}-{place}")).collect();
            if let Some(rank) = rank {
                genes.insert(*rank, "gene".into());
            }
            genes
        };
        ranks.iter().enumerate().map(list).collect()
    }

    fn fate_of(ranks: &[Option<usize>]) -> Fate {
        let lists = with(ranks);
        let (kept, shared) = resolve(&lists);
        assert_eq!(shared.len(), 1);
        for (list, genes) in kept.iter().enumerate() {
            let here = genes.iter().any(|gene| gene == "gene");
            assert_eq!(here, shared[0].fate.list() == Some(list));
        }
        shared[0].fate
    }

    #[test]
    fn the_rules_hold_at_their_edges() {
        let some = Some;
        assert_eq!(fate_of(&[some(101), some(140)]), Fate::LowEverywhere);
        assert_eq!(fate_of(&[some(140), some(100)]), Fate::First(0), "rank 100 still counts");
        assert_eq!(fate_of(&[some(19), some(0)]), Fate::ClaimedBySeveral);
        assert_eq!(fate_of(&[some(19), some(20)]), Fate::ClaimedBy(0));
        assert_eq!(fate_of(&[some(20), some(19)]), Fate::ClaimedBy(1));
        assert_eq!(fate_of(&[some(120), some(5), some(60)]), Fate::ClaimedBy(1));
        assert_eq!(fate_of(&[some(1), some(2), some(60)]), Fate::ClaimedBySeveral);
        assert_eq!(fate_of(&[None, some(90), some(20)]), Fate::First(1), "the first list, not the best rank");
    }

    #[test]
    fn a_gene_of_one_list_stays_whatever_its_rank() {
        let lists = with(&[Some(149), None]);
        let (kept, shared) = resolve(&lists);
        assert!(shared.is_empty());
        assert_eq!(kept, lists);
    }

    #[test]
    fn a_gene_that_a_list_names_twice_counts_once() {
        let lists = vec![["a", "b", "a"].map(String::from).to_vec()];
        assert_eq!(resolve(&lists), (vec![["a", "b"].map(String::from).to_vec()], vec![]));
    }

    proptest! {
        #[test]
        fn lists_end_up_disjoint_in_order_and_nothing_is_invented(
            lists in proptest::collection::vec(
                proptest::collection::vec(0u32..160, 0..150), 1..5)
        ) {
            let lists: Vec<Vec<String>> = lists.iter()
                .map(|list| list.iter().map(u32::to_string).collect()).collect();
            let (kept, shared) = resolve(&lists);
            let mut all: Vec<&String> = kept.iter().flatten().collect();
            all.sort();
            let mut once = all.clone();
            once.dedup();
            prop_assert_eq!(all, once);
            for (kept, list) in kept.iter().zip(&lists) {
                let mut rest = list.iter();
                prop_assert!(kept.iter().all(|gene| rest.any(|other| other == gene)), "order is kept");
            }
            for gene in lists.iter().flatten() {
                let stays = kept.iter().any(|list| list.contains(gene));
                let left = shared.iter().any(|s| &s.gene == gene && s.fate.list().is_none());
                prop_assert!(stays != left, "a gene stays in one list or is said to have left");
            }
        }
    }
}
