//! One file of cells: an Arrow IPC file, memory-mapped and checked, never copied.

use super::manifest::{AGAIN, ColumnEntry};
use crate::cells::{Cell, ColumnKind};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt16Type, UInt32Type};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use genil_base::{Error, Result};
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

/// The columns that every store has, before its annotations.
pub const RESERVED: [&str; 4] = ["cell_id", "panel", "gene_ids", "values"];

/// The Arrow schema of a store with these annotation columns.
pub(super) fn schema(columns: &[ColumnEntry]) -> SchemaRef {
    let list = |item| DataType::List(Arc::new(Field::new("item", item, false)));
    let types = [DataType::Utf8, DataType::UInt16, list(DataType::UInt32), list(DataType::Float32)];
    let fixed = RESERVED.into_iter().zip(types).map(|(name, of)| Field::new(name, of, false));
    let annotations = columns.iter().map(|column| {
        let of = match column.kind {
            ColumnKind::Category | ColumnKind::Text => DataType::Utf8,
            ColumnKind::Number => DataType::Float64,
        };
        Field::new(&column.name, of, true)
    });
    Arc::new(Schema::new(fixed.chain(annotations).collect::<Vec<_>>()))
}

/// Consecutive cells: a record batch with its columns at hand.
#[derive(Debug)]
pub(super) struct Batch {
    /// The row in the store of the first cell.
    pub first: usize,
    cell_ids: StringArray,
    panels: ScalarBuffer<u16>,
    offsets: OffsetBuffer<i32>,
    genes: ScalarBuffer<u32>,
    values: ScalarBuffer<f32>,
    record: RecordBatch,
}

/// What every cell of a store must keep to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub genes: usize,
    pub panels: usize,
}

impl Batch {
    pub fn len(&self) -> usize {
        self.record.num_rows()
    }

    /// The number of (cell, gene) pairs.
    pub fn values(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub fn cell(&self, row: usize) -> Cell<'_> {
        let part = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        Cell { genes: &self.genes[part.clone()], values: &self.values[part] }
    }

    pub fn cell_id(&self, row: usize) -> &str {
        self.cell_ids.value(row)
    }

    #[inline]
    pub fn panel(&self, row: usize) -> u16 {
        self.panels[row]
    }

    /// The annotation column at `place`.
    pub fn annotation(&self, place: usize) -> &ArrayRef {
        self.record.column(RESERVED.len() + place)
    }

    /// Takes the columns out of a record batch of [`schema`] and checks every cell.
    fn new(record: RecordBatch, bounds: Bounds) -> std::result::Result<Self, String> {
        if record.columns()[..RESERVED.len()].iter().any(|column| column.null_count() > 0) {
            return Err("a cell without id, panel, genes or values".into());
        }
        let genes = record.column(2).as_list::<i32>();
        let values = record.column(3).as_list::<i32>();
        if genes.offsets() != values.offsets() {
            return Err("a cell has not as many genes as values".into());
        }
        let batch = Self {
            first: 0,
            cell_ids: record.column(0).as_string().clone(),
            panels: record.column(1).as_primitive::<UInt16Type>().values().clone(),
            offsets: genes.offsets().clone(),
            genes: genes.values().as_primitive::<UInt32Type>().values().clone(),
            values: values.values().as_primitive::<Float32Type>().values().clone(),
            record,
        };
        if batch.panels.iter().any(|&panel| usize::from(panel) >= bounds.panels) {
            return Err("a cell's panel does not exist".into());
        }
        match (0..batch.len()).find(|&row| !is_sound(batch.cell(row), bounds.genes)) {
            Some(row) => Err(format!(
                "cell '{}' has genes out of order or out of range, or values that are not finite and > 0",
                batch.cell_id(row)
            )),
            None => Ok(batch),
        }
    }
}

/// Whether ids ascend below `genes` and values are finite and > 0.
pub(super) fn is_sound(cell: Cell<'_>, genes: usize) -> bool {
    // Sums instead of early exits: these loops run over the whole store and so must vectorise.
    let ascending = cell.genes.windows(2).map(|pair| usize::from(pair[0] >= pair[1])).sum::<usize>() == 0;
    let positive =
        cell.values.iter().map(|&v| usize::from(!(v > 0.0 && v < f32::INFINITY))).sum::<usize>() == 0;
    ascending && positive && cell.genes.last().is_none_or(|&last| (last as usize) < genes)
}

/// Maps the file at `path` and returns its batches, every cell checked. Rows count from 0.
pub(super) fn read(path: &Path, schema: &SchemaRef, bounds: Bounds) -> Result<Vec<Batch>> {
    let file = std::fs::File::open(path).map_err(|e| Error::io("open", path, &e))?;
    let mapped = map(&file).map_err(|e| Error::io("map into memory", path, &e))?;
    let damaged =
        |what: String| Error::new(format!("the file of cells is damaged: {what}")).at_path(path).help(AGAIN);
    batches(&mapped, schema, bounds).map_err(damaged)
}

