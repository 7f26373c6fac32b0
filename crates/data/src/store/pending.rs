//! The record batch in the making.

use super::manifest::ColumnEntry;
use crate::cells::{Annotation, ColumnKind};
use arrow_array::builder::{ArrayBuilder, Float64Builder, StringBuilder};
use arrow_array::{ArrayRef, Float32Array, ListArray, RecordBatch, UInt16Array, UInt32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, SchemaRef};
use genil_base::{Error, Result};
use std::sync::Arc;

/// The cells of the record batch in the making.
#[derive(Debug)]
pub(super) struct Pending {
    cell_ids: StringBuilder,
    panels: Vec<u16>,
    ends: Vec<i32>,
    genes: Vec<u32>,
    values: Vec<f32>,
    annotations: Vec<Entries>,
}

#[derive(Debug)]
enum Entries {
    Texts(StringBuilder),
    Numbers(Float64Builder),
}

impl Pending {
    pub fn new(columns: &[ColumnEntry]) -> Self {
        let entries = |column: &ColumnEntry| match column.kind {
            ColumnKind::Number => Entries::Numbers(Float64Builder::new()),
            ColumnKind::Category | ColumnKind::Text => Entries::Texts(StringBuilder::new()),
        };
        Self {
            cell_ids: StringBuilder::new(),
            panels: Vec::new(),
            ends: vec![0],
            genes: Vec::new(),
            values: Vec::new(),
            annotations: columns.iter().map(entries).collect(),
        }
    }

    /// The number of cells so far.
    pub fn cells(&self) -> usize {
        self.panels.len()
    }

    /// The number of values so far.
    pub fn values(&self) -> usize {
        self.genes.len()
    }

    /// Adds the annotations of a cell, which [`push`](Self::push) then completes; all of them or,
    /// with an error, none.
    pub fn annotate(&mut self, annotations: &[Annotation<'_>], columns: &[ColumnEntry]) -> Result<()> {
        if annotations.len() != self.annotations.len() {
            let (found, wanted) = (annotations.len(), self.annotations.len());
            return Err(Error::new(format!("{found} annotations for {wanted} columns")));
        }
        let fits = |entries: &Entries, annotation: &Annotation<'_>| {
            matches!(
                (entries, annotation),
                (_, Annotation::Missing)
                    | (Entries::Texts(_), Annotation::Text(_))
                    | (Entries::Numbers(_), Annotation::Number(_))
            )
        };
        let misfit = self.annotations.iter().zip(annotations).position(|(e, a)| !fits(e, a));
        if let Some(place) = misfit {
            let ColumnEntry { name, kind } = &columns[place];
            let what = format!("{:?} does not fit the column '{name}' ({kind:?})", annotations[place]);
            return Err(Error::new(what));
        }
        for (entries, annotation) in self.annotations.iter_mut().zip(annotations) {
            match (entries, annotation) {
                (Entries::Texts(texts), Annotation::Text(text)) => texts.append_value(text),
                (Entries::Texts(texts), _) => texts.append_null(),
                (Entries::Numbers(numbers), Annotation::Number(n)) if !n.is_nan() => numbers.append_value(*n),
                (Entries::Numbers(numbers), _) => numbers.append_null(),
            }
        }
        Ok(())
    }

    pub fn push(&mut self, cell_id: &str, panel: u16, genes: &[u32], values: &[f32]) {
        self.cell_ids.append_value(cell_id);
        self.panels.push(panel);
        self.genes.extend_from_slice(genes);
        self.values.extend_from_slice(values);
        // Below BATCH_VALUES plus one cell's genes, which a GeneVocab's memory bounds.
        self.ends.push(self.genes.len() as i32);
    }

    /// The record batch of the cells so far; nothing is left.
    pub fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.ends, vec![0])));
        let list = |item: DataType, values: ArrayRef| -> ArrayRef {
            let field = Arc::new(Field::new("item", item, false));
            Arc::new(ListArray::new(field, offsets.clone(), values, None))
        };
        let genes = UInt32Array::from(std::mem::take(&mut self.genes));
        let values = Float32Array::from(std::mem::take(&mut self.values));
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.cell_ids.finish()),
            Arc::new(UInt16Array::from(std::mem::take(&mut self.panels))),
            list(DataType::UInt32, Arc::new(genes)),
            list(DataType::Float32, Arc::new(values)),
        ];
        columns.extend(self.annotations.iter_mut().map(|entries| match entries {
            Entries::Texts(texts) => ArrayBuilder::finish(texts),
            Entries::Numbers(numbers) => ArrayBuilder::finish(numbers),
        }));
        RecordBatch::try_new(schema.clone(), columns).map_err(|e| Error::new(e).at("a batch of cells"))
    }
}
