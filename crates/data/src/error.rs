//! Why data outside of git cannot be provided, each with the next step for the user.

use std::io;

use slipway_contract::Digest;
use slipway_domain::Retry;

/// Why a file of data cannot be provided. Messages name the file by its path in the repository.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The bytes that a source sent are not those that the repository names.
    #[error(
        "`{path}`: expected {expected}, found {found}\n  help: the file at its source was replaced; commit a pointer to the new file, or restore the old one"
    )]
    OtherBytes {
        /// The path in the repository.
        path: String,
        /// The expected digest or size.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The file is larger than the settings allow.
    #[error(
        "`{path}`: expected at most {limit} bytes, found more\n  help: ask the owner of the server to raise `data.max_bytes` of this source"
    )]
    TooLarge {
        /// The path in the repository.
        path: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// An address that may not be read, or an answer that is not a file.
    #[error(
        "`{path}`: {problem}\n  help: correct the address, or ask the owner of the server to allow it in `sources[].data.stores`"
    )]
    Refused {
        /// The path in the repository.
        path: String,
        /// The problem.
        problem: String,
    },
    /// There is no file at an address.
    #[error("`{path}`: there is no file at `{address}`\n  help: upload the file, or correct the address")]
    Missing {
        /// The path in the repository.
        path: String,
        /// The address, without its query.
        address: String,
    },
    /// The login of the settings may not read an address.
    #[error(
        "`{path}`: access to `{address}` was denied: {problem}\n  help: set a current login with read access in `sources[].data.stores`"
    )]
    Denied {
        /// The path in the repository.
        path: String,
        /// The address, without its query.
        address: String,
        /// The answer of the store.
        problem: String,
    },
    /// A store does not answer, or it has an internal error.
    #[error(
        "`{path}`: `{address}` cannot be read: {problem}\n  help: check that the store runs and that this machine can reach it"
    )]
    Unreachable {
        /// The path in the repository.
        path: String,
        /// The address, without its query.
        address: String,
        /// The problem.
        problem: String,
    },
    /// The transfer ended early.
    #[error("`{path}`: the transfer was interrupted: {problem}")]
    Interrupted {
        /// The path in the repository.
        path: String,
        /// The error of the transfer.
        problem: String,
    },
    /// A file of this machine cannot be read or written.
    #[error("the file `{file}` cannot be used: {error}\n  help: check free space and permissions")]
    File {
        /// The file.
        file: String,
        /// The error of the file system.
        error: io::Error,
    },
}

impl DataError {
    /// Whether another attempt can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::OtherBytes { .. }
            | Self::TooLarge { .. }
            | Self::Refused { .. }
            | Self::Missing { .. }
            | Self::Denied { .. } => Retry::Never,
            Self::Unreachable { .. } | Self::Interrupted { .. } | Self::File { .. } => Retry::Backoff,
        }
    }

    /// Whether the settings of the server have to change, and not the repository.
    pub fn is_of_settings(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }

    pub(crate) fn refused(path: &str, problem: String) -> Self {
        Self::Refused { path: path.to_owned(), problem }
    }

    pub(crate) fn missing(path: &str, address: &impl ToString) -> Self {
        Self::Missing { path: path.to_owned(), address: address.to_string() }
    }

    pub(crate) fn denied(path: &str, address: &impl ToString, problem: String) -> Self {
        Self::Denied { path: path.to_owned(), address: address.to_string(), problem }
    }

    pub(crate) fn unreachable(path: &str, address: &impl ToString, problem: String) -> Self {
        Self::Unreachable { path: path.to_owned(), address: address.to_string(), problem }
    }

    /// The error for bytes with another digest.
    pub(crate) fn other_digest(path: &str, expected: &Digest, found: &Digest) -> Self {
        Self::OtherBytes { path: path.to_owned(), expected: expected.to_string(), found: found.to_string() }
    }
}
