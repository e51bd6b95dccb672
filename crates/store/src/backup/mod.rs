//! The store as files: every table as lines of JSON in one format for both databases, so that a backup of one can be restored
//! into the other. The files come from one snapshot while servers run.

mod export;
mod import;
mod schema;

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_contract::Digest;

use super::StoreError;

pub use import::{restore, verify_table};

/// The format of the files. Another format is refused.
const FORMAT: u32 = 1;
/// The folder of the tables.
const TABLES: &str = "tables";

/// The content of a store's backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dump {
    /// The format of the files.
    pub format: u32,
    /// The version of Slipway that wrote them.
    pub slipway: String,
    /// Time of the snapshot. Everything acknowledged before is in it.
    pub taken_at: Timestamp,
    /// The kind of database it was taken from.
    pub database: String,
    /// The versions of its tables.
    pub versions: Vec<i64>,
    /// The tables, each after the tables that it references.
    pub tables: Vec<DumpedTable>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DumpedTable {
    /// Its name; its file is `tables/NAME.jsonl`.
    pub name: String,
    /// Its columns: each line of the file is an array of their values.
    pub columns: Vec<String>,
    /// Number of lines.
    pub rows: u64,
    /// The file's size.
    pub bytes: u64,
    /// The file's digest.
    pub digest: Digest,
}

impl DumpedTable {
    /// The table's file, within the backup.
    pub fn file(&self) -> String {
        format!("{TABLES}/{}.jsonl", self.name)
    }
}

/// Why a backup could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be read or written.
    #[error("`{file}`: {error}")]
    File {
        /// The file.
        file: String,
        /// The reason.
        error: std::io::Error,
    },
    /// A file is damaged.
    #[error("`{file}` is damaged: {reason}\n  help: use another backup; nothing was restored")]
    Damaged {
        /// The file.
        file: String,
        /// The difference.
        reason: String,
    },
    /// It was written by a version of Slipway that this version cannot read.
    #[error(
        "the backup cannot be read: {0}\n  help: restore it with the version of Slipway that wrote it, or with a newer one"
    )]
    Unknown(String),
    /// The target is not empty.
    #[error("the store is not empty: {0}\n  help: restore into an empty database; nothing was changed")]
    NotEmpty(String),
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

fn of_file(file: &Path) -> impl Fn(std::io::Error) -> BackupError {
    let file = file.display().to_string();
    move |error| BackupError::File { file: file.clone(), error }
}
