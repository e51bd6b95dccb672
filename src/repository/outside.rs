//! Data files outside of git, as `slipway check` finds them in a work tree: those of which git has a Git LFS pointer, and those at
//! an address.

use std::io::Read as _;

use sha2::{Digest as _, Sha256};
use slipway_git::LfsPointer;

use slipway_contract::{Digest, FileAddress, Model};

use super::checkout::Checkout;
use super::source::folder_path;

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// The state of a file of which git has a pointer.
pub(super) enum Pointed {
    /// The pointer cannot be used.
    Broken(&'static str),
    /// The file is not here, only its pointer.
    Absent,
    /// The file is here, as its pointer says.
    Here,
    /// The file here is another one.
    Changed,
}

impl Pointed {
    /// The state of a file; `None` if git has no pointer in its place.
    pub(super) fn of(checkout: &Checkout, path: &str) -> Option<Self> {
        let pointer = match checkout.committed_pointer(path)? {
            Ok(pointer) => pointer,
            Err(problem) => return Some(Self::Broken(problem)),
        };
        let mut file = checkout.open(path).ok().flatten()?;
        let size = file.metadata().ok()?.len();
        let (mut hasher, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
        let mut is_first = true;
        loop {
            let read = file.read(&mut chunk).ok()?;
            if std::mem::take(&mut is_first) && LfsPointer::read(&chunk[..read]).is_some() {
                return Some(Self::Absent);
            }
            if read == 0 {
                break;
            }
            hasher.update(&chunk[..read]);
        }
        let is_same = size == pointer.size && hex::encode(hasher.finalize()) == pointer.oid;
        Some(if is_same { Self::Here } else { Self::Changed })
    }
}

/// A warning about a file at an address, with its remedy.
pub(super) struct AddressWarning {
    pub(super) key: &'static str,
    pub(super) message: String,
    pub(super) help: String,
    /// Whether the file is not here, so that its rows cannot be read.
    pub(super) is_absent: bool,
}

/// The files of a model at an address that are not here, or are other ones here.
pub(super) fn warnings_of_addresses(checkout: &Checkout, file: &str, model: &Model) -> Vec<AddressWarning> {
    let mut warnings = Vec::new();
    for FileAddress { key, file: path, sha256, url: _ } in model.addresses() {
        let whole = folder_path(file, &path);
        let warning = if let Ok(Some(mut here)) = checkout.open(&whole) {
            let (mut hasher, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
            while let Ok(read @ 1..) = here.read(&mut chunk) {
                hasher.update(&chunk[..read]);
            }
            if Digest::of_hasher(hasher) == sha256 {
                continue;
            }
            let message = format!("`{path}` here is another file than the one at its address");
            let help = "move it away and run `slipway data pull`, or update `url` and `sha256`";
            AddressWarning { key, message, help: help.to_owned(), is_absent: false }
        } else {
            let message = format!("`{path}` is not here, so its rows were not checked");
            AddressWarning { key, message, help: "run `slipway data pull`".to_owned(), is_absent: true }
        };
        warnings.push(warning);
    }
    warnings
}
