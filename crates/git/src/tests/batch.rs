//! Tests of several promotions that wait for one branch: they share one push, and one refusal does not affect the others.

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::{GitError, Outcome, PendingPromotion, Proposal, Snapshot, Writer};
use slipway_domain::Retry;

use super::server::{Fault, RequestKind};
use super::world::{World, change, commit_in, promotion};

const MANIFEST: &str = "apps/model.yaml";

/// Appends a line to a file, independent of its other content.
fn line(id: &str, path: &'static str) -> PendingPromotion<GitError> {
    let text = format!("{id}\n");
    let propose = move |tip: &Snapshot<'_>| {
        let before = tip.read_file(path, 1 << 20)?.unwrap_or_default();
        Ok(change(path, &format!("{}{text}", String::from_utf8_lossy(&before))))
    };
    PendingPromotion::new(promotion(id), Box::new(propose))
}

fn lines(count: usize) -> Vec<PendingPromotion<GitError>> {
    (0..count).map(|number| line(&format!("p-{number}"), MANIFEST)).collect()
}

fn writer(world: &World) -> Writer<GitError> {
    Writer::new(world.mirror())
}

#[test]
fn forty_promotions_are_forty_commits_and_one_push() {
    let world = World::new();
    let writer = writer(&world);
    writer.mirror().fetch().unwrap();
    world.server.received();
    let results = writer.write_all(lines(40));
    assert_eq!(world.server.received(), [RequestKind::PushRefs, RequestKind::Push]);
    assert!(results.iter().all(|result| matches!(result, Ok(Outcome::Pushed { attempts: 1, .. }))), "{results:?}");
    assert_eq!(world.count(), 41);
    let expected = (0..40).fold("tag: v0\n".to_owned(), |text, number| text + &format!("p-{number}\n"));
    assert_eq!(world.file(MANIFEST), expected, "each commit builds on the one before it, in order");
    let last = results.into_iter().next_back();
    assert!(matches!(last, Some(Ok(Outcome::Pushed { commit, .. })) if commit == world.tip()));
    world.is_sound();
}

/// Counts its drops.
struct Ends(Arc<AtomicUsize>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn one_lock_among_servers_serves_all_that_wait_and_ends_after_them() {
    let world = World::new();
    let (taken, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&taken), Arc::clone(&ended));
    let writer = writer(&world).with_lock(Box::new(move || {
        counts.0.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Ends(Arc::clone(&counts.1))))
    }));
    let during = Arc::clone(&ended);
    let mut pending_promotions = lines(3);
    pending_promotions.push(PendingPromotion::new(
        promotion("last"),
        Box::new(move |_: &Snapshot<'_>| {
            assert_eq!(during.load(Ordering::SeqCst), 0, "the turn lasts until all is decided");
            Ok(Proposal::Nothing)
        }),
    ));
    let results = writer.write_all(pending_promotions);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!((taken.load(Ordering::SeqCst), ended.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(world.count(), 4);
}

#[test]
fn without_the_lock_the_server_is_not_called_and_every_waiter_gets_the_error() {
    let world = World::new();
    let writer = writer(&world).with_lock(Box::new(|| Err("another server writes".to_owned())));
    for result in writer.write_all(lines(2)) {
        let error = result.unwrap_err();
        assert!(
            matches!(&error, GitError::LockNotAcquired { problem, .. } if problem == "another server writes"),
            "{error}"
        );
        assert_eq!(error.retry(), Retry::Backoff);
    }
    assert_eq!(world.server.received(), []);
    assert_eq!(world.count(), 1);
}

#[test]
fn whoever_has_the_lock_writes_for_all_that_wait() {
    let world = World::new();
    let writer = Arc::new(writer(&world));
    let (waiting, answered) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let first = {
        let writer = Arc::clone(&writer);
        let hold = move |_: &Snapshot<'_>| {
            waiting.send(()).unwrap();
            released.recv().unwrap();
            Ok(change("README.md", "held\n"))
        };
        thread::spawn(move || writer.write(PendingPromotion::new(promotion("first"), Box::new(hold))))
    };
    answered.recv().unwrap();
    thread::scope(|scope| {
        let others: Vec<_> = (0..5)
            .map(|number| {
                let writer = &writer;
                scope.spawn(move || writer.write(line(&format!("p-{number}"), MANIFEST)))
            })
            .collect();
        while !format!("{writer:?}").contains("waiting: 5") {
            thread::yield_now();
        }
        release.send(()).unwrap();
        for other in others {
            assert!(matches!(other.join().unwrap(), Ok(Outcome::Pushed { attempts: 1, .. })));
        }
    });
    assert!(matches!(first.join().unwrap(), Ok(Outcome::Pushed { .. })));
    assert_eq!(world.count(), 7);
    let pushes = world.server.received().iter().filter(|kind| **kind == RequestKind::Push).count();
    assert_eq!(pushes, 2, "the one that held the turn, and the five that waited");
    world.is_sound();
}

#[test]
fn a_lost_race_has_all_proposed_anew() {
    let world = World::new();
    let (repository, home) = (world.repository(), world.root.path().to_owned());
    let commit = move || {
        commit_in(&repository, &home, &[("100644", MANIFEST, "tag: foreign\n")]);
    };
    world.server.next(RequestKind::Push, Fault::First(Box::new(commit)));
    let results = writer(&world).write_all(lines(3));
    assert!(results.iter().all(|result| matches!(result, Ok(Outcome::Pushed { attempts: 2, .. }))), "{results:?}");
    assert_eq!(world.file(MANIFEST), "tag: foreign\np-0\np-1\np-2\n");
    assert_eq!(world.count(), 5);
}

