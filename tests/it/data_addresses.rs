//! Models whose rows are at an address outside of git: what is read, what is refused, and who sees a login.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use slipway_contract::Digest;

use crate::support::{Bench, DEFAULT_SETTINGS, slipway, table, text};

const TOKEN: &str = "Bearer a-token-of-the-store";
const POLICY: &str = "apiVersion: slipway.dev/v1alpha1
kind: Policy
metadata: {name: digits}
spec:
  checks:
    - {metric: accuracy, at_least: 0.4}
";

/// A store of files over HTTP on loopback. It ends with the test process.
#[derive(Clone)]
struct Store {
    address: String,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// The requested paths, each with the `Authorization` header.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Store {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let store = Self { address, files: Arc::default(), asked: Arc::default() };
        let serving = store.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let store = serving.clone();
                thread::spawn(move || store.serve(stream.expect("a client")));
            }
        });
        store
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        let (mut line, mut authorization) = (String::new(), String::new());
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).expect("a header");
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            if name.eq_ignore_ascii_case("authorization") {
                value.clone_into(&mut authorization);
            }
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        self.asked.lock().expect("not poisoned").push(format!("{path} [{authorization}]"));
        let found = self.files.lock().expect("not poisoned").get(&path).cloned();
        let (status, body) = found.map_or((404, Vec::new()), |body| (200, body));
        let head = format!("HTTP/1.1 {status} Test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        let _ = reader.get_mut().write_all(&[head.as_bytes(), &body].concat());
        let _ = reader.read_to_end(&mut Vec::new());
    }

    fn put(&self, path: &str, body: &str) -> String {
        self.files.lock().expect("not poisoned").insert(path.to_owned(), body.as_bytes().to_vec());
        Digest::of(body.as_bytes()).hex().to_owned()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests since the last call.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().expect("not poisoned"))
    }
}

