//! From stores and a few choices to a plan: which genes and which cells belong to which stage.
//!
//! 1. The cells of every stage ([`split`](crate::split)).
//! 2. For each stage, the division of its probe ([`division`](crate::division)); on the training part,
//!    every gene gets a score ([`importance`]). Without a probe the stage's own training cells give it.
//! 3. The best `top` genes that the stage's own training cells measure and express. A gene that no such
//!    cell has teaches a model nothing, however well it tells the classes of another data set apart.
//! 4. Genes in several lists ([`overlap`]); all others that are expressed are base genes.
//!
//! The [`PlanSummary`] says what went where, and why.

mod request;
mod summary;
#[cfg(test)]
mod tests;

pub use request::{CellFilter, Grouping, PlanRequest, ProbeRequest, StageRequest};
pub use summary::{CellsSummary, ClassSummary, PlanSummary, ProbeSummary, StageSummary};

use crate::division::{Labelled, ProbeSplit};
use crate::importance::{self, Importance};
use crate::labels::{Labels, listed};
use crate::overlap;
use crate::partition::{GenePartition, expressing, gene_of};
use crate::plan::{CellChoice, FORMAT, Plan, Probe, Stage, StoreRef};
use crate::split::{StageCells, stage_cells};
use crate::store::Store;
use genil_base::random::{Key, Purpose};
use genil_base::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Columns that name whose cells are whose, in the order of preference.
const GROUP_COLUMNS: [&str; 8] =
    ["donor", "donor_id", "patient", "patient_id", "subject", "individual", "sample", "sample_id"];

/// Labels, in lower case, that are no classes.
const NO_CLASSES: [&str; 9] =
    ["", "unassigned", "unknown", "unlabelled", "unlabeled", "unclassified", "nan", "na", "none"];

/// Makes the plan, and says what went where.
///
/// # Errors
/// When a store, column or list cannot be read; when a stage gets no cells or no genes, saying why;
/// when a number is out of range.
pub fn build(request: &PlanRequest) -> Result<(Plan, PlanSummary)> {
    let mut stores = Stores::default();
    let mut plan = outline(request, &mut stores)?;
    plan.stores = stores.named;
    let stores = stores.opened;
    // The outline lacks the stages' genes, on which neither cells nor probes depend.
    let cells = stage_cells(&plan, &stores)?;

    let mut summaries = vec![StageSummary::of_cells(&plan, 0, &cells[0])];
    let mut lists = Vec::new();
    for (k, asked) in (1..).zip(&request.stages) {
        let at = |e: Error| e.at(format!("stage {k} '{}'", asked.name));
        let mut summary = StageSummary::of_cells(&plan, k, &cells[k]);
        let mut ranked_on = cells[k].train.iter().map(|cell| unlabelled(cell.row)).collect();
        let (mut classes, mut by) = (1, request.by.without_classes());
        if let Some(probe) = &asked.probe {
            plan.stages[k].probe =
                Some(probe_of(&plan, &stores, k, probe, &mut summary.notices).map_err(at)?);
            let split = ProbeSplit::new(&plan, k, &stores)?;
            summary.probe = Some(ProbeSummary::new(&plan, k, &split));
            summary.notices.extend(split.notices);
            (ranked_on, classes, by) = (split.train, split.classes.len(), request.by);
        } else {
            summary.notices.push(format!("no labelled data set: genes by {by} among its own training cells"));
        }
        let candidates = match &asked.genes {
            Some(list) => importance::read_list(list).map_err(at)?,
            None => {
                let store = opened(&plan, &stores, plan.stages[k].ranking_store()).map_err(at)?;
                ranked(store, &ranked_on, classes, by, Key::new(plan.seed, Purpose::Genes).with(k as u64))
            }
        };
        lists.push(take(&plan, &stores, k, request, &cells[k], candidates, &mut summary).map_err(at)?);
        summaries.push(summary);
    }

    let (lists, shared) = overlap::resolve(&lists);
    for (k, genes) in (1..).zip(lists) {
        if genes.is_empty() {
            let name = &plan.stages[k].name;
            return Err(Error::new("the stage is left without genes: other stages want all of them as well")
                .at(format!("stage {k} '{name}'"))
                .help("ask for more genes with --top, or give the stages data sets that differ more"));
        }
        summaries[k].genes.clone_from(&genes);
        plan.stages[k].genes = genes;
    }
    plan.check()?;
    let base_genes = GenePartition::new(&plan, &stores, &cells)?.tokens_of(0).len();
    let summary = PlanSummary {
        seed: plan.seed,
        by: request.by,
        top: request.top,
        min_cells: plan.min_cells,
        base_genes,
        stages: summaries,
        shared,
    };
    Ok((plan, summary))
}