#[test]
fn one_refused_commit_stops_no_other() {
    let world = World::new();
    world.hook("update", "if git diff --name-only $2 $3 | grep -q README; then echo 'not the readme' >&2; exit 1; fi");
    let pending_promotions = vec![line("p-0", MANIFEST), line("p-1", "README.md"), line("p-2", MANIFEST)];
    let results = writer(&world).write_all(pending_promotions);
    assert!(matches!(results[0], Ok(Outcome::Pushed { .. })), "{results:?}");
    assert!(matches!(&results[1], Err(GitError::Refused { message, .. }) if message.contains("not the readme")));
    assert!(matches!(results[2], Ok(Outcome::Pushed { .. })), "{results:?}");
    assert_eq!(world.file(MANIFEST), "tag: v0\np-0\np-2\n");
    assert_eq!(world.count(), 3);
}

#[test]
fn a_protected_branch_is_refused_by_name() {
    let world = World::new();
    world.hook("pre-receive", "echo 'GitLab: You are not allowed to push code to protected branches' >&2; exit 1");
    let error = writer(&world).write(line("p-0", MANIFEST)).unwrap_err();
    assert!(matches!(error, GitError::ProtectedBranch { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Never);
    assert!(error.to_string().contains("`main` is a protected branch"), "{error}");
}

#[test]
fn a_promotion_that_waits_twice_lands_once() {
    let world = World::new();
    let results = writer(&world).write_all(vec![line("p-0", MANIFEST), line("p-0", MANIFEST), line("p-1", MANIFEST)]);
    let Ok(Outcome::Pushed { commit, .. }) = &results[0] else { panic!("{results:?}") };
    assert_eq!(results[1], Ok(Outcome::AlreadyThere { commit: commit.clone() }));
    assert_eq!(world.file(MANIFEST), "tag: v0\np-0\np-1\n");
}

#[test]
fn those_without_a_commit_are_decided_on_the_tip_that_landed() {
    let world = World::new();
    let same = |id: &str| {
        let propose = |_: &Snapshot<'_>| Ok(change(MANIFEST, "tag: v1\n"));
        PendingPromotion::new(promotion(id), Box::new(propose))
    };
    let stop = |_: &Snapshot<'_>| {
        Err(GitError::BranchMissing { repository: "r".to_owned(), branch: "b".to_owned(), empty: false })
    };
    let nothing = |_: &Snapshot<'_>| Ok(Proposal::Nothing);
    let pending_promotions = vec![
        PendingPromotion::new(promotion("p-0"), Box::new(nothing)),
        same("p-1"),
        same("p-2"),
        PendingPromotion::new(promotion("p-3"), Box::new(stop)),
    ];
    let results = writer(&world).write_all(pending_promotions);
    assert_eq!(results[0], Ok(Outcome::NothingToDo));
    assert!(matches!(results[1], Ok(Outcome::Pushed { .. })));
    assert_eq!(results[2], Ok(Outcome::NothingToDo));
    assert!(matches!(results[3], Err(GitError::BranchMissing { .. })));
    assert_eq!(world.count(), 2);
}

#[test]
fn a_push_without_an_answer_lands_each_promotion_once() {
    for fault in [Fault::CutBefore, Fault::CutWithin, Fault::CutAfter, Fault::CutWithinAnswer] {
        let world = World::new();
        world.server.next(RequestKind::Push, fault);
        let results = writer(&world).write_all(lines(4));
        assert!(results.iter().all(|result| matches!(result, Ok(Outcome::Pushed { .. }))), "{results:?}");
        assert_eq!(world.file(MANIFEST), "tag: v0\np-0\np-1\np-2\np-3\n");
        assert_eq!(world.count(), 5);
        world.is_sound();
    }
}

#[test]
fn a_proposal_that_panics_leaves_the_writer_usable() {
    let world = World::new();
    let writer = Arc::new(writer(&world));
    let panicking = {
        let writer = Arc::clone(&writer);
        let propose = |_: &Snapshot<'_>| panic::resume_unwind(Box::new("broken"));
        thread::spawn(move || writer.write(PendingPromotion::new(promotion("p-0"), Box::new(propose))))
    };
    assert!(panicking.join().is_err());
    assert!(matches!(writer.write(line("p-1", MANIFEST)), Ok(Outcome::Pushed { .. })));
}

#[test]
fn a_promotion_whose_commit_was_pushed_away_lands_again() {
    let world = World::new();
    let before = world.tip();
    let writer = writer(&world);
    writer.write(line("p-0", MANIFEST)).unwrap();
    writer.write(line("p-1", MANIFEST)).unwrap();
    assert!(matches!(writer.write(line("p-0", MANIFEST)), Ok(Outcome::AlreadyThere { .. })));
    world.git(&["update-ref", "refs/heads/main", before.as_str()]);
    assert!(matches!(writer.write(line("p-0", MANIFEST)), Ok(Outcome::Pushed { .. })));
    assert_eq!(world.file(MANIFEST), "tag: v0\np-0\n");
}
