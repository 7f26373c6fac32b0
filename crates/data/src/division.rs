//! The division of a labelled data set into a training and a test part.
//!
//! Stratified by class. Where cells come in groups (donors), a group is never divided: cells of one
//! donor resemble each other, and a test on a donor seen in training is too easy. The division is a
//! function of the plan's seed alone, so that genes are ranked on the same training part that the
//! classifier later learns from, and no test cell is ever looked at.

use crate::labels::{Labels, listed};
use crate::plan::{Plan, Probe, Stage};
use crate::split::share_of;
use crate::store::Store;
use genil_base::random::{Key, Purpose};
use genil_base::{Error, Result};
use std::collections::HashMap;

/// A class with fewer cells is left out: it cannot be learned and tested.
pub const MIN_CLASS: usize = 5;

/// Searches for a division by groups from so many starts; the best is taken.
const STARTS: u64 = 8;
/// A division by groups is accepted if every class gets at least this part of its due on either side.
const FAIR: f64 = 1.0 / 3.0;
/// With more groups than this, single moves suffice and exchanges of two are not tried.
const EXCHANGED_GROUPS: usize = 128;

/// A cell with a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labelled {
    /// The row in the probe's store.
    pub row: u32,
    /// The place of its class in [`ProbeSplit::classes`].
    pub label: u32,
    /// A number that cells of one group share; without groups, every cell has its own.
    pub group: u32,
}

/// A labelled data set, divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSplit {
    /// The names of the classes, sorted by their bytes; a label is a place in this list.
    pub classes: Vec<String>,
    /// The cells to learn from, by row.
    pub train: Vec<Labelled>,
    /// The cells to test on, by row; never used for anything else.
    pub test: Vec<Labelled>,
    /// Whether groups were kept together.
    pub grouped: bool,
    /// What the reader should know: classes left out, groups that could not be kept together.
    pub notices: Vec<String>,
}

impl ProbeSplit {
    /// Divides the probe of `stage`; `stores` are those of [`Plan::stores`], in that order.
    ///
    /// # Errors
    /// As [`ProbeSplit::of`], and when the stage has no probe.
    pub fn new(plan: &Plan, stage: usize, stores: &[Store]) -> Result<Self> {
        let of = |stage: &Stage| stage.probe.clone();
        let Some(probe) = plan.stages.get(stage).and_then(of) else {
            return Err(Error::new(format!("stage {stage} has no probe"))
                .help("give the stage a labelled data set: [stages.probe] in the plan"));
        };
        let place = plan.stores.iter().position(|named| named.name == probe.store);
        let store = place
            .and_then(|place| stores.get(place))
            .ok_or_else(|| Error::new(format!("the store '{}' is not open", probe.store)))?;
        Self::of(store, &probe, plan.probe_test, plan.seed)
            .map_err(|e| e.at(format!("the probe of stage {stage} '{}'", plan.stages[stage].name)))
    }

    /// Divides `store` as `probe` says, with the share `test` of each class in the test part.
    ///
    /// # Errors
    /// When a column does not exist, or when fewer than two classes have [`MIN_CLASS`] cells.
    pub fn of(store: &Store, probe: &Probe, test: f64, seed: u64) -> Result<Self> {
        let labels = Labels::read(store, &probe.label)?;
        let groups = probe.group.as_ref().map(|column| Labels::read(store, column)).transpose()?;
        let mut notices = Vec::new();
        let classes = classes(&labels, probe, &mut notices)?;

        let class_of: Vec<Option<u32>> = labels
            .names
            .iter()
            .map(|name| classes.binary_search(name).ok().map(|place| place as u32))
            .collect();
        let named_groups = groups.as_ref().map_or(0, |groups| groups.names.len() as u32);
        let cells: Vec<Labelled> = (0u32..)
            .zip(&labels.codes)
            .filter_map(|(row, code)| {
                let label = class_of[(*code)? as usize]?;
                let group = groups.as_ref().and_then(|groups| groups.codes[row as usize]);
                // A cell without a group is a group of its own.
                Some(Labelled { row, label, group: group.unwrap_or(named_groups.wrapping_add(row)) })
            })
            .collect();

        let key = Key::new(seed, Purpose::Probe);
        let whole = |column| (column, by_group(&cells, classes.len(), test, key));
        let (part, grouped) = match probe.group.as_ref().map(whole) {
            Some((_, Some(part))) => (part, true),
            Some((column, None)) => {
                notices.push(format!(
                    "with the groups of '{column}' kept together, a class would have too few cells in training \
                     or test: cells are divided one by one"
                ));
                (by_cell(&cells, classes.len(), test, key), false)
            }
            None => (by_cell(&cells, classes.len(), test, key), false),
        };
        let of = |wanted: bool| {
            cells
                .iter()
                .zip(&part)
                .filter(|(_, in_test)| **in_test == wanted)
                .map(|(&cell, _)| cell)
                .collect()
        };
        let (train, test_part): (Vec<_>, Vec<_>) = (of(false), of(true));
        let got = test_part.len() as f64 / cells.len() as f64;
        if grouped && (got - test).abs() > 0.1 {
            notices.push(format!(
                "whole groups only: {:.0} % of the cells are tested on instead of {:.0} %",
                got * 100.0,
                test * 100.0
            ));
        }
        Ok(Self { classes, train, test: test_part, grouped, notices })
    }

