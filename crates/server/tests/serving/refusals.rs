//! Requests that do not fit: each is answered by a status of the client's mistakes and the name of the tensor, never by 5xx.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use crate::models::echo;
use crate::support::{Server, read_answer};

/// A request that fits, with one input changed.
fn with(index: usize, change: &Value) -> Value {
    let mut inputs = json!([
        {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]},
        {"name": "y", "shape": [1, 1], "datatype": "FP64", "data": [1]},
        {"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": ["a"]},
        {"name": "image", "shape": [1, 3], "datatype": "UINT8", "data": [1, 2, 3]},
    ]);
    let input = inputs[index].as_object_mut().expect("an object");
    input.extend(change.as_object().expect("an object").clone());
    input.retain(|_, value| !value.is_null());
    json!({"inputs": inputs})
}

#[test]
fn tensors_that_do_not_fit_are_refused_by_name() {
    let Some(server) = Server::of_graphs(&[("echo", echo())], &[]) else { return };
    let twice = json!({"inputs": [with(0, &json!({}))["inputs"][0], with(0, &json!({}))["inputs"][0]]});
    let one = json!({"inputs": [with(0, &json!({}))["inputs"][0]]});
    let binary = json!({"parameters": {"binary_data_size": 8}, "data": null});
    for (request, problem) in [
        (with(0, &json!({"name": "z"})), "`z` is no input of the model, expected `x`, `y`, `text`, `image`"),
        (with(0, &json!({"datatype": "FP64"})), "the input `x` has the type `FP64`, expected FP32"),
        (with(0, &json!({"datatype": "float"})), "the input `x` has the type `float`, expected FP32"),
        (with(0, &json!({"shape": [2]})), "the input `x` has the shape [2], expected [-1, 2]"),
        (with(0, &json!({"shape": [1, 3]})), "the input `x` has the shape [1, 3], expected [-1, 2]"),
        (
            with(0, &json!({"shape": [0, 2], "data": []})),
            "the input `x` has the shape [0, 2], expected at least one row",
        ),
        (with(1, &json!({"shape": [2, 1], "data": [1, 2]})), "the input `y` has 2 rows, and the input `x` has 1"),
        (with(0, &json!({"shape": [9_223_372_036_854_775_808_u64, 2]})), "too many values"),
        (with(0, &json!({"shape": [1_000_000_000_000_u64, 2]})), "the input `x`: expected 2000000000000 entries"),
        (with(0, &json!({"shape": [-1, 2]})), "the body is not an inference request: invalid value: integer `-1`"),
        (with(0, &json!({"data": [1]})), "the input `x`: expected 2 entries as the shape says, found 1"),
        (with(0, &json!({"data": [1, 2, 3]})), "the input `x`: expected 2 values as the shape says, found more"),
        (with(0, &json!({"data": [1, "2"]})), "the input `x`: expected a number in the range of 32-bit floats"),
        (with(0, &json!({"data": [1, 1e300]})), "the input `x`: expected a number in the range of 32-bit floats"),
        (with(2, &json!({"data": [7]})), "the input `text`: expected a text"),
        (with(2, &json!({"data": ["a\u{0}"]})), "the input `text`: expected a text without the character U+0000"),
        (with(3, &json!({"data": [1, 2, 256]})), "the input `image`: expected a whole number from 0 to 255"),
        (with(3, &json!({"data": [1, 2, null]})), "the input `image`: expected a whole number from 0 to 255"),
        (with(0, &json!({"data": null})), "the input `x`: expected `data`, or `binary_data_size`"),
        (with(0, &binary), "the input `x`: `binary_data_size` is 8, and 0 bytes of the body are left"),
        (twice, "the input `x` is given twice"),
        (one, "the input `y` is missing, expected FP64 [-1, 1]"),
    ] {
        let answer = server.post("/v2/models/echo/infer", &request);
        assert_eq!(answer.status, 400, "{request}: {answer:?}");
        assert!(answer.error().contains(problem), "{request}: {}", answer.error());
    }
    let whole = server.post("/v2/models/echo/infer", &with(0, &json!({})));
    assert_eq!(whole.status, 200, "the request that the others are made from: {whole:?}");
}

