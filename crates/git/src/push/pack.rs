//! The objects of a push: those of its commits that their base does not have, found along the changed paths only.
//!
//! libgit2's own push first marks the whole tree of the base, which takes seconds and gigabytes in large repositories (libgit2
//! #3364).

use std::collections::HashSet;

use git2::{Buf, ObjectType, Oid, Repository, Tree};

/// Maximum number of commits in one push: far more than can wait for a branch.
const MAX_COMMITS: usize = 10_000;

/// A pack of everything between `base` and `commit`, which descends from it by first parents. A base of zeros means that the
/// whole history is sent.
pub(super) fn pack(repository: &Repository, base: Oid, commit: Oid) -> Result<Buf, git2::Error> {
    let mut builder = repository.packbuilder()?;
    builder.set_threads(1);
    for id in new_objects(repository, base, commit)? {
        builder.insert_object(id, None)?;
    }
    let mut bytes = Buf::new();
    builder.write_buf(&mut bytes)?;
    Ok(bytes)
}

fn new_objects(repository: &Repository, base: Oid, commit: Oid) -> Result<HashSet<Oid>, git2::Error> {
    let mut found = HashSet::new();
    let mut next = commit;
    for _ in 0..MAX_COMMITS {
        if next == base {
            return Ok(found);
        }
        let commit = repository.find_commit(next)?;
        found.insert(next);
        let Some(parent) = commit.parents().next() else {
            collect(repository, &commit.tree()?, None, &mut found)?;
            next = Oid::ZERO_SHA1;
            continue;
        };
        if commit.tree_id() != parent.tree_id() {
            collect(repository, &commit.tree()?, Some(&parent.tree()?), &mut found)?;
        }
        next = parent.id();
    }
    Err(git2::Error::from_str("the commits to push do not descend from their base"))
}

/// A tree and its new content, compared with the previous tree at the same path.
fn collect(
    repository: &Repository,
    tree: &Tree<'_>,
    before: Option<&Tree<'_>>,
    found: &mut HashSet<Oid>,
) -> Result<(), git2::Error> {
    found.insert(tree.id());
    for entry in tree {
        let old = before.and_then(|tree| tree.get_name_bytes(entry.name_bytes()));
        if old.as_ref().is_some_and(|old| old.id() == entry.id()) || found.contains(&entry.id()) {
            continue;
        }
        match entry.kind() {
            Some(ObjectType::Tree) => {
                let old = old.filter(|old| old.kind() == Some(ObjectType::Tree));
                let old = old.map(|old| repository.find_tree(old.id())).transpose()?;
                collect(repository, &repository.find_tree(entry.id())?, old.as_ref(), found)?;
            }
            Some(ObjectType::Blob) => drop(found.insert(entry.id())),
            // A submodule's commit is in another repository.
            _ => {}
        }
    }
    Ok(())
}
