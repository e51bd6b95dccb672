//! Tests of reading commits without a checkout.

use crate::{GitError, Held, Texts, TreeFile};
use slipway_domain::CommitSha;

use super::world::{World, git_in};

fn nobody() -> CommitSha {
    "1234567890123456789012345678901234567890".parse().unwrap()
}

#[test]
fn commits_parents_and_words_are_read() {
    let world = World::new();
    let first = world.tip();
    let second = world.commit(&[("100644", "new", "x")]);
    let mirror = world.mirror();
    assert!(mirror.contains(&second).unwrap());
    assert!(!mirror.contains(&nobody()).unwrap());
    assert_eq!(mirror.parent(&second).unwrap(), Some(first.clone()));
    assert_eq!(mirror.parent(&first).unwrap(), None);
    let info = mirror.commit_info(&second).unwrap();
    assert_eq!((info.author.as_str(), info.subject.as_str()), ("Somebody", "somebody else"));
    assert_eq!(info.time.unwrap().to_string(), "2023-11-14T22:13:20Z");
}

#[test]
fn commits_are_found_by_their_first_digits_on_the_branch_alone() {
    let world = World::new();
    let first = world.tip();
    let second = world.commit(&[("100644", "new", "x")]);
    let mirror = world.mirror();
    let found = |tip: &CommitSha, digits: &str| mirror.commits_beginning(tip, digits, 5).unwrap();
    assert_eq!(found(&second, &first.as_str()[..10]), std::slice::from_ref(&first));
    assert_eq!(found(&second, ""), [second.clone(), first.clone()], "all that begin so, newest first");
    assert_eq!(mirror.commits_beginning(&second, "", 1).unwrap().len(), 1, "as many as were asked for");
    assert!(found(&first, &second.as_str()[..10]).is_empty(), "it came later");
    assert!(mirror.commits_beginning(&nobody(), "1234567", 5).is_err());
}

#[test]
fn words_that_are_not_text_are_shown_bounded() {
    let world = World::new();
    let message = format!("\u{1b}[31mred \u{7} {}", "x".repeat(100_000));
    let stream = format!(
        "commit refs/heads/main\ncommitter A\u{8}B <a@b> 9000000000 +0000\ndata {}\n{message}\nfrom refs/heads/main^0\n",
        message.len()
    );
    git_in(&world.repository(), world.root.path(), &["fast-import", "--quiet"], &stream);
    let info = world.mirror().commit_info(&world.tip()).unwrap();
    assert!(info.subject.starts_with("red xxx") && info.subject.chars().count() <= 501, "{}", info.subject);
    assert!(info.message.len() <= 16 * 1024);
    assert_eq!(info.author, "A B");
}

#[test]
fn a_commit_that_is_not_mirrored_is_named() {
    let world = World::new();
    let error = world.mirror().read_file(&nobody(), "README.md", 10).unwrap_err();
    assert!(matches!(error, GitError::UnknownCommit { .. }), "{error}");
}