#[test]
fn bodies_and_paths_that_do_not_fit_are_refused() {
    let Some(server) = Server::of_graphs(&[("echo", echo())], &["--max-body", "1000"]) else { return };
    let large = vec![b' '; 1_001];
    let deep = "[".repeat(500);
    let body = with(0, &json!({})).to_string();
    for (method, path, header, body, status, problem) in [
        ("POST", "/v2/models/echo/infer", ("a", "b"), &b"{"[..], 400, "not an inference request"),
        ("POST", "/v2/models/echo/infer", ("a", "b"), b"", 400, "not an inference request"),
        ("POST", "/v2/models/echo/infer", ("a", "b"), b"{\"inputs\": NaN}", 400, "not an inference request"),
        ("POST", "/v2/models/echo/infer", ("a", "b"), b"\xff\xfe", 400, "not an inference request"),
        ("POST", "/v2/models/echo/infer", ("a", "b"), deep.as_bytes(), 400, "not an inference request"),
        ("POST", "/v2/models/echo/infer", ("a", "b"), &large, 413, "more than 1000 bytes"),
        ("POST", "/v2/models/echo/infer", ("content-encoding", "gzip"), b"plain", 400, "the body is not gzip"),
        ("POST", "/v2/models/echo/infer", ("content-encoding", "br"), b"plain", 415, "expected `gzip`"),
        ("POST", "/v2/models/echo/infer", ("inference-header-content-length", "9999"), body.as_bytes(), 400, "is 9999"),
        (
            "POST",
            "/v2/models/echo/infer",
            ("inference-header-content-length", "-1"),
            body.as_bytes(),
            400,
            "not a size",
        ),
        ("POST", "/v2/models/none/infer", ("a", "b"), b"{}", 404, "`none` is no model"),
        ("POST", "/v2/models/echo/versions/1/infer", ("a", "b"), b"{}", 404, "has no version `1`"),
        ("POST", "/v2/models/echo/explain", ("a", "b"), b"{}", 404, "there is no path"),
        ("GET", "/v2/models/echo/infer", ("a", "b"), b"", 405, "expects POST"),
        ("DELETE", "/v2/models/echo", ("a", "b"), b"", 405, "expects GET"),
        ("POST", "/v2/repository/index", ("a", "b"), b"[", 400, "no index request"),
        ("POST", "/v1/models/echo:predict", ("a", "b"), b"{}", 400, "has no signature with columns"),
    ] {
        let answer = server.request(method, path, &[header], body);
        assert_eq!(answer.status, status, "{method} {path} {header:?}: {answer:?}");
        assert!(answer.error().contains(problem), "{method} {path}: {}", answer.error());
    }
}

#[test]
fn a_refused_request_leaves_the_connection_for_the_next_one() {
    let Some(server) = Server::of_graphs(&[("echo", echo())], &[]) else { return };
    let mut stream = server.connect();
    // As Python's clients send it: the body follows the head in a packet of its own, after the refusal was decided.
    stream.write_all(b"POST /v2/models/none/infer HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\n\r\n").expect("sent");
    server.get("/v2/health/live");
    stream.write_all(b"{}GET /v2/health/live HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").expect("sent");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("two answers");
    assert!(answers.starts_with("HTTP/1.1 404"), "{answers}");
    assert!(answers.contains("HTTP/1.1 200") && answers.ends_with("{\"live\":true}"), "{answers}");
}

#[test]
fn a_body_of_a_gigabyte_is_refused_before_it_is_read() {
    let Some(server) = Server::of_graphs(&[("echo", echo())], &[]) else { return };
    let mut stream = server.connect();
    let head =
        "POST /v2/models/echo/infer HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 1000000000\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("sent");
    assert_eq!(read_answer(&mut stream).status, 413);
}

#[test]
fn a_body_that_unpacks_to_more_than_the_limit_is_refused() {
    let Some(server) = Server::of_graphs(&[("echo", echo())], &["--max-body", "100000"]) else { return };
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![b' '; 50_000_000]).expect("memory");
    let bomb = encoder.finish().expect("memory");
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let answer = server.request("POST", "/v2/models/echo/infer", &[("content-encoding", "gzip")], &bomb);
    assert!(answer.status == 413 && answer.error().contains("once it is unpacked"), "{answer:?}");
}
