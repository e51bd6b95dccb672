//! Races, refusals, cut connections and silent servers: nothing is lost, repeated or pretended.

use crate::domain::Retry;
use crate::git::{Credentials, GitError, Outcome, Remote};

use super::server::{Ask, Fault};
use super::world::{REPOSITORY, World, append, commit_in, promote};

const MANIFEST: &str = "apps/model.yaml";

/// Somebody else's commit, made when the server is asked for this the next time.
fn foreign_commit_before(world: &World, ask: Ask) {
    let (repository, home) = (world.repository(), world.root.path().to_owned());
    let commit = move || {
        commit_in(&repository, &home, &[("100644", MANIFEST, "tag: foreign\n")]);
    };
    world.server.next(ask, Fault::First(Box::new(commit)));
}

#[test]
fn a_commit_that_lands_before_the_push_is_kept_and_built_upon() {
    for ask in [Ask::PushRefs, Ask::Push] {
        let world = World::new();
        foreign_commit_before(&world, ask);
        let outcome = append(&world.mirror(), "p-1", MANIFEST).unwrap();
        assert!(
            matches!(outcome, Outcome::Pushed { attempts: 2, .. }),
            "{ask:?}: {outcome:?}"
        );
        assert_eq!(world.file(MANIFEST), "tag: foreign\np-1\n", "{ask:?}");
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
        world.server.next(Ask::Push, Fault::First(Box::new(commit)));
    }
    let error = append(&world.mirror(), "p-1", MANIFEST).unwrap_err();
    assert!(matches!(error, GitError::LostRace { attempts: 8, .. }), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);
    assert_eq!(world.count(), 9);
}

#[test]
fn a_refusal_of_a_hook_is_told_in_its_own_words() {
    for (hook, status) in [
        ("update", "hook declined"),
        ("pre-receive", "pre-receive hook declined"),
    ] {
        let world = World::new();
        world.hook(
            hook,
            "printf 'production is \\033[31mfrozen\\033[0m\\nask the release team\\n' >&2\nexit 1",
        );
        let mirror = world.mirror();
        let before = mirror.fetch().unwrap();
        world.server.asked();
        let error = promote(&mirror, "p-1", MANIFEST, "tag: v1\n").unwrap_err();
        let words = format!("{status}: production is frozen ask the release team");
        assert!(
            matches!(&error, GitError::Refused { words: said, .. } if said.starts_with(&words)),
            "{error}"
        );
        assert_eq!(error.retry(), Retry::Never);
        assert_eq!(world.server.asked(), [Ask::PushRefs, Ask::Push]);
        assert_eq!((world.tip(), mirror.known_tip()), (before.clone(), Some(before)));
    }
}

#[test]
fn a_ref_that_the_server_does_not_mention_has_not_landed() {
    let world = World::new();
    let silent_report = b"000eunpack ok\n0000".to_vec();
    let report = format!(
        "{:04x}\u{1}{}0000",
        silent_report.len() + 5,
        String::from_utf8(silent_report).unwrap()
    );
    for _ in 0..2 {
        let body = report.clone().into_bytes();
        world
            .server
            .next(Ask::Push, Fault::Body("application/x-git-receive-pack-result", body));
    }
    let error = promote(&world.mirror(), "p-1", MANIFEST, "tag: v1\n").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a push that ended without a word about `main`"),
        "{error}"
    );
    assert_eq!(world.count(), 1);
}

#[test]
fn a_connection_cut_after_the_commit_landed_does_not_land_it_twice() {
    let world = World::new();
    world.server.next(Ask::Push, Fault::CutAfter);
    let outcome = append(&world.mirror(), "p-1", MANIFEST).unwrap();
    assert!(
        matches!(&outcome, Outcome::Pushed { commit, attempts: 1, .. } if *commit == world.tip()),
        "{outcome:?}"
    );
    assert_eq!(world.file(MANIFEST), "tag: v0\np-1\n");
    assert_eq!(world.count(), 2);
    world.is_sound();
}

#[test]
fn a_connection_cut_before_the_commit_landed_is_repeated() {
    let world = World::new();
    world.server.next(Ask::Push, Fault::CutBefore);
    let outcome = append(&world.mirror(), "p-1", MANIFEST).unwrap();
    assert!(matches!(outcome, Outcome::Pushed { attempts: 2, .. }), "{outcome:?}");
    assert_eq!(world.count(), 2);
}

