//! A matrix-market folder as 10x writes it: `matrix.mtx`, `barcodes.tsv` and `features.tsv`
//! (or `genes.tsv`), each maybe with `.gz`.

use crate::names;
use crate::opened::Opened;
use crate::tenx::{EXPRESSION, keep_expression};
use crate::text::{LONGEST_LINE, lines, open_text};
use crate::triples::Triples;
use genil_base::{Error, Result};
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

/// Whether a folder holds a matrix-market file.
pub fn is_matrix_folder(path: &Path) -> bool {
    find(path, &["matrix.mtx"]).is_ok()
}

/// Opens the folder at `path`.
pub fn open(path: &Path) -> Result<Opened> {
    let matrix = header(&find(path, &["matrix.mtx"])?)?;
    let cells_path = find(path, &["barcodes.tsv"])?;
    let cells: Vec<String> =
        lines(&cells_path)?.into_iter().map(|line| first_field(&line).to_owned()).collect();
    let features_path = find(path, &["features.tsv", "genes.tsv"])?;
    let features = lines(&features_path)?;
    for (found, expected, of) in
        [(cells.len(), matrix.cells, &cells_path), (features.len(), matrix.genes, &features_path)]
    {
        if found != expected {
            return Err(Error::new(format!("{found} lines, but the matrix has {expected}"))
                .at_path(of)
                .help("the three files must come from the same run"));
        }
    }
    let field = |line: &str, place: usize| line.split('\t').nth(place).map(|text| text.trim().to_owned());
    let genes = features
        .iter()
        .enumerate()
        .map(|(row, line)| {
            // One column: symbols. Two: id and symbol. Three: id, symbol and type.
            let (first, second) = (field(line, 0), field(line, 1));
            let ensembl = first.clone().filter(|id| genil_data::genes::is_ensembl(id));
            let ensembl = ensembl.map(|id| genil_data::genes::without_version(&id).to_owned());
            names::gene(second.or(first), ensembl).ok_or_else(|| {
                Error::new(format!("line {} has no name", row + 1))
                    .at_path(&features_path)
                    .help("give every gene a name")
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let types: Vec<String> =
        features.iter().map(|line| field(line, 2).unwrap_or_else(|| EXPRESSION.into())).collect();
    let counts = matrix.whole_numbers;
    let mut opened = Opened {
        path: path.to_owned(),
        index: cells,
        columns: Vec::new(),
        genes: genes.into_iter().map(Some).collect(),
        matrix: Box::new(matrix),
        counts,
        taken: "matrix.mtx".into(),
        skipped: Vec::new(),
        notes: Vec::new(),
    };
    keep_expression(&mut opened, &types)?;
    Ok(opened)
}

/// The first of `names` that exists in `folder`, plain or gzipped.
fn find(folder: &Path, names: &[&str]) -> Result<PathBuf> {
    let candidates = names.iter().flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))]);
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        Error::new(format!("{} has no {} (or .gz)", folder.display(), names.join(" or ")))
            .help("a 10x folder holds matrix.mtx, barcodes.tsv and features.tsv, each maybe with .gz")
    })
}

fn first_field(line: &str) -> &str {
    line.split('\t').next().unwrap_or_default().trim()
}

/// Reads the first lines of a matrix-market file: what its triples are and how many.
fn header(path: &Path) -> Result<Triples> {
    let mut input = open_text(path)?;
    let mut line = String::new();
    let broken =
        |what: String| Error::new(what).at_path(path).help("expected a matrix-market file of genes × cells");
    let read = |input: &mut dyn BufRead, line: &mut String| {
        line.clear();
        input.take(LONGEST_LINE).read_line(line).map_err(|e| Error::io("read", path, &e))
    };
    read(&mut input, &mut line)?;
    let first = line.to_lowercase();
    if !first.starts_with("%%matrixmarket matrix coordinate") || !first.contains("general") {
        return Err(broken("the first line is not '%%MatrixMarket matrix coordinate … general'".into()));
    }
    if first.contains("complex") {
        return Err(broken("the values are complex numbers".into()));
    }
    while read(&mut input, &mut line)? > 0 && line.starts_with('%') {}
    let sizes: Vec<u64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [genes, cells, entries] = sizes[..] else {
        let start: String = line.trim().chars().take(80).collect();
        return Err(broken(format!("'{start}' is not: genes, cells, entries")));
    };
    let small = |n: u64| u32::try_from(n).map(|n| n as usize).map_err(|_| broken(format!("{n} is too many")));
    Ok(Triples {
        path: path.to_owned(),
        genes: small(genes)?,
        cells: small(cells)?,
        entries,
        whole_numbers: first.contains("integer"),
        cell_first: false,
        lines_before: 1,
    })
}
