//! The git server as the plain `git` client sees it, in health and with every fault.

use std::path::{Path, PathBuf};

use slipway_testkit::{GitServer, Login, Repository, WorkTree};

/// A served repository with one commit, and the clone it came from.
struct Bench {
    folder: PathBuf,
    server: GitServer,
    repository: Repository,
    work: WorkTree,
    first: String,
}

impl Bench {
    /// `name` keeps the tests' folders apart; what an earlier time left is removed.
    async fn set_up(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::remove_dir_all(&folder).ok();
        let root = folder.join("root");
        let repository = Repository::init_bare(root.join("models.git")).await.expect("a repository");
        let server = GitServer::start(&root).await.expect("a server");
        let work = WorkTree::clone(&server.url("models.git"), folder.join("work")).await.expect("an empty clone");
        work.write("slipway.yaml", "kind: Model\n").expect("written");
        let first = work.commit("First").await.expect("a commit");
        let pushed = work.push("main").await.expect("git starts");
        assert!(pushed.success(), "{}", pushed.stderr);
        Self { folder, server, repository, work, first }
    }

    async fn tip(&self) -> String {
        self.repository.tip("main").await.expect("git answers").expect("a branch")
    }
}

#[tokio::test]
async fn what_is_pushed_over_http_is_there_sound_and_can_be_cloned() {
    let bench = Bench::set_up("sound").await;
    assert_eq!(bench.tip().await, bench.first);
    bench.repository.fsck().await.expect("sound");
    let url = bench.server.url("models.git");
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let clone = WorkTree::clone(&url, bench.folder.join("clone")).await.expect("a clone");
    assert_eq!(clone.read("slipway.yaml").expect("a file"), "kind: Model\n");
    assert_eq!(bench.server.count("POST", "/git-receive-pack"), 1);
    assert!(bench.server.requests().iter().all(|request| request.status == 200));
}

#[tokio::test]
async fn a_push_whose_answer_is_cut_off_has_landed_all_the_same_and_only_once() {
    let bench = Bench::set_up("cut").await;
    bench.server.set_faults(|faults| faults.cuts_after_push = 1);
    let second = bench.work.commit("Second").await.expect("a commit");
    let pushed = bench.work.push("main").await.expect("git starts");
    assert!(!pushed.success(), "the client cannot know");
    assert_eq!(bench.tip().await, second);
    bench.repository.fsck().await.expect("sound");

    let third = bench.work.commit("Third").await.expect("a commit");
    assert!(bench.work.push("main").await.expect("git starts").success());
    assert_eq!(bench.tip().await, third);
}

#[tokio::test]
async fn a_server_that_is_unavailable_answers_503_and_changes_nothing() {
    let bench = Bench::set_up("unavailable").await;
    bench.server.forget_requests();
    bench.server.set_faults(|faults| faults.unavailable = true);
    bench.work.commit("Second").await.expect("a commit");
    let pushed = bench.work.push("main").await.expect("git starts");
    assert!(pushed.stderr.contains("503"), "{}", pushed.stderr);
    assert!(bench.server.requests().iter().all(|request| request.status == 503));
    assert_eq!(bench.tip().await, bench.first);
}

#[tokio::test]
async fn a_login_lets_in_who_knows_it_and_nobody_else() {
    let bench = Bench::set_up("login").await;
    let login = Login { user: "ada".to_owned(), password: "a long password".to_owned() };
    bench.server.set_faults(|faults| faults.login = Some(login));
    let second = bench.work.commit("Second").await.expect("a commit");
    assert!(!bench.work.push("main").await.expect("git starts").success());
    assert_eq!(bench.tip().await, bench.first);

    let known = bench.server.url("models.git").replace("http://", "http://ada:a%20long%20password@");
    bench.work.git(&["remote", "set-url", "origin", &known]).await.expect("set");
    let pushed = bench.work.push("main").await.expect("git starts");
    assert!(pushed.success(), "{}", pushed.stderr);
    assert_eq!(bench.tip().await, second);
}

#[tokio::test]
async fn a_hook_speaks_to_the_one_who_pushes_and_may_refuse() {
    let bench = Bench::set_up("hook").await;
    let script = "#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n";
    bench.repository.install_hook("pre-receive", script).expect("installed");
    bench.work.commit("Second").await.expect("a commit");
    let pushed = bench.work.push("main").await.expect("git starts");
    assert!(!pushed.success());
    assert!(pushed.stderr.contains("remote: not on a Friday"), "{}", pushed.stderr);
    assert_eq!(bench.tip().await, bench.first);
}