    /// Divides `cells` once more in the same way, as (rest, part): for a validation part of the
    /// training cells. Groups stay together where they did before and can again.
    pub fn divide(&self, cells: &[Labelled], share: f64, key: Key) -> (Vec<Labelled>, Vec<Labelled>) {
        let classes = self.classes.len();
        let part = if self.grouped { by_group(cells, classes, share, key) } else { None }
            .unwrap_or_else(|| by_cell(cells, classes, share, key));
        let mut parts = (Vec::new(), Vec::new());
        for (&cell, in_part) in cells.iter().zip(part) {
            if in_part { parts.1.push(cell) } else { parts.0.push(cell) }
        }
        parts
    }
}

/// The classes that are kept.
fn classes(labels: &Labels, probe: &Probe, notices: &mut Vec<String>) -> Result<Vec<String>> {
    let mut classes = Vec::new();
    let mut small = Vec::new();
    for (name, count) in labels.names.iter().zip(labels.counts()) {
        if probe.leave_out.contains(name) {
            continue;
        }
        if count >= MIN_CLASS {
            classes.push(name.clone());
        } else if count > 0 {
            small.push(format!("{name} ({count})"));
        }
    }
    if !small.is_empty() {
        notices.push(format!("classes with fewer than {MIN_CLASS} cells are left out: {}", listed(&small)));
    }
    let unlabelled = labels.codes.iter().filter(|code| code.is_none()).count();
    if unlabelled > 0 {
        notices.push(format!("{unlabelled} cells have no '{}' and are left out", probe.label));
    }
    if classes.len() < 2 {
        return Err(Error::new(format!(
            "the column '{}' has {} with at least {MIN_CLASS} cells: a classification needs two",
            probe.label,
            if classes.is_empty() { "no class" } else { "one class" }
        ))
        .at(format!("the store '{}'", probe.store))
        .help(format!("the values of '{}' are: {}", probe.label, labels.described())));
    }
    Ok(classes)
}

/// For each cell, whether it goes to the part that gets `share` of each class; every class with at
/// least two cells is on both sides.
fn by_cell(cells: &[Labelled], classes: usize, share: f64, key: Key) -> Vec<bool> {
    let mut of_class: Vec<Vec<usize>> = vec![Vec::new(); classes];
    for (place, cell) in cells.iter().enumerate() {
        of_class[cell.label as usize].push(place);
    }
    let mut part = vec![false; cells.len()];
    for mut places in of_class {
        places.sort_unstable_by_key(|&place| {
            let row = cells[place].row;
            (key.bits(u64::from(row)), row)
        });
        for &place in &places[..share_of(places.len(), share)] {
            part[place] = true;
        }
    }
    part
}

