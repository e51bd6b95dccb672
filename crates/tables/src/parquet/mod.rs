//! Reads Parquet files in small batches. The sizes that a file claims never decide how much memory is allocated.

mod codec;
mod pages;
mod rows;
mod values;

pub use pages::{ColumnPages, Room};
pub(crate) use rows::ParquetRows;

/// Why a page is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// A column has an unsupported encoding.
    #[error(
        "a column is encoded as {encoding}, expected PLAIN or RLE_DICTIONARY; pandas, polars and pyarrow write these by default"
    )]
    Encoding {
        /// The encoding.
        encoding: String,
    },
    /// A column has an unsupported compression.
    #[error("a column is compressed with {codec}, expected none, SNAPPY, GZIP, ZSTD or LZ4_RAW")]
    Codec {
        /// The compression.
        codec: &'static str,
    },
    /// A compressed page cannot be decompressed.
    #[error("a page is not valid {codec}: {why}; write the file again")]
    BrokenPage {
        /// The compression.
        codec: &'static str,
        /// Why it cannot be decompressed.
        why: String,
    },
    /// Compressed pages expand to more bytes than the limit.
    #[error("{what} to more than {most} bytes; use fewer rows, or write smaller pages")]
    Expands {
        /// The pages that expand.
        what: &'static str,
        /// The limit in bytes.
        most: u64,
    },
}