/// The stores so far, each opened once and under a name of its own.
#[derive(Default)]
struct Stores {
    named: Vec<StoreRef>,
    opened: Vec<Store>,
    places: Vec<PathBuf>,
}

impl Stores {
    /// The name of the store at `path`.
    fn name(&mut self, path: &Path) -> Result<String> {
        let place = path.canonicalize().map_err(|e| Error::io("open", path, &e))?;
        if let Some(known) = self.places.iter().position(|known| *known == place) {
            return Ok(self.named[known].name.clone());
        }
        let store = Store::open(path)?;
        let stem =
            place.file_stem().map_or_else(|| "store".into(), |stem| stem.to_string_lossy().into_owned());
        let taken = |name: &String| self.named.iter().any(|store| store.name == *name);
        // As many names as there are stores, and one more: one of them is free.
        let numbered = (2..self.named.len() + 3).map(|number| format!("{stem}-{number}"));
        let name =
            std::iter::once(stem.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(stem.clone());
        let fingerprint = store.fingerprint().to_owned();
        self.named.push(StoreRef { name: name.clone(), path: path.to_owned(), fingerprint });
        self.opened.push(store);
        self.places.push(place);
        Ok(name)
    }
}

/// The plan without genes; probes name their stores and columns only.
fn outline(request: &PlanRequest, stores: &mut Stores) -> Result<Plan> {
    let count = request.stages.len();
    if count == 0 {
        return Err(Error::new("the plan has no stage after the base stage").help("name one with --stage"));
    }
    if request.top == 0 {
        return Err(Error::new("a stage cannot have 0 genes").help("ask for at least one with --top"));
    }
    let shares = request.shares.clone().unwrap_or_else(|| {
        std::iter::once(0.5).chain(std::iter::repeat_n(0.5 / count as f64, count)).collect()
    });
    if shares.len() != count + 1 || shares.iter().any(|share| !(*share > 0.0 && share.is_finite())) {
        return Err(Error::new(format!("{} stages need {} shares above 0", count + 1, count + 1))
            .help("give one share for the base stage and one for every other"));
    }
    for (key, share) in [("held_out", request.held_out), ("probe_test", request.probe_test)] {
        if !(share > 0.0 && share < 1.0) {
            return Err(
                Error::new(format!("{key} = {share} must lie between 0 and 1")).help("0.1 to 0.3 are usual")
            );
        }
    }
    let choice = |store: String, filter: &Option<CellFilter>, share: f64| CellChoice {
        store,
        column: filter.as_ref().map(|filter| filter.column.clone()),
        values: filter.as_ref().map_or_else(Vec::new, |filter| filter.values.clone()),
        share,
    };
    let main = stores.name(&request.cells)?;
    let mut stages = vec![Stage {
        name: "base".into(),
        genes: Vec::new(),
        cells: choice(main.clone(), &request.base, shares[0]),
        probe: None,
    }];
    for (asked, &share) in request.stages.iter().zip(&shares[1..]) {
        let own = asked.own_cells.as_ref().map(|path| stores.name(path)).transpose()?;
        let probe = asked.probe.as_ref().map(|probe| {
            let (store, label) = (stores.name(&probe.store)?, probe.label.clone());
            Ok::<_, Error>(Probe { store, label, leave_out: Vec::new(), group: None })
        });
        stages.push(Stage {
            name: asked.name.clone(),
            genes: Vec::new(),
            cells: choice(own.unwrap_or_else(|| main.clone()), &asked.cells, share),
            probe: probe.transpose()?,
        });
    }
    Ok(Plan {
        format: FORMAT,
        seed: request.seed,
        held_out: request.held_out,
        probe_test: request.probe_test,
        min_cells: request.min_cells.max(1),
        stores: Vec::new(),
        stages,
        base_genes: None,
    })
}

/// The probe of stage `k`, with the labels that are left out and the groups that are kept together.
fn probe_of(
    plan: &Plan,
    stores: &[Store],
    k: usize,
    asked: &ProbeRequest,
    notices: &mut Vec<String>,
) -> Result<Probe> {
    let Some(mut probe) = plan.stages[k].probe.clone() else { return Err(Error::new("no probe")) };
    let store = opened(plan, stores, &probe.store)?;
    let labels = Labels::read(store, &probe.label)?;
    let no_class = |name: &&String| NO_CLASSES.contains(&name.trim().to_lowercase().as_str());
    let found: Vec<String> = labels.names.iter().filter(no_class).cloned().collect();
    if !found.is_empty() {
        let quoted: Vec<String> = found.iter().map(|name| format!("'{name}'")).collect();
        notices.push(format!("cells labelled {} are left out: that is no class", listed(&quoted)));
    }
    for name in &asked.leave_out {
        if !labels.names.contains(name) {
            notices.push(format!("no cell is labelled '{name}', which was to be left out"));
        }
    }
    let leave_out: BTreeSet<String> = asked.leave_out.iter().cloned().chain(found).collect();
    probe.leave_out = leave_out.into_iter().collect();
    probe.group = match &asked.group {
        Grouping::Never => None,
        Grouping::Column(column) => Some(column.clone()),
        Grouping::Find => {
            let known = |name: &str| store.columns().iter().find(|c| c.eq_ignore_ascii_case(name));
            GROUP_COLUMNS.iter().find_map(|name| known(name)).filter(|c| **c != probe.label).cloned()
        }
    };
    // A column that was only found, not asked for, is dropped where it cannot divide the cells.
    if let (Grouping::Find, Some(column)) = (&asked.group, probe.group.clone()) {
        let split = ProbeSplit::of(store, &probe, plan.probe_test, plan.seed)?;
        if !split.grouped {
            notices.push(format!(
                "with the groups of '{column}' kept together, a class would have too few cells in training \
                 or test: they are not"
            ));
            probe.group = None;
        }
    }
    if probe.store == plan.stages[k].cells.store {
        notices.push("the probe's cells are also cells to train on".into());
    }
    Ok(probe)
}

/// All genes that say something about these cells, best first.
fn ranked(store: &Store, cells: &[Labelled], classes: usize, by: Importance, key: Key) -> Vec<String> {
    let scores = importance::scores(store, cells, classes, by, key);
    let ranked = importance::ranking(store.genes(), &scores);
    ranked.into_iter().map(|gene| store.genes().symbol(gene).to_owned()).collect()
}

/// A cell of the only class.
fn unlabelled(row: u32) -> Labelled {
    Labelled { row, label: 0, group: row }
}

/// The best of the candidates that the stage's training cells measure and express.
fn take(
    plan: &Plan,
    stores: &[Store],
    k: usize,
    request: &PlanRequest,
    cells: &StageCells,
    candidates: Vec<String>,
    summary: &mut StageSummary,
) -> Result<Vec<String>> {
    let asked = &request.stages[k - 1];
    let name = &plan.stages[k].cells.store;
    let store = opened(plan, stores, name)?;
    let counts = expressing(store, &cells.train);
    let panels: BTreeSet<u16> = cells.train.iter().map(|cell| store.panel(cell.row as usize)).collect();
    let wanted = if asked.genes.is_some() { candidates.len() } else { request.top };
    let mut taken = Vec::new();
    for gene in candidates {
        if taken.len() == wanted {
            break;
        }
        match gene_of(store, &gene).filter(|&id| panels.iter().any(|&panel| store.measured(panel, id))) {
            None => summary.unmeasured.push(gene),
            Some(id) if (counts[id as usize] as usize) < plan.min_cells => summary.rare.push(gene),
            Some(_) => taken.push(gene),
        }
    }
    if taken.is_empty() {
        return Err(Error::new(format!(
            "none of the genes that the stage wants can be learned from its {} training cells of '{name}': \
             {} are not measured there, {} are expressed by fewer than {} of them",
            cells.train.len(),
            summary.unmeasured.len(),
            summary.rare.len(),
            plan.min_cells
        ))
        .at(format!("wanted: {}", listed(&[summary.unmeasured.as_slice(), &summary.rare].concat())))
        .help("give the stage cells that express its genes, or check that both stores name genes alike"));
    }
    if taken.len() < wanted && asked.genes.is_none() {
        summary.notices.push(format!("{wanted} genes were asked for, {} can be had", taken.len()));
    }
    Ok(taken)
}

fn opened<'a>(plan: &Plan, stores: &'a [Store], name: &str) -> Result<&'a Store> {
    let place = plan.stores.iter().position(|named| named.name == name);
    place
        .and_then(|place| stores.get(place))
        .ok_or_else(|| Error::new(format!("the store '{name}' is not open")))
}
