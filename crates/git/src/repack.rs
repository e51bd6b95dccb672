//! Repacks a mirror from its own objects: many packs and loose objects become one pack, without a request to the server. A pack
//! that is larger than all others together is kept, so that the cost of a large repository does not grow with its age.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use git2::{Odb, Oid, PackBuilder, Repository};

use super::Remote;
use super::fetch;

/// The folder of packs in a repository.
const PACKS: &str = "objects/pack";

/// Writes a new mirror beside the old one, with the same references and all objects reachable from them.
pub(super) fn repack(from: &Path, to: &Path, remote: &Remote) -> Result<(), git2::Error> {
    fetch::create(to, remote)?;
    let kept = keep_largest_pack(from, to)?;
    let (old, new) = (fetch::open(from, remote)?, fetch::open(to, remote)?);
    let mut builder = old.packbuilder()?;
    if kept {
        insert_all_others(&old.odb()?, &new.odb()?, &mut builder)?;
    } else {
        insert_reachable(&old, &mut builder)?;
    }
    if builder.object_count() > 0 {
        write(&mut builder, &new.odb()?)?;
    }
    for reference in old.references()? {
        let reference = reference?;
        if let (Ok(name), Some(target)) = (reference.name(), reference.target()) {
            new.reference(name, target, true, "repacked")?;
        }
    }
    Ok(())
}

/// Links the largest pack into the new mirror, if it is larger than all others together.
fn keep_largest_pack(from: &Path, to: &Path) -> Result<bool, git2::Error> {
    let mut packs: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(from.join(PACKS)).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        if entry.path().extension().is_some_and(|extension| extension == "pack") {
            packs.push((entry.metadata().map_err(|error| failed(&error))?.len(), entry.path()));
        }
    }
    packs.sort();
    let Some((size, largest)) = packs.pop() else { return Ok(false) };
    if size <= packs.iter().map(|(size, _)| size).sum() {
        return Ok(false);
    }
    fs::create_dir_all(to.join(PACKS)).map_err(|error| failed(&error))?;
    // The index comes first: a pack without an index is not used.
    for file in [largest.with_extension("idx"), largest] {
        let Some(name) = file.file_name() else { continue };
        let target = to.join(PACKS).join(name);
        // Copies the file on file systems without hard links.
        if fs::hard_link(&file, &target).is_err() {
            fs::copy(&file, &target).map_err(|error| failed(&error))?;
        }
    }
    Ok(true)
}

fn insert_all_others(old: &Odb<'_>, new: &Odb<'_>, builder: &mut PackBuilder<'_>) -> Result<(), git2::Error> {
    let mut missing: Vec<Oid> = Vec::new();
    old.foreach(|id| {
        if !new.exists(*id) {
            missing.push(*id);
        }
        true
    })?;
    missing.into_iter().try_for_each(|id| builder.insert_object(id, None))
}

fn insert_reachable(old: &Repository, builder: &mut PackBuilder<'_>) -> Result<(), git2::Error> {
    let mut walk = old.revwalk()?;
    for reference in old.references()? {
        if let Some(target) = reference?.target() {
            walk.push(target)?;
        }
    }
    builder.insert_walk(&mut walk)
}

fn write(builder: &mut PackBuilder<'_>, new: &Odb<'_>) -> Result<(), git2::Error> {
    let mut pack = new.packwriter()?;
    let mut problem = None;
    let written = builder.foreach(|bytes| {
        problem = pack.write_all(bytes).err();
        problem.is_none()
    });
    match problem {
        Some(problem) => Err(failed(&problem)),
        None => written.and_then(|()| pack.commit().map(|_| ())),
    }
}

fn failed(error: &std::io::Error) -> git2::Error {
    git2::Error::from_str(&error.to_string())
}
