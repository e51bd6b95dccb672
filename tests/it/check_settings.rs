//! `slipway check --remotes` asks git servers for the repositories, branches and folders that server settings name.

use std::path::Path;
use std::process::Command;

use crate::support::{Bench, DEFAULT_SETTINGS, slipway};

#[tokio::test]
async fn repositories_branches_and_folders_that_settings_name_are_asked_for() {
    let bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let file = bench.world.config();
    let sound = std::fs::read_to_string(&file).expect("settings");
    let check = async |settings: &str, more: &[&str]| {
        std::fs::write(&file, settings).expect("written");
        let mut command = Command::new(slipway());
        command.arg("check").arg(&file).args(more);
        let output = tokio::task::spawn_blocking(move || command.output().expect("it ran")).await.expect("it ran");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = check(&sound, &["--remotes"]).await;
    assert_eq!(code, Some(0), "{said}");
    for (old, new, expected) in [
        ("models.git", "nothing.git", "sources[0].url"),
        ("{name: staging,", "{name: staging, branch: nowhere,", "environments[0].branch"),
        (
            "{name: staging,",
            "{name: staging, folder: nowhere,",
            "environments[0].folder: branch `main` has no folder `nowhere`",
        ),
        ("environment.git", "nothing.git", "environments[0].url"),
    ] {
        let wrong = sound.replacen(old, new, 1);
        assert_ne!(wrong, sound);
        let line = wrong.lines().position(|line| line.contains(new)).expect("a line") + 1;
        let (code, said) = check(&wrong, &["--remotes"]).await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected) && said.contains(&format!(":{line}:")), "{expected}: {said}");
        assert_eq!(check(&wrong, &[]).await.0, Some(0), "without asking, nothing is known of it");
    }
}

#[tokio::test]
async fn a_model_file_that_says_to_be_server_settings_is_read_as_a_model_and_sends_nothing_anywhere() {
    let bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    let file = bench.world.config().with_file_name("slipway.yaml");
    std::fs::write(&file, settings.replacen("models.git", "nothing.git", 1)).expect("written");
    let mut command = Command::new(slipway());
    command.arg("check").arg(&file).arg("--remotes");
    let output = tokio::task::spawn_blocking(move || command.output().expect("it ran")).await.expect("it ran");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!said.contains("sources[0].url") && said.contains("slipway.yaml"), "{said}");
}

const OF_OUR_GIT_SERVER: &str = "apiVersion: slipway.dev/v1alpha1
kind: Server
listen: 127.0.0.1:8420
state: ./state
git_server: {folder: ./repositories, listen: localhost:8421, credentials: {username: slipway, password: {file: ./password}}}
sources:
  - {name: models, forge: plain, url: \"http://127.0.0.1:8421/models.git\", secret: {file: ./password}, environment: staging}
environments:
  - {name: staging, url: \"http://localhost:8421/environment.git\", folder: staging}
";

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=Kim", "-c", "user.email=kim@example.org"];
    let done = Command::new("git").args(identity).args(arguments).current_dir(folder).output().expect("git");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

const CHURN: &str = "apiVersion: slipway.dev/v1alpha1
kind: Model
metadata: {name: churn}
spec:
  paths: [\"slipway.yaml\", \"*.csv\"]
  task: classification
  data: {format: csv, label: y, train: {file: train.csv}, test: {file: test.csv}}
  model: {sequential: [{linear: 2}]}
  training: {optimizer: {adam: {learning_rate: 1e-2}}, epochs: 1, batch_size: 8}
  policy: policy.yaml
";
const POLICY: &str = "apiVersion: slipway.dev/v1alpha1
kind: Policy
metadata: {name: churn}
spec: {checks: [{metric: accuracy, at_least: 0.6}]}
";

/// Commits files to a branch of a bare repository.
fn commit(folder: &Path, bare: &str, files: &[(&str, &[u8])]) {
    let work = tempfile::tempdir().expect("a folder");
    git(work.path(), &["init", "--quiet", "--initial-branch", "main"]);
    for (path, bytes) in files {
        let path = work.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
    git(work.path(), &["add", "."]);
    git(work.path(), &["commit", "--quiet", "-m", "Files"]);
    let bare = folder.join("repositories").join(bare).display().to_string();
    git(work.path(), &["push", "--quiet", "--force", &bare, "main"]);
}

#[test]
fn repositories_of_our_own_git_server_are_read_where_they_lie() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("password"), "a-secret-that-is-long-enough").expect("written");
    for name in ["models.git", "environment.git"] {
        let bare = format!("repositories/{name}");
        git(folder.path(), &["init", "--quiet", "--bare", "--initial-branch", "main", &bare]);
    }
    let check = |settings: &str| {
        std::fs::write(folder.path().join("server.yaml"), settings).expect("written");
        let output = Command::new(slipway())
            .args(["check", "server.yaml", "--remotes"])
            .current_dir(folder.path())
            .output()
            .expect("it ran");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    // A source may be empty; an environment names the places of promotions.
    let (code, said) = check(OF_OUR_GIT_SERVER);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("environments[0].branch: ") && said.contains("found an empty repository"), "{said}");
    assert!(!said.contains("sources[0]"), "{said}");
    commit(folder.path(), "environment.git", &[("staging/app.yaml", b"a: b\n"), ("file", b"x")]);
    let sound: [(&str, &[u8]); 4] = [
        ("churn/slipway.yaml", CHURN.as_bytes()),
        ("churn/train.csv", b"x,y\n1,no\n2,yes\n"),
        ("churn/test.csv", b"x,y\n1,no\n2,yes\n"),
        ("churn/policy.yaml", POLICY.as_bytes()),
    ];
    commit(folder.path(), "models.git", &sound);
    let (code, said) = check(OF_OUR_GIT_SERVER);
    assert_eq!(code, Some(0), "{said}");
    for (old, new, expected) in [
        ("models.git", "nothing.git", "sources[0].url: "),
        ("environment: staging}", "environment: staging, branch: nowhere}", "sources[0].branch: "),
        ("folder: staging", "folder: staging, branch: nowhere", "environments[0].branch: "),
        ("folder: staging", "folder: nowhere", "environments[0].folder: branch `main` has no folder `nowhere`"),
        ("folder: staging", "folder: file", "environments[0].folder: `file` is a file in branch `main`"),
        ("environment.git", "nothing.git", "environments[0].url: "),
    ] {
        let (code, said) = check(&OF_OUR_GIT_SERVER.replacen(old, new, 1));
        assert_eq!(code, Some(2), "{new}: {said}");
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let broken = CHURN.replace("epochs: 1", "epochs: 0");
    commit(folder.path(), "models.git", &[&sound[1..], &[("churn/slipway.yaml", broken.as_bytes())]].concat());
    let (code, said) = check(OF_OUR_GIT_SERVER);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("sources[0].branch: in branch `main` of http://127.0.0.1:8421/models.git: churn/slipway.yaml:"),
        "{said}"
    );
    commit(folder.path(), "models.git", &sound[..3]);
    let (code, said) = check(OF_OUR_GIT_SERVER);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the policy does not exist at "), "{said}");
}
