//! The kit itself, before anything is tested with it: real pushes, hooks, faults, and a process that is not Slipway.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use slipway_testkit::{GitServer, Login, Repository, SlipwayProcess, WorkTree};
use tokio::task::JoinSet;

/// An empty folder of a test's own.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the folder of an earlier run");
    }
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// One repository behind a git server.
struct Site {
    folder: PathBuf,
    server: GitServer,
    repository: Repository,
}

impl Site {
    async fn of(test: &str) -> Self {
        let folder = folder(test);
        let repository = Repository::init_bare(folder.join("srv/models.git")).await.expect("a repository");
        let server = GitServer::start(folder.join("srv")).await.expect("a server");
        Self { folder, server, repository }
    }

    async fn clone(&self, name: &str) -> WorkTree {
        WorkTree::clone(&self.server.url("models.git"), self.folder.join(name)).await.expect("a clone")
    }

    async fn tip(&self) -> Option<String> {
        self.repository.tip("main").await.expect("a look at the tip")
    }
}

/// A clone with one commit that is not pushed yet.
async fn with_commit(site: &Site) -> (WorkTree, String) {
    let tree = site.clone("tree").await;
    let head = tree.commit("Start").await.expect("a commit");
    (tree, head)
}

async fn is_pushed(tree: &WorkTree) -> bool {
    tree.push("main").await.expect("git push").success()
}

#[tokio::test]
async fn a_large_push_arrives_whole_and_is_read_back() {
    let site = Site::of("large").await;
    let tree = site.clone("tree").await;
    // Bytes that do not compress: the pack outgrows every buffer on its way, and git sends it in chunks.
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..4_000_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_le_bytes()[7]
        })
        .collect();
    tree.write("data/noise.bin", &noise).expect("a file");
    let head = tree.commit("Add noise").await.expect("a commit");
    assert!(is_pushed(&tree).await);

    assert_eq!(site.tip().await, Some(head));
    site.repository.fsck().await.expect("sound objects");
    let read = fs::read(site.clone("second").await.path().join("data/noise.bin")).expect("the file");
    assert!(read == noise, "the file came back changed");
    assert!(site.server.count("POST", "/git-receive-pack") > 0, "{:?}", site.server.requests());
}

#[tokio::test]
async fn many_clients_push_at_once_and_a_compressed_fetch_gets_all() {
    let site = Site::of("many").await;
    let (tree, _) = with_commit(&site).await;
    assert!(is_pushed(&tree).await);
    let mut clients = JoinSet::new();
    for number in 0..32 {
        let (url, path) = (site.server.url("models.git"), site.folder.join(number.to_string()));
        clients.spawn(async move {
            let tree = WorkTree::clone(&url, path).await?;
            tree.write("file", number.to_string())?;
            tree.commit("Write").await?;
            tree.push(&format!("branch-{number}")).await
        });
    }
    while let Some(pushed) = clients.join_next().await {
        assert!(pushed.expect("no panic").expect("a push").success());
    }
    // Git compresses a request of more than 1,024 bytes; 32 wanted commits are more.
    let whole = site.clone("whole").await;
    let branches = whole.git(&["branch", "--remotes", "--list", "origin/branch-*"]).await.expect("branches");
    assert_eq!(branches.lines().count(), 32);
}

#[tokio::test]
async fn hooks_run_on_the_server_and_speak_to_the_client() {
    let site = Site::of("hooks").await;
    let (tree, head) = with_commit(&site).await;
    let hook = "#!/bin/sh\nread old new ref\necho \"got $ref\"\n";
    site.repository.install_hook("post-receive", hook).expect("a hook");
    let push = tree.push("main").await.expect("a push");
    assert!(push.success() && push.stderr.contains("remote: got refs/heads/main"), "{}", push.stderr);

    site.repository.install_hook("pre-receive", "#!/bin/sh\necho 'main is frozen'\nexit 1\n").expect("a hook");
    tree.commit("More").await.expect("a commit");
    let push = tree.push("main").await.expect("a push");
    assert!(!push.success() && push.stderr.contains("remote: main is frozen"), "{}", push.stderr);
    assert_eq!(site.tip().await, Some(head));
}

