//! Tests of writes: commits that land, files that stay unchanged, and changes that are refused before anything is sent.

use std::thread;

use crate::{GitError, Identity, Mirror, Outcome, Proposal, Snapshot, WriteRequest};

use super::server::RequestKind;
use super::world::{World, append, change, commit_and_push, promote, promotion};

#[test]
fn a_promotion_lands_as_one_commit_with_its_trailer() {
    let world = World::new();
    let before = world.tip();
    let outcome = promote(&world.mirror(), "p-1", "apps/model.yaml", "tag: v1\n").unwrap();
    assert_eq!(outcome, Outcome::Pushed { commit: world.tip(), attempts: 1, server_messages: String::new() });
    assert_eq!(world.file("apps/model.yaml"), "tag: v1\n");
    assert_eq!(world.git(&["rev-parse", "main~1"]).trim(), before.as_str());
    insta::assert_snapshot!(world.git(&["log", "-1", "--format=%an <%ae> %cn %cI%n%B"]), @"
    Slipway <slipway@example.org> Slipway 2026-01-02T03:04:05+00:00
    promote tag: v1

    Slipway-Promotion: p-1
    ");
    assert_eq!(world.git(&["log", "-1", "--format=%(trailers)"]).trim(), "Slipway-Promotion: p-1");
    world.is_sound();
}

#[test]
fn the_remote_may_name_another_author_than_the_committer() {
    let world = World::new();
    let author = |name: &str| Identity { name: name.to_owned(), email: "team@example.org".to_owned() };
    let remote = world.remote().with_author(author("The Team"));
    promote(&world.mirror_at("authored", remote), "p-1", "apps/model.yaml", "tag: v1\n").unwrap();
    let named = world.git(&["log", "-1", "--format=%an <%ae> %aI, %cn <%ce> %cI"]);
    assert_eq!(
        named.trim(),
        "The Team <team@example.org> 2026-01-02T03:04:05+00:00, Slipway <slipway@example.org> 2026-01-02T03:04:05+00:00"
    );
    for name in ["", "a <b>", "a\nb"] {
        let mirror = world.mirror_at("unnamed", world.remote().with_author(author(name)));
        let error = promote(&mirror, "p-2", "apps/model.yaml", "tag: v2\n").unwrap_err();
        assert!(matches!(error, GitError::InvalidCommit { .. }), "{name}: {error}");
    }
    assert_eq!(world.count(), 2);
}

#[test]
fn a_second_promotion_needs_no_fetch() {
    let world = World::new();
    let mirror = world.mirror();
    promote(&mirror, "p-1", "apps/model.yaml", "tag: v1\n").unwrap();
    world.server.received();
    promote(&mirror, "p-2", "apps/model.yaml", "tag: v2\n").unwrap();
    assert_eq!(world.server.received(), [RequestKind::PushRefs, RequestKind::Push]);
    assert_eq!(world.count(), 3);
}

#[test]
fn an_executable_file_stays_executable() {
    let world = World::new();
    world.commit(&[("100755", "deploy.sh", "#!/bin/sh\n")]);
    promote(&world.mirror(), "p-1", "deploy.sh", "#!/bin/sh\nexit\n").unwrap();
    assert!(world.git(&["ls-tree", "main", "deploy.sh"]).starts_with("100755 "));
}

#[test]
fn an_unchanged_tree_makes_no_commit() {
    let world = World::new();
    let mirror = world.mirror();
    assert_eq!(promote(&mirror, "p-1", "apps/model.yaml", "tag: v0\n").unwrap(), Outcome::NothingToDo);
    let nothing = commit_and_push(&mirror, &promotion("p-2"), |_| Ok::<_, GitError>(Proposal::Nothing));
    assert_eq!(nothing.unwrap(), Outcome::NothingToDo);
    assert_eq!(world.count(), 1);
}

#[test]
fn nothing_to_do_is_judged_on_the_newest_tip() {
    let world = World::new();
    let mirror = world.mirror();
    promote(&mirror, "p-1", "apps/model.yaml", "tag: v1\n").unwrap();
    world.commit(&[("100644", "apps/model.yaml", "tag: by hand\n")]);
    let outcome = promote(&mirror, "p-2", "apps/model.yaml", "tag: v1\n").unwrap();
    assert!(matches!(outcome, Outcome::Pushed { attempts: 2, .. }), "{outcome:?}");
    assert_eq!(world.file("apps/model.yaml"), "tag: v1\n");
}

#[test]
fn a_promotion_that_landed_before_is_recognised() {
    let world = World::new();
    promote(&world.mirror_at("first", world.remote()), "p-1", "apps/model.yaml", "tag: v1\n").unwrap();
    let landed = world.tip();
    world.commit(&[("100644", "apps/model.yaml", "tag: v2\n")]);
    let again = promote(&world.mirror_at("second", world.remote()), "p-1", "apps/model.yaml", "tag: v1\n");
    assert_eq!(again.unwrap(), Outcome::AlreadyThere { commit: landed });
    assert_eq!(world.file("apps/model.yaml"), "tag: v2\n");
}

#[test]
fn a_clock_that_is_wrong_neither_hides_nor_repeats_a_promotion() {
    let world = World::new();
    for (number, (id, at)) in
        [("early", "1971-01-01T00:00:00Z"), ("late", "2099-01-01T00:00:00Z")].into_iter().enumerate()
    {
        let request = WriteRequest { at: at.parse().unwrap(), ..promotion(id) };
        let land = |mirror: &Mirror| {
            let content = format!("tag: {id}\n");
            commit_and_push(mirror, &request, |_: &Snapshot<'_>| Ok::<_, GitError>(change("apps/model.yaml", &content)))
        };
        let mirror = world.mirror();
        assert!(matches!(land(&mirror), Ok(Outcome::Pushed { .. })));
        let landed = world.tip();
        assert_eq!(world.git(&["log", "-1", "--format=%aI %cI"]).trim(), format!("{at} {at}").replace('Z', "+00:00"));
        for _ in 0..20 {
            world.commit(&[("100644", "busy", world.tip().as_str())]);
        }
        let already = Ok(Outcome::AlreadyThere { commit: landed });
        assert_eq!(land(&mirror), already);
        assert_eq!(land(&world.mirror_at(&format!("fresh-{number}"), world.remote())), already);
    }
    assert_eq!(world.count(), 43);
}

#[test]
fn an_error_of_the_proposal_is_handed_through() {
    #[derive(Debug)]
    enum Mine {
        Git(GitError),
        NotToday,
    }
    impl From<GitError> for Mine {
        fn from(error: GitError) -> Self {
            Self::Git(error)
        }
    }
    let world = World::new();
    let stopped = commit_and_push(&world.mirror(), &promotion("p-1"), |tip: &Snapshot<'_>| {
        assert_eq!(tip.find_files(&|path| path.starts_with("apps/"))?.len(), 1);
        Err(Mine::NotToday)
    });
    assert!(matches!(stopped, Err(Mine::NotToday)));
    let mirror = world.mirror_at("nowhere", crate::Remote::new(&world.server.url("none.git"), "main", None).unwrap());
    let missing = commit_and_push(&mirror, &promotion("p-1"), |_: &Snapshot<'_>| Err(Mine::NotToday));
    assert!(matches!(missing, Err(Mine::Git(GitError::RepositoryMissing { .. }))));
}

#[test]
fn paths_that_cannot_be_changed_are_refused() {
    let world = World::new();
    world.commit(&[
        ("120000", "link", "README.md"),
        ("160000", "module", "1234567890123456789012345678901234567890"),
        (
            "100644",
            ".gitattributes",
            "[attr]large filter=lfs\n*.bin filter=lfs\nsecret/** filter=git-crypt\n*.big large\n",
        ),
        ("100644", "apps/.gitattributes", "*.bin -filter\n*.txt filter=lfs\n"),
        ("100644", "model.bin", "x"),
        ("100644", "model.big", "x"),
        ("100644", "secret/a.yaml", "x"),
        ("100644", "apps/fine.bin", "x"),
        ("100644", "apps/note.txt", "x"),
    ]);
    let mirror = world.mirror();
    let cases = [
        ("link", "is a symbolic link"),
        ("module", "is a submodule"),
        ("apps", "is a folder"),
        ("missing.yaml", "does not exist on the branch"),
        ("../outside", "is not a plain relative path"),
        ("model.bin", "has a `filter` attribute"),
        ("model.big", "has a `filter` attribute"),
        ("secret/a.yaml", "has a `filter` attribute"),
        ("apps/note.txt", "has a `filter` attribute"),
    ];
    for (path, words) in cases {
        let error = promote(&mirror, "p-1", path, "new").unwrap_err().to_string();
        assert!(error.contains(words), "{path}: {error}");
    }
    assert_eq!(world.count(), 2);
    promote(&mirror, "p-2", "apps/fine.bin", "new").unwrap();
}

#[test]
fn a_message_may_not_imitate_the_trailer() {
    let world = World::new();
    for message in ["", "x\n\nSlipway-Promotion: p-9\n", "slipway-promotion : p-9\n\nx", "a\0b"] {
        let error = commit_and_push(&world.mirror(), &promotion("p-1"), |_: &Snapshot<'_>| {
            let changes = vec![("README.md".to_owned(), b"new".to_vec())];
            Ok::<_, GitError>(Proposal::Change { changes, message: message.to_owned() })
        });
        assert!(matches!(error, Err(GitError::InvalidCommit { .. })), "{message:?}");
    }
    assert_eq!(world.count(), 1);
}

#[test]
fn the_trailer_joins_the_trailers_of_the_message() {
    let world = World::new();
    commit_and_push(&world.mirror(), &promotion("p-1"), |_: &Snapshot<'_>| {
        let changes = vec![("README.md".to_owned(), b"new".to_vec())];
        let message = "promote\n\nSlipway-Run: 7\n".to_owned();
        Ok::<_, GitError>(Proposal::Change { changes, message })
    })
    .unwrap();
    let trailers = world.git(&["log", "-1", "--format=%(trailers)"]);
    assert_eq!(trailers.trim(), "Slipway-Run: 7\nSlipway-Promotion: p-1");
}

