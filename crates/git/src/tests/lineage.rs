//! Tests of a branch's own history: its state at a time, and the commits that changed a file.

use std::fmt::Write as _;
use std::fs;
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::{GitError, Mirror, Touch, Traced};
use slipway_domain::CommitSha;

use super::world::{World, git_in};

const MANIFEST: &str = "apps/model.yaml";

/// Imports commits of a branch by `git fast-import`: each with its time, message and file commands.
fn import(world: &World, commits: &[(&str, u32, &str, &str)]) {
    let mut stream = String::new();
    for (reference, time, message, commands) in commits {
        write!(
            stream,
            "commit refs/heads/{reference}\nauthor Ann <ann@example.org> 7 +0000\n\
             committer Carl <carl@example.org> {time} +0000\ndata {}\n{message}\n{commands}\n",
            message.len()
        )
        .unwrap();
    }
    git_in(&world.repository(), world.root.path(), &["fast-import", "--quiet", "--force"], &stream);
}

fn manifest(content: &str) -> String {
    format!("M 100644 inline {MANIFEST}\ndata {}\n{content}\n", content.len())
}

/// A world whose `main` consists of these commits.
fn history(commits: &[(&str, u32, &str, &str)]) -> (World, Mirror, CommitSha) {
    let world = World::empty();
    import(&world, commits);
    let mirror = world.mirror();
    let tip = mirror.fetch().unwrap();
    (world, mirror, tip)
}

fn trace(mirror: &Mirror, from: &CommitSha, path: &str, commits: usize) -> (Vec<Touch>, Option<CommitSha>) {
    let mut touches = Vec::new();
    let traced = Traced { paths: &[path], commits, max_bytes: 100 };
    let rest = mirror.trace(from, &traced, |touch| {
        touches.push(touch);
        ControlFlow::Continue(())
    });
    (touches, rest.unwrap())
}