/// Like [`by_cell`], but groups stay together; nothing when no way was found to give every class a
/// [`FAIR`] part on both sides.
///
/// Local search: from a random start, move one group or exchange two while that lowers the cost,
/// which is first the number of classes without a fair part, then Σ over classes of
/// (share in the part − `share`)².
fn by_group(cells: &[Labelled], classes: usize, share: f64, key: Key) -> Option<Vec<bool>> {
    let mut numbers = HashMap::new();
    let mut sizes: Vec<Vec<usize>> = Vec::new();
    let group_of: Vec<usize> = cells
        .iter()
        .map(|cell| {
            let group = *numbers.entry(cell.group).or_insert(sizes.len());
            if group == sizes.len() {
                sizes.push(vec![0; classes]);
            }
            sizes[group][cell.label as usize] += 1;
            group
        })
        .collect();
    let mut totals = vec![0; classes];
    for size in &sizes {
        totals.iter_mut().zip(size).for_each(|(total, n)| *total += n);
    }
    let searches = (0..STARTS).map(|start| search(&sizes, &totals, share, key.with(start)));
    let best = searches.min_by(|a, b| a.1.0.cmp(&b.1.0).then(a.1.1.total_cmp(&b.1.1)));
    let (chosen, cost) = best?;
    (cost.0 == 0).then(|| group_of.into_iter().map(|group| chosen[group]).collect())
}

/// Classes without a fair part on either side, and the squared deviation from the share.
type Cost = (usize, f64);

fn search(sizes: &[Vec<usize>], totals: &[usize], share: f64, key: Key) -> (Vec<bool>, Cost) {
    let cost = |part: &[usize]| {
        let present = part.iter().zip(totals).filter(|(_, total)| **total > 0);
        let gets = present.map(|(&n, &total)| n as f64 / total as f64);
        let fair = |gets: &f64| *gets >= FAIR * share && 1.0 - *gets >= FAIR * (1.0 - share);
        let unfair = gets.clone().filter(|gets| !fair(gets)).count();
        (unfair, gets.map(|gets| (gets - share).powi(2)).sum())
    };
    let mut chosen: Vec<bool> = (0..sizes.len()).map(|group| key.uniform(group as u64) < share).collect();
    let mut part = vec![0; totals.len()];
    for (size, _) in sizes.iter().zip(&chosen).filter(|(_, chosen)| **chosen) {
        part.iter_mut().zip(size).for_each(|(n, add)| *n += add);
    }
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    key.with(0).shuffle(&mut order);
    // A move is one group to the other side, or two of different sides: an exchange.
    let exchanges = sizes.len() <= EXCHANGED_GROUPS;
    let mut lowest: Cost = cost(&part);
    let mut better = true;
    while better {
        better = false;
        for (i, &a) in order.iter().enumerate() {
            for &b in if exchanges { &order[i..] } else { &order[i..=i] } {
                if a != b && chosen[a] == chosen[b] {
                    continue;
                }
                flip(&mut chosen, &mut part, sizes, a, b);
                let now = cost(&part);
                // Costs fall by more than rounding, so that the search ends.
                if now.0 < lowest.0 || (now.0 == lowest.0 && now.1 < lowest.1 - 1e-12) {
                    (lowest, better) = (now, true);
                } else {
                    flip(&mut chosen, &mut part, sizes, a, b);
                }
            }
        }
    }
    (chosen, lowest)
}