#[test]
fn two_writers_with_mirrors_of_their_own_land_all_promotions_once() {
    let world = World::new();
    thread::scope(|scope| {
        for writer in ["a", "b"] {
            let mirror = world.mirror_at(writer, world.remote());
            scope.spawn(move || {
                for number in 0..5 {
                    append(&mirror, &format!("{writer}-{number}"), "apps/model.yaml").unwrap();
                }
            });
        }
    });
    assert_eq!(world.count(), 11);
    let mut lines: Vec<String> = world.file("apps/model.yaml").lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["a-0", "a-1", "a-2", "a-3", "a-4", "b-0", "b-1", "b-2", "b-3", "b-4", "tag: v0"]);
    world.is_sound();
}

#[test]
fn two_writers_of_one_mirror_go_one_after_the_other() {
    let world = World::new();
    let mirror = world.mirror();
    thread::scope(|scope| {
        for writer in ["a", "b"] {
            let mirror = mirror.clone();
            scope.spawn(move || {
                for number in 0..5 {
                    let outcome = append(&mirror, &format!("{writer}-{number}"), "README.md").unwrap();
                    assert!(matches!(outcome, Outcome::Pushed { attempts: 1, .. }), "{outcome:?}");
                }
            });
        }
    });
    assert_eq!(world.count(), 11);
    assert_eq!(change("x", "y"), change("x", "y"));
    world.is_sound();
}
