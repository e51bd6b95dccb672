//! Tests of exports: written files, and everything that is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use git2::{ObjectType, Repository};

use crate::{ExportLimits, GitError, LfsFile, LfsPointer, SourceTree};
use slipway_domain::CommitSha;

use super::world::World;

const BROKEN_POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";

fn into(world: &World) -> PathBuf {
    world.root.path().join("sources")
}

fn export(world: &World, commit: &CommitSha, folder: &str, prefix: &str) -> Result<SourceTree, GitError> {
    let matcher = |path: &str| path.starts_with(prefix);
    world.mirror().export(commit, folder, &matcher, &into(world), ExportLimits::default())
}

/// The error for a repository with this entry; asserts that the export left nothing behind.
fn refusal(entry: (&str, &str, &str)) -> String {
    let world = World::new();
    let tip = world.commit(&[entry]);
    let error = export(&world, &tip, "", "").unwrap_err().to_string();
    assert!(!into(&world).exists());
    error
}

#[test]
fn only_matching_files_of_the_folder_are_written() {
    let world = World::new();
    let tip = world.commit(&[
        ("100644", "models/fashion/slipway.yaml", "kind: Model\n"),
        ("100755", "models/fashion/data/make.sh", "#!/bin/sh\n"),
        ("100644", "models/fashion/notes/todo", "-"),
        ("120000", "models/fashion/notes/link", "/etc/passwd"),
        ("100644", "models/other/slipway.yaml", "other\n"),
    ]);
    let matcher = |path: &str| path == "slipway.yaml" || path.starts_with("data/");
    let tree = world.mirror().export(&tip, "models/fashion", &matcher, &into(&world), ExportLimits::default()).unwrap();
    let paths: Vec<_> = tree.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["data/make.sh", "slipway.yaml"]);
    assert_eq!(tree.bytes, 22);
    assert_eq!(fs::read_to_string(into(&world).join("slipway.yaml")).unwrap(), "kind: Model\n");
    let mode = fs::metadata(into(&world).join("data/make.sh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
    assert!(!into(&world).join("notes").exists());
    assert_eq!(tree.digest, "363fa126467783a1283cf759f559d66029cc8866eea59ad4bf6275b8d7ab5140");
}

#[test]
fn the_digest_follows_content_mode_and_name_and_nothing_else() {
    let world = World::new();
    let first = world.commit(&[("100644", "data/a", "1")]);
    let elsewhere = world.commit(&[("100644", "other", "x")]);
    let bytes = world.commit(&[("100644", "data/a", "2")]);
    let mode = world.commit(&[("100755", "data/a", "1")]);
    let mut digests = Vec::new();
    for commit in [&first, &elsewhere, &bytes, &mode] {
        digests.push(export(&world, commit, "", "data/").unwrap().digest);
        fs::remove_dir_all(into(&world)).unwrap();
    }
    assert_eq!(digests[0], digests[1]);
    assert!(digests[0] != digests[2] && digests[0] != digests[3] && digests[2] != digests[3]);
}

#[test]
fn symbolic_links_submodules_and_broken_pointers_of_lfs_are_refused() {
    let link = refusal(("120000", "data/link", "/etc/passwd"));
    assert!(link.contains("`data/link` is a symbolic link, expected a regular file"), "{link}");
    let module = refusal(("160000", "data/module", "1234567890123456789012345678901234567890"));
    assert!(module.contains("`data/module` is a submodule"), "{module}");
    let pointer = refusal(("100644", "data/big.bin", BROKEN_POINTER));
    assert!(pointer.contains("`data/big.bin` is a Git LFS pointer that cannot be used: its `oid`"), "{pointer}");
}

#[test]
fn pointers_of_lfs_are_written_and_listed() {
    let world = World::new();
    let oid = "a".repeat(64);
    let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 7\n");
    let tip = world.commit(&[("100644", "data/big.bin", &text), ("100644", "data/small.csv", "x\n")]);
    let tree = export(&world, &tip, "data", "").unwrap();
    let pointer = LfsPointer { oid, size: 7 };
    assert_eq!(tree.pointers, [LfsFile { path: "big.bin".to_owned(), pointer: pointer.clone() }]);
    assert_eq!(fs::read_to_string(into(&world).join("big.bin")).unwrap(), text);
    let found = world.mirror().lfs_pointers(&tip, &|path| path.starts_with("data/")).unwrap();
    assert_eq!(found, [LfsFile { path: "data/big.bin".to_owned(), pointer }]);
}

#[test]
fn a_link_in_place_of_a_wanted_folder_is_refused() {
    let world = World::new();
    let tip = world.commit(&[("120000", "data", "/etc")]);
    let error = export(&world, &tip, "", "data/").unwrap_err().to_string();
    assert!(error.contains("`data` is a symbolic link"), "{error}");
    let error = export(&world, &tip, "data", "").unwrap_err().to_string();
    assert!(error.contains("`data` is a symbolic link, expected a folder"), "{error}");
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    for name in ["..", "a/b", "../../outside", "/etc/passwd", ".git", "line\nbreak", "latin\u{e9}1"] {
        let world = World::new();
        let raw = if name.starts_with("latin") { b"latin\xe91".to_vec() } else { name.as_bytes().to_vec() };
        let tip = hostile_commit(&world, &raw);
        let error = export(&world, &tip, "", "").unwrap_err();
        assert!(matches!(error, GitError::UnusablePath { .. }), "{name:?}: {error}");
        assert!(!into(&world).exists() && !world.root.path().join("outside").exists());
    }
}

/// A commit with a tree that git itself would refuse to create.
fn hostile_commit(world: &World, name: &[u8]) -> CommitSha {
    let repository = Repository::open_bare(world.repository()).unwrap();
    let blob = repository.blob(b"x").unwrap();
    let mut tree = b"100644 ".to_vec();
    tree.extend_from_slice(name);
    tree.push(0);
    tree.extend_from_slice(blob.as_bytes());
    let tree = repository.odb().unwrap().write(ObjectType::Tree, &tree).unwrap();
    let signature = git2::Signature::new("A", "a@b", &git2::Time::new(1, 0)).unwrap();
    let tree = repository.find_tree(tree).unwrap();
    let commit = repository.commit(None, &signature, &signature, "x", &tree, &[]).unwrap();
    repository.reference("refs/heads/main", commit, true, "test").unwrap();
    commit.to_string().parse().unwrap()
}

#[test]
fn a_tree_that_multiplies_itself_is_refused() {
    let world = World::new();
    let repository = Repository::open_bare(world.repository()).unwrap();
    let mut tree = {
        let mut builder = repository.treebuilder(None).unwrap();
        builder.insert("file", repository.blob(b"x").unwrap(), 0o100_644).unwrap();
        builder.write().unwrap()
    };
    for _ in 0..12 {
        let mut builder = repository.treebuilder(None).unwrap();
        for number in 0..10 {
            builder.insert(number.to_string(), tree, 0o040_000).unwrap();
        }
        tree = builder.write().unwrap();
    }
    let signature = git2::Signature::new("A", "a@b", &git2::Time::new(1, 0)).unwrap();
    let tree = repository.find_tree(tree).unwrap();
    let commit = repository.commit(None, &signature, &signature, "x", &tree, &[]).unwrap();
    repository.reference("refs/heads/main", commit, true, "test").unwrap();
    let error = export(&world, &world.tip(), "", "nothing").unwrap_err();
    assert!(matches!(error, GitError::LimitExceeded { unit: "entries", .. }), "{error}");
}

#[test]
fn too_many_files_and_too_many_bytes_are_refused() {
    let world = World::new();
    let tip = world.commit(&[("100644", "a", "12345")]);
    let limited = |files, bytes| {
        let limits = ExportLimits { files, bytes };
        world.mirror().export(&tip, "", &|_| true, &into(&world), limits)
    };
    assert!(matches!(limited(2, 1000), Err(GitError::LimitExceeded { unit: "files", .. })));
    assert!(matches!(limited(3, 18), Err(GitError::LimitExceeded { unit: "bytes", .. })));
    limited(3, 19).unwrap();
}

#[test]
fn a_folder_in_use_is_not_written_to() {
    let world = World::new();
    fs::create_dir(into(&world)).unwrap();
    fs::write(into(&world).join("precious"), "x").unwrap();
    let error = export(&world, &world.tip(), "", "").unwrap_err().to_string();
    assert!(error.contains("the folder is not empty"), "{error}");
    assert!(into(&world).join("precious").exists());
}
