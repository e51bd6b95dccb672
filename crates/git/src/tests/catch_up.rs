//! Tests of a promotion whose branch has moved: the requests to the server, and the fallback if the server does not support them.

use std::path::PathBuf;

use crate::Outcome;

use super::server::{Fault, RequestKind};
use super::world::{World, append, commit_in, git_in, promote};

const MANIFEST: &str = "apps/model.yaml";
const RESULT: &str = "application/x-git-upload-pack-result";

/// Three requests: the references, the new commits, the push.
const SHORT: [RequestKind; 3] = [RequestKind::PushRefs, RequestKind::Fetch, RequestKind::Push];

/// Another commit appears on the server at the moment of a request.
fn meanwhile(world: &World, path: &'static str) -> Fault {
    let (repository, home): (PathBuf, PathBuf) = (world.repository(), world.root.path().to_owned());
    Fault::First(Box::new(move || drop(commit_in(&repository, &home, &[("100644", path, "x")]))))
}

fn landed_in(outcome: &Outcome) -> u32 {
    match outcome {
        Outcome::Pushed { attempts, .. } => *attempts,
        other => panic!("expected a push, came {other:?}"),
    }
}

#[test]
fn a_branch_that_moved_costs_one_request_more() {
    let world = World::new();
    let mirror = world.mirror();
    append(&mirror, "p-1", MANIFEST).unwrap();
    world.commit(&[("100644", "apps/else.yaml", "x")]);
    world.commit(&[("100644", MANIFEST, "tag: theirs\n")]);
    world.server.received();
    assert_eq!(landed_in(&append(&mirror, "p-2", MANIFEST).unwrap()), 2);
    assert_eq!(world.server.received(), SHORT);
    assert_eq!(world.file(MANIFEST), "tag: theirs\np-2\n");
    assert_eq!(mirror.known_tip(), Some(world.tip()));
    append(&mirror, "p-3", MANIFEST).unwrap();
    assert_eq!(world.server.received(), [RequestKind::PushRefs, RequestKind::Push]);
    world.is_sound();
}

#[test]
fn a_branch_that_was_rewound_is_followed() {
    let world = World::new();
    let first = world.tip();
    let mirror = world.mirror();
    append(&mirror, "p-1", MANIFEST).unwrap();
    world.git(&["update-ref", "refs/heads/main", first.as_str()]);
    world.commit(&[("100644", "apps/else.yaml", "x")]);
    world.server.received();
    append(&mirror, "p-2", MANIFEST).unwrap();
    assert_eq!(world.server.received(), SHORT);
    assert_eq!(world.file(MANIFEST), "tag: v0\np-2\n");
    assert_eq!(world.count(), 3);
    // The branch returns to a commit that the mirror has: no objects are fetched.
    world.git(&["update-ref", "refs/heads/main", first.as_str()]);
    append(&mirror, "p-3", MANIFEST).unwrap();
    assert_eq!(world.file(MANIFEST), "tag: v0\np-3\n");
    world.is_sound();
}

#[test]
fn a_branch_with_another_history_is_fetched_as_a_whole() {
    let world = World::new();
    let mirror = world.mirror();
    append(&mirror, "p-1", MANIFEST).unwrap();
    world.git(&["update-ref", "-d", "refs/heads/main"]);
    world.commit(&[("100644", MANIFEST, "tag: another\n")]);
    world.git(&["gc", "-q", "--prune=now"]);
    world.server.received();
    append(&mirror, "p-2", MANIFEST).unwrap();
    let briefly =
        [RequestKind::PushRefs, RequestKind::Fetch, RequestKind::Capabilities, RequestKind::List, RequestKind::Fetch];
    assert_eq!(
        world.server.received(),
        [&briefly[..], &[RequestKind::FetchRefs, RequestKind::Fetch, RequestKind::Push]].concat()
    );
    assert_eq!(world.file(MANIFEST), "tag: another\np-2\n");
    world.is_sound();
}

#[test]
fn a_branch_that_moves_on_while_it_is_caught_up_with_is_fetched_again() {
    let world = World::new();
    let mirror = world.mirror();
    append(&mirror, "p-1", MANIFEST).unwrap();
    let home = world.root.path();
    let first = git_in(&world.repository(), home, &["rev-parse", "main~1"], "").trim().to_owned();
    world.commit(&[("100644", "apps/one.yaml", "x")]);
    // The branch is rewound at that moment: the reported commit is no branch's tip any more, and must not be requested.
    let (repository, at) = (world.repository(), home.to_owned());
    let rewind = move || {
        git_in(&repository, &at, &["update-ref", "refs/heads/main", &first], "");
        commit_in(&repository, &at, &[("100644", "apps/two.yaml", "x")]);
    };
    world.server.next(RequestKind::Fetch, Fault::First(Box::new(rewind)));
    append(&mirror, "p-2", MANIFEST).unwrap();
    assert_eq!(world.file(MANIFEST), "tag: v0\np-2\n");
    assert_eq!(world.file("apps/two.yaml"), "x");
    world.is_sound();
}

#[test]
fn a_push_that_loses_after_catching_up_asks_again_and_lands_once() {
    let world = World::new();
    let mirror = world.mirror();
    append(&mirror, "p-1", MANIFEST).unwrap();
    world.commit(&[("100644", "apps/one.yaml", "x")]);
    world.server.next(RequestKind::Push, meanwhile(&world, "apps/two.yaml"));
    world.server.received();
    assert_eq!(landed_in(&append(&mirror, "p-2", MANIFEST).unwrap()), 3);
    assert_eq!(world.server.received(), [SHORT, SHORT].concat());
    assert_eq!(world.file(MANIFEST), "tag: v0\np-1\np-2\n");
    assert_eq!(world.count(), 5);
    world.is_sound();
}

#[test]
fn whatever_a_server_answers_instead_of_a_pack_the_promotion_lands_or_the_reason_is_reported() {
    let packet = |payload: &str| format!("{:04x}{payload}", payload.len() + 4);
    let acknowledged = |rest: &str| format!("{}{rest}", packet(&format!("ACK {}\n", "0".repeat(40))));
    let cases = [
        (packet("NAK\n"), true),
        (packet("ERR upload-pack: not our ref"), true),
        (acknowledged(&packet("\u{3}the disk is full")), true),
        (acknowledged(&packet("\u{1}PACK of something else")), true),
        (acknowledged("0000"), true),
        ("<html>".to_owned(), false),
        (acknowledged(&packet("\u{1}PACK")[..8]), false),
    ];
    for (answer, lands) in cases {
        let world = World::new();
        let mirror = world.mirror();
        append(&mirror, "p-1", MANIFEST).unwrap();
        world.commit(&[("100644", "apps/else.yaml", "x")]);
        world.server.next(RequestKind::Fetch, Fault::Body(RESULT, answer.clone().into_bytes()));
        let result = promote(&mirror, "p-2", MANIFEST, "tag: v2\n");
        assert_eq!(result.is_ok(), lands, "{answer}: {result:?}");
        promote(&mirror, "p-2", MANIFEST, "tag: v2\n").unwrap();
        assert_eq!((world.file(MANIFEST).as_str(), world.count()), ("tag: v2\n", 4), "{answer}");
        world.is_sound();
    }
}
