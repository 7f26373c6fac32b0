//! A matrix-market folder as 10x writes it: `matrix.mtx`, `barcodes.tsv` and `features.tsv`
//! (or `genes.tsv`), each maybe with `.gz`.

use crate::matrix::Matrix;
use crate::names;
use crate::opened::Opened;
use crate::tenx::{EXPRESSION, keep_expression};
use crate::text::{LONGEST_LINE, lines, open_text};
use crate::transpose::Entries;
use genil_base::{Error, Result};
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

/// A matrix-market file of genes × cells.
pub struct MtxFile {
    path: PathBuf,
    genes: usize,
    /// The number of cells.
    pub cells: usize,
    entries: u64,
    /// Whether the header says `integer`.
    pub whole_numbers: bool,
}

/// Opens the folder at `path`.
pub fn open(path: &Path) -> Result<Opened> {
    let matrix = MtxFile::open(&find(path, &["matrix.mtx"])?)?;
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
        matrix: Matrix::Text(matrix),
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

impl MtxFile {
    fn open(path: &Path) -> Result<Self> {
        let mut input = open_text(path)?;
        let mut line = String::new();
        let broken = |what: String| {
            Error::new(what).at_path(path).help("expected a matrix-market file of genes × cells")
        };
        let read = |input: &mut dyn BufRead, line: &mut String| {
            line.clear();
            input.take(LONGEST_LINE).read_line(line).map_err(|e| Error::io("read", path, &e))
        };
        read(&mut input, &mut line)?;
        let header = line.to_lowercase();
        if !header.starts_with("%%matrixmarket matrix coordinate") || !header.contains("general") {
            return Err(broken("the first line is not '%%MatrixMarket matrix coordinate … general'".into()));
        }
        if header.contains("complex") {
            return Err(broken("the values are complex numbers".into()));
        }
        let whole_numbers = header.contains("integer");
        while read(&mut input, &mut line)? > 0 && line.starts_with('%') {}
        let sizes: Vec<u64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let [genes, cells, entries] = sizes[..] else {
            let start: String = line.trim().chars().take(80).collect();
            return Err(broken(format!("'{start}' is not: genes, cells, entries")));
        };
        let small =
            |n: u64| u32::try_from(n).map(|n| n as usize).map_err(|_| broken(format!("{n} is too many")));
        Ok(Self { path: path.to_owned(), genes: small(genes)?, cells: small(cells)?, entries, whole_numbers })
    }

    fn read(&self, each: &mut dyn FnMut(u32, u32, f32)) -> Result<()> {
        let mut input = open_text(&self.path)?;
        let mut line = Vec::new();
        let (mut number, mut found, mut sizes_seen) = (0u64, 0u64, false);
        loop {
            line.clear();
            number += 1;
            let length = (&mut input)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut line)
                .map_err(|e| Error::io("read", &self.path, &e))?;
            if length == 0 {
                break;
            }
            if line.starts_with(b"%") || line.trim_ascii().is_empty() {
                continue;
            }
            if !sizes_seen {
                sizes_seen = true;
                continue;
            }
            let Some((gene, cell, value)) = self.entry(&line) else {
                let start: String = String::from_utf8_lossy(&line).trim().chars().take(80).collect();
                let what = format!("'{start}' is not: gene, cell, value (within the matrix)");
                return Err(Error::new(what)
                    .at(format!("line {number}"))
                    .at_path(&self.path)
                    .help("copy the file again, or mend the line"));
            };
            found += 1;
            each(cell, gene, value);
        }
        if found != self.entries {
            return Err(Error::new(format!(
                "{found} entries instead of {}: the file is cut short",
                self.entries
            ))
            .at_path(&self.path)
            .help("copy the file again"));
        }
        Ok(())
    }

    fn entry(&self, line: &[u8]) -> Option<(u32, u32, f32)> {
        let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let mut next = || std::str::from_utf8(fields.next()?).ok();
        let within = |text: &str, limit: usize| {
            let place = text.parse::<u32>().ok()?.checked_sub(1)?;
            ((place as usize) < limit).then_some(place)
        };
        let (gene, cell) = (within(next()?, self.genes)?, within(next()?, self.cells)?);
        Some((gene, cell, next()?.parse().ok()?))
    }
}

impl Entries for MtxFile {
    fn cells(&self, each: &mut dyn FnMut(u32)) -> Result<()> {
        self.read(&mut |cell, _, _| each(cell))
    }

    fn entries(&self, each: &mut dyn FnMut(u32, u32, f32)) -> Result<()> {
        self.read(each)
    }
}
