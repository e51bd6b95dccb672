//! Tests of promotion branches: created, replaced and removed, but never over a commit that was not read.

use std::fmt::Write as _;

use crate::{GitError, Mirror, PendingPromotion, PromotionBranchOutcome, Removal, Snapshot, Writer};
use slipway_domain::CommitSha;

use super::server::{Fault, RequestKind};
use super::world::{World, append, change, git_in, promotion};

const MANIFEST: &str = "apps/model.yaml";
const BRANCH: &str = "slipway/production/digits";
const ADVERTISEMENT: &str = "application/x-git-receive-pack-advertisement";

fn pending_promotion(id: &str, content: &str) -> PendingPromotion<GitError> {
    let content = content.to_owned();
    PendingPromotion::new(promotion(id), Box::new(move |_: &Snapshot<'_>| Ok(change(MANIFEST, &content))))
}

fn push_promotion_branch(mirror: &Mirror, id: &str, content: &str) -> Result<PromotionBranchOutcome, GitError> {
    Writer::new(mirror.clone()).push_promotion_branch(BRANCH, pending_promotion(id, content))
}

fn pushed(push_promotion_branch: Result<PromotionBranchOutcome, GitError>) -> (CommitSha, CommitSha) {
    match push_promotion_branch {
        Ok(PromotionBranchOutcome::Pushed { commit, base, .. }) => (commit, base),
        other => panic!("expected a commit, came {other:?}"),
    }
}

fn held(world: &World) -> String {
    world.git(&["for-each-ref", "--format=%(objectname)", &format!("refs/heads/{BRANCH}")]).trim().to_owned()
}

/// A person's commit on the promotion branch.
fn foreign_commit(world: &World) -> CommitSha {
    let stream = format!(
        "commit refs/heads/{BRANCH}\ncommitter Ann <a@b> 8 +0000\ndata 1\nx\nfrom refs/heads/main\n\
         M 100644 inline by-hand\ndata 1\nx\n"
    );
    git_in(&world.repository(), world.root.path(), &["fast-import", "--quiet", "--force"], &stream);
    held(world).parse().unwrap()
}

#[test]
fn a_promotion_branch_holds_one_commit_on_the_tip() {
    let world = World::new();
    let mirror = world.mirror();
    let tip = mirror.fetch().unwrap();
    world.server.received();
    let (commit, base) = pushed(push_promotion_branch(&mirror, "p-1", "tag: v1\n"));
    assert_eq!(world.server.received(), [RequestKind::PushRefs, RequestKind::Push]);
    assert_eq!((base, held(&world).as_str()), (tip.clone(), commit.as_str()));
    assert_eq!(world.git(&["rev-parse", &format!("{commit}^")]).trim(), tip.as_str());
    assert_eq!(world.git(&["show", &format!("{commit}:{MANIFEST}")]), "tag: v1\n");
    assert!(world.git(&["log", "-1", "--format=%B", commit.as_str()]).contains("Slipway-Promotion: p-1"));
    assert_eq!((world.tip(), mirror.known_tip()), (tip.clone(), Some(tip)));
    world.is_sound();
}

#[test]
fn the_same_promotion_branch_again_sends_nothing() {
    let world = World::new();
    let mirror = world.mirror();
    let (commit, base) = pushed(push_promotion_branch(&mirror, "p-1", "tag: v1\n"));
    world.server.received();
    let unchanged = Ok(PromotionBranchOutcome::Unchanged { commit, base });
    assert_eq!(push_promotion_branch(&mirror, "p-1", "tag: v1\n"), unchanged);
    assert_eq!(world.server.received(), [RequestKind::PushRefs]);
    let other = world.mirror_at("elsewhere", world.remote());
    assert_eq!(
        push_promotion_branch(&other, "p-1", "tag: v1\n"),
        unchanged,
        "a mirror that has to fetch the branch first"
    );
    assert!(!world.server.received().contains(&RequestKind::Push));
}

#[test]
fn a_newer_promotion_and_a_newer_tip_replace_the_branch_that_is_there() {
    let world = World::new();
    let mirror = world.mirror();
    let (first, _) = pushed(push_promotion_branch(&mirror, "p-1", "tag: v1\n"));
    let (second, base) = pushed(push_promotion_branch(&mirror, "p-2", "tag: v2\n"));
    assert_eq!((held(&world).as_str(), &base), (second.as_str(), &world.tip()));
    assert_ne!(first, second);
    let tip = world.commit(&[("100644", "README.md", "newer\n")]);
    let (third, base) = pushed(push_promotion_branch(&mirror, "p-2", "tag: v2\n"));
    assert_eq!((base, held(&world).as_str()), (tip, third.as_str()));
    assert_eq!(world.git(&["rev-list", "--count", third.as_str()]).trim(), "3");
    let (fourth, _) = pushed(push_promotion_branch(&mirror, "p-3", "tag: v2\n"));
    assert_ne!(third, fourth, "the same files of another promotion carry its trailer");
    world.is_sound();
}

#[test]
fn what_has_landed_or_changes_nothing_gets_no_promotion_branch() {
    let world = World::new();
    let mirror = world.mirror();
    append(&mirror, "p-1", MANIFEST).unwrap();
    assert_eq!(
        push_promotion_branch(&mirror, "p-1", "tag: v1\n"),
        Ok(PromotionBranchOutcome::AlreadyThere { commit: world.tip() })
    );
    assert_eq!(push_promotion_branch(&mirror, "p-2", "tag: v0\np-1\n"), Ok(PromotionBranchOutcome::NothingToDo));
    assert_eq!(held(&world), "");
    let stopped = push_promotion_branch(&mirror, "p-3", &"x".repeat(20 << 20));
    assert!(matches!(stopped, Err(GitError::LimitExceeded { .. })), "{stopped:?}");
}

#[test]
fn a_promotion_branch_never_replaces_what_it_did_not_read() {
    let world = std::sync::Arc::new(World::new());
    let mirror = world.mirror();
    let (first, _) = pushed(push_promotion_branch(&mirror, "p-1", "tag: v1\n"));
    let for_fault = std::sync::Arc::clone(&world);
    let by_hand = move || {
        foreign_commit(&for_fault);
    };
    world.git(&["config", "core.logAllRefUpdates", "always"]);
    world.server.next(RequestKind::Push, Fault::First(Box::new(by_hand)));
    let (second, _) = pushed(push_promotion_branch(&mirror, "p-2", "tag: v2\n"));
    let moves = world.git(&["log", "-g", "--format=%H %gs", BRANCH]);
    let moves: Vec<&str> = moves.lines().collect();
    assert_eq!(moves.len(), 2, "the stale push changed nothing, the one after it had read what was there: {moves:?}");
    assert!(moves[0].starts_with(second.as_str()) && moves[0].ends_with("push"), "{moves:?}");
    assert_ne!(first, second);
}

#[test]
fn a_push_without_an_answer_is_searched_for() {
    for fault in [Fault::CutBefore, Fault::CutWithin, Fault::CutAfter, Fault::CutWithinAnswer] {
        let world = World::new();
        let mirror = world.mirror();
        pushed(push_promotion_branch(&mirror, "p-1", "tag: v1\n"));
        world.server.next(RequestKind::Push, fault);
        let (commit, _) = pushed(push_promotion_branch(&mirror, "p-2", "tag: v2\n"));
        assert_eq!(held(&world), commit.as_str());
        world.is_sound();
    }
    let world = World::new();
    let mirror = world.mirror();
    for _ in 0..2 {
        world.server.next(RequestKind::Push, Fault::CutBefore);
    }
    assert!(matches!(push_promotion_branch(&mirror, "p-1", "tag: v1\n"), Err(GitError::Unreachable { .. })));
    assert_eq!(held(&world), "");
}

#[test]
fn a_promotion_branch_that_cannot_be_verified_is_uncertain() {
    let world = World::new();
    let mirror = world.mirror();
    let down = || world.server.next(RequestKind::PushRefs, Fault::Status(503, "down"));
    down();
    assert!(
        matches!(push_promotion_branch(&mirror, "p-1", "tag: v1\n"), Err(GitError::ServerFault { .. })),
        "nothing was sent"
    );
    // The references are queried before the push, and again after its connection was cut.
    let cut = Fault::First(Box::new({
        let shared = world.server.faults();
        move || shared.next(RequestKind::PushRefs, Fault::Status(503, "down"))
    }));
    world.server.next(RequestKind::PushRefs, cut);
    world.server.next(RequestKind::Push, Fault::CutAfter);
    let error = push_promotion_branch(&mirror, "p-1", "tag: v1\n").unwrap_err();
    assert!(matches!(&error, GitError::Uncertain { branch, .. } if branch == BRANCH), "{error}");
    assert!(matches!(push_promotion_branch(&mirror, "p-1", "tag: v1\n"), Ok(PromotionBranchOutcome::Unchanged { .. })));
}

#[test]
fn refusals_name_the_promotion_branch() {
    let world = World::new();
    let mirror = world.mirror();
    world.hook("update", "echo 'no bots here' >&2; exit 1");
    let error = push_promotion_branch(&mirror, "p-1", "tag: v1\n").unwrap_err();
    assert!(
        matches!(&error, GitError::Refused { branch, message, .. } if branch == BRANCH && message.contains("no bots here")),
        "{error}"
    );
    world.hook("update", "exit 0");
    pushed(push_promotion_branch(&mirror, "p-1", "tag: v1\n"));
    world.git(&["config", "receive.denyNonFastForwards", "true"]);
    let error = push_promotion_branch(&mirror, "p-2", "tag: v2\n").unwrap_err();
    assert!(matches!(&error, GitError::Refused { message, .. } if message.contains("non-fast-forward")), "{error}");
}

#[test]
fn only_branches_of_slipways_own_are_replaced_or_removed() {
    let world = World::new();
    let mirror = world.mirror();
    let writer = Writer::new(mirror.clone());
    for branch in ["main", "slipway", "slipway/", "feature/slipway/x", "slipway/a..b", "refs/heads/slipway/x"] {
        let result = writer.push_promotion_branch(branch, pending_promotion("p-1", "tag: v1\n"));
        assert!(matches!(result, Err(GitError::InvalidRemote { .. })), "{branch}: {result:?}");
        let removed = mirror.remove_promotion_branch(branch, &world.tip());
        assert!(matches!(removed, Err(GitError::InvalidRemote { .. })), "{branch}: {removed:?}");
    }
    assert_eq!(world.server.received(), []);
}

#[test]
fn a_branch_is_removed_only_as_it_was_read() {
    let world = World::new();
    let mirror = world.mirror();
    let (commit, _) = pushed(push_promotion_branch(&mirror, "p-1", "tag: v1\n"));
    let by_hand = foreign_commit(&world);
    assert_eq!(mirror.remove_promotion_branch(BRANCH, &commit), Ok(Removal::Moved { at: by_hand.clone() }));
    assert_eq!(mirror.remove_promotion_branch(BRANCH, &by_hand), Ok(Removal::Removed));
    assert_eq!(held(&world), "");
    assert_eq!(mirror.remove_promotion_branch(BRANCH, &by_hand), Ok(Removal::Missing));
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::CutWithinAnswer] {
        let (commit, _) = pushed(push_promotion_branch(&mirror, "p-1", "tag: v1\n"));
        world.server.next(RequestKind::Push, fault);
        assert_eq!(mirror.remove_promotion_branch(BRANCH, &commit), Ok(Removal::Removed));
    }
    let (commit, _) = pushed(push_promotion_branch(&mirror, "p-1", "tag: v1\n"));
    world.git(&["config", "receive.denyDeletes", "true"]);
    let error = mirror.remove_promotion_branch(BRANCH, &commit).unwrap_err();
    assert!(matches!(&error, GitError::Refused { message, .. } if message.contains("deletion prohibited")), "{error}");
    assert_eq!(held(&world), commit.as_str());
    world.is_sound();
}

#[test]
fn a_promotion_branch_is_found_among_thousands_of_branches() {
    let world = World::new();
    let mirror = world.mirror();
    pushed(push_promotion_branch(&mirror, "p-1", "tag: v1\n"));
    let tip = world.tip();
    let mut packed = "# pack-refs with: peeled fully-peeled sorted \n".to_owned();
    for number in 0..20_000 {
        writeln!(packed, "{tip} refs/heads/a-{number:05}").unwrap();
    }
    std::fs::write(world.repository().join("packed-refs"), packed).unwrap();
    let (commit, _) = pushed(push_promotion_branch(&mirror, "p-2", "tag: v2\n"));
    assert_eq!(held(&world), commit.as_str());
    assert_eq!(mirror.remove_promotion_branch(BRANCH, &commit), Ok(Removal::Removed));
}

#[test]
fn a_server_that_reports_nothing_is_left_to_libgit2() {
    let world = World::new();
    let mirror = world.mirror();
    let bare = || {
        let packet = |payload: &str| format!("{:04x}{payload}", payload.len() + 4);
        let mut lines = vec![format!("{} refs/heads/main", world.tip())];
        let held = held(&world);
        if !held.is_empty() {
            lines.push(format!("{held} refs/heads/{BRANCH}"));
        }
        lines[0].push_str("\0delete-refs");
        let lines: String = lines.iter().map(|line| packet(&format!("{line}\n"))).collect();
        let body = format!("{}0000{lines}0000", packet("# service=git-receive-pack\n"));
        world.server.next(RequestKind::PushRefs, Fault::Body(ADVERTISEMENT, body.into_bytes()));
    };
    bare();
    let (first, _) = pushed(push_promotion_branch(&mirror, "p-1", "tag: v1\n"));
    bare();
    let (second, _) = pushed(push_promotion_branch(&mirror, "p-2", "tag: v2\n"));
    assert_ne!(first, second);
    assert_eq!(held(&world), second.as_str());
    bare();
    assert_eq!(mirror.remove_promotion_branch(BRANCH, &second), Ok(Removal::Removed));
    assert_eq!(held(&world), "");
    world.is_sound();
}
