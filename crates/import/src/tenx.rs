//! The `.h5` files of 10x Genomics: version 3 (one group `matrix`) and version 2 (one group a genome).

use crate::hierarchy::Hierarchy;
use crate::matrix;
use crate::names;
use crate::opened::Opened;
use genil_base::{Error, Result};
use genil_data::genes::{is_ensembl, without_version};
use std::collections::BTreeMap;
use std::path::Path;

/// The type of the features that are genes.
pub const EXPRESSION: &str = "Gene Expression";

/// Whether an HDF5 file is laid out as 10x does.
pub fn is_tenx(file: &dyn Hierarchy) -> bool {
    group(file).is_some()
}

/// The group that holds the matrix.
fn group(file: &dyn Hierarchy) -> Option<String> {
    let names = file.names("/").ok()?;
    let complete =
        |name: &String| file.has(&format!("{name}/barcodes")) && file.has(&format!("{name}/indptr"));
    names.into_iter().find(complete)
}

/// Reads everything but the values of the file at `path`.
pub fn open(file: &dyn Hierarchy, path: &Path) -> Result<Opened> {
    let group = group(file).ok_or_else(|| Error::new("no 10x matrix in the file").at_path(path))?;
    let at = |name: &str| format!("{group}/{name}");
    let version3 = file.has(&at("features"));
    let (id, name) = if version3 { ("features/id", "features/name") } else { ("genes", "gene_names") };
    let cells = file.column(&at("barcodes"))?.texts()?;
    let ids = file.column(&at(id))?.texts()?;
    let symbols = file.column(&at(name))?.texts()?;
    if ids.len() != symbols.len() {
        return Err(Error::new("there are not as many gene names as gene ids").at_path(path));
    }
    let shape = file.column(&at("shape"))?;
    if shape.i64s(0..shape.rows())? != [ids.len() as i64, cells.len() as i64] {
        return Err(shape.error("it does not agree with the numbers of genes and cells"));
    }
    let matrix = matrix::of_tenx(file, &group, cells.len(), ids.len())?;
    let genes = ids.into_iter().zip(symbols).map(|(id, symbol)| {
        let ensembl = Some(without_version(&id).to_owned()).filter(|id| is_ensembl(id));
        names::gene(Some(symbol).filter(|name| !name.is_empty()).or(Some(id)), ensembl)
    });
    let mut opened = Opened {
        path: path.to_owned(),
        index: cells,
        columns: Vec::new(),
        genes: genes.collect(),
        counts: matrix.looks_like_counts()?,
        matrix,
        taken: group.clone(),
        skipped: Vec::new(),
        notes: Vec::new(),
    };
    if version3 && file.has(&at("features/feature_type")) {
        let types = file.column(&at("features/feature_type"))?.texts()?;
        keep_expression(&mut opened, &types)?;
    } else {
        let genomes: Vec<String> = file.names("/")?.into_iter().filter(|name| *name != group).collect();
        if !version3 && !genomes.is_empty() {
            opened.notes.push(format!("the genome '{group}' was taken; set aside: {}", genomes.join(", ")));
        }
    }
    Ok(opened)
}

/// Sets aside the features that are not genes (antibodies, guides …) and says so.
pub fn keep_expression(opened: &mut Opened, types: &[String]) -> Result<()> {
    if types.len() != opened.genes.len() {
        return Err(Error::new("there are not as many feature types as features")
            .at_path(&opened.path)
            .help("copy the file again: it is damaged"));
    }
    let mut aside: BTreeMap<&str, usize> = BTreeMap::new();
    for (gene, of) in opened.genes.iter_mut().zip(types).filter(|(_, of)| *of != EXPRESSION) {
        *gene = None;
        *aside.entry(of).or_default() += 1;
    }
    if opened.genes.iter().all(Option::is_none) && !types.is_empty() {
        return Err(Error::new(format!("no feature is of the type '{EXPRESSION}'"))
            .at_path(&opened.path)
            .help("name the file with the genes' counts, not that of antibodies or guides"));
    }
    opened
        .notes
        .extend(aside.iter().map(|(of, n)| format!("{n} features of the type '{of}' were set aside")));
    Ok(())
}
