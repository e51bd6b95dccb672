//! Tests of signed commits: verification by git itself, and accepted keys.

use std::fs;
use std::process::Command;

use russh::keys::PublicKey;
use russh::keys::ssh_key::SshSig;

use crate::SigningKey;

use super::world::{World, isolated, promote};

/// A key that only these tests use.
const KEY: &str = include_str!("keys/ed25519");
const PUBLIC: &str = include_str!("keys/ed25519.pub");
const MANIFEST: &str = "apps/model.yaml";

fn signed_world() -> World {
    let world = World::new();
    let remote = world.remote().with_signing_key(SigningKey::from_openssh(KEY).unwrap());
    promote(&world.mirror_at("signed", remote), "p-1", MANIFEST, "tag: v1\n").unwrap();
    world.is_sound();
    world
}

#[test]
fn a_commit_carries_the_signature_of_its_bytes() {
    let world = signed_world();
    let commit = world.git(&["cat-file", "commit", "main"]);
    let (headers, message) = commit.split_once("\n\n").unwrap();
    let (before, signature) = headers.split_once("\ngpgsig ").unwrap();
    let signature: SshSig = signature.replace("\n ", "\n").parse().unwrap();
    let signed = format!("{before}\n\n{message}");
    PublicKey::from_openssh(PUBLIC).unwrap().verify("git", signed.as_bytes(), &signature).unwrap();
    let other = signed.replace("tag: v1", "tag: v2");
    assert!(PublicKey::from_openssh(PUBLIC).unwrap().verify("git", other.as_bytes(), &signature).is_err());
}

#[test]
fn git_accepts_the_signature_of_a_known_signer_only() {
    if Command::new("ssh-keygen").arg("-?").output().is_err() {
        println!("not checked: git verifies SSH signatures with `ssh-keygen`, which is missing here");
        return;
    }
    let world = signed_world();
    let allowed = world.root.path().join("allowed");
    let verify = |signer: &str| {
        fs::write(&allowed, signer).unwrap();
        let setting = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
        let mut git = isolated(Command::new("git"), world.root.path());
        git.current_dir(world.repository()).args(["-c", &setting, "verify-commit", "main"]).output().unwrap()
    };
    let known = verify(&format!("slipway@example.org {PUBLIC}"));
    assert!(known.status.success(), "{}", String::from_utf8_lossy(&known.stderr));
    assert!(String::from_utf8_lossy(&known.stderr).contains("Good \"git\" signature for slipway@example.org"));
    assert_eq!(verify("").status.code(), Some(1));
}

#[test]
fn keys_that_cannot_sign_are_refused_and_never_shown() {
    let refused = |text: &str| SigningKey::from_openssh(text).unwrap_err().to_string();
    assert!(refused("").contains("expected an Ed25519 private key of OpenSSH without a passphrase"));
    assert!(refused(include_str!("keys/encrypted")).contains("found a key with a passphrase"));
    assert!(refused(include_str!("keys/ecdsa")).contains("expected an Ed25519 private key"));
    assert!(refused(PUBLIC).contains("ssh-keygen -t ed25519"));
    let key = SigningKey::from_openssh(KEY).unwrap();
    assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.fingerprint()));
    assert!(key.fingerprint().starts_with("SHA256:"));
}