#[test]
fn files_are_read_within_limits() {
    let world = World::new();
    let tip = world.commit(&[("120000", "link", "README.md"), ("100644", "binary", "a\0b")]);
    let mirror = world.mirror();
    assert_eq!(mirror.read_file(&tip, "README.md", 6).unwrap().unwrap(), b"hello\n");
    assert_eq!(mirror.read_file(&tip, "binary", 3).unwrap().unwrap(), b"a\0b");
    assert_eq!(mirror.read_file(&tip, "missing/file", 6).unwrap(), None);
    assert!(matches!(mirror.read_file(&tip, "README.md", 5), Err(GitError::LimitExceeded { limit: 5, .. })));
    for (path, words) in [("link", "a symbolic link"), ("apps", "a folder"), ("../x", "plain relative path")] {
        let error = mirror.read_file(&tip, path, 100).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn files_are_found_by_path() {
    let world = World::new();
    let tip = world.commit(&[("120000", "apps/link.yaml", "x"), ("100755", "apps/z/b.yaml", "12345")]);
    let found = world.mirror().find_files(&tip, &|path| path.starts_with("apps/")).unwrap();
    let found: Vec<_> = found.iter().map(|file| (file.path.as_str(), file.size)).collect();
    assert_eq!(found, [("apps/model.yaml", 8), ("apps/z/b.yaml", 5)]);
}

#[test]
fn changed_paths_hold_both_names_of_a_rename() {
    let world = World::new();
    let base = world.tip();
    let stream = "commit refs/heads/main\ncommitter A <a@b> 1 +0000\ndata 1\nx\nfrom refs/heads/main^0\nR apps/model.yaml apps/renamed.yaml\nM 100755 inline README.md\ndata 6\nhello\n\n";
    git_in(&world.repository(), world.root.path(), &["fast-import", "--quiet"], stream);
    let (mirror, head) = (world.mirror(), world.tip());
    let changed = mirror.changed_paths(Some(&base), &head).unwrap();
    assert_eq!(changed, ["README.md", "apps/model.yaml", "apps/renamed.yaml"]);
    assert_eq!(mirror.changed_paths(None, &base).unwrap(), ["README.md", "apps/model.yaml"]);
    assert!(mirror.changed_paths(Some(&head), &head).unwrap().is_empty());
}

#[test]
fn a_trailer_is_found_only_in_the_last_paragraph_and_within_the_limit() {
    let world = World::new();
    let commit = |message: &str| {
        let length = message.len();
        let stream = format!(
            "commit refs/heads/main\ncommitter A <a@b> 1800000000 +0000\ndata {length}\n{message}\nfrom refs/heads/main^0\n"
        );
        git_in(&world.repository(), world.root.path(), &["fast-import", "--quiet"], &stream);
        world.tip()
    };
    let first = commit("promote\n\nSlipway-Promotion: 1\nSlipway-Run: 9\n");
    let tip = commit("Slipway-Promotion: 2\n\nSlipway-Promotion: 3 is quoted here\n\nwords: only\n");
    let mirror = world.mirror();
    let find = |value, limit| mirror.find_trailer(&tip, "Slipway-Promotion", value, limit).unwrap();
    assert_eq!(find("1", 10), Some(first));
    assert_eq!(find("1", 1), None);
    assert_eq!(find("2", 10), None);
    assert_eq!(find("3", 10), None);
    assert_eq!(find("9", 10), None);
}

#[test]
fn files_that_hold_a_text_are_found_at_every_tip() {
    let world = World::new();
    let mark = "a: b # {\"slipway\": \"m:digest\"}\n";
    world.commit(&[
        ("100644", "apps/one/values.yaml", mark),
        ("100644", "apps/two/values.yml", mark),
        ("100644", "apps/two/NOTES.MD", mark),
        ("120000", "apps/link.yaml", "one/values.yaml"),
        ("100644", "large.yaml", &format!("{mark}{}", "#".repeat(200))),
    ]);
    let mirror = world.mirror();
    let held = Held {
        texts: Texts::of(["\"slipway\"".to_owned(), "elsewhere".to_owned()]),
        endings: vec![(".md".to_owned(), 0), (".yaml".to_owned(), 100)],
        others: 50,
    };
    let paths = |files: Vec<TreeFile>| files.into_iter().map(|file| file.path).collect::<Vec<_>>();
    let find = |held: &Held| paths(mirror.files_holding(&mirror.fetch().unwrap(), held).unwrap());
    assert_eq!(find(&held), ["apps/one/values.yaml", "apps/two/values.yml"]);
    world.commit(&[("100644", "apps/two/values.yml", "a: b\n"), ("100644", "new.yaml", &mark.to_uppercase())]);
    assert_eq!(find(&held), ["apps/one/values.yaml", "new.yaml"]);
    assert_eq!(
        find(&Held { endings: vec![(".md".to_owned(), 0), (".yaml".to_owned(), 1_000)], ..held.clone() }),
        ["apps/one/values.yaml", "large.yaml", "new.yaml"]
    );
    let listed =
        super::world::commit_and_push(&mirror, &super::world::promotion("p-1"), |tip: &crate::Snapshot<'_>| {
            assert_eq!(paths(tip.files_holding(&held)?), ["apps/one/values.yaml", "new.yaml"]);
            Ok::<_, crate::GitError>(crate::Proposal::Nothing)
        });
    assert_eq!(listed, Ok(crate::Outcome::NothingToDo));
}
