//! The git server of one machine lets nobody in without its password, and is reached from this machine alone.

use std::process::Command;

use slipway_testkit::SlipwayProcess;

use crate::support::slipway;

const SETTINGS: &str = "apiVersion: slipway.dev/v1alpha1
kind: Server
listen: 127.0.0.1:0
state: ./state
git_server: {folder: ./repositories, listen: \"ADDRESS\", credentials: {username: slipway, password: {file: ./password}}}
sources:
  - {name: m, forge: plain, url: \"http://127.0.0.1:1/m.git\", secret: {file: ./password}, environment: staging}
environments:
  - {name: staging, url: \"http://127.0.0.1:1/e.git\"}
";

fn folder(address: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("repositories")).expect("a folder");
    std::fs::write(folder.path().join("password"), "a-secret-that-is-long-enough").expect("written");
    std::fs::write(folder.path().join("server.yaml"), SETTINGS.replace("ADDRESS", address)).expect("written");
    let mut init = Command::new("git");
    init.args(["init", "--quiet", "--bare", "repositories/m.git"]).current_dir(folder.path());
    assert!(init.status().expect("git").success());
    folder
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

#[tokio::test]
async fn repositories_are_served_to_whoever_knows_the_password() {
    let port = free_port();
    let folder = folder(&format!("127.0.0.1:{port}"));
    let server = SlipwayProcess::start(&slipway(), &folder.path().join("server.yaml"), &[]).await.expect("it starts");
    let listed = move |login: &str, path: &str| {
        let url = format!("http://{login}127.0.0.1:{port}/{path}");
        let mut git = Command::new("git");
        git.args(["-c", "credential.helper=", "ls-remote", &url])
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "true");
        git.output().expect("git").status.success()
    };
    tokio::task::spawn_blocking(move || {
        assert!(listed("slipway:a-secret-that-is-long-enough@", "m.git"));
        for (login, path) in [
            ("", "m.git"),
            ("slipway:wrong@", "m.git"),
            ("other:a-secret-that-is-long-enough@", "m.git"),
            ("slipway:a-secret-that-is-long-enough@", "nothing.git"),
            ("slipway:a-secret-that-is-long-enough@", "../state/x.git"),
        ] {
            assert!(!listed(login, path), "{login}{path}");
        }
    })
    .await
    .expect("asked");
    server.terminate().await.expect("it ends");
}

#[test]
fn an_address_that_others_reach_and_a_folder_that_is_not_there_are_refused() {
    let checked = |folder: &tempfile::TempDir| {
        let mut check = Command::new(slipway());
        let output = check.args(["check", "server.yaml"]).current_dir(folder.path()).output().expect("it ran");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let open = folder("0.0.0.0:8421");
    let said = checked(&open);
    assert!(
        said.contains("server.yaml:5:") && said.contains("git_server.listen: `0.0.0.0:8421` is not a loopback address"),
        "{said}"
    );
    let empty = folder("127.0.0.1:8421");
    std::fs::remove_dir_all(empty.path().join("repositories")).expect("removed");
    assert!(checked(&empty).contains("git_server.folder: the folder"), "{}", checked(&empty));
}

#[tokio::test]
async fn what_git_says_of_its_failure_is_in_the_log() {
    let port = free_port();
    let folder = folder(&format!("127.0.0.1:{port}"));
    std::fs::write(folder.path().join("repositories/m.git/config"), "[core\nno configuration\n").expect("written");
    let server = SlipwayProcess::start(&slipway(), &folder.path().join("server.yaml"), &[]).await.expect("it starts");
    let asked = tokio::task::spawn_blocking(move || {
        let url = format!("http://slipway:a-secret-that-is-long-enough@127.0.0.1:{port}/m.git");
        let mut git = Command::new("git");
        git.args(["-c", "credential.helper=", "ls-remote", &url]).env("GIT_TERMINAL_PROMPT", "0");
        git.output().expect("git")
    });
    let output = asked.await.expect("asked");
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("500"), "{output:?}");
    let log = server.errors();
    assert!(
        log.contains("git answered a request for `/m.git/info/refs` with 500") && log.contains("bad config line"),
        "{log}"
    );
    server.terminate().await.expect("it ends");
}
