//! Git LFS: the pointers in a tree, and the download of the objects that they name, with the login of the repository.
//!
//! Only downloads by the transfer `basic`. A repository cannot choose the server: `.lfsconfig` is not read.

mod batch;
mod endpoint;
mod pointer;
mod transfer;

use std::collections::BTreeMap;
use std::io::Read;

use super::GitError;
use super::Mirror;

use batch::Requested;
use endpoint::Endpoint;

pub use pointer::LfsPointer;

/// Maximum number of objects in one request: the limit of GitHub and GitLab.
const MAX_OBJECTS: usize = 100;
/// Maximum number of bytes of the objects of one request. Addresses of objects expire, so the answer must be used soon.
const MAX_BYTES: u64 = 4 << 30;

/// A file whose content is an LFS object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LfsFile {
    /// The path relative to the exported folder.
    pub path: String,
    /// Its pointer.
    pub pointer: LfsPointer,
}

impl Mirror {
    /// Downloads the objects of some files, each object once. `keep` receives the first file of each object and the object's
    /// bytes. It must verify digest and size: the reader returns whatever the server sends.
    pub fn download_lfs<E: From<GitError>>(
        &self,
        files: &[LfsFile],
        keep: &mut dyn FnMut(&LfsFile, &mut dyn Read) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut objects: BTreeMap<&str, &LfsFile> = BTreeMap::new();
        for file in files {
            objects.entry(&file.pointer.oid).or_insert(file);
        }
        let objects: Vec<&LfsFile> = objects.into_values().collect();
        for part in in_parts(&objects) {
            // Asked again for each part, because the login over SSH expires.
            let endpoint = Endpoint::of(self.connection())?;
            for Requested { file, download } in batch::request(self.connection(), &endpoint, part)? {
                let mut object = transfer::open(self.connection(), &endpoint, file, &download)?;
                keep(file, &mut object)?;
            }
        }
        Ok(())
    }
}

/// Splits objects into parts for one request each.
fn in_parts<'list, 'file>(mut objects: &'list [&'file LfsFile]) -> Vec<&'list [&'file LfsFile]> {
    let mut parts = Vec::new();
    while !objects.is_empty() {
        let mut bytes = 0_u64;
        let fitting = objects.iter().take(MAX_OBJECTS).take_while(|file| {
            bytes = bytes.saturating_add(file.pointer.size);
            bytes <= MAX_BYTES
        });
        let (part, rest) = objects.split_at(fitting.count().max(1));
        parts.push(part);
        objects = rest;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_requested_in_parts_of_limited_number_and_size() {
        let file = |size| LfsFile { path: "a".to_owned(), pointer: LfsPointer { oid: "0".repeat(64), size } };
        let lengths = |sizes: &[u64]| {
            let files: Vec<LfsFile> = sizes.iter().map(|size| file(*size)).collect();
            let files: Vec<&LfsFile> = files.iter().collect();
            in_parts(&files).iter().map(|part| part.len()).collect::<Vec<_>>()
        };
        assert_eq!(lengths(&[1; 250]), [100, 100, 50]);
        assert_eq!(lengths(&[MAX_BYTES, 1, u64::MAX, 1]), [1, 1, 1, 1]);
        assert_eq!(lengths(&[]), [0; 0]);
    }
}
