//! One row per method: what it forgot, and what the new genes cost.

use crate::metric;
use crate::run::Run;
use crate::{measures, verdict};
use genil_score::{Cell, Interval, Table};
use std::fmt;

/// Method, Δ regression, Δ classification and accuracy on the newest classes (where there are probes), loss on the newest
/// genes, storage and time (where the run has its costs).
pub fn table(run: &Run) -> Table {
    let mut table = short_table(run);
    let last = &run.manifest.stages[run.manifest.last()].name;
    let methods = 0..run.manifest.methods.len();
    let mut column = |name: String, of: &dyn Fn(usize) -> Option<Interval>| {
        let all: Vec<Option<Interval>> = methods.clone().map(of).collect();
        if all.iter().any(Option::is_some) {
            table.header.push(name);
            table.rows.iter_mut().zip(all).for_each(|(row, it)| row.push(it.into()));
        }
    };
    if let Some(metric) = metric::classification(run) {
        column(format!("accuracy on newest classes ({last})"), &|m| measures::newest(run, m, metric));
    }
    column("kept for later stages (MB)".to_owned(), &|m| measures::stored(run, m));
    column("training time (× fine-tuning)".to_owned(), &|m| measures::relative_time(run, m));
    table
}

/// The columns that fit a terminal.
fn short_table(run: &Run) -> Table {
    let regression = metric::regression(run);
    let classification = metric::classification(run);
    let last = &run.manifest.stages[run.manifest.last()].name;
    let mut table = Table::new(&["method", "forgetting (regression)"]);
    if classification.is_some() {
        table.header.push("forgetting (classification)".to_owned());
    }
    table.header.push(format!("loss on newest genes ({last})"));
    for (m, method) in run.manifest.methods.iter().enumerate() {
        let mut row = vec![Cell::from(method.name.as_str()), measures::forgetting(run, m, regression).into()];
        if let Some(metric) = classification {
            row.push(measures::forgetting(run, m, metric).into());
        }
        row.push(measures::newest(run, m, regression).into());
        table.rows.push(row);
    }
    table
}

/// A summary for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// One line per method.
    pub table: String,
    /// What its means and intervals are over.
    pub over: String,
    /// The answer in one sentence.
    pub headline: String,
    /// The same with its numbers, and what limits it, a line each.
    pub text: String,
}

/// The table, the verdict and its limits.
pub fn text(run: &Run) -> Summary {
    let seeds = &run.manifest.seeds;
    let over = match seeds.len() {
        1 => "one seed: no interval over seeds; [95 % interval over its cells]".to_owned(),
        n => format!("mean over {n} seeds [95 % interval]"),
    };
    let verdict = verdict::verdict(run);
    let text = std::iter::once(verdict.answer).chain(verdict.caveats).map(|line| line + "\n").collect();
    Summary { table: short_table(run).to_text(), over, headline: verdict.headline, text }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}({})\n\n{}\n{}", self.table, self.over, self.headline, self.text)
    }
}
