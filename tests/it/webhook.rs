//! Deliveries at the door: what is let in, what is not, and what is never read.

use std::time::Duration;

use slipway_testkit::demo::SECRET;
use slipway_testkit::{Answer, Api};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Bench, DEFAULT_SETTINGS, text};

const HOOK: &str = "/webhooks/digits";
const ZERO: &str = "0000000000000000000000000000000000000000";

fn sign(body: &[u8]) -> String {
    slipway_forge::Secret::new(SECRET).expect("a secret").sign(body)
}

async fn deliver(api: &Api, id: &str, body: &str, signature: &str) -> Answer {
    let headers = [("x-slipway-event", "push"), ("x-slipway-delivery", id), ("x-hub-signature-256", signature)];
    api.send("POST", HOOK, &headers, body.as_bytes().to_vec()).await.expect("an answer")
}

/// How often deliveries came to an outcome, from the metrics.
async fn count(api: &Api, outcome: &str) -> u64 {
    let metrics = api.get("/metrics").await.expect("metrics").text;
    let name = format!("slipway_deliveries_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}

/// How many deliveries the store holds.
fn stored(bench: &Bench) -> usize {
    // A table of the server's own file, read from outside: what counts is what is on the disk.
    let file = bench.world.folder.join("state/slipway.db");
    let mut bytes = std::fs::read(&file).expect("a store");
    bytes.extend(std::fs::read(file.with_extension("db-wal")).unwrap_or_default());
    bytes.windows(9).filter(|window| window == b"marker-of").count()
}

#[tokio::test]
async fn missing_malformed_and_foreign_signatures_are_refused_stored_nowhere_and_counted() {
    let bench = Bench::start().await;
    let api = bench.api();
    let body = format!(r#"{{"ref": "refs/heads/main", "before": "{ZERO}", "after": "marker-of-a-body"}}"#);
    let good = sign(body.as_bytes());
    let wrong = [
        String::new(),
        "sha256=".to_owned(),
        "sha1=0123".to_owned(),
        good.replace("sha256=", "sha512="),
        good[..good.len() - 2].to_owned(),
        sign(b"another body"),
        slipway_forge::Secret::new("another secret, as long").expect("a secret").sign(body.as_bytes()),
    ];
    for (index, signature) in wrong.iter().enumerate() {
        let answer = deliver(&api, &format!("d-{index}"), &body, signature).await;
        assert_eq!(answer.status, 401, "{signature}: {}", answer.text);
        assert_eq!(answer.json["title"], "Unauthorized");
        assert!(!answer.text.contains(SECRET) && !answer.text.contains(&good));
    }
    let headers = [("x-slipway-event", "push"), ("x-slipway-delivery", "d-none")];
    let unsigned = api.send("POST", HOOK, &headers, body.clone().into_bytes()).await.expect("an answer");
    assert_eq!(unsigned.status, 401);
    assert_eq!(stored(&bench), 0, "a refused delivery is on the disk");
    assert_eq!(count(&api, "unverified").await, 8);
    assert_eq!(api.runs().await.expect("runs").len(), 0);
    let unknown = api.send("POST", "/webhooks/nobody", &[], Vec::new()).await.expect("an answer");
    assert_eq!(unknown.status, 404);
    bench.finish().await;
}

#[tokio::test]
async fn a_delivery_that_comes_again_or_under_another_name_is_one_run() {
    let bench = Bench::start().await;
    let run = bench.promote_a_first_model().await;
    let head = text(&run, "head");
    let body = format!(r#"{{"ref": "refs/heads/main", "before": "{ZERO}", "after": "{head}"}}"#);
    let signature = sign(body.as_bytes());
    for id in ["d-1", "d-1", "d-2"] {
        assert_eq!(deliver(&bench.api(), id, &body, &signature).await.status, 202);
    }
    assert_eq!(count(&bench.api(), "duplicate").await, 1);
    // The next push is read after them, so that its end shows that they were read as well.
    let next = bench.push_with("seed: 7", "seed: 8").await;
    bench.end_of(&next).await;
    assert_eq!(bench.api().runs().await.expect("runs").len(), 2);
    bench.finish().await;
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_without_reading_all_of_it() {
    let settings =
        "executor: {local: {deadline: 5m, memory: 4GiB}}\nweb: {largest_delivery: 64KiB, source_deliveries: 64KiB}";
    let bench = Bench::start_with(settings).await;
    let address = bench.server().address().trim_start_matches("http://").to_owned();
    let head = format!("POST {HOOK} HTTP/1.1\r\nhost: {address}\r\nx-hub-signature-256: sha256=00\r\n");
    let declared = format!("{head}content-length: 1073741824\r\n\r\n");
    assert_eq!(answer_before_the_end(&address, &declared, 0).await, 413);
    // A chunked body says no length. One mebibyte of it is offered, an eighth of a gibibyte is announced.
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n8000000\r\n");
    assert_eq!(answer_before_the_end(&address, &chunked, 1 << 20).await, 413);
    assert_eq!(count(&bench.api(), "too_large").await, 2);
    assert_eq!(deliver(&bench.api(), "d-1", "{}", &sign(b"{}")).await.status, 202, "a small one is taken");
    bench.finish().await;
}

/// Sends the start of a request and so many bytes of its body, and answers the status that comes back although the
/// body never ends.
async fn answer_before_the_end(address: &str, start: &str, bytes: usize) -> u16 {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(start.as_bytes()).await.expect("sent");
    // The server may close while the body is still being sent: what it answered is there all the same.
    let _ = stream.write_all(&vec![b'x'; bytes]).await;
    let mut answer = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut answer));
    read.await.expect("an answer before the body's end").expect("an answer");
    String::from_utf8_lossy(&answer[9..12]).parse().expect("a status")
}

#[tokio::test]
async fn verified_deliveries_that_mean_nothing_are_taken_and_ignored() {
    let bench = Bench::start().await;
    let api = bench.api();
    let bodies =
        ["", "{", "[]", r#"{"ref": "refs/heads/main"}"#, r#"{"ref": "refs/tags/v1", "before": "x", "after": "y"}"#];
    for (index, body) in bodies.iter().enumerate() {
        assert_eq!(deliver(&api, &format!("d-{index}"), body, &sign(body.as_bytes())).await.status, 202, "{body}");
    }
    let headers = [("x-hub-signature-256", &*sign(b"{}"))];
    let nameless = api.send("POST", HOOK, &headers, b"{}".to_vec()).await.expect("an answer");
    assert_eq!(nameless.status, 400, "a delivery without a name cannot be told from another");
    assert_eq!(text(&bench.promote_a_first_model().await, "state"), "done", "the server goes on");
    assert_eq!(api.runs().await.expect("runs").len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_push_event_of_github_starts_a_run() {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let settings = std::fs::read_to_string(bench.world.config())
        .expect("settings")
        .replace("forge: plain", "forge: github, repository_id: \"186853002\"");
    std::fs::write(bench.world.config(), settings).expect("written");
    bench.restart(&[]).await;
    bench.world.models.remove_hook("post-receive").expect("removed");
    let head = bench.push("a first model").await;
    let body = serde_json::json!({
        "ref": "refs/heads/main", "before": ZERO, "after": head, "created": true, "forced": false,
        "repository": {"id": 186_853_002, "full_name": "team/models", "clone_url": "http://127.0.0.1:1/elsewhere.git"},
        "head_commit": {"id": head, "message": "a first model"}, "pusher": {"name": "ada"},
    });
    let body = body.to_string();
    let signature = sign(body.as_bytes());
    let headers = [
        ("x-github-event", "push"),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("x-hub-signature-256", &signature),
    ];
    let answer = bench.api().send("POST", HOOK, &headers, body.into_bytes()).await.expect("an answer");
    assert_eq!(answer.status, 202);
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    bench.finish().await;
}

#[tokio::test]
async fn bodies_in_a_form_that_no_forge_has_to_send_are_refused_with_what_to_set() {
    let bench = Bench::start().await;
    let api = bench.api();
    let good = sign(b"{}");
    for (name, value, status, words) in [
        ("content-type", "application/x-www-form-urlencoded", 415, "set it as the webhook's content type at the forge"),
        ("content-type", "text/plain", 415, "expected `Content-Type: application/json`"),
        ("content-encoding", "gzip", 415, "without `Content-Encoding`"),
        ("content-type", "Application/JSON; charset=utf-8", 202, ""),
        ("content-encoding", "identity", 202, ""),
    ] {
        let id = format!("d-{value}");
        let headers =
            [("x-slipway-event", "none"), ("x-slipway-delivery", &*id), ("x-hub-signature-256", &*good), (name, value)];
        let answer = api.send("POST", HOOK, &headers, b"{}".to_vec()).await.expect("an answer");
        assert_eq!(answer.status, status, "{name}: {value}: {}", answer.text);
        assert!(answer.text.contains(words), "{}", answer.text);
    }
    assert_eq!(count(&api, "wrong_type").await, 2);
    assert_eq!(count(&api, "encoded").await, 1);
    bench.finish().await;
}

#[tokio::test]
async fn every_recorded_delivery_is_taken_once_at_the_address_of_its_forge_and_nowhere_else() {
    const FORGES: [&str; 5] = ["gitea", "forgejo", "bitbucket", "github", "plain"];
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    let digits = settings.lines().find(|line| line.contains("name: digits")).expect("a source");
    let more = FORGES.map(|forge| {
        let line = digits.replace("name: digits", &format!("name: {forge}")).replace("plain", forge);
        line.replace("./secret", "./recorded")
    });
    let settings = settings.replace(digits, &format!("{digits}\n{}", more.join("\n")));
    std::fs::write(bench.world.config(), settings).expect("written");
    std::fs::write(bench.world.folder.join("recorded"), "s3cr3t-for-tests").expect("written");
    bench.restart(&[]).await;
    let api = bench.api();
    let mut taken = 0;
    for forge in FORGES {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("webhooks").join(forge);
        for entry in std::fs::read_dir(folder).expect("recorded deliveries").flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "headers") {
                continue;
            }
            let headers = std::fs::read_to_string(&path).expect("headers");
            let headers: Vec<_> = headers.lines().filter_map(|line| line.split_once(": ")).collect();
            let body = std::fs::read(path.with_extension("json")).expect("a body");
            for _ in 0..2 {
                let answer = api.send("POST", &format!("/webhooks/{forge}"), &headers, body.clone()).await;
                assert_eq!(answer.expect("an answer").status, 202, "{}", path.display());
            }
            let elsewhere = api.send("POST", HOOK, &headers, body).await.expect("an answer");
            assert_eq!(elsewhere.status, 401, "{}", path.display());
            taken += 1;
        }
    }
    assert!(taken > 40, "{taken}");
    assert_eq!(count(&api, "stored").await, taken);
    assert_eq!(count(&api, "duplicate").await, taken);
    bench.finish().await;
}

#[tokio::test]
async fn a_large_delivery_is_verified_and_taken_up_to_the_cap() {
    let bench = Bench::start().await;
    let api = bench.api();
    let body = format!(r#"{{"padding": "{}"}}"#, "x".repeat(8 << 20));
    let headers = [("x-slipway-event", "none"), ("x-slipway-delivery", "d-1"), ("content-type", "application/json")];
    for (signature, status) in [(sign(b"another"), 401), (sign(body.as_bytes()), 202)] {
        let headers = [&headers[..], &[("x-hub-signature-256", &*signature)]].concat();
        let answer = api.send("POST", HOOK, &headers, body.clone().into_bytes()).await.expect("an answer");
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    bench.finish().await;
}

#[tokio::test]
async fn limits_that_would_let_nothing_in_are_refused_at_the_start() {
    let limits = "web: {largest_delivery: 100MiB, all_deliveries: 1MiB, connections: 1, connections_of_an_address: 0}";
    let bench = Bench::without_server(limits).await;
    let refused = slipway_testkit::SlipwayProcess::start(&crate::support::slipway(), &bench.world.config(), &[]).await;
    let error = refused.expect_err("refused").to_string();
    for expected in [
        "web.source_deliveries: 64.0 MiB is out of range, expected 100.0 MiB to 64.0 GiB",
        "web.all_deliveries: 1.0 MiB is out of range, expected 64.0 MiB to 64.0 GiB",
        "web.connections: 1 is out of range, expected 16 to 65536",
        "web.connections_of_an_address: 0 is out of range, expected 1 to 65536",
    ] {
        assert!(error.contains(expected), "expected `{expected}`, came: {error}");
    }
    bench.world.git.stop().await;
}
