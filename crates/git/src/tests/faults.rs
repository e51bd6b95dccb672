//! Tests of races, refusals and pushes without an answer: nothing is lost, repeated or falsely reported.

use std::process::Command;

use crate::{GitError, Outcome};
use slipway_domain::Retry;

use super::server::{Fault, RequestKind};
use super::world::{World, append, commit_in, isolated, promote};

const MANIFEST: &str = "apps/model.yaml";

/// Another commit appears at the next request of this kind.
fn foreign_commit_before(world: &World, kind: RequestKind) {
    let (repository, home) = (world.repository(), world.root.path().to_owned());
    let commit = move || {
        commit_in(&repository, &home, &[("100644", MANIFEST, "tag: foreign\n")]);
    };
    world.server.next(kind, Fault::First(Box::new(commit)));
}

#[test]
fn a_commit_that_lands_before_the_push_is_kept_and_built_upon() {
    for kind in [RequestKind::PushRefs, RequestKind::Push] {
        let world = World::new();
        foreign_commit_before(&world, kind);
        let outcome = append(&world.mirror(), "p-1", MANIFEST).unwrap();
        assert!(matches!(outcome, Outcome::Pushed { attempts: 2, .. }), "{kind:?}: {outcome:?}");
        assert_eq!(world.file(MANIFEST), "tag: foreign\np-1\n", "{kind:?}");
        assert_eq!(world.count(), 3);
        world.is_sound();
    }
}

#[test]
fn a_race_lost_every_time_ends() {
    let world = World::new();
    for number in 0..8 {
        let (repository, home) = (world.repository(), world.root.path().to_owned());
        let commit = move || {
            commit_in(&repository, &home, &[("100644", "busy", &number.to_string())]);
        };
        world.server.next(RequestKind::Push, Fault::First(Box::new(commit)));
    }
    let error = append(&world.mirror(), "p-1", MANIFEST).unwrap_err();
    assert!(matches!(error, GitError::LostRace { attempts: 8, .. }), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);
    assert_eq!(world.count(), 9);
}

#[test]
fn a_refusal_of_a_hook_is_reported_with_its_own_message() {
    for (hook, status) in [("update", "hook declined"), ("pre-receive", "pre-receive hook declined")] {
        let world = World::new();
        world.hook(hook, "printf 'production is \\033[31mfrozen\\033[0m\\nask the release team\\n' >&2\nexit 1");
        let mirror = world.mirror();
        let before = mirror.fetch().unwrap();
        world.server.received();
        let error = promote(&mirror, "p-1", MANIFEST, "tag: v1\n").unwrap_err();
        let message = format!("{status}: production is frozen ask the release team");
        assert!(matches!(&error, GitError::Refused { message: said, .. } if said.starts_with(&message)), "{error}");
        assert_eq!(error.retry(), Retry::Never);
        assert_eq!(world.server.received(), [RequestKind::PushRefs, RequestKind::Push]);
        assert_eq!((world.tip(), mirror.known_tip()), (before.clone(), Some(before)));
    }
}

#[test]
fn a_ref_that_the_server_does_not_mention_has_not_landed() {
    let world = World::new();
    let silent_report = b"000eunpack ok\n0000".to_vec();
    let report = format!("{:04x}\u{1}{}0000", silent_report.len() + 5, String::from_utf8(silent_report).unwrap());
    for _ in 0..2 {
        let body = report.clone().into_bytes();
        world.server.next(RequestKind::Push, Fault::Body("application/x-git-receive-pack-result", body));
    }
    let error = promote(&world.mirror(), "p-1", MANIFEST, "tag: v1\n").unwrap_err();
    assert!(error.to_string().contains("a push that ended without a status of `main`"), "{error}");
    assert_eq!(world.count(), 1);
}

#[test]
fn a_connection_cut_after_the_commit_landed_does_not_land_it_twice() {
    for fault in [Fault::CutAfter, Fault::CutWithinAnswer] {
        let world = World::new();
        world.server.next(RequestKind::Push, fault);
        let outcome = append(&world.mirror(), "p-1", MANIFEST).unwrap();
        assert!(
            matches!(&outcome, Outcome::Pushed { commit, attempts: 1, .. } if *commit == world.tip()),
            "{outcome:?}"
        );
        assert_eq!(world.file(MANIFEST), "tag: v0\np-1\n");
        assert_eq!(world.count(), 2);
        world.is_sound();
    }
}

#[test]
fn a_connection_cut_before_or_within_the_pack_is_repeated() {
    for fault in [Fault::CutBefore, Fault::CutWithin] {
        let world = World::new();
        world.server.next(RequestKind::Push, fault);
        let outcome = append(&world.mirror(), "p-1", MANIFEST).unwrap();
        assert!(matches!(outcome, Outcome::Pushed { attempts: 2, .. }), "{outcome:?}");
        assert_eq!(world.count(), 2);
        world.is_sound();
    }
}

#[test]
fn a_push_that_cannot_be_verified_is_uncertain_and_recognised_later() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    world.server.next(RequestKind::Push, Fault::CutAfter);
    world.server.next(RequestKind::Capabilities, Fault::Status(503, "down"));
    let error = append(&mirror, "p-1", MANIFEST).unwrap_err();
    assert!(matches!(error, GitError::Uncertain { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);
    let landed = world.tip();
    assert_eq!(append(&mirror, "p-1", MANIFEST).unwrap(), Outcome::AlreadyThere { commit: landed });
    assert_eq!(world.count(), 2);
}

#[test]
fn a_silent_push_is_given_up_when_nothing_landed() {
    let world = World::new();
    world.server.next(RequestKind::Push, Fault::Silence);
    world.server.next(RequestKind::Push, Fault::Silence);
    let error = append(&world.impatient_mirror(), "p-1", MANIFEST).unwrap_err();
    assert!(matches!(error, GitError::TimedOut { .. }), "{error}");
    assert_eq!(world.count(), 1);
}

#[test]
fn a_branch_that_is_deleted_before_the_push_is_not_made_again() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    world.git(&["update-ref", "-d", "refs/heads/main"]);
    let error = append(&mirror, "p-1", MANIFEST).unwrap_err();
    assert!(matches!(error, GitError::BranchMissing { empty: true, .. }), "{error}");
}

#[test]
fn a_mirror_that_lost_a_file_is_healed_while_writing() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    let blob = world.git(&["rev-parse", &format!("main:{MANIFEST}")]);
    let loose = format!("objects/{}/{}", &blob[..2], blob[2..].trim());
    let script = "mv objects/pack objects/old && mkdir objects/pack && for pack in objects/old/*.pack; do git unpack-objects -q < $pack; done";
    let status = isolated(Command::new("sh"), world.root.path())
        .args(["-c", &format!("{script}; rm -r objects/old; rm -f {loose}")])
        .current_dir(&world.generations()[0])
        .status();
    assert!(status.unwrap().success());
    assert!(mirror.known_tip().is_some(), "the tip alone must look whole");
    append(&mirror, "p-1", MANIFEST).unwrap();
    assert_eq!(world.file(MANIFEST), "tag: v0\np-1\n");
}