#[tokio::test]
async fn a_server_that_is_down_refuses_and_comes_back_where_it_was() {
    let site = Site::of("down").await;
    let (tree, head) = with_commit(&site).await;
    site.server.set_faults(|faults| faults.unavailable = true);
    let push = tree.push("main").await.expect("a push");
    assert!(!push.success() && push.stderr.contains("503"), "{}", push.stderr);
    assert_eq!(site.tip().await, None);
    site.server.set_faults(|faults| faults.unavailable = false);
    assert!(is_pushed(&tree).await);
    assert_eq!(site.tip().await, Some(head));

    let address = site.server.address();
    site.server.stop().await;
    assert!(!is_pushed(&tree).await, "a stopped server must not answer");
    let again = GitServer::start_at(site.folder.join("srv"), address).await.expect("a server at its old address");
    tree.pull("main").await.expect("a fetch");
    again.stop().await;
}

#[tokio::test]
async fn a_login_is_asked_for_and_only_the_right_one_believed() {
    let site = Site::of("login").await;
    let (tree, _) = with_commit(&site).await;
    let login = Login { user: "ada".into(), password: "s3cret".into() };
    site.server.set_faults(|faults| faults.login = Some(login));
    assert!(!is_pushed(&tree).await, "nobody logged in");
    for (password, right) in [("guess", false), ("s3cret", true)] {
        let url = site.server.url("models.git").replace("http://", &format!("http://ada:{password}@"));
        tree.git(&["remote", "set-url", "origin", &url]).await.expect("an address");
        assert_eq!(is_pushed(&tree).await, right, "password `{password}`");
    }
}

#[tokio::test]
async fn a_push_that_loses_its_answer_has_happened_all_the_same() {
    let site = Site::of("cut").await;
    let (tree, head) = with_commit(&site).await;
    site.server.set_faults(|faults| faults.cuts_after_push = 1);
    assert!(!is_pushed(&tree).await, "the client must not hear of its success");
    assert_eq!(site.tip().await, Some(head));
    let push = tree.push("main").await.expect("a push");
    assert!(push.success() && push.stderr.contains("up-to-date"), "{}", push.stderr);
}

#[tokio::test]
async fn a_slow_server_is_slow() {
    let site = Site::of("slow").await;
    let delay = Duration::from_millis(300);
    site.server.set_faults(|faults| faults.delay = Some(delay));
    let begun = Instant::now();
    site.clone("tree").await;
    assert!(begun.elapsed() >= delay);
}

/// A program that behaves like the server at its edges.
fn stand_in(folder: &Path, script: &str) -> PathBuf {
    let (source, program) = (folder.join("server.sh"), folder.join("server"));
    fs::write(&source, format!("#!/bin/sh\n{script}\n")).expect("a script");
    // Copied by another process: a file that this one wrote may still be open in a child that another test is
    // starting, and such a file cannot be executed.
    let copied = Command::new("install").args(["-m", "755"]).args([&source, &program]).status();
    assert!(copied.expect("install").success());
    program
}

#[tokio::test]
async fn a_server_is_found_where_it_listens_and_ended_in_both_ways() {
    let folder = folder("process");
    let program = stand_in(&folder, "echo 'listening on http://127.0.0.1:4711'; exec sleep 60");
    let start = async || SlipwayProcess::start(&program, &folder.join("server.yaml"), &[]).await.expect("a server");
    let server = start().await;
    assert_eq!(server.address(), "http://127.0.0.1:4711");
    server.kill_9().await.expect("an end");
    assert!(!start().await.terminate().await.expect("an end").success(), "`sleep` ends by the signal");
}

#[tokio::test]
async fn a_server_that_does_not_start_is_reported_in_its_own_words() {
    let folder = folder("no-process");
    let program = stand_in(&folder, "echo 'no such source' >&2; exit 2");
    let error = SlipwayProcess::start(&program, &folder.join("server.yaml"), &[]).await.expect_err("no server");
    assert_eq!(error.to_string().trim_end(), "the server ended: no such source");
}
