//! What went where, and why: for a dry run, in words and as data.

use crate::division::{Labelled, ProbeSplit};
use crate::importance::Importance;
use crate::labels::listed;
use crate::overlap::{Fate, Shared};
use crate::plan::Plan;
use crate::split::StageCells;
use serde::Serialize;
use std::fmt;

/// What a plan does, stage by stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanSummary {
    /// The seed of every random choice.
    pub seed: u64,
    /// How genes were ranked.
    pub by: Importance,
    /// How many genes each stage asked for.
    pub top: usize,
    /// So many training cells must express a gene.
    pub min_cells: usize,
    /// The number of base genes.
    pub base_genes: usize,
    /// The stages, base stage first.
    pub stages: Vec<StageSummary>,
    /// Genes that several stages wanted; a list's number is that of the stage less one.
    pub shared: Vec<Shared>,
}

/// What one stage gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageSummary {
    /// Its name.
    pub name: String,
    /// Its cells.
    pub cells: CellsSummary,
    /// Its specific genes, best first.
    pub genes: Vec<String>,
    /// Genes ranked among the best that its cells do not measure.
    pub unmeasured: Vec<String>,
    /// Genes ranked among the best that too few of its training cells express.
    pub rare: Vec<String>,
    /// Its labelled data set.
    pub probe: Option<ProbeSummary>,
    /// What the reader should know.
    pub notices: Vec<String>,
}

/// The cells of a stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellsSummary {
    /// The name of their store.
    pub store: String,
    /// The column that chooses them.
    pub column: Option<String>,
    /// The values of the column that are taken.
    pub values: Vec<String>,
    /// How many are trained on.
    pub train: usize,
    /// How many are held out.
    pub held_out: usize,
}

/// A stage's labelled data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeSummary {
    /// The name of its store.
    pub store: String,
    /// The column with the labels.
    pub label: String,
    /// The column whose groups are kept together.
    pub group: Option<String>,
    /// The classes.
    pub classes: Vec<ClassSummary>,
}

/// A class of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassSummary {
    /// Its name.
    pub name: String,
    /// How many cells are learned from.
    pub train: usize,
    /// How many cells are tested on.
    pub test: usize,
}

impl StageSummary {
    /// A summary of the cells alone.
    pub(super) fn of_cells(plan: &Plan, stage: usize, cells: &StageCells) -> Self {
        let stage = &plan.stages[stage];
        Self {
            name: stage.name.clone(),
            cells: CellsSummary {
                store: stage.cells.store.clone(),
                column: stage.cells.column.clone(),
                values: stage.cells.values.clone(),
                train: cells.train.len(),
                held_out: cells.held_out.len(),
            },
            genes: Vec::new(),
            unmeasured: Vec::new(),
            rare: Vec::new(),
            probe: None,
            notices: Vec::new(),
        }
    }
}

impl ProbeSummary {
    pub(super) fn new(plan: &Plan, stage: usize, split: &ProbeSplit) -> Self {
        let probe = plan.stages[stage].probe.as_ref();
        let count = |cells: &[Labelled], label| cells.iter().filter(|cell| cell.label == label).count();
        let class = |(label, name): (u32, &String)| ClassSummary {
            name: name.clone(),
            train: count(&split.train, label),
            test: count(&split.test, label),
        };
        Self {
            store: probe.map_or_else(String::new, |probe| probe.store.clone()),
            label: probe.map_or_else(String::new, |probe| probe.label.clone()),
            group: probe.and_then(|probe| probe.group.clone()).filter(|_| split.grouped),
            classes: (0..).zip(&split.classes).map(class).collect(),
        }
    }
}

impl fmt::Display for PlanSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, by, top, min_cells, base_genes, .. } = self;
        writeln!(f, "seed {seed}; the best {top} genes of each stage by {by}")?;
        for (k, stage) in self.stages.iter().enumerate() {
            writeln!(f, "\nstage {k} '{}'", stage.name)?;
            writeln!(f, "  cells  {}", stage.cells)?;
            if k == 0 {
                writeln!(
                    f,
                    "  genes  {base_genes} base genes: at least {min_cells} of the training cells express them, \
                     no stage keeps them"
                )?;
            } else {
                writeln!(f, "  genes  {} of its own: {}", stage.genes.len(), listed(&stage.genes))?;
            }
            let passed_over = [
                (&stage.unmeasured, "are not measured in its cells".to_owned()),
                (&stage.rare, format!("are expressed by fewer than {min_cells} of its training cells")),
            ];
            for (genes, why) in passed_over.iter().filter(|(genes, _)| !genes.is_empty()) {
                writeln!(f, "         {} better ones {why}: {}", genes.len(), listed(genes))?;
            }
            if let Some(probe) = &stage.probe {
                writeln!(f, "  probe  {probe}")?;
            }
            for notice in &stage.notices {
                writeln!(f, "  note   {notice}")?;
            }
        }
        if !self.shared.is_empty() {
            writeln!(f, "\n{} genes that several stages wanted", self.shared.len())?;
        }
        let name = |list: usize| self.stages.get(list + 1).map_or("", |stage| &stage.name);
        for (group, why) in [
            (Fate::ClaimedBySeveral, "base genes: among the 20 best of several stages"),
            (Fate::LowEverywhere, "base genes: below the 100 best of every stage"),
        ] {
            let genes: Vec<&str> =
                self.shared.iter().filter(|s| s.fate == group).map(|s| s.gene.as_str()).collect();
            if !genes.is_empty() {
                writeln!(f, "  {} {why}: {}", genes.len(), listed(&genes))?;
            }
        }
        for list in 0..self.stages.len().saturating_sub(1) {
            let kept = self.shared.iter().filter(|s| s.fate.list() == Some(list));
            let genes: Vec<String> = kept.map(ranks).collect();
            if !genes.is_empty() {
                writeln!(f, "  {} stay in '{}' (ranks): {}", genes.len(), name(list), listed(&genes))?;
            }
        }
        Ok(())
    }
}

/// `CD3E (stage 1: 4, stage 2: 57)`.
fn ranks(shared: &Shared) -> String {
    let ranks: Vec<String> =
        shared.ranks.iter().map(|(list, rank)| format!("stage {}: {rank}", list + 1)).collect();
    format!("{} ({})", shared.gene, ranks.join(", "))
}

impl fmt::Display for CellsSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to train on, {} held out, of '{}'", self.train, self.held_out, self.store)?;
        match &self.column {
            Some(column) => write!(f, " where {column} is {}", listed(&self.values)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ProbeSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |of: fn(&ClassSummary) -> usize| self.classes.iter().map(of).sum::<usize>();
        let (train, test) = (sum(|class| class.train), sum(|class| class.test));
        let classes: Vec<String> = self
            .classes
            .iter()
            .map(|class| format!("{} ({} + {})", class.name, class.train, class.test))
            .collect();
        write!(f, "'{}' by {}: {train} cells to learn from, {test} to test on", self.store, self.label)?;
        if let Some(group) = &self.group {
            write!(f, ", each {group} on one side")?;
        }
        write!(f, "\n         {} classes: {}", classes.len(), listed(&classes))
    }
}
