//! More requests than the server can answer, clients that are slow, and the end of the server.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::models::{SLOW_WIDTH, plus, slow};
use crate::support::{Server, read_answer};

/// A request that takes a few hundred milliseconds.
fn heavy() -> Value {
    let rows = 64;
    json!({"inputs": [{"name": "x", "shape": [rows, SLOW_WIDTH], "datatype": "FP32", "data": vec![1; rows * SLOW_WIDTH]}],
        "outputs": []})
}

/// Sends a request without waiting for its answer.
fn sent(server: &Server, model: &str, body: &Value) -> TcpStream {
    let mut stream = server.connect();
    let body = body.to_string();
    let head = format!(
        "POST /v2/models/{model}/infer HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).expect("sent");
    stream
}

#[test]
fn requests_above_the_queue_are_shed_at_once_and_health_answers_meanwhile() {
    let Some(server) = Server::of_graphs(&[("slow", slow())], &["--queue", "2", "--threads", "1x1"]) else { return };
    // One runs, two wait, and there is no room for the others.
    let mut open: Vec<TcpStream> = (0..12).map(|_| sent(&server, "slow", &heavy())).collect();
    assert_eq!(server.get("/v2/health/live").status, 200);
    let answers: Vec<_> = open.iter_mut().map(read_answer).collect();
    assert!(answers.iter().all(|answer| [200, 503].contains(&answer.status)), "{answers:?}");
    assert!(answers.iter().any(|answer| answer.status == 200), "{answers:?}");
    let shed = answers.iter().find(|answer| answer.status == 503).expect("one is shed");
    let again = shed.header("retry-after").and_then(|after| after.parse::<u64>().ok());
    assert!(again.is_some_and(|after| after > 0), "{shed:?}");
    assert!(shed.error().contains("too many waiting requests"), "{}", shed.error());
    assert!(server.metric("slipway_server_shed_total") >= 1.0);
}

#[test]
fn a_request_that_is_not_answered_before_its_deadline_gets_504() {
    let Some(server) = Server::of_graphs(&[("slow", slow())], &["--deadline", "1", "--threads", "1x1"]) else { return };
    let late = server.post("/v2/models/slow/infer", &heavy());
    assert!(late.status == 504 && late.error().contains("no answer within 1 ms"), "{late:?}");
    // The thread of the model still computes the answer that nobody waits for.
    server.until("/metrics", |answer| {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        text.lines().any(|line| line.starts_with("slipway_server_late_total") && line.ends_with(" 1"))
    });
}

#[test]
fn slow_clients_and_connections_above_the_limit_get_an_answer() {
    let Some(server) = Server::of_graphs(&[("plus", plus(1.0))], &["--max-connections", "4", "--body-time", "1"])
    else {
        return;
    };
    // Heads without bodies: the clients never send what they announced.
    let head = "POST /v2/models/plus/infer HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 10\r\n\r\n";
    let mut open: Vec<TcpStream> = (0..6)
        .map(|_| {
            let mut stream = server.connect();
            // A connection above the limit may be closed already.
            let _ = stream.write_all(head.as_bytes());
            stream
        })
        .collect();
    let mut statuses: Vec<u16> = open.iter_mut().map(|stream| read_answer(stream).status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [408, 408, 408, 408, 503, 503]);
    assert!((server.metric("slipway_server_refused_connections_total") - 2.0).abs() < 1e-9);
    assert_eq!(server.post("/v2/models/plus/infer", &one()).status, 200, "the places are free again");
}

#[test]
fn bodies_share_a_limit_of_memory() {
    let Some(server) = Server::of_graphs(&[("plus", plus(1.0))], &["--max-bodies", "4096"]) else { return };
    let large = vec![b' '; 10_000];
    let refused = server.request("POST", "/v2/models/plus/infer", &[], &large);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{refused:?}");
    assert_eq!(server.post("/v2/models/plus/infer", &one()).status, 200);
    server.until("/metrics", |answer| String::from_utf8_lossy(&answer.body).contains("slipway_server_body_bytes 0\n"));
}

fn one() -> Value {
    json!({"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1]}]})
}

#[test]
fn requests_in_flight_are_answered_after_sigterm() {
    let Some(mut server) = Server::of_graphs(&[("slow", slow())], &["--threads", "1x1"]) else { return };
    let mut open: Vec<TcpStream> = (0..3).map(|_| sent(&server, "slow", &heavy())).collect();
    // All three arrived: one runs, and two wait.
    server.until("/metrics", |answer| {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        text.lines().any(|line| line.starts_with("nv_inference_pending_request_count") && line.ends_with(" 2"))
    });
    server.signal(Signal::TERM);
    let statuses: Vec<u16> = open.iter_mut().map(|stream| read_answer(stream).status).collect();
    assert_eq!(statuses, [200, 200, 200]);
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn a_hundred_swaps_under_load_lose_no_request() {
    let Some(server) = Server::of_graphs(&[("plus", plus(0.0))], &["--repository-control"]) else { return };
    let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (server, is_over, answered) = (&server, &is_over, &answered);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        let answer = server.post("/v2/models/plus/infer", &one());
                        assert_eq!(answer.status, 200, "{answer:?}");
                        let json = answer.json();
                        assert_eq!(answer.header("slipway-artifact"), json["model_version"].as_str());
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for swap in 1..=100_u8 {
            std::fs::write(server.path("plus/model.onnx"), plus(f32::from(swap))).expect("written");
            assert_eq!(server.post("/v2/repository/models/plus/load", &json!({})).status, 200);
            let json = server.post("/v2/models/plus/infer", &one()).json();
            assert_eq!(json["outputs"][0]["data"], json!([f32::from(swap) + 1.0]), "the new artifact answers at once");
        }
        is_over.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().expect("every request was answered");
        }
    });
    assert!(answered.load(Ordering::Relaxed) > 0);
    assert!((server.metric("slipway_server_loads_total") - 101.0).abs() < 1e-9);
}
