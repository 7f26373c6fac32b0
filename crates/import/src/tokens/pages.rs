//! The pages of Parquet files, between the `parquet` crate's reading and its decoding of them: pages packed by
//! Zstandard, which it undoes through C alone, are unpacked here, and what it would believe blindly is checked.

use crate::filters::unpack_zstd;
use arrow_schema::Fields;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups};
use parquet::arrow::parquet_to_arrow_field_levels;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use std::fs::File;
use std::sync::Arc;

/// Bytes of a page, at most; honest ones have about one million.
const LARGEST_PAGE: i64 = 1 << 30;

/// A file whose pages are as they are stored.
struct Stored {
    file: Arc<File>,
    metadata: Arc<ParquetMetaData>,
}

/// The pages of one column, a reader for each group of rows.
struct Column {
    file: Arc<File>,
    metadata: Arc<ParquetMetaData>,
    column: usize,
    group: usize,
}

/// The pages of one column in one group of rows.
struct Pages {
    stored: SerializedPageReader<File>,
    /// What a page unpacks to, at most; `None`: the library undoes it, or nothing is to be undone.
    most: Option<usize>,
}

/// Whether a column is packed by Zstandard.
fn is_zstd(compression: Compression) -> bool {
    matches!(compression, Compression::ZSTD(_))
}

/// A reader of the columns in `mask`, so many rows at a time; `fields` are those of all columns.
pub fn reader(
    file: File,
    metadata: Arc<ParquetMetaData>,
    mask: ProjectionMask,
    fields: &Fields,
    together: usize,
) -> Result<ParquetRecordBatchReader> {
    let levels = parquet_to_arrow_field_levels(metadata.file_metadata().schema_descr(), mask, Some(fields))?;
    let stored = Stored { file: Arc::new(file), metadata };
    ParquetRecordBatchReader::try_new_with_row_groups(&levels, &stored, together, None)
}

impl RowGroups for Stored {
    fn num_rows(&self) -> usize {
        usize::try_from(self.metadata.file_metadata().num_rows()).unwrap_or(0)
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let (file, metadata) = (Arc::clone(&self.file), Arc::clone(&self.metadata));
        Ok(Box::new(Column { file, metadata, column, group: 0 }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

impl Iterator for Column {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let group = self.metadata.row_groups().get(self.group)?;
        self.group += 1;
        Some(self.pages(group).map(|pages| Box::new(pages) as Box<dyn PageReader>))
    }
}

impl PageIterator for Column {}

impl Column {
    fn pages(&self, group: &RowGroupMetaData) -> Result<Pages> {
        let none = || ParquetError::General("a group of rows lacks a column".into());
        let mut column = group.columns().get(self.column).ok_or_else(none)?.clone();
        let mut most = None;
        if is_zstd(column.compression()) {
            most = usize::try_from(column.uncompressed_size().clamp(0, LARGEST_PAGE)).ok();
            column = column.into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        }
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let stored = SerializedPageReader::new(Arc::clone(&self.file), &column, rows, None)?;
        Ok(Pages { stored, most })
    }
}

impl Pages {
    /// A page unpacked; its first bytes are not packed.
    fn unpack(&self, buf: &mut Bytes, plain: usize) -> Result<()> {
        let (Some(most), true) = (self.most, buf.len() > plain) else { return Ok(()) };
        let unpacked = unpack_zstd(&buf[plain..], most).map_err(ParquetError::General)?;
        *buf = [&buf[..plain], &unpacked].concat().into();
        Ok(())
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(mut page) = self.stored.get_next_page()? else { return Ok(None) };
        match &mut page {
            Page::DataPage { buf, .. } => self.unpack(buf, 0)?,
            Page::DictionaryPage { buf, num_values, .. } => {
                self.unpack(buf, 0)?;
                // The library makes room for all of them at once; the smallest values are truths, eight a byte.
                if *num_values as usize > buf.len().saturating_mul(8) {
                    let what = format!("a dictionary of {num_values} values in {} bytes", buf.len());
                    return Err(ParquetError::General(what));
                }
            }
            Page::DataPageV2 { buf, is_compressed, def_levels_byte_len, rep_levels_byte_len, .. } => {
                if std::mem::take(is_compressed) {
                    self.unpack(buf, *def_levels_byte_len as usize + *rep_levels_byte_len as usize)?;
                }
            }
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.stored.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.stored.skip_next_page()
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
