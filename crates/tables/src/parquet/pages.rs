//! The pages of one column of a Parquet file, decompressed within limits.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;

use super::PageError;
pub use super::codec::Room;

/// The pages of a column in one row group. It accepts only encodings whose values cannot exceed the bytes that encode them, and
/// decompresses pages within a file's [`Room`]. The delta encodings are rejected, because each text may repeat the whole text
/// before it. A [`PageError`] arrives as [`ParquetError::External`].
pub struct ColumnPages<R: ChunkReader + 'static> {
    pages: SerializedPageReader<R>,
    codec: Compression,
    room: Room,
}

impl<R: ChunkReader + 'static> ColumnPages<R> {
    /// The pages of a column chunk of `rows` rows.
    pub fn open(file: &Arc<R>, chunk: &ColumnChunkMetaData, rows: usize, room: &Room) -> ParquetResult<Self> {
        let codec = chunk.compression();
        // With this setting the page reader returns the pages as they are stored.
        let chunk = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        let pages = SerializedPageReader::new(Arc::clone(file), &chunk, rows, None)?;
        Ok(Self { pages, codec, room: room.clone() })
    }

    fn known(&self, mut page: Page) -> Result<Page, PageError> {
        let encoding = page.encoding();
        if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY | Encoding::RLE | Encoding::RLE_DICTIONARY)
        {
            return Err(PageError::Encoding { encoding: encoding.to_string() });
        }
        match &mut page {
            Page::DataPageV2 { is_compressed: false, .. } => {}
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
                // The levels before the values are never compressed.
                let levels = (*def_levels_byte_len as usize).saturating_add(*rep_levels_byte_len as usize);
                let levels = levels.min(buf.len());
                let values = self.expanded(&buf.slice(levels..))?;
                *buf = Bytes::from([&buf[..levels], &values[..]].concat());
            }
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = self.expanded(buf)?,
        }
        Ok(page)
    }

    /// A page without values has nothing to decompress.
    fn expanded(&self, bytes: &Bytes) -> Result<Bytes, PageError> {
        if bytes.is_empty() { Ok(Bytes::new()) } else { self.room.expand(self.codec, bytes) }
    }
}

impl<R: ChunkReader + 'static> PageReader for ColumnPages<R> {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let page = self.pages.get_next_page()?;
        page.map(|page| self.known(page)).transpose().map_err(|refusal| ParquetError::External(Box::new(refusal)))
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.pages.skip_next_page()
    }
}

impl<R: ChunkReader + 'static> Iterator for ColumnPages<R> {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