#[test]
fn a_push_that_cannot_be_looked_up_is_uncertain_and_recognised_later() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    world.server.next(Ask::Push, Fault::CutAfter);
    world.server.next(Ask::FetchRefs, Fault::Status(503, "down"));
    let error = append(&mirror, "p-1", MANIFEST).unwrap_err();
    assert!(matches!(error, GitError::Uncertain { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);
    let landed = world.tip();
    assert_eq!(
        append(&mirror, "p-1", MANIFEST).unwrap(),
        Outcome::AlreadyThere { commit: landed }
    );
    assert_eq!(world.count(), 2);
}

#[test]
fn a_server_that_never_answers_meets_the_deadline() {
    let world = World::new();
    world.server.next(Ask::FetchRefs, Fault::Silence);
    let error = world.impatient_mirror().fetch().unwrap_err();
    assert!(matches!(error, GitError::TimedOut { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);
}

#[test]
fn a_silent_push_is_given_up_when_nothing_landed() {
    let world = World::new();
    world.server.next(Ask::Push, Fault::Silence);
    world.server.next(Ask::Push, Fault::Silence);
    let error = append(&world.impatient_mirror(), "p-1", MANIFEST).unwrap_err();
    assert!(matches!(error, GitError::TimedOut { .. }), "{error}");
    assert_eq!(world.count(), 1);
}

#[test]
fn a_wrong_password_is_tried_once() {
    let world = World::new();
    world.server.require("Basic something-else");
    let credentials = Credentials {
        username: "robot".to_owned(),
        password: "hunter2".to_owned(),
    };
    let remote = Remote::new(&world.server.url(REPOSITORY), "main", Some(credentials)).unwrap();
    let error = world.mirror_at("mirrors", remote).fetch().unwrap_err();
    assert_eq!(world.server.asked(), [Ask::FetchRefs]);
    assert!(
        matches!(
            error,
            GitError::Unauthorized {
                with_credentials: true,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.retry(), Retry::Never);
    let error = append(&world.mirror(), "p-1", MANIFEST).unwrap_err();
    assert_eq!(world.server.asked(), [Ask::FetchRefs]);
    assert!(
        error.to_string().contains("refused a request without credentials"),
        "{error}"
    );
}

#[test]
fn answers_are_told_apart_and_cut_to_a_few_words() {
    let world = World::new();
    let mirror = world.mirror();
    let say = |status, page| {
        world.server.next(Ask::FetchRefs, Fault::Status(status, page));
        mirror.fetch().unwrap_err()
    };
    let page: &'static str = Box::leak(format!("<h1>oops\u{7}</h1>\n{}", "x".repeat(100_000)).into_boxed_str());
    let fault = say(502, page);
    assert!(
        matches!(&fault, GitError::ServerFault { status: 502, words, .. } if words.starts_with("<h1>oops </h1> xx") && words.len() < 600)
    );
    assert_eq!(fault.retry(), Retry::Backoff);
    assert!(matches!(say(403, "no"), GitError::Forbidden { words, .. } if words == "no"));
    assert!(matches!(say(404, ""), GitError::RepositoryMissing { .. }));
    assert_eq!(say(429, "").retry(), Retry::After(std::time::Duration::from_secs(7)));
    let redirect = say(301, "").to_string();
    assert!(
        redirect.contains("redirect (HTTP 301) to `elsewhere/`") && !redirect.contains("secret"),
        "{redirect}"
    );
    assert!(
        say(200, "<html>log in</html>")
            .to_string()
            .contains("a page of type `text/html`")
    );
    assert_eq!(mirror.fetch().unwrap(), world.tip());
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let world = World::new();
    let remote = Remote::new("http://127.0.0.1:9/models.git", "main", None).unwrap();
    let error = world.mirror_at("mirrors", remote).fetch().unwrap_err();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error}");
    world.server.next(Ask::FetchRefs, Fault::CutBefore);
    assert!(matches!(world.mirror().fetch(), Err(GitError::Unreachable { .. })));
}

#[test]
fn an_answer_that_is_not_git_is_no_damage_of_the_mirror() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    let before = world.generations();
    let nonsense = Fault::Body("application/x-git-upload-pack-advertisement", b"hello".to_vec());
    world.server.next(Ask::FetchRefs, nonsense);
    let error = mirror.fetch().unwrap_err();
    assert!(matches!(error, GitError::UnexpectedAnswer { .. }), "{error}");
    assert_eq!(world.generations(), before);
}
