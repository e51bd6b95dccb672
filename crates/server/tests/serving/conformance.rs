//! The rules of the Open Inference Protocol over REST, each with its place in `specification/protocol/inference_rest.md` of
//! kserve/open-inference-protocol at commit 011728e. Rules that contradict each other are decided in docs/serving.md.

use serde_json::{Value, json};

use crate::models::echo;
use crate::support::{Answer, Server};

/// A rule: its section in the text of the protocol, the rule, and whether the server follows it.
type Rule = (&'static str, &'static str, fn(&Server) -> bool);

fn request(more: &Value) -> Value {
    let mut request = json!({"inputs": [
        {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]},
        {"name": "y", "shape": [2, 1], "datatype": "FP64", "data": [0.5, null]},
        {"name": "text", "shape": [2, 1], "datatype": "BYTES", "data": ["a", "größe"]},
        {"name": "image", "shape": [2, 3], "datatype": "UINT8", "data": [[1, 2, 3], [4, 5, 255]]},
    ]});
    request.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    request
}

fn infer(server: &Server, more: &Value) -> Answer {
    server.post("/v2/models/echo/infer", &request(more))
}

fn digest(server: &Server) -> String {
    server.get("/v2/models/echo").json()["versions"][0].as_str().expect("a version").to_owned()
}

fn is_error(answer: &Answer) -> bool {
    answer.status >= 400 && answer.status < 500 && !answer.error().is_empty()
}

const RULES: &[Rule] = &[
    ("API table, row 1", "POST v2/models/NAME/infer answers", |it| infer(it, &json!({})).status == 200),
    ("API table, row 1", "POST v2/models/NAME/versions/VERSION/infer answers", |it| {
        it.post(&format!("/v2/models/echo/versions/{}/infer", digest(it)), &request(&json!({}))).status == 200
    }),
    ("API table, row 2", "GET v2/models/NAME/versions/VERSION answers", |it| {
        it.get(&format!("/v2/models/echo/versions/{}", digest(it))).status == 200
    }),
    ("API table, row 6", "GET v2/models/NAME/versions/VERSION/ready answers", |it| {
        it.get(&format!("/v2/models/echo/versions/{}/ready", digest(it))).status == 200
    }),
    ("Model Ready Response JSON Object", "name and ready", |it| {
        it.get("/v2/models/echo/ready").json() == json!({"name": "echo", "ready": true})
    }),
    ("Server Ready Response JSON Object", "live, and KServe's ready", |it| {
        it.get("/v2/health/ready").json() == json!({"live": true, "ready": true})
    }),
    ("Server Live Response JSON Object", "live", |it| it.get("/v2/health/live").json() == json!({"live": true})),
    ("Server Metadata Response JSON Object", "name, version and extensions", |it| {
        let json = it.get("/v2").json();
        json["name"] == "slipway-server" && json["version"].is_string() && json["extensions"].is_array()
    }),
    ("Model Metadata Response JSON Object", "name, versions and platform", |it| {
        let json = it.get("/v2/models/echo").json();
        json["name"] == "echo"
            && json["versions"].as_array().is_some_and(|all| all.len() == 1)
            && json["platform"].is_string()
    }),
    ("Model Metadata, $metadata_tensor", "name, datatype and shape with -1 for variable sizes", |it| {
        let json = it.get("/v2/models/echo").json();
        json["inputs"][0] == json!({"name": "x", "datatype": "FP32", "shape": [-1, 2]})
            && json["outputs"][2] == json!({"name": "text_back", "datatype": "BYTES", "shape": [-1, 1]})
    }),
    ("Model Metadata Response JSON Error Object", "an unknown model is an error status with {error}", |it| {
        is_error(&it.get("/v2/models/none"))
    }),
    ("Inference Request JSON Object, id", "the id is returned", |it| {
        infer(it, &json!({"id": "42"})).json()["id"] == "42"
    }),
    ("Inference Response JSON Object, id", "no id without one in the request", |it| {
        infer(it, &json!({})).json().get("id").is_none()
    }),
    ("Inference Request JSON Object, parameters", "unknown parameters are accepted", |it| {
        infer(it, &json!({"parameters": {"color": "red", "n": 1}})).status == 200
    }),
    ("Inference Request JSON Object, inputs", "a request without inputs is an error", |it| {
        is_error(&it.post("/v2/models/echo/infer", &json!({})))
            && is_error(&it.post("/v2/models/echo/infer", &json!({"inputs": []})))
    }),
    ("Inference Request JSON Object, outputs", "without outputs all are returned", |it| {
        infer(it, &json!({})).json()["outputs"].as_array().map(Vec::len) == Some(4)
    }),
    ("Request Output", "only requested outputs are returned, in the requested order", |it| {
        let json = infer(it, &json!({"outputs": [{"name": "text_back"}, {"name": "doubled"}]})).json();
        let names: Vec<&Value> =
            json["outputs"].as_array().expect("a list").iter().map(|output| &output["name"]).collect();
        names == ["text_back", "doubled"]
    }),
    ("Request Output, name", "an unknown output is an error", |it| {
        is_error(&infer(it, &json!({"outputs": [{"name": "z"}]})))
    }),
    ("Request Input, data", "the answer holds the whole batch, flat and in row-major order", |it| {
        let json = infer(it, &json!({})).json();
        json["outputs"][0]
            == json!({"name": "doubled", "shape": [2, 2], "datatype": "FP32", "data": [2.0, 4.0, 6.0, 8.0]})
            && json["outputs"][1]["data"] == json!([0.5, null])
            && json["outputs"][2]["data"] == json!(["a", "größe"])
            && json["outputs"][3]["data"] == json!([1, 2, 3, 4, 5, 255])
    }),
    ("Inference Response JSON Object", "model_name and model_version", |it| {
        let json = infer(it, &json!({})).json();
        json["model_name"] == "echo" && json["model_version"] == json!(digest(it))
    }),
    ("Inference Response JSON Object, parameters", "the identity of the model", |it| {
        infer(it, &json!({})).json()["parameters"]["artifact"] == json!(digest(it))
    }),
    ("Inference Request Examples", "the answer has the content type application/json and its length", |it| {
        let answer = infer(it, &json!({}));
        answer.header("content-type") == Some("application/json")
            && answer.header("content-length") == Some(&answer.body.len().to_string())
    }),
];

