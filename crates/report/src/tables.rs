//! `RUN/tables/`: the summary, and one table per method and measure.

use crate::run::Run;
use crate::{measures, metric, summary, wording};
use genil_score::{Cell, Table};

/// (file name, text) of every table, each as CSV and as Markdown.
pub fn all(run: &Run) -> Vec<(String, String)> {
    let mut tables =
        vec![("summary".to_owned(), summary::table(run)), ("forgetting".to_owned(), forgetting(run))];
    for metric in metric::measured(run) {
        for (m, method) in run.manifest.methods.iter().enumerate() {
            let name = format!("matrix-{}-{}", metric.key, wording::file_part(&method.name));
            tables.push((name, matrix(run, m, metric)));
        }
    }
    tables
        .into_iter()
        .flat_map(|(name, table)| {
            [(format!("{name}.csv"), table.to_csv()), (format!("{name}.md"), table.to_markdown())]
        })
        .collect()
}

/// One row per stage, one column per gene set.
fn matrix(run: &Run, method: usize, metric: metric::Metric) -> Table {
    let names = run.manifest.set_names();
    let mut table = Table::new(&["after stage"]);
    table.header.extend(names.clone());
    for (name, row) in names.iter().zip(measures::grid(run, method, metric)) {
        let mut cells = vec![Cell::from(name.as_str())];
        cells.extend(row.into_iter().map(Cell::from));
        table.rows.push(cells);
    }
    table
}

/// One row per measure and method, one column per gene set: how much worse after the last stage than
/// after its own.
fn forgetting(run: &Run) -> Table {
    let mut table = Table::new(&["metric", "method", "mean"]);
    table.header.extend(run.manifest.set_names());
    for metric in metric::measured(run) {
        for (m, method) in run.manifest.methods.iter().enumerate() {
            let mut row: Vec<Cell> = vec![metric.key.into(), method.name.as_str().into()];
            row.push(measures::forgetting(run, m, metric).into());
            row.extend(measures::forgetting_per_set(run, m, metric).into_iter().map(Cell::from));
            table.rows.push(row);
        }
    }
    table
}
