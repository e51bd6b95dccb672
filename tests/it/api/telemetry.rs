//! What those see who watch over a server: metrics and traces.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::world::{ApiWorld, run};
use crate::support::each_source;

#[tokio::test]
async fn metrics_say_what_they_mean_and_count_by_route_not_by_address() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    world.record_promoted(run("digits", "zero", 1)).await;
    world.record_as(run("digits", "one", 2), &[], true).await;
    let world = world.start().await;
    let id = "01a20cf5-81a7-743a-b9a9-2b00f57f7e69";
    for path in [&format!("/api/v1/runs/{id}"), "/somewhere/else", "/api/v1/runs"] {
        world.admin().get(path).await.expect("an answer");
    }
    world.unauthenticated().send("TRACE", "/api/v1/runs", &[], Vec::new()).await.expect("an answer");
    let text = world.unauthenticated().get("/metrics").await.expect("metrics").text;
    for expected in [
        "# HELP slipway_runs Runs in the store, by state.",
        "# TYPE slipway_http_request_seconds histogram",
        "slipway_runs{state=\"done\"} 1",
        "slipway_runs_stalled 1",
        "slipway_runs_waiting 0",
        "slipway_deliveries_pending 0",
        "slipway_reports_behind{",
        "slipway_reports_behind_oldest_seconds{",
        "slipway_outbox_pending ",
        "slipway_outbox_oldest_pending_seconds ",
        "slipway_http_requests_total{method=\"GET\",route=\"/api/v1/runs/{id}\",status=\"404\"} 1",
        "slipway_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
        "slipway_http_requests_total{method=\"other\",",
        "slipway_http_refused_total 1",
    ] {
        assert!(text.contains(expected), "expected `{expected}` in {text}");
    }
    assert!(!text.contains(id) && !text.contains("somewhere") && !text.contains("TRACE"), "{text}");
    let undescribed: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !text.contains(&format!("# HELP {name} ")))
        .collect();
    assert_eq!(undescribed, Vec::<&str>::new());
    world.finish().await;
}

#[test]
fn every_metric_in_the_source_is_described() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let descriptions = std::fs::read_to_string(root.join("src/telemetry/metrics.rs")).expect("a source");
    let mut names = std::collections::BTreeSet::new();
    for folder in ["src", "crates"] {
        each_source(&root.join(folder), &mut |_, text| {
            let used = text.split("metrics::").skip(1).filter_map(|rest| rest.split_once("!(\"")?.1.split('"').next());
            names.extend(used.filter(|name| name.starts_with("slipway_")).map(str::to_owned));
        });
    }
    assert!(names.len() > 15, "{names:?}");
    let descriptions = descriptions.split_whitespace().collect::<String>();
    names.retain(|name| !descriptions.contains(&format!("(\"{name}\",")));
    assert!(names.is_empty(), "without a meaning: {names:?}");
}

/// A collector that keeps what it is sent.
async fn collect(listener: TcpListener, kept: Arc<Mutex<Vec<u8>>>) {
    let mut connections = JoinSet::new();
    while let Ok((mut connection, _)) = listener.accept().await {
        let kept = kept.clone();
        connections.spawn(async move { while answer(&mut connection, &kept).await.is_some() {} });
    }
}

/// Reads a request whole, and answers that all is well.
async fn answer(connection: &mut TcpStream, kept: &Mutex<Vec<u8>>) -> Option<()> {
    let mut request = Vec::new();
    let (begin, length) = loop {
        connection.read_buf(&mut request).await.ok().filter(|count| *count > 0)?;
        let Some(begin) = request.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&request[..begin]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf"), "{head}");
        break (begin + 4, length.expect("a length"));
    };
    while request.len() < begin + length {
        connection.read_buf(&mut request).await.ok().filter(|count| *count > 0)?;
    }
    kept.lock().await.extend_from_slice(&request[begin..]);
    connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.ok()
}

#[tokio::test]
async fn traces_reach_a_collector_with_run_model_and_delivery() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let collector = listener.local_addr().expect("an address");
    let kept = Arc::new(Mutex::new(Vec::new()));
    let mut collecting = JoinSet::new();
    collecting.spawn(collect(listener, kept.clone()));
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let settings = std::fs::read_to_string(world.config()).expect("settings");
    let settings = format!("{settings}telemetry: {{otlp: \"http://{collector}\"}}\n");
    std::fs::write(world.config(), settings).expect("written");
    let mut world = world.start().await;
    let waiting = run("digits", "a-model-in-a-trace", 1);
    world.record(std::slice::from_ref(&waiting)).await;
    let body = b"not JSON";
    let signature = slipway_forge::Secret::new("a secret that is long enough").expect("a secret").sign(body);
    let headers = [
        ("x-slipway-event", "push"),
        ("x-slipway-delivery", "delivery-in-a-trace"),
        ("x-hub-signature-256", &*signature),
    ];
    let taken =
        world.unauthenticated().send("POST", "/webhooks/digits", &headers, body.to_vec()).await.expect("an answer");
    assert_eq!(taken.status, 202, "{}", taken.text);
    let retried = tokio::time::timeout(crate::support::DEADLINE, async {
        let source = super::world::source("digits");
        loop {
            let delivery = world.store.delivery(&source, "delivery-in-a-trace").await.expect("a delivery");
            let run = world.store.run(waiting.id).await.expect("a run");
            if delivery.acknowledged_at.is_some() && run.status.attempts > 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
    });
    retried.await.expect("both are tried");
    // What was not sent yet is sent when the server ends.
    world.stop().await;
    let kept = kept.lock().await;
    let text = String::from_utf8_lossy(&kept);
    for expected in
        ["service.name", "slipway", "run.id", &waiting.id.to_string(), "a-model-in-a-trace", "delivery-in-a-trace"]
    {
        assert!(text.contains(expected), "expected `{expected}` among {} bytes", kept.len());
    }
    collecting.abort_all();
}