/// Moves group `a`, and `b` where it is another, to the other side.
fn flip(chosen: &mut [bool], part: &mut [usize], sizes: &[Vec<usize>], a: usize, b: usize) {
    for group in [Some(a), (a != b).then_some(b)].into_iter().flatten() {
        chosen[group] = !chosen[group];
        for (n, size) in part.iter_mut().zip(&sizes[group]) {
            *n = if chosen[group] { *n + size } else { *n - size };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;

    fn probe(group: Option<&str>) -> Probe {
        Probe {
            store: "all".into(),
            label: "type".into(),
            leave_out: vec!["unassigned".into()],
            group: group.map(Into::into),
        }
    }

    fn split(cells: &[(&str, &str)], group: Option<&str>) -> Result<ProbeSplit> {
        let folder = tempfile::tempdir().unwrap();
        let cells: Vec<_> = cells.iter().map(|&(class, donor)| (vec![1.0], vec![class, donor])).collect();
        let store = testing::store(&folder.path().join("s"), &["A"], &["type", "donor"], &cells);
        ProbeSplit::of(&store, &probe(group), 0.3, 1)
    }

    #[test]
    fn classes_are_sorted_small_and_left_out_ones_are_gone_and_said() {
        let cells = [vec![("t", "x"); 10], vec![("b", "x"); 20], vec![("rare", "x"); 4]].concat();
        let cells = [cells, vec![("unassigned", "x"); 9]].concat();
        let split = split(&cells, None).unwrap();
        assert_eq!(split.classes, ["b", "t"]);
        let test: Vec<u32> = split.test.iter().map(|cell| cell.label).collect();
        assert_eq!(test.iter().filter(|&&label| label == 0).count(), 6);
        assert_eq!(test.iter().filter(|&&label| label == 1).count(), 3);
        assert_eq!(split.train.len() + split.test.len(), 30);
        assert_eq!(split.notices, ["classes with fewer than 5 cells are left out: rare (4)"]);
    }

    #[test]
    fn donors_are_never_divided() {
        let cells: Vec<(&str, &str)> = (0..120)
            .map(|i| (["a", "b", "c"][i % 3], ["d0", "d1", "d2", "d3", "d4", "d5", "d6"][(i / 3) % 7]))
            .collect();
        let split = split(&cells, Some("donor")).unwrap();
        assert!(split.grouped && split.notices.is_empty(), "{:?}", split.notices);
        assert!(split.test.iter().all(|test| split.train.iter().all(|train| train.group != test.group)));
        let (rest, validation) = split.divide(&split.train, 0.2, Key::new(1, Purpose::Probe).with(1));
        assert!(!validation.is_empty() && validation.iter().all(|v| rest.iter().all(|r| r.group != v.group)));
    }

    #[test]
    fn a_class_of_one_donor_is_divided_by_cell_and_said() {
        let cells = [vec![("a", "d0"); 20], vec![("b", "d1"); 20]].concat();
        let split = split(&cells, Some("donor")).unwrap();
        assert!(!split.grouped);
        assert!(split.notices[0].contains("'donor' kept together"), "{:?}", split.notices);
        assert_eq!((split.train.len(), split.test.len()), (28, 12));
    }

    #[test]
    fn a_group_that_holds_most_of_a_class_is_divided_for_a_fair_test() {
        let known = (0..6).flat_map(|i| vec![("a", ["d0", "d1", "d2"][i % 3]); 10]);
        let cells: Vec<_> = known.chain(vec![("b", "unknown"); 95]).chain(vec![("b", "d0"); 5]).collect();
        let split = split(&cells, Some("donor")).unwrap();
        assert!(!split.grouped, "5 of 100 cells are no test of a class");
        assert_eq!(split.test.iter().filter(|cell| cell.label == 1).count(), 30);
    }

    #[test]
    fn one_class_is_refused_with_the_values_that_exist() {
        let error = split(&[vec![("a", "d"); 9], vec![("rare", "d"); 2]].concat(), None).unwrap_err();
        assert!(error.to_string().contains("a (9), rare (2)"), "{error}");
    }

    proptest! {
        #[test]
        fn every_class_is_on_both_sides(
            labels in proptest::collection::vec((0u32..3, 0u32..6), 30..120), seed in any::<u64>(),
        ) {
            let cells: Vec<Labelled> =
                (0u32..).zip(&labels).map(|(row, &(label, group))| Labelled { row, label, group }).collect();
            let key = Key::new(seed, Purpose::Probe);
            let check = |part: &[bool]| (0..3).all(|class| {
                let of: Vec<bool> =
                    cells.iter().zip(part).filter(|(c, _)| c.label == class).map(|(_, p)| *p).collect();
                of.len() < 2 || (of.contains(&true) && of.contains(&false))
            });
            prop_assert!(check(&by_cell(&cells, 3, 0.3, key)));
            if let Some(part) = by_group(&cells, 3, 0.3, key) {
                prop_assert!(check(&part));
                for group in 0..6 {
                    let mut of = cells.iter().zip(&part).filter(|(c, _)| c.group == group).map(|(_, p)| *p);
                    let first = of.next();
                    prop_assert!(of.all(|p| Some(p) == first));
                }
            }
        }
    }
}
