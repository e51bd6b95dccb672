//! Tests of mirrors: fetch, recovery from damage, and refusals.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;

use crate::{Credentials, GitError, Remote};
use slipway_domain::Retry;

use super::server::RequestKind;
use super::world::{REPOSITORY, World, git_in};

#[test]
fn a_fetch_names_the_tip_of_the_branch() {
    let world = World::new();
    let mirror = world.mirror();
    assert_eq!(mirror.known_tip(), None);
    assert_eq!(mirror.fetch().unwrap(), world.tip());
    let newer = world.commit(&[("100644", "new", "x")]);
    assert_eq!(mirror.fetch().unwrap(), newer);
    assert_eq!(mirror.known_tip(), Some(newer));
}

#[test]
fn a_fetch_without_new_commits_asks_once() {
    for (is_old, first, later) in [
        (false, &[RequestKind::Capabilities, RequestKind::List][..], RequestKind::List),
        (true, &[RequestKind::Capabilities, RequestKind::FetchRefs], RequestKind::FetchRefs),
    ] {
        let world = World::new();
        if is_old {
            world.server.grow_old();
        }
        let mirror = world.mirror();
        mirror.fetch().unwrap();
        world.server.received();
        mirror.fetch().unwrap();
        assert_eq!(world.server.received(), first, "what the server can do is asked once");
        mirror.fetch().unwrap();
        assert_eq!(world.server.received(), [later]);
        let newer = world.commit(&[("100644", "new", "x")]);
        assert_eq!(mirror.fetch().unwrap(), newer);
        assert_eq!(world.server.received(), [later, RequestKind::Fetch]);
        world.is_sound();
    }
}

#[test]
fn a_fetch_asks_for_the_references_that_it_needs_and_no_others() {
    let world = World::new();
    let (tip, mirror) = (world.tip(), world.mirror());
    mirror.fetch().unwrap();
    let names = (0..3_000).map(|number| format!("create refs/heads/of-a-team/{number} {tip}\n"));
    let names =
        names.chain([format!("create refs/heads/main-old {tip}\n"), format!("create refs/pull/7/head {tip}\n")]);
    git_in(&world.repository(), world.root.path(), &["update-ref", "--stdin"], &names.collect::<String>());
    mirror.fetch().unwrap();
    world.server.sent();
    let head = world.commit(&[("100644", "new", "x")]);
    world.git(&["update-ref", "refs/pull/7/head", head.as_str()]);
    assert_eq!(mirror.fetch_reference("refs/pull/7/head").unwrap(), head);
    assert_eq!(mirror.known_tip(), Some(head));
    let sent = world.server.sent();
    assert!(sent < 2_000, "{sent} bytes for a commit, where the list of all references has 200,000");
}

#[test]
fn a_server_that_stops_listing_by_name_is_asked_for_everything() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    mirror.fetch().unwrap();
    world.server.grow_old();
    world.server.received();
    let newer = world.commit(&[("100644", "new", "x")]);
    assert_eq!(mirror.fetch().unwrap(), newer);
    assert_eq!(world.server.received(), [RequestKind::List, RequestKind::FetchRefs, RequestKind::Fetch]);
}

#[test]
fn where_a_reference_is_is_asked_once_and_nothing_of_it_is_fetched() {
    let world = World::new();
    let (tip, mirror) = (world.tip(), world.mirror());
    mirror.fetch().unwrap();
    let head = world.commit(&[("100644", "new", "x")]);
    world.git(&["update-ref", "refs/pull/7/head", head.as_str()]);
    world.git(&["update-ref", "refs/heads/main", tip.as_str()]);
    world.server.received();
    assert_eq!(mirror.head_of("refs/pull/7/head").unwrap(), Some(head.clone()));
    assert_eq!(mirror.head_of("refs/pull/8/head").unwrap(), None);
    assert_eq!(world.server.received(), [RequestKind::Capabilities, RequestKind::List, RequestKind::List]);
    assert!(!mirror.contains(&head).unwrap());
    assert_eq!(mirror.fetch_reference("refs/pull/7/head").unwrap(), head);
    assert!(mirror.contains(&head).unwrap());
}

