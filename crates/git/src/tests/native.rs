//! Tests of the native push: its requests, and its handling of unusual answers.

use std::fmt::Write as _;

use crate::{GitError, Outcome, Proposal, Snapshot};

use super::server::{Fault, RequestKind};
use super::world::{World, append, commit_and_push, promote, promotion};

const MANIFEST: &str = "apps/model.yaml";
const ADVERTISEMENT: &str = "application/x-git-receive-pack-advertisement";
const RESULT: &str = "application/x-git-receive-pack-result";

fn packet(payload: &str) -> String {
    format!("{:04x}{payload}", payload.len() + 4)
}

/// The advertisement of a server with these capabilities before a push.
fn advertisement(world: &World, capabilities: &str) -> Vec<u8> {
    let line = format!("{} refs/heads/main\0{capabilities}\n", world.tip());
    format!("{}0000{}0000", packet("# service=git-receive-pack\n"), packet(&line)).into_bytes()
}

#[test]
fn only_new_objects_are_sent_however_many_files_there_are() {
    let world = World::new();
    let names: Vec<String> = (0..2_000).map(|number| format!("apps/{}/{number}.yaml", number % 50)).collect();
    let files: Vec<(&str, &str, &str)> = names.iter().map(|name| ("100644", name.as_str(), name.as_str())).collect();
    world.commit(&files);
    world.git(&["config", "receive.unpackLimit", "1"]);
    promote(&world.mirror(), "p-1", "apps/7/7.yaml", "new\n").unwrap();
    let packs = world.git(&["count-objects", "-v"]);
    let mut indexes: Vec<_> = std::fs::read_dir(world.repository().join("objects/pack"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .collect();
    indexes.sort_by_key(|path| path.metadata().unwrap().modified().unwrap());
    let newest = indexes.pop().unwrap();
    let listed = world.git(&["verify-pack", "-v", newest.to_str().unwrap()]);
    let kinds: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    let count = |kind: &str| kinds.iter().filter(|is| **is == kind).count();
    assert_eq!((count("commit"), count("tree"), count("blob")), (1, 3, 1), "{packs}{listed}");
    world.is_sound();
}

#[test]
fn a_branch_is_found_among_thousands() {
    let world = World::new();
    let tip = world.tip();
    let mut packed = "# pack-refs with: peeled fully-peeled sorted \n".to_owned();
    for number in 0..20_000 {
        writeln!(packed, "{tip} refs/heads/a-{number:05}").unwrap();
    }
    writeln!(packed, "{tip} refs/heads/main").unwrap();
    std::fs::write(world.repository().join("packed-refs"), packed).unwrap();
    let mirror = world.mirror();
    append(&mirror, "p-1", MANIFEST).unwrap();
    let outcome = append(&mirror, "p-2", MANIFEST).unwrap();
    assert!(matches!(outcome, Outcome::Pushed { attempts: 1, .. }), "{outcome:?}");
    assert_eq!(world.file(MANIFEST), "tag: v0\np-1\np-2\n");
}

#[test]
fn a_server_that_reports_nothing_is_left_to_libgit2() {
    let world = World::new();
    let bare = advertisement(&world, "delete-refs");
    world.server.next(RequestKind::PushRefs, Fault::Body(ADVERTISEMENT, bare));
    append(&world.mirror(), "p-1", MANIFEST).unwrap();
    assert_eq!(world.file(MANIFEST), "tag: v0\np-1\n");
}

#[test]
fn a_report_without_bands_is_read() {
    let world = World::new();
    let plain = advertisement(&world, "report-status");
    world.server.next(RequestKind::PushRefs, Fault::Body(ADVERTISEMENT, plain));
    append(&world.mirror(), "p-1", MANIFEST).unwrap();
    assert_eq!(world.count(), 2);
    let plain = advertisement(&world, "report-status");
    world.hook("update", "exit 1");
    world.server.next(RequestKind::PushRefs, Fault::Body(ADVERTISEMENT, plain));
    let error = append(&world.mirror(), "p-2", MANIFEST).unwrap_err();
    assert!(matches!(&error, GitError::Refused { message, .. } if message == "hook declined"), "{error}");
}

#[test]
fn what_is_no_advertisement_is_refused_before_anything_is_sent() {
    let world = World::new();
    let sha256 = advertisement(&world, "report-status object-format=sha256");
    let cases = [
        (b"hello, I am a login page".to_vec(), "a packet without a length"),
        (b"0000".to_vec(), "a response that is not a list of branches"),
        (b"ffff".to_vec(), "a packet that exceeds the maximum length"),
        (sha256, "expected a SHA-1 repository, found: object format sha256"),
    ];
    for (body, message) in cases {
        world.server.next(RequestKind::PushRefs, Fault::Body(ADVERTISEMENT, body));
        let error = append(&world.mirror(), "p-1", MANIFEST).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    assert!(!world.server.received().contains(&RequestKind::Push));
    assert_eq!(world.count(), 1);
}

#[test]
fn a_push_whose_answer_cannot_be_read_is_searched_for_on_the_server() {
    let last_packets = format!("{}0000", packet("\u{3}fatal: the disk is full"));
    for body in [&b"<html>"[..], b"0006\x09x", last_packets.as_bytes(), b""] {
        let world = World::new();
        for _ in 0..2 {
            world.server.next(RequestKind::Push, Fault::Body(RESULT, body.to_vec()));
        }
        let error = append(&world.mirror(), "p-1", MANIFEST).unwrap_err();
        assert!(matches!(error, GitError::UnexpectedAnswer { .. }), "{error}");
        assert_eq!(world.count(), 1);
        append(&world.mirror(), "p-1", MANIFEST).unwrap();
        assert_eq!(world.file(MANIFEST), "tag: v0\np-1\n");
    }
}

#[test]
fn hooks_may_speak_while_they_accept() {
    let world = World::new();
    world.hook("post-receive", "echo 'deployment 7 begins' >&2");
    let Outcome::Pushed { server_messages, .. } = append(&world.mirror(), "p-1", MANIFEST).unwrap() else {
        panic!("pushed")
    };
    assert_eq!(server_messages, "deployment 7 begins");
}

#[test]
fn several_files_are_one_commit() {
    let world = World::new();
    commit_and_push(&world.mirror(), &promotion("p-1"), |_: &Snapshot<'_>| {
        let changes = vec![(MANIFEST.to_owned(), b"one".to_vec()), ("README.md".to_owned(), b"two".to_vec())];
        Ok::<_, GitError>(Proposal::Change { changes, message: "promote".to_owned() })
    })
    .unwrap();
    assert_eq!(world.git(&["diff", "--name-only", "main~1", "main"]), "README.md\napps/model.yaml\n");
    world.is_sound();
}
