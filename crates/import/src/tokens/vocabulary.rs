//! What the tokens mean: a file of genes beside the cells.

use super::columns::{batches, numbers, texts};
use crate::names;
use genil_base::files::{parent, read_text};
use genil_base::{Error, Result};
use genil_data::Gene;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The genes by their tokens, and where they were found: beside, or one folder up.
pub type Vocabulary = (BTreeMap<i64, Option<Gene>>, PathBuf);

/// Looks for the genes of the cells at `path`.
pub fn vocabulary(path: &Path) -> Result<Option<Vocabulary>> {
    let here = if path.is_dir() { path.to_owned() } else { parent(path).to_owned() };
    for folder in [here.clone(), here.join(".."), here.join("../metadata"), here.join("metadata")] {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            if name.contains("gene_metadata") && name.ends_with(".parquet") {
                return Ok(Some((gene_metadata(&file)?, file)));
            }
            if name.ends_with("vocab.json") {
                return Ok(Some((vocab_json(&file)?, file)));
            }
        }
    }
    Ok(None)
}

/// `token_id`, `gene_symbol`, `ensembl_id`, as Tahoe-100M has them.
fn gene_metadata(path: &Path) -> Result<BTreeMap<i64, Option<Gene>>> {
    let names = ["token_id", "gene_symbol", "ensembl_id"];
    let mut genes = BTreeMap::new();
    batches(&[path.to_owned()], &names.map(ToOwned::to_owned), usize::MAX, &mut |batch, _| {
        let tokens = batch.column_by_name(names[0]).and_then(numbers);
        let tokens = tokens.ok_or_else(|| {
            Error::new("the genes have no column 'token_id'")
                .at_path(path)
                .help("gene_metadata.parquet has token_id, gene_symbol and ensembl_id")
        })?;
        let column = |name| batch.column_by_name(name).and_then(texts);
        let (symbols, ids) = (column(names[1]), column(names[2]));
        for (row, token) in tokens.into_iter().enumerate() {
            let entry =
                |column: &Option<Vec<Option<String>>>| column.as_ref().and_then(|all| all[row].clone());
            genes.insert(token as i64, named(entry(&symbols), entry(&ids)));
        }
        Ok(())
    })?;
    Ok(genes)
}

/// A JSON object of names and tokens, as scGPT has it. `<cls>` and the like are no genes.
fn vocab_json(path: &Path) -> Result<BTreeMap<i64, Option<Gene>>> {
    let names: HashMap<String, i64> = serde_json::from_str(&read_text(path)?).map_err(|e| {
        Error::new(format!("not an object of names and tokens: {e}"))
            .at_path(path)
            .help(r#"such as {"CD3E": 12, …}"#)
    })?;
    let is_special = |name: &str| name.starts_with('<') && name.ends_with('>');
    Ok(names
        .into_iter()
        .map(|(name, token)| (token, if is_special(&name) { None } else { named(Some(name), None) }))
        .collect())
}

fn named(symbol: Option<String>, id: Option<String>) -> Option<Gene> {
    let id = id.filter(|id| genil_data::genes::is_ensembl(id));
    names::gene(symbol, id.map(|id| genil_data::genes::without_version(&id).to_owned()))
}
