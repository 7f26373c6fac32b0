//! A finished model outside its run: it embeds cells of any file, whose genes it finds by their names.

use crate::checkpoint::{ModelCard, read_model};
use crate::embed::{embed_drawn, evaluation_key};
use crate::settings::TrainSettings;
use genil_base::{Error, Result};
use genil_data::partition::NONE;
use genil_data::sample::{CellTokens, draw_unplanned};
use genil_data::{Cell, CellRef, GeneVocab};
use genil_engine::batch::FIRST_GENE;
use genil_engine::{CpuEngine, Engine};
use std::path::Path;

/// A model that is only asked.
pub struct Frozen {
    engine: CpuEngine,
    card: ModelCard,
}

impl Frozen {
    /// Reads the finished model in `folder`.
    ///
    /// # Errors
    /// As [`read_model`]; when its tensors are not those of the model that its card describes.
    pub fn open(folder: &Path) -> Result<Self> {
        let (card, parameters) = read_model(folder)?;
        let mut engine = CpuEngine::new(card.model.clone(), FIRST_GENE as usize + genes(&card).count(), 0)?;
        engine.restore(parameters, None).map_err(|e| e.at_path(folder))?;
        Ok(Self { engine, card })
    }

    /// What the model is.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// `d`: numbers of an embedding.
    pub fn width(&self) -> usize {
        self.card.model.width
    }

    /// Its genes, each with the stage that brought it, in the order of the rows of
    /// [`gene_embeddings`](Self::gene_embeddings).
    pub fn genes(&self) -> impl Iterator<Item = (usize, &str)> {
        genes(&self.card)
    }

    /// `genes × d`.
    pub fn gene_embeddings(&self) -> &[f32] {
        // Checked when the model was read.
        let table = self.engine.parameters().get("gene_embedding.weight").map_or(&[][..], |t| &t.data);
        table.get(FIRST_GENE as usize * self.width()..).unwrap_or_default()
    }

    /// For each gene of a file its token, where the model knows the gene by its symbol or Ensembl id.
    ///
    /// # Errors
    /// When it knows none of them.
    pub fn tokens(&self, file: &GeneVocab) -> Result<Vec<u32>> {
        let mut map = vec![NONE; file.len()];
        for (token, (_, name)) in (FIRST_GENE..).zip(self.genes()) {
            if let Some(gene) = file.find(name) {
                map[gene as usize] = token;
            }
        }
        if map.iter().any(|&token| token != NONE) {
            return Ok(map);
        }
        let some = |names: Vec<&str>| names.join(", ");
        let (model, file) = (
            some(self.genes().take(3).map(|(_, name)| name).collect()),
            some(file.iter().take(3).map(|(_, name)| name).collect()),
        );
        Err(Error::new(format!(
            "the model knows none of the genes: its are called {model} …, the file's {file} …"
        ))
        .help("'genil check FILE --model MODEL' says how the names differ"))
    }

    /// What the model sees of the cell in row `row` of a file: the same genes at every call.
    pub fn draw(&self, row: usize, cell: Cell<'_>, tokens: &[u32]) -> CellTokens {
        // The key is that of the only store of an evaluation, so that both give a cell the same embedding.
        let id = CellRef { store: 0, row: row as u32 }.id();
        draw_unplanned(cell, tokens, &self.card.tokens, evaluation_key().with(id))
    }

    /// `N × d`: the embeddings of drawn cells; 0 for a cell without any gene.
    pub fn embed(&mut self, cells: &[CellTokens]) -> Result<Vec<f32>> {
        embed_drawn(&mut self.engine, cells, TrainSettings::default().part_tokens)
    }
}

fn genes(card: &ModelCard) -> impl Iterator<Item = (usize, &str)> {
    let stages = card.genes.iter().enumerate();
    stages.flat_map(|(stage, genes)| genes.iter().map(move |name| (stage, name.as_str())))
}
