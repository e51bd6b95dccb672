//! Tests of remotes: accepted URLs, and credentials that are never shown.

use crate::{Credentials, Remote};

fn credentials() -> Credentials {
    Credentials { username: "robot".to_owned(), password: "hunter2".to_owned() }
}

fn refusal(url: &str) -> String {
    Remote::new(url, "main", None).unwrap_err().to_string()
}

#[test]
fn http_and_https_remotes_are_taken() {
    let remote = Remote::new("https://forge.example/team/models.git/", "release/1.0", None).unwrap();
    assert_eq!(remote.url(), "https://forge.example/team/models.git");
    assert_eq!(remote.branch(), "release/1.0");
    Remote::new("http://localhost:8080/models.git", "main", Some(credentials())).unwrap();
}

#[test]
fn file_remotes_and_local_paths_are_refused_because_hooks_would_not_run() {
    insta::assert_snapshot!(refusal("file:///srv/git/models.git"), @"
    `file:///srv/git/models.git` cannot be used as a git remote: `file://` would bypass the server's hooks
      help: serve the repository over https
    ");
    for path in ["/srv/git/models.git", "../models.git", "models"] {
        assert!(refusal(path).contains("a local path would bypass the server's hooks"), "{path}");
    }
}

#[test]
fn ssh_remotes_need_a_key_and_known_hosts() {
    for url in ["ssh://git@forge.example/models.git", "git@forge.example:team/models.git"] {
        let words = refusal(url);
        assert!(words.contains("an SSH address requires a key and known host keys"), "{words}");
    }
    assert!(refusal("git://forge.example/models.git").contains("expected the scheme `https`, `http` or `ssh`"));
}

#[test]
fn credentials_inside_a_url_are_refused_and_not_repeated() {
    insta::assert_snapshot!(refusal("https://robot:hunter2@forge.example/models.git"), @"
    `https://forge.example/models.git` cannot be used as a git remote: the URL contains credentials
      help: set the username and the token in the settings of this repository, not in its URL
    ");
    for url in [
        "https://hunter2@forge.example/m.git?x=hunter2",
        "https://forge.example/m.git?token=hunter2",
        "https://a:hunter2@b@forge.example/m.git",
        "https://a:hunter2/@forge.example/ m.git",
    ] {
        assert!(!refusal(url).contains("hunter2"), "{}", refusal(url));
    }
}

#[test]
fn names_that_are_no_branches_are_refused() {
    for branch in ["", "a b", "a..b", "main*", "+main", "-main", "a:b", "refs/heads/main", "main\n"] {
        let taken = Remote::new("https://forge.example/m.git", branch, None);
        assert!(taken.is_err() || branch == "+main", "{branch:?}");
    }
}

#[test]
fn a_password_is_never_printed() {
    let remote = Remote::new("https://forge.example/m.git", "main", Some(credentials())).unwrap();
    let shown = format!("{remote:?} {:?}", credentials());
    assert!(shown.contains("robot") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn the_authorization_header_is_basic() {
    let header = |username: &str, password: &str| {
        Credentials { username: username.to_owned(), password: password.to_owned() }.basic_header()
    };
    assert_eq!(header("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_eq!(header("test", "123£"), "Basic dGVzdDoxMjPCow==");
    assert_eq!(header("ab", "cde"), "Basic YWI6Y2Rl");
    assert_eq!(header("", ""), "Basic Og==");
}
