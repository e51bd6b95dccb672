//! The server follows an environment repository, and keeps what answers when something fails.

use serde_json::json;
use slipway_contract::Digest;
use slipway_testkit::{GitServer, Repository, WorkTree};

use crate::models::{weights, write_artifact};
use crate::support::{Answer, Server};

fn manifest(digest: &str) -> String {
    format!("apiVersion: v1\ndata:\n  digest: {digest} # {{\"slipway\": \"credit:digest\"}}\n")
}

fn label(server: &Server) -> String {
    let row = json!({"instances": [{"age": 0, "colour": "blue"}]});
    server.post("/v1/models/credit:predict", &row).json()["predictions"][0]["label"]
        .as_str()
        .expect("a label")
        .to_owned()
}

fn is_by(digest: &Digest) -> impl Fn(&Answer) -> bool {
    let digest = digest.clone();
    move |answer: &Answer| answer.header("slipway-artifact") == Some(digest.as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_artifact_that_the_environment_names_answers_and_the_last_good_one_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    Repository::init_bare(place("repositories/environment.git")).await.expect("a repository");
    let git = GitServer::start(place("repositories")).await.expect("a git server");
    let work = WorkTree::clone(&git.url("environment.git"), place("work")).await.expect("a clone");
    let push = async |path: &str, content: &str| {
        work.write(path, content).expect("written");
        work.commit("Promote").await.expect("a commit");
        assert!(work.push("main").await.expect("a push").success());
    };
    let in_store = |weights: &[u8], run: &str| {
        write_artifact(&place("store/sha256").join(Digest::of(weights).hex()), weights, run)
    };
    let (first, second) = (in_store(&weights(-2.0), "r1"), in_store(&weights(2.0), "r2"));
    push("staging/credit.yaml", &manifest("none")).await;

    let arguments = [
        format!("--follow={}", git.url("environment.git")),
        "--path=staging".to_owned(),
        format!("--artifacts={}", place("store").display()),
        format!("--cache={}", place("cache").display()),
        "--interval=100".to_owned(),
    ];
    let Some(server) = Server::start(&arguments) else { return };
    assert_eq!(server.get("/v2/health/ready").status, 503, "nothing is promoted yet");
    push("staging/credit.yaml", &manifest(first.as_str())).await;
    server.until("/v2/models/credit", is_by(&first));
    assert_eq!((label(&server).as_str(), server.get("/v2/health/ready").status), ("bad", 200));
    push("staging/credit.yaml", &manifest(second.as_str())).await;
    server.until("/v2/models/credit", is_by(&second));
    assert_eq!(label(&server), "good");

    push("staging/credit.yaml", &manifest(Digest::of(b"missing").as_str())).await;
    let index = |server: &Server| server.request("POST", "/v2/repository/index", &[], b"").json();
    server.until("/metrics", |answer| !String::from_utf8_lossy(&answer.body).contains("load_failures_total 0\n"));
    assert!(index(&server)[0]["reason"].as_str().expect("a reason").contains("has neither"), "{}", index(&server));
    assert_eq!(label(&server), "good");
    push("staging/credit.yaml", "a: {b # {\"slipway\": \"credit:digest\"}\n").await;
    push("production/credit.yaml", &manifest(first.as_str())).await;
    assert_eq!(label(&server), "good", "neither a broken manifest nor another folder changes what answers");
    push("staging/credit.yaml", &manifest(first.as_str())).await;
    server.until("/v2/models/credit", is_by(&first));

    git.stop().await;
    assert_eq!(label(&server), "bad");
    drop(server);
    let Some(server) = Server::start(&arguments) else { return };
    server.until("/v2/models/credit", is_by(&first));
    assert_eq!(label(&server), "bad", "it starts with what it has");
}