#[test]
fn every_rule_of_the_protocol_over_rest_is_followed() {
    let Some(server) = Server::of_graphs(&[("echo", echo())], &[]) else { return };
    let broken: Vec<_> =
        RULES.iter().filter(|(.., holds)| !holds(&server)).map(|(section, rule, _)| (section, rule)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn raw_tensors_and_compressed_bodies_give_the_same_answer() {
    let Some(server) = Server::of_graphs(&[("echo", echo())], &[]) else { return };
    let mut tail: Vec<u8> = [1.0_f32, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    tail.extend(0.5_f64.to_le_bytes());
    tail.extend([1, 0, 0, 0, b'a', 7, 8, 9]);
    let input = |name: &str, width: usize, kind: &str, size: usize| json!({"name": name, "shape": [1, width], "datatype": kind, "parameters": {"binary_data_size": size}});
    let inputs = [
        input("x", 2, "FP32", 8),
        input("y", 1, "FP64", 8),
        input("text", 1, "BYTES", 5),
        input("image", 3, "UINT8", 3),
    ];
    let json = json!({"inputs": inputs, "parameters": {"binary_data_output": true}}).to_string();
    let length = json.len().to_string();
    let body = [json.as_bytes(), &tail].concat();
    let answer =
        server.request("POST", "/v2/models/echo/infer", &[("Inference-Header-Content-Length", &length)], &body);
    let json_length: usize =
        answer.header("inference-header-content-length").and_then(|length| length.parse().ok()).expect("a length");
    let head: Value = serde_json::from_slice(&answer.body[..json_length]).expect("JSON");
    assert_eq!(head["outputs"][0]["parameters"], json!({"binary_data_size": 8}));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    let mut expected: Vec<u8> = [2.0_f32, 4.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    expected.extend(&tail[8..]);
    assert_eq!(answer.body[json_length..], expected);

    let packed = gzip(request(&json!({})).to_string().as_bytes());
    let answer = server.request("POST", "/v2/models/echo/infer", &[("content-encoding", "gzip")], &packed);
    assert_eq!(answer.json(), infer(&server, &json!({})).json());
    let rows = 200;
    let many = json!({"inputs": [
        {"name": "x", "shape": [rows, 2], "datatype": "FP32", "data": vec![1.0; 2 * rows]},
        {"name": "y", "shape": [rows, 1], "datatype": "FP64", "data": vec![1.0; rows]},
        {"name": "text", "shape": [rows, 1], "datatype": "BYTES", "data": vec!["a"; rows]},
        {"name": "image", "shape": [rows, 3], "datatype": "UINT8", "data": vec![1; 3 * rows]},
    ]});
    let plain = server.post("/v2/models/echo/infer", &many);
    let packed =
        server.request("POST", "/v2/models/echo/infer", &[("accept-encoding", "gzip")], many.to_string().as_bytes());
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed.body[..]), &mut unpacked).expect("gzip");
    assert_eq!(unpacked, plain.body);
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, plain).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn models_are_listed_unloaded_and_loaded_only_where_it_is_allowed() {
    let Some(server) = Server::of_graphs(&[("echo", echo())], &[]) else { return };
    for call in ["load", "unload"] {
        let refused = server.post(&format!("/v2/repository/models/echo/{call}"), &json!({}));
        assert!(refused.status == 403 && refused.error().contains("--repository-control"), "{refused:?}");
    }
    let Some(server) = Server::of_graphs(&[("echo", echo())], &["--repository-control"]) else { return };
    let index = |body: &Value| server.post("/v2/repository/index", body).json();
    let version = digest(&server);
    assert_eq!(index(&json!({})), json!([{"name": "echo", "version": version, "state": "READY", "reason": ""}]));
    assert_eq!(server.post("/v2/repository/models/echo/unload", &json!({})).status, 200);
    assert_eq!(index(&json!({}))[0]["state"], "UNAVAILABLE");
    assert_eq!(index(&json!({"ready": true})), json!([]));
    let away = infer(&server, &json!({}));
    assert_eq!((away.status, away.header("retry-after")), (503, Some("5")));
    assert_eq!(server.get("/v2/models/echo/ready").status, 503);
    assert_eq!(server.get("/v2/health/ready").status, 200, "somebody unloaded it, so nothing is missing");
    assert_eq!(server.post("/v2/repository/models/echo/load", &json!({})).status, 200);
    assert_eq!(infer(&server, &json!({})).status, 200);
    assert_eq!(server.post("/v2/repository/models/none/load", &json!({})).status, 404);
    let statistics = server.get("/v2/models/echo/stats").json();
    assert_eq!(statistics["model_stats"][0]["inference_stats"]["success"]["count"], 1);
}
