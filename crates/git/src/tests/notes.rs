//! Tests of notes on commits, as the real git reads and writes them.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use crate::{GitError, Identity, NoteLines, Notes};
use slipway_domain::{CommitSha, Retry};

use super::server::{Fault, RequestKind};
use super::world::{World, git_in};

fn notes(world: &World) -> Notes {
    Notes::new(world.mirror(), Identity { name: "Slipway".to_owned(), email: "slipway@example.org".to_owned() })
}

fn lines(lines: &[(&str, &str)]) -> NoteLines {
    lines.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// The note of a commit, as git shows it.
fn note_of(world: &World, commit: &CommitSha) -> String {
    world.git(&["notes", "--ref", "slipway", "show", commit.as_str()])
}

/// Number of commits of the notes.
fn count(world: &World) -> usize {
    world.git(&["rev-list", "--count", "refs/notes/slipway"]).trim().parse().unwrap()
}

/// Adds a note of another author.
fn note_by_hand(repository: &Path, home: &Path, commit: &CommitSha, text: &str) {
    let (name, email) = ("user.name=Somebody", "user.email=else@example.org");
    let arguments = ["-c", name, "-c", email, "notes", "--ref", "slipway", "append", "-m", text, commit.as_str()];
    git_in(repository, home, &arguments, "");
}

#[test]
fn a_note_is_read_by_git_and_the_same_again_pushes_nothing() {
    let world = World::new();
    let commit = world.tip();
    let of_both = lines(&[("slipway/digits", "done: named"), ("slipway/other", "refused: too slow")]);
    notes(&world).put(&commit, of_both.clone()).unwrap();
    assert_eq!(note_of(&world, &commit), "slipway/digits: done: named\nslipway/other: refused: too slow\n");
    let log = world.git(&["log", "--notes=slipway", "--format=%an%n%N", "-1"]);
    assert_eq!(log.trim_end(), "Somebody\nslipway/digits: done: named\nslipway/other: refused: too slow");
    assert_eq!(
        world.git(&["log", "-1", "--format=%an <%ae>", "refs/notes/slipway"]),
        "Slipway <slipway@example.org>\n"
    );
    world.server.received();
    notes(&world).put(&commit, of_both).unwrap();
    assert_eq!((count(&world), world.server.received()), (1, vec![RequestKind::PushRefs]));
    assert_eq!(world.tip(), commit, "the branch is left alone");
    world.is_sound();
}

#[test]
fn a_line_takes_the_place_of_the_one_of_its_name_and_no_other() {
    let world = World::new();
    let (first, second) = (world.tip(), world.commit(&[("100644", "b", "b")]));
    let noted = notes(&world);
    noted.put(&first, lines(&[("slipway/a", "done: one"), ("slipway/ab", "failed: two")])).unwrap();
    note_by_hand(&world.repository(), world.root.path(), &first, "looked at by Ada");
    note_by_hand(&world.repository(), world.root.path(), &second, "slipway/a is not for this one");
    noted.put(&first, lines(&[("slipway/a", "done: three")])).unwrap();
    noted.put(&second, lines(&[("slipway/a", "done: four")])).unwrap();
    let expected = "slipway/a: done: three\nslipway/ab: failed: two\n\nlooked at by Ada\n";
    assert_eq!(note_of(&world, &first), expected);
    assert_eq!(note_of(&world, &second), "slipway/a is not for this one\nslipway/a: done: four\n");
    assert_eq!(count(&world), 5);
}

#[test]
fn what_a_line_says_stays_on_its_line_and_short() {
    let world = World::new();
    let commit = world.tip();
    let hostile = format!("a\nslipway/b: done\u{1b}[31m \u{202e}{}", "x".repeat(10_000));
    notes(&world).put(&commit, lines(&[("slipway/a", &hostile)])).unwrap();
    let note = note_of(&world, &commit);
    assert!(note.starts_with("slipway/a: a slipway/b: done xxx"), "{note}");
    assert!(note.lines().count() == 1 && note.chars().count() < 600, "{note}");
}

#[test]
fn notes_are_found_in_the_folders_that_git_makes_of_many_and_are_put_into_folders_where_they_are_many() {
    for how_many in [40, 300, 70_000] {
        let world = World::new();
        let commit = world.tip();
        let mut stream =
            "commit refs/notes/slipway\ncommitter A <a@example.org> 1700000000 +0000\ndata 1\nn\n".to_owned();
        for number in 0..how_many {
            // A note can belong to an object that does not exist.
            writeln!(stream, "M 100644 inline {number:040x}\ndata 4\nhers").unwrap();
        }
        world.git_with(&["fast-import", "--quiet", "--done"], &format!("{stream}\ndone\n"));
        // git's own writer creates folders if there are many notes.
        note_by_hand(&world.repository(), world.root.path(), &commit, "by hand");
        notes(&world).put(&commit, lines(&[("slipway/a", "done")])).unwrap();
        let second = world.commit(&[("100644", "b", "b")]);
        notes(&world).put(&second, lines(&[("slipway/a", "done")])).unwrap();
        assert_eq!(note_of(&world, &commit), "by hand\nslipway/a: done\n", "{how_many}");
        assert_eq!(note_of(&world, &second), "slipway/a: done\n", "{how_many}");
        let all = world.git(&["notes", "--ref", "slipway", "list"]);
        assert_eq!(all.lines().count(), how_many + 2);
    }
}

#[test]
fn a_lost_race_is_run_again_on_what_won() {
    for kind in [RequestKind::PushRefs, RequestKind::Push] {
        let world = World::new();
        let commit = world.tip();
        notes(&world).put(&commit, lines(&[("slipway/a", "done")])).unwrap();
        let (repository, home, noted) = (world.repository(), world.root.path().to_owned(), commit.clone());
        world.server.next(kind, Fault::First(Box::new(move || note_by_hand(&repository, &home, &noted, "faster"))));
        notes(&world).put(&commit, lines(&[("slipway/b", "done")])).unwrap();
        assert_eq!(note_of(&world, &commit), "slipway/a: done\n\nfaster\nslipway/b: done\n", "{kind:?}");
    }
}

#[test]
fn a_push_whose_answer_was_lost_is_searched_for_and_one_that_never_came_is_repeated() {
    for fault in [Fault::CutBefore, Fault::CutWithin, Fault::CutAfter, Fault::CutWithinAnswer] {
        let world = World::new();
        let commit = world.tip();
        world.server.next(RequestKind::Push, fault);
        notes(&world).put(&commit, lines(&[("slipway/a", "done")])).unwrap();
        assert_eq!((note_of(&world, &commit).as_str(), count(&world)), ("slipway/a: done\n", 1));
    }
}

#[test]
fn a_server_that_takes_no_notes_says_so_once() {
    let world = World::new();
    world.hook("update", "echo 'no notes here' >&2\nexit 1");
    let error = notes(&world).put(&world.tip(), lines(&[("slipway/a", "done")])).unwrap_err();
    assert!(
        matches!(&error, GitError::Refused { branch, message, .. }
        if branch == "refs/notes/slipway" && message.contains("no notes here")),
        "{error}"
    );
    assert_eq!(error.retry(), Retry::Never);
}

#[test]
fn notes_that_wait_for_a_push_share_the_next_one() {
    let world = World::new();
    let (first, second) = (world.tip(), world.commit(&[("100644", "b", "b")]));
    let noted = Arc::new(notes(&world));
    let (pushing, pushes) = mpsc::channel();
    let (others, all_wait) = (Arc::clone(&noted), mpsc::channel());
    let hold = move || {
        pushing.send(()).unwrap();
        all_wait.1.recv().unwrap();
    };
    world.server.next(RequestKind::Push, Fault::First(Box::new(hold)));
    thread::scope(|scope| {
        scope.spawn(|| noted.put(&first, lines(&[("slipway/a", "done")])).unwrap());
        pushes.recv().unwrap();
        for (commit, name) in [(&first, "slipway/b"), (&second, "slipway/a"), (&second, "slipway/b")] {
            let others = &others;
            scope.spawn(move || others.put(commit, lines(&[(name, "done")])).unwrap());
        }
        while format!("{others:?}").matches("Waiting").count() < 3 {
            thread::yield_now();
        }
        all_wait.0.send(()).unwrap();
    });
    assert_eq!(note_of(&world, &first), "slipway/a: done\nslipway/b: done\n");
    assert_eq!(note_of(&world, &second), "slipway/a: done\nslipway/b: done\n");
    assert_eq!(count(&world), 2);
}
