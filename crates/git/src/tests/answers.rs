//! Tests of server answers: their meaning, and that every wait has a deadline.

use crate::{Credentials, GitError, Remote};
use slipway_domain::Retry;

use super::server::{Fault, RequestKind};
use super::world::{REPOSITORY, World, append};

const MANIFEST: &str = "apps/model.yaml";

#[test]
fn a_server_that_never_answers_meets_the_deadline() {
    let world = World::new();
    world.server.next(RequestKind::FetchRefs, Fault::Silence);
    let error = world.impatient_mirror().fetch().unwrap_err();
    assert!(matches!(error, GitError::TimedOut { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);
}

#[test]
fn a_wrong_password_is_tried_once() {
    let world = World::new();
    world.server.require("Basic something-else");
    let credentials = Credentials { username: "robot".to_owned(), password: "hunter2".to_owned() };
    let remote = Remote::new(&world.server.url(REPOSITORY), "main", Some(credentials)).unwrap();
    let error = world.mirror_at("mirrors", remote).fetch().unwrap_err();
    assert_eq!(world.server.received(), [RequestKind::FetchRefs]);
    assert!(matches!(error, GitError::Unauthorized { with_credentials: true, .. }), "{error}");
    assert_eq!(error.retry(), Retry::Never);
    let error = append(&world.mirror(), "p-1", MANIFEST).unwrap_err();
    assert_eq!(world.server.received(), [RequestKind::FetchRefs]);
    assert!(error.to_string().contains("refused a request without credentials"), "{error}");
}

#[test]
fn answers_are_distinguished_and_cut_to_a_few_words() {
    let world = World::new();
    let mirror = world.mirror();
    let say = |status, page| {
        world.server.next(RequestKind::FetchRefs, Fault::Status(status, page));
        mirror.fetch().unwrap_err()
    };
    let page: &'static str = Box::leak(format!("<h1>oops\u{7}</h1>\n{}", "x".repeat(100_000)).into_boxed_str());
    let fault = say(502, page);
    assert!(
        matches!(&fault, GitError::ServerFault { status: 502, message, .. } if message.starts_with("<h1>oops </h1> xx") && message.len() < 600)
    );
    assert_eq!(fault.retry(), Retry::Backoff);
    assert!(matches!(say(403, "no"), GitError::Forbidden { message, .. } if message == "no"));
    assert!(matches!(say(404, ""), GitError::RepositoryMissing { .. }));
    assert_eq!(say(429, "").retry(), Retry::After(std::time::Duration::from_secs(7)));
    let redirect = say(301, "").to_string();
    assert!(redirect.contains("redirect (HTTP 301) to `elsewhere/`") && !redirect.contains("secret"), "{redirect}");
    assert!(say(200, "<html>log in</html>").to_string().contains("a page of type `text/html`"));
    assert_eq!(mirror.fetch().unwrap(), world.tip());
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let world = World::new();
    let remote = Remote::new("http://127.0.0.1:9/models.git", "main", None).unwrap();
    let error = world.mirror_at("mirrors", remote).fetch().unwrap_err();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error}");
    world.server.next(RequestKind::FetchRefs, Fault::CutBefore);
    assert!(matches!(world.mirror().fetch(), Err(GitError::Unreachable { .. })));
}

#[test]
fn an_answer_that_is_not_git_is_no_damage_of_the_mirror() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    let before = world.generations();
    for kind in [RequestKind::Capabilities, RequestKind::FetchRefs] {
        let nonsense = Fault::Body("application/x-git-upload-pack-advertisement", b"hello".to_vec());
        world.server.next(kind, nonsense);
    }
    let error = mirror.fetch().unwrap_err();
    assert!(matches!(error, GitError::UnexpectedAnswer { .. }), "{error}");
    assert_eq!(world.generations(), before);
}

#[test]
fn a_connection_that_the_server_closed_meanwhile_is_not_used_again() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    world.server.next(RequestKind::FetchRefs, Fault::CloseAfter);
    mirror.fetch().unwrap();
    assert_eq!(mirror.fetch().unwrap(), world.tip());
}

#[test]
fn a_password_that_stopped_working_is_tried_once_by_a_push_too() {
    let world = World::new();
    let mirror = world.mirror();
    mirror.fetch().unwrap();
    world.server.require("Basic something-else");
    world.server.received();
    let error = append(&mirror, "p-1", MANIFEST).unwrap_err();
    assert!(matches!(error, GitError::Unauthorized { .. }), "{error}");
    assert_eq!(world.server.received(), [RequestKind::PushRefs]);
}

#[test]
fn a_server_that_speaks_no_tls_is_unreachable_over_https() {
    let world = World::new();
    let url = world.server.url(REPOSITORY).replace("http://", "https://");
    let error = world.mirror_at("mirrors", Remote::new(&url, "main", None).unwrap()).fetch().unwrap_err();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error}");
}
