//! Reads tables row by row: comma-separated values in any dialect, JSON lines and Parquet; plain, gzip or zstd; in one file or in
//! several. Every cell is a text, as a CSV file would contain it, so that all formats have the same meaning and the same faults.
//!
//! Every reader is bounded in memory, and refuses a file that expands beyond measure.

pub mod detect;
mod foreign;
mod json_lines;
pub mod parquet;
mod table;
mod unpack;

pub use table::{Opening, Row, Table};
pub use unpack::{Compression, unpack};

use slipway_contract::Fault;
use slipway_contract::table::Place;

/// What a reader found next.
enum Step {
    /// A row, which the reader holds.
    Row(Place),
    /// A row that cannot be read. The following rows can be read.
    Broken(Fault),
    /// The end of the file.
    End,
}