/// A read-only memory map as an Arrow buffer.
#[allow(unsafe_code)]
fn map(file: &std::fs::File) -> std::io::Result<Buffer> {
    // SAFETY: a map is sound while nobody changes the file under it. The files of a store are
    // written once, under a temporary name, and never again; replacing a store renames it away,
    // which leaves the mapped pages as they are.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(Buffer::from(bytes::Bytes::from_owner(map)))
}

fn batches(file: &Buffer, expected: &SchemaRef, bounds: Bounds) -> std::result::Result<Vec<Batch>, String> {
    const TRAILER: usize = 10;
    let text = |e: ArrowError| e.to_string();
    let trailer = file.len().checked_sub(TRAILER).ok_or("too short")?;
    let ending = file[trailer..].try_into().map_err(|_| "no ending")?;
    let footer_start = trailer.checked_sub(read_footer_length(ending).map_err(text)?).ok_or("no footer")?;
    let footer = arrow_ipc::root_as_footer(&file[footer_start..trailer])
        .map_err(|e| format!("its footer cannot be read: {e}"))?;
    let found = footer.schema().ok_or("it has no schema")?;
    if arrow_ipc::convert::try_fb_to_schema(found).map_err(text)? != **expected {
        return Err("its columns are not those of store.json".into());
    }
    let decoder = FileDecoder::new(expected.clone(), footer.version()).with_require_alignment(true);
    let widths = widths(expected);
    let blocks: Vec<_> = footer.recordBatches().ok_or("it lists no cells")?.iter().copied().collect();
    blocks
        .par_iter()
        .map(|block| {
            let (start, length) = extent(block)
                .filter(|&(s, l)| l <= footer_start.saturating_sub(s))
                .ok_or("a batch lies outside of the file")?;
            let data = file.slice_with_length(start, length);
            check_buffers(&data, block.metaDataLength() as usize, &widths)?;
            let record = decoder.read_record_batch(block, &data).map_err(text)?.ok_or("an empty batch")?;
            Batch::new(record, bounds)
        })
        .collect()
}

/// Where a block starts and how long it is, if it is aligned and that can be said in `usize`.
fn extent(block: &arrow_ipc::Block) -> Option<(usize, usize)> {
    let start = usize::try_from(block.offset()).ok()?;
    let metadata = usize::try_from(block.metaDataLength()).ok()?;
    let aligned = start % 8 == 0 && metadata % 8 == 0;
    aligned.then_some(())?;
    Some((start, metadata.checked_add(usize::try_from(block.bodyLength()).ok()?)?))
}

/// The width in bytes of an element of each buffer of a batch of `schema`, in the order of the file.
fn widths(schema: &Schema) -> Vec<usize> {
    const BITMAP: usize = 1;
    let offset = size_of::<i32>();
    let of = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => vec![BITMAP, offset, 1],
        DataType::List(item) => vec![BITMAP, offset, BITMAP, item.data_type().primitive_width().unwrap_or(1)],
        other => vec![BITMAP, other.primitive_width().unwrap_or(1)],
    };
    schema.fields().iter().flat_map(of).collect()
}

/// Checks what the Arrow reader takes for granted and would panic on: that every buffer lies within
/// its block, aligned and of whole elements, and that no length is negative.
fn check_buffers(block: &[u8], metadata: usize, widths: &[usize]) -> std::result::Result<(), String> {
    const ALIGNED: i64 = 8;
    const MARKER_AND_LENGTH: usize = 8;
    let wrong = || "a batch's description is wrong".to_string();
    let body = block.len().checked_sub(metadata).ok_or_else(wrong)?;
    if !block.starts_with(&[0xff; 4]) {
        return Err(wrong());
    }
    let message = arrow_ipc::root_as_message(block.get(MARKER_AND_LENGTH..metadata).ok_or_else(wrong)?)
        .map_err(|e| format!("a batch's description cannot be read: {e}"))?;
    let batch = message.header_as_record_batch().ok_or_else(wrong)?;
    if batch.compression().is_some() {
        return Err("it is compressed, which cannot be memory-mapped".into());
    }
    let within = |start: i64, length: i64| {
        let end = usize::try_from(start).ok()?.checked_add(usize::try_from(length).ok()?)?;
        Some(end <= body)
    };
    let whole = |length: i64, width: usize| length % width as i64 == 0;
    let found = batch.buffers().map_or(0, |buffers| buffers.len());
    let buffers = found == widths.len()
        && batch.buffers().into_iter().flatten().zip(widths).all(|(b, &width)| {
            within(b.offset(), b.length()) == Some(true)
                && b.offset() % ALIGNED == 0
                && whole(b.length(), width)
        });
    // A cell takes at least one byte, so no honest length exceeds the body's.
    let sane = |length: i64| usize::try_from(length).is_ok_and(|length| length <= body);
    let nodes = batch.nodes().into_iter().flatten().all(|n| sane(n.length()) && sane(n.null_count()));
    if buffers && nodes && sane(batch.length()) { Ok(()) } else { Err(wrong()) }
}