#[test]
fn a_mirror_that_was_never_fetched_is_asked_about_references_too() {
    let world = World::new();
    world.git(&["update-ref", "refs/pull/7/head", world.tip().as_str()]);
    assert_eq!(world.mirror().head_of("refs/pull/7/head").unwrap(), Some(world.tip()));
}

#[test]
fn a_forced_branch_is_followed() {
    let world = World::new();
    let first = world.tip();
    let mirror = world.mirror();
    world.commit(&[("100644", "new", "x")]);
    mirror.fetch().unwrap();
    world.git(&["update-ref", "refs/heads/main", first.as_str()]);
    assert_eq!(mirror.fetch().unwrap(), first);
}

#[test]
fn an_empty_repository_has_an_error_of_its_own() {
    let world = World::empty();
    let message = world.mirror().fetch().unwrap_err().to_string();
    assert!(message.contains("expected a branch `main`, found an empty repository"), "{message}");
}

#[test]
fn a_missing_branch_has_an_error_of_its_own() {
    let world = World::new();
    let remote = Remote::new(&world.server.url(REPOSITORY), "develop", None).unwrap();
    let error = world.mirror_at("mirrors", remote).fetch().unwrap_err();
    assert!(matches!(&error, GitError::BranchMissing { branch, empty: false, .. } if branch == "develop"), "{error}");
    assert_eq!(error.retry(), Retry::Never);
}

#[test]
fn a_sha256_repository_is_refused_by_name() {
    let world = World::with_format("sha256");
    let path = world.repository();
    super::world::git_in(
        &path,
        world.root.path(),
        &["fast-import", "--quiet"],
        "commit refs/heads/main\ncommitter A <a@b> 1 +0000\ndata 1\nx\n",
    );
    let error = world.mirror().fetch().unwrap_err();
    assert!(matches!(error, GitError::UnsupportedRepository { .. }), "{error}");
    assert!(error.to_string().contains("use a SHA-1 repository; SHA-256 repositories are not supported"), "{error}");
}

#[test]
fn a_damaged_mirror_is_made_anew() {
    let world = World::new();
    let first = world.tip();
    let mirror = world.mirror();
    let damages: [&dyn Fn(&std::path::Path); 4] = [
        &|mirror| fs::remove_dir_all(mirror.join("objects")).unwrap(),
        &|mirror| fs::write(mirror.join("HEAD"), "").unwrap(),
        &|mirror| fs::write(mirror.join("config"), "[core]\n\tbare = true\n").unwrap(),
        &|mirror| truncate_objects(mirror),
    ];
    for (number, damage) in damages.iter().enumerate() {
        mirror.fetch().unwrap();
        damage(&world.generations()[0]);
        let file = mirror.read_file(&first, "apps/model.yaml", 100);
        assert_eq!(file.unwrap().unwrap(), b"tag: v0\n", "reading after damage {number}");
        damage(&world.generations()[0]);
        assert_eq!(mirror.fetch().unwrap(), first, "fetching after damage {number}");
        assert_eq!(world.generations().len(), 1);
    }
}

fn truncate_objects(folder: &std::path::Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            truncate_objects(&path);
        } else if path.components().any(|part| part.as_os_str() == "objects") {
            fs::remove_file(&path).unwrap();
            fs::write(&path, "cut").unwrap();
        }
    }
}

#[test]
fn a_folder_that_is_no_repository_is_made_anew_by_the_next_process() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    drop(mirror);
    let generation = world.generations().remove(0);
    fs::remove_dir_all(&generation).unwrap();
    fs::write(&generation, "not a folder").unwrap();
    assert_eq!(world.mirror().fetch().unwrap(), world.tip());
    assert_eq!(world.generations().len(), 1);
}