/// A model whose training rows are at an address.
fn model(url: &str, sha256: &str, epochs: u32) -> String {
    format!(
        "apiVersion: slipway.dev/v1alpha1
kind: Model
metadata: {{name: digits}}
spec:
  paths: [\"data/**\"]
  task: classification
  data:
    format: csv
    label: paid
    features: [age, income]
    train: {{file: data/train.csv, url: \"{url}\", sha256: {sha256}}}
    test: {{file: data/test.csv}}
  preprocess: [standardize]
  model: {{sequential: [{{linear: 2}}]}}
  training: {{optimizer: {{adam: {{learning_rate: 1e-2}}}}, epochs: {epochs}, batch_size: 32, seed: 7}}
  policy: policy.yaml
"
    )
}

/// A server whose source may read `/rows` of a store, with test rows in git.
async fn bench(store: &Store) -> Bench {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let config = bench.world.config();
    let settings = std::fs::read_to_string(&config).expect("settings");
    let data = format!(
        "environment: staging, data: {{stores: [{{url: \"{}\", secrets: {{authorization: {{file: ./store-token}}}}}}]}}",
        store.url("/rows")
    );
    std::fs::write(&config, settings.replacen("environment: staging", &data, 1)).expect("written");
    std::fs::write(config.with_file_name("store-token"), TOKEN).expect("written");
    for file in ["train-images", "train-labels", "test-images", "test-labels"] {
        std::fs::remove_file(bench.world.work.path().join("data").join(file)).expect("removed");
    }
    bench.world.work.write("data/test.csv", table(300, 100_001)).expect("written");
    bench.world.work.write("policy.yaml", POLICY).expect("written");
    bench.restart(&[]).await;
    bench
}

async fn push(bench: &Bench, model: String) -> serde_json::Value {
    bench.world.work.write("slipway.yaml", model).expect("written");
    let head = bench.push("rows at an address").await;
    bench.end_of(&head).await
}

#[tokio::test]
async fn a_model_trains_on_rows_at_an_address_and_the_digest_decides() {
    let store = Store::start();
    let rows = table(400, 200_001);
    let sha256 = store.put("/rows/train.csv", &rows);
    let bench = bench(&store).await;
    let url = store.url("/rows/train.csv");
    let first = push(&bench, model(&url, &sha256, 2)).await;
    assert_eq!(text(&first, "state"), "done", "{first:#}");
    assert_eq!(store.asked(), [format!("/rows/train.csv [{TOKEN}]")], "fetched once, with the login of the settings");
    let artifacts = bench.world.folder.join("state/artifacts/sha256");
    let folder = artifacts.join(text(&first, "artifact").trim_start_matches("sha256:"));
    let manifest = std::fs::read(folder.join("data.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    let file =
        serde_json::json!({ "path": "data/train.csv", "size": rows.len(), "sha256": format!("sha256:{sha256}") });
    assert_eq!(manifest["files"], serde_json::json!([file]));
    let resolved = std::fs::read_to_string(folder.join("resolved.yaml")).expect("a model");
    assert!(!resolved.contains("url") && !resolved.contains(&store.address), "{resolved}");

    // The same bytes at another address are the same training.
    store.put("/rows/moved.csv", &rows);
    let moved = push(&bench, model(&store.url("/rows/moved.csv"), &sha256, 2)).await;
    assert_eq!(moved["artifact"], first["artifact"]);
    assert!(!moved["reused_from"].is_null(), "{moved:#}");
    assert_eq!(store.asked(), [""; 0], "the cache has the file");

    // Other bytes at the address than those of the digest.
    let other = store.put("/rows/train.csv", &table(400, 300_001));
    let unknown = "0".repeat(64);
    let refused = push(&bench, model(&url, &unknown, 2)).await;
    assert_eq!(text(&refused, "state"), "refused");
    let reason = text(&refused, "reason");
    assert!(reason.contains(&format!("`data/train.csv`: expected sha256:{unknown}, found sha256:{other}")), "{reason}");

    // A digest that moved is a reason to train.
    let again = push(&bench, model(&url, &other, 2)).await;
    let why = bench.api().get(&format!("/api/v1/runs/{}/explain", text(&again, "id"))).await.expect("a reason");
    assert!(why.text.contains("data (") && why.text.contains("spec.data.train.sha256"), "{}", why.text);
    bench.finish().await;
}

#[tokio::test]
async fn an_address_that_the_settings_do_not_allow_is_not_contacted() {
    let (store, inside) = (Store::start(), Store::start());
    let rows = table(400, 200_001);
    let sha256 = inside.put("/latest/meta-data", &rows);
    store.put("/private/train.csv", &rows);
    let bench = bench(&store).await;
    for url in [inside.url("/latest/meta-data"), store.url("/private/train.csv"), "file:///etc/passwd".to_owned()] {
        let run = push(&bench, model(&url, &sha256, 2)).await;
        assert_eq!(text(&run, "state"), "refused", "{run:#}");
        let reason = text(&run, "reason");
        assert!(reason.contains(&format!("`{url}` is not allowed by the settings of this source")), "{reason}");
        assert!(reason.contains(&format!("which allow `{}`", store.url("/rows"))), "{reason}");
        assert!(!reason.contains("a-token-of-the-store"), "{reason}");
    }
    assert_eq!((inside.asked(), store.asked()), (Vec::new(), Vec::new()));
    bench.finish().await;
}

/// A server with the API of S3, which a test holds.
struct Moto {
    child: std::process::Child,
    url: String,
}

impl Moto {
    /// Starts one with a bucket `rows`; `None` if it is not installed: the calling test is then ignored.
    fn start() -> Option<Self> {
        let home = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers/stores/bin");
        if !home.join("moto_server").is_file() {
            slipway_testkit::ignore_test("moto is missing", "`make stores` installs it");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let mut server = Command::new(home.join("moto_server"));
        server.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        server.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let moto = Self { child: server.spawn().expect("it starts"), url: format!("http://127.0.0.1:{port}") };
        let until = std::time::Instant::now() + crate::support::DEADLINE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(std::time::Instant::now() < until, "moto does not answer");
            thread::yield_now();
        }
        Some(moto)
    }

    /// A program with the login and the address of the server.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("AWS_ENDPOINT_URL", &self.url).env("AWS_ENDPOINT", &self.url).env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", "a-secret");
        command.env("AWS_REGION", "us-east-1").env("AWS_DEFAULT_REGION", "us-east-1");
        command
    }

    /// Stores an object in the bucket `rows`.
    fn put(&self, key: &str, body: &str) {
        let python = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers/stores/bin/python");
        let script = "import boto3, sys; s3 = boto3.client('s3'); s3.create_bucket(Bucket='rows'); \
                      s3.put_object(Bucket='rows', Key=sys.argv[1], Body=sys.argv[2].encode())";
        let output = self.command(python).args(["-c", script, key, body]).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn an_object_of_a_server_with_the_api_of_s3_is_read_with_the_login_of_the_user() {
    let Some(moto) = Moto::start() else { return };
    let rows = table(400, 200_001);
    moto.put("churn/train a.csv", &rows);
    let digest = |url: &str| {
        let output = moto.command(slipway()).args(["data", "digest", url, "-o", "json"]).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, said) = digest("s3://rows/churn/train%20a.csv");
    assert!(code == Some(0) && said.contains(Digest::of(rows.as_bytes()).as_str()), "{said}");
    let (code, said) = digest("s3://rows/churn/none.csv");
    assert!(code == Some(2) && said.contains("there is no file at `s3://rows/churn/none.csv`"), "{said}");
    let (code, said) = digest("s3://no-such-bucket/none.csv");
    assert!(code == Some(2) && said.contains("there is no file at"), "{said}");
}

#[test]
fn data_are_pulled_and_their_digests_are_printed() {
    let store = Store::start();
    let rows = table(400, 200_001);
    let sha256 = store.put("/rows/train.csv", &rows);
    let folder = tempfile::tempdir().expect("a folder");
    let url = store.url("/rows/train.csv");
    let write = |file: &str, content: &str| std::fs::write(folder.path().join(file), content).expect("written");
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    write("slipway.yaml", &model(&url, &sha256, 2));
    write("policy.yaml", POLICY);
    write("data/test.csv", &table(300, 100_001));
    let run = |arguments: &[&str]| {
        let output = Command::new(slipway()).args(arguments).current_dir(folder.path()).output().expect("it runs");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), said)
    };
    let (code, said) = run(&["check", "."]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("`data/train.csv` is not here, so its rows were not checked\n  help: run `slipway data pull`"),
        "{said}"
    );
    assert_eq!(run(&["data", "pull"]), (Some(0), "data/train.csv was fetched\n".to_owned()));
    assert_eq!(std::fs::read_to_string(folder.path().join("data/train.csv")).expect("a file"), rows);
    assert_eq!(run(&["data", "pull"]), (Some(0), "data/train.csv is here\n".to_owned()));
    let (code, said) = run(&["check", "."]);
    assert!(code == Some(0) && !said.contains("data/train.csv"), "{said}");
    let entry = format!("{{file: data/train.csv, url: \"{url}\", sha256: {sha256}}}\n");
    assert_eq!(run(&["data", "digest", &url]), (Some(0), entry.clone()));
    assert_eq!(run(&["data", "digest", "data/train.csv"]), (Some(0), entry.replace(&url, "URL")));
    write("data/train.csv", "age,income,paid\n");
    let (code, said) = run(&["data", "pull"]);
    assert!(code == Some(2) && said.contains("`data/train.csv` is another file than"), "{said}");
    let left = std::fs::read_dir(folder.path().join("data")).expect("a folder").count();
    assert_eq!(left, 2, "nothing else is left");
}
