//! The git server under load: large bodies, compressed bodies, many clients, and a server that was away.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use slipway_testkit::{GitServer, Repository, WorkTree};
use tokio::task::JoinSet;

/// A served, empty repository; `name` keeps the tests' folders apart.
async fn serve(name: &str) -> (PathBuf, Repository, GitServer) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("traffic").join(name);
    std::fs::remove_dir_all(&folder).ok();
    let repository = Repository::init_bare(folder.join("root/models.git")).await.expect("a repository");
    let server = GitServer::start(folder.join("root")).await.expect("a server");
    (folder, repository, server)
}

async fn clone(server: &GitServer, into: PathBuf) -> WorkTree {
    WorkTree::clone(&server.url("models.git"), into).await.expect("a clone")
}

async fn commit_and_push(tree: &WorkTree) -> String {
    let head = tree.commit("Change").await.expect("a commit");
    let pushed = tree.push("main").await.expect("git starts");
    assert!(pushed.success(), "{}", pushed.stderr);
    head
}

/// Bytes that do not compress, by a linear congruential generator.
fn noise(length: usize) -> Vec<u8> {
    let step = |state: &u64| {
        let next = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some(next)
    };
    std::iter::successors(Some(1), step).take(length).map(|state: u64| state.to_le_bytes()[7]).collect()
}

#[tokio::test]
async fn a_push_in_chunks_arrives_whole_and_is_read_back() {
    let (folder, repository, server) = serve("large").await;
    let work = clone(&server, folder.join("work")).await;
    // Larger than git's `http.postBuffer` (1 MiB), so git sends it in chunks and without a length.
    let content = noise(4_000_000);
    work.write("data/noise.bin", &content).expect("written");
    let head = commit_and_push(&work).await;
    assert_eq!(repository.tip("main").await.expect("git answers"), Some(head));
    repository.fsck().await.expect("sound");
    let read = std::fs::read(clone(&server, folder.join("clone")).await.path().join("data/noise.bin"));
    assert!(read.expect("the file") == content, "the file came back changed");
}

#[tokio::test]
async fn many_clients_push_at_once_and_a_compressed_request_gets_all_of_it() {
    let (folder, _, server) = serve("many").await;
    commit_and_push(&clone(&server, folder.join("work")).await).await;
    let mut clients = JoinSet::new();
    for number in 0..32 {
        let (url, path) = (server.url("models.git"), folder.join(number.to_string()));
        clients.spawn(async move {
            let tree = WorkTree::clone(&url, path).await?;
            tree.write("file", number.to_string())?;
            tree.commit("Write").await?;
            tree.push(&format!("branch-{number}")).await
        });
    }
    while let Some(pushed) = clients.join_next().await {
        assert!(pushed.expect("no panic").expect("git starts").success());
    }
    // Git compresses a request of more than 1,024 bytes; the names of 32 wanted commits are more.
    let whole = clone(&server, folder.join("whole")).await;
    let branches = whole.git(&["branch", "--remotes", "--list", "origin/branch-*"]).await.expect("branches");
    assert_eq!(branches.lines().count(), 32);
}

#[tokio::test]
async fn a_server_that_was_away_is_found_at_its_old_address() {
    let (folder, _, server) = serve("away").await;
    let work = clone(&server, folder.join("work")).await;
    commit_and_push(&work).await;
    let address = server.address();
    server.stop().await;
    work.pull("main").await.expect_err("a stopped server must not answer");
    let again = GitServer::start_at(folder.join("root"), address).await.expect("its old address");
    work.pull("main").await.expect("a fetch");
    again.stop().await;
}

#[tokio::test]
async fn a_slow_server_takes_its_time() {
    let (folder, _, server) = serve("slow").await;
    let delay = Duration::from_millis(300);
    server.set_faults(|faults| faults.delay = Some(delay));
    let begun = Instant::now();
    clone(&server, folder.join("work")).await;
    assert!(begun.elapsed() >= delay);
}