#[test]
fn a_mirror_of_many_packs_is_repacked_and_the_server_asked_for_nothing_more() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    let before = world.generations();
    for number in 0..51 {
        fs::write(before[0].join(format!("objects/pack/pack-{number}.pack")), "").unwrap();
    }
    world.commit(&[("100644", "new", "x")]);
    world.server.received();
    assert_eq!(mirror.fetch().unwrap(), world.tip());
    assert_eq!(world.server.received(), [RequestKind::Capabilities, RequestKind::List, RequestKind::Fetch]);
    assert_ne!(world.generations(), before);
    assert_eq!(mirror.read_file(&world.tip(), "new", 100).unwrap().unwrap(), b"x");
    assert_eq!(mirror.fetch().unwrap(), world.tip());
}

#[test]
fn repacking_keeps_the_pack_that_is_larger_than_all_others() {
    let world = World::new();
    let large =
        (0..20_000_u64).fold(String::new(), |text, n| text + &n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string());
    let first = world.commit(&[("100644", "large", &large)]);
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    let packs = || {
        let folder = fs::read_dir(world.generations()[0].join("objects/pack")).unwrap();
        let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| Path::new(name).extension().is_some_and(|end| end == "pack")).collect::<BTreeSet<_>>()
    };
    let largest = packs();
    for number in 0..50 {
        world.commit(&[("100644", "small", &number.to_string())]);
        mirror.fetch().unwrap();
    }
    assert!(packs().is_superset(&largest) && packs().len() == 2, "{:?}", packs());
    assert_eq!(mirror.read_file(&first, "large", 1 << 20).unwrap().unwrap(), large.as_bytes());
    assert_eq!(mirror.read_file(&world.tip(), "small", 100).unwrap().unwrap(), b"49");
}

#[test]
fn a_mirror_of_many_loose_objects_is_repacked_after_a_push() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    let before = world.generations();
    let folder = before[0].join("objects/17");
    fs::create_dir_all(&folder).unwrap();
    for number in 0..80 {
        fs::write(folder.join(format!("{number:038x}")), "").unwrap();
    }
    super::world::append(&mirror, "p-1", "apps/model.yaml").unwrap();
    assert_ne!(world.generations(), before);
    assert_eq!(mirror.known_tip(), Some(world.tip()));
}

#[test]
fn many_threads_share_a_mirror() {
    let world = World::new();
    let first = world.tip();
    let mirror = world.mirror();
    thread::scope(|scope| {
        for number in 0..6 {
            let (mirror, world, first) = (mirror.clone(), &world, &first);
            scope.spawn(move || {
                if number == 0 {
                    world.commit(&[("100644", "new", "x")]);
                }
                mirror.fetch().unwrap();
                assert!(mirror.read_file(first, "README.md", 100).unwrap().is_some());
                let second = world.mirror();
                second.fetch().unwrap();
                assert!(second.contains(first).unwrap());
            });
        }
    });
    assert_eq!(mirror.fetch().unwrap(), world.tip());
    assert_eq!(world.generations().len(), 1);
}

#[test]
fn credentials_of_two_remotes_on_one_host_do_not_mix() {
    let world = World::new();
    let remote = |password: &str| {
        let credentials = Credentials { username: "robot".to_owned(), password: password.to_owned() };
        Remote::new(&world.server.url(REPOSITORY), "main", Some(credentials)).unwrap()
    };
    let right = remote("right");
    world.server.require(&right.credentials().unwrap().basic_header());
    let (right, wrong) = (world.mirror_at("right", right), world.mirror_at("wrong", remote("wrong")));
    for _ in 0..3 {
        right.fetch().unwrap();
        wrong.fetch().unwrap_err();
    }
}

#[test]
fn a_full_disk_is_no_damage_of_the_mirror() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    let before = world.generations();
    world.server.received();
    let full = git2::Error::from_str("failed to write the pack: No space left on device");
    let error = mirror.heal(&full).unwrap_err();
    assert!(matches!(error, GitError::Mirror { .. }) && error.retry() == Retry::Backoff, "{error}");
    assert!(error.to_string().contains("check free space"), "{error}");
    assert_eq!((world.generations(), world.server.received()), (before, Vec::new()), "nothing is made anew");
}