/// The subjects of the touches and the content after them.
fn described(touches: &[Touch]) -> Vec<(String, Option<String>)> {
    let text = |touch: &Touch| touch.files[0].as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    touches.iter().map(|touch| (touch.info.subject.clone(), text(touch))).collect()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn left(subject: &str, content: &str) -> (String, Option<String>) {
    (subject.to_owned(), Some(content.to_owned()))
}

#[test]
fn what_the_branch_was_at_a_time_is_found_along_first_parents() {
    let (world, mirror, tip) = history(&[
        ("main", 100, "one", &manifest("1")),
        ("side", 150, "aside", &format!("from refs/heads/main\n{}", manifest("s"))),
        ("main", 200, "two", &manifest("2")),
        ("main", 300, "merge", &format!("merge refs/heads/side\n{}", manifest("s"))),
    ]);
    let name = |revision: &str| Some(world.git(&["rev-parse", revision]).trim().parse::<CommitSha>().unwrap());
    for (time, expected) in [
        (99, None),
        (100, name("main~2")),
        (160, name("main~2")),
        (200, name("main~1")),
        (299, name("main~1")),
        (300, name("main")),
        (9_000, name("main")),
    ] {
        assert_eq!(mirror.commit_at(&tip, at(time)).unwrap(), expected, "{time}");
    }
}

#[test]
fn a_clock_that_ran_ahead_hides_no_newer_commit() {
    let (world, mirror, tip) = history(&[
        ("main", 100, "one", &manifest("1")),
        ("main", 9_000, "ahead", &manifest("2")),
        ("main", 300, "three", &manifest("3")),
    ]);
    let three = world.git(&["rev-parse", "main"]).trim().parse().unwrap();
    assert_eq!(mirror.commit_at(&tip, at(400)).unwrap(), Some(three));
}

#[test]
fn only_commits_that_touch_the_file_are_shown_newest_first() {
    let other = "M 100644 inline other\ndata 1\nx\n";
    let (_world, mirror, tip) = history(&[
        ("main", 1, "root", &manifest("1")),
        ("main", 2, "elsewhere", other),
        ("main", 3, "second", &manifest("2")),
        ("main", 4, "the mode alone", &format!("M 100755 inline {MANIFEST}\ndata 1\n2\n")),
        ("main", 5, "nothing", ""),
        ("main", 6, "beside it", "M 100644 inline apps/other.yaml\ndata 1\nx\n"),
    ]);
    let (touches, rest) = trace(&mirror, &tip, MANIFEST, 100);
    assert_eq!(described(&touches), [left("second", "2"), left("root", "1")]);
    assert_eq!(rest, None);
    assert_eq!(touches[0].info.time, Some(at(3)));
    assert_eq!((touches[0].info.author.as_str(), touches[0].info.committer.as_str()), ("Ann", "Carl"));
}

#[test]
fn a_merge_counts_as_the_commit_that_brought_the_change() {
    let (world, mirror, tip) = history(&[
        ("main", 1, "root", &manifest("1")),
        ("side", 2, "aside", &format!("from refs/heads/main\n{}", manifest("s"))),
        ("main", 3, "elsewhere", "M 100644 inline other\ndata 1\nx\n"),
        ("main", 4, "merge", &format!("merge refs/heads/side\n{}", manifest("s"))),
        ("main", 5, "after", "M 100644 inline other\ndata 1\ny\n"),
    ]);
    let (touches, _) = trace(&mirror, &tip, MANIFEST, 100);
    assert_eq!(described(&touches), [left("merge", "s"), left("root", "1")]);
    assert_eq!(touches[0].info.commit.as_str(), world.git(&["rev-parse", "main~1"]).trim());
}

#[test]
fn what_is_no_regular_file_at_a_commit_is_not_there() {
    let folder = format!("D {MANIFEST}\nM 100644 inline {MANIFEST}/inner\ndata 1\nx\n");
    let link = format!("D {MANIFEST}\nM 120000 inline {MANIFEST}\ndata 1\nx\n");
    let large = manifest(&"x".repeat(101));
    let file_above = "D apps\nM 100644 inline apps\ndata 1\nx\n";
    let (_world, mirror, tip) = history(&[
        ("main", 1, "root", "M 100644 inline old.yaml\ndata 1\n1\n"),
        ("main", 2, "renamed", &format!("R old.yaml {MANIFEST}\n")),
        ("main", 3, "a folder", &folder),
        ("main", 4, "a file again", &format!("D {MANIFEST}\n{}", manifest("2"))),
        ("main", 5, "a link", &link),
        ("main", 6, "too large", &format!("D {MANIFEST}\n{large}")),
        ("main", 7, "deleted", &format!("D {MANIFEST}\n")),
        ("main", 8, "its folder is a file", file_above),
        ("main", 9, "back", &format!("D apps\n{}", manifest("3"))),
    ]);
    let gone = |subject: &str| (subject.to_owned(), None);
    assert_eq!(
        described(&trace(&mirror, &tip, MANIFEST, 100).0),
        [
            left("back", "3"),
            gone("deleted"),
            gone("too large"),
            gone("a link"),
            left("a file again", "2"),
            gone("a folder"),
            left("renamed", "1"),
        ]
    );
    assert_eq!(described(&trace(&mirror, &tip, "old.yaml", 100).0), [gone("renamed"), left("root", "1")]);
    assert_eq!(described(&trace(&mirror, &tip, "never/there", 100).0), []);
}

#[test]
fn tracing_ends_at_its_limit_and_goes_on_from_there() {
    let contents: Vec<String> = (0..9).map(|number| manifest(&number.to_string())).collect();
    let commits: Vec<(&str, u32, &str, &str)> =
        contents.iter().zip(1..).map(|(content, time)| ("main", time, "next", content.as_str())).collect();
    let (world, mirror, tip) = history(&commits);
    let (touches, rest) = trace(&mirror, &tip, MANIFEST, 4);
    assert_eq!(touches.len(), 4);
    let rest = rest.unwrap();
    assert_eq!(rest.as_str(), world.git(&["rev-parse", "main~4"]).trim());
    let (touches, rest) = trace(&mirror, &rest, MANIFEST, 5);
    assert_eq!((touches.len(), rest), (5, None));
    let mut seen = 0;
    let traced = Traced { paths: &[MANIFEST, "other"], commits: 100, max_bytes: 100 };
    let rest = mirror.trace(&tip, &traced, |touch| {
        assert_eq!((touch.files.len(), &touch.files[1]), (2, &None));
        seen += 1;
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((seen, rest), (3, Ok(None)));
    let outside = Traced { paths: &["../x"], ..traced };
    let refused = mirror.trace(&tip, &outside, |_| ControlFlow::Continue(()));
    assert!(matches!(refused, Err(GitError::UnusablePath { .. })), "{refused:?}");
}

#[test]
fn trailers_are_read_wherever_a_message_is_cut() {
    let message = format!(
        "subject\n\n{}\n\nSlipway-Promotion: p-1\nCo-Authored-By: Ben <ben@example.org>\nslipway-promotion: p-2\n\
         Too-Long: {}\nBell: a\u{7}b\n",
        "words ".repeat(4_000),
        "x".repeat(1_025),
    );
    let (_world, mirror, tip) = history(&[("main", 1, &message, &manifest("1"))]);
    let info = mirror.commit_info(&tip).unwrap();
    assert_eq!(info.trailer("SLIPWAY-promotion"), Some("p-1"));
    assert_eq!(info.trailer("Signed-off-by"), None);
    let keys: Vec<&str> = info.trailers.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["Slipway-Promotion", "Co-Authored-By", "slipway-promotion"]);
    assert_eq!(info.message.len(), 16 * 1024);
}

#[test]
fn a_mirror_that_is_damaged_half_way_shows_no_commit_twice() {
    let contents: Vec<String> = (0..9).map(|number| manifest(&number.to_string())).collect();
    let commits: Vec<(&str, u32, &str, &str)> =
        contents.iter().zip(1..).map(|(content, time)| ("main", time, "next", content.as_str())).collect();
    let (world, mirror, tip) = history(&commits);
    for pack in fs::read_dir(world.generations()[0].join("objects/pack")).unwrap() {
        fs::remove_file(pack.unwrap().path()).unwrap();
    }
    let objects = world.generations()[0].join("objects");
    let copy = |revision: &str| {
        for object in world.git(&["rev-list", "--objects", "--no-object-names", "-n1", revision]).split_whitespace() {
            let loose = objects.join(&object[..2]);
            fs::create_dir_all(&loose).unwrap();
            fs::copy(
                world.repository().join("objects").join(&object[..2]).join(&object[2..]),
                loose.join(&object[2..]),
            )
            .unwrap();
        }
    };
    for revision in ["main", "main~1", "main~2", "main~3"] {
        copy(revision);
    }
    let (touches, _) = trace(&mirror, &tip, MANIFEST, 100);
    let expected: Vec<String> = (0..9).rev().map(|number| number.to_string()).collect();
    let shown: Vec<String> = described(&touches).into_iter().filter_map(|(_, content)| content).collect();
    assert_eq!(shown, expected);
}

#[test]
fn ten_thousand_commits_are_traced_by_their_trees_alone() {
    let mut stream = String::new();
    for number in 0..10_000 {
        let content = if number % 1_000 == 0 { manifest(&number.to_string()) } else { String::new() };
        let beside = format!("M 100644 inline apps/other-{}.yaml\ndata 5\n{number:05}\n", number % 50);
        write!(stream, "commit refs/heads/main\ncommitter C <c@d> {number} +0000\ndata 1\nx\n{content}{beside}\n")
            .unwrap();
    }
    let world = World::empty();
    git_in(&world.repository(), world.root.path(), &["fast-import", "--quiet"], &stream);
    let mirror = world.mirror();
    let tip = mirror.fetch().unwrap();
    let (touches, rest) = trace(&mirror, &tip, MANIFEST, 20_000);
    assert_eq!((touches.len(), rest), (10, None));
    let early = mirror.commit_at(&tip, at(0)).unwrap().unwrap();
    assert_eq!(mirror.parent(&early).unwrap(), None);
}
