//! Tests of the stores against HTTP servers and folders of this machine: logins, redirects, outages and forbidden addresses.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use slipway_domain::Retry;

use super::{Store, Stores};
use crate::DataError;

/// An answer: the status, further headers as lines, and the body.
type Answer = (u16, String, Vec<u8>);

/// A server on loopback. It ends with the test process.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers `METHOD PATH`.
    fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (asked, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let received = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                thread::spawn(move || serve(stream.expect("a client"), &asked, &*answer));
            }
        });
        Self { address, asked: received }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests, each with its `Authorization` header.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

fn serve(stream: TcpStream, asked: &Mutex<Vec<String>>, answer: &dyn Fn(&str) -> Answer) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        let mut authorization = String::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).expect("a header");
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            if name.eq_ignore_ascii_case("authorization") {
                value.clone_into(&mut authorization);
            }
        }
        asked.lock().expect("not poisoned").push(format!("{line} [{authorization}]"));
        let (status, headers, body) = answer(&line);
        let head = format!("HTTP/1.1 {status} Test\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        let _ = reader.get_mut().write_all(&[head.as_bytes(), &body].concat());
    }
}

fn plain(status: u16, body: &str) -> Answer {
    (status, String::new(), body.as_bytes().to_vec())
}

fn store(prefix: &str, options: &[(&str, &str)]) -> Store {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Store::new(prefix, &options.collect()).expect("a store")
}

fn read(stores: &Stores, url: &str) -> Result<String, DataError> {
    let mut text = String::new();
    stores.open("data/train.csv", url)?.read_to_string(&mut text).expect("read");
    Ok(text)
}

#[test]
fn a_file_is_read_over_http_with_the_login_of_its_prefix() {
    let server = Server::start(|_| plain(200, "rows"));
    let stores = Stores::new(vec![
        store(&server.url("/open"), &[]),
        store(&server.url("/open/secret"), &[("authorization", "Bearer of-the-settings")]),
    ]);
    assert_eq!(read(&stores, &server.url("/open/a.csv?version=2")).expect("read"), "rows");
    assert_eq!(read(&stores, &server.url("/open/secret/b.csv")).expect("read"), "rows");
    let expected = ["GET /open/a.csv?version=2 []", "GET /open/secret/b.csv [Bearer of-the-settings]"];
    assert_eq!(server.asked(), expected);
}

#[test]
fn an_address_outside_of_the_prefixes_is_not_contacted_also_by_a_redirect() {
    let inside = Server::start(|_| plain(200, "secret"));
    let target = inside.url("/latest/meta-data");
    let server = Server::start(move |line| match line {
        "GET /rows/outside" => (302, format!("Location: {target}\r\n"), Vec::new()),
        "GET /rows/file" => (302, "Location: file:///etc/passwd\r\n".to_owned(), Vec::new()),
        "GET /rows/up" => (302, "Location: /private\r\n".to_owned(), Vec::new()),
        "GET /rows/beside" => (307, "Location: /rows/a.csv\r\n".to_owned(), Vec::new()),
        "GET /rows/loop" => (302, "Location: /rows/loop\r\n".to_owned(), Vec::new()),
        _ => plain(200, "rows"),
    });
    let stores = Stores::new(vec![store(&server.url("/rows"), &[("authorization", "Basic x")])]);
    for (url, words) in [
        (inside.url("/latest/meta-data"), "is not allowed by the settings"),
        (server.url("/private"), "is not allowed by the settings"),
        (server.url("/rows/outside"), "/latest/meta-data` is not allowed"),
        (server.url("/rows/up"), "/private` is not allowed"),
        (server.url("/rows/file"), "`file:///etc/passwd` is not allowed"),
        (server.url("/rows/loop"), "more than 5 redirects"),
        ("file:///etc/passwd".to_owned(), "is not allowed by the settings"),
    ] {
        let error = read(&stores, &url).expect_err("refused");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.retry(), Retry::Never);
        assert_eq!(stores.allow(&url), url.contains("/rows/"), "{url}");
    }
    assert_eq!(inside.asked(), [""; 0]);
    assert_eq!(read(&stores, &server.url("/rows/beside")).expect("read"), "rows");
    let none = Stores::default();
    assert!(
        read(&none, &server.url("/rows/a.csv")).expect_err("refused").to_string().contains("which allow no address")
    );
}

#[test]
fn outages_are_tried_again_and_missing_files_are_named() {
    for (status, retry, words) in [
        (503, Retry::Backoff, "HTTP 503"),
        (429, Retry::Backoff, "HTTP 429"),
        (404, Retry::Never, "there is no file at `http://127.0.0.1"),
        (403, Retry::Never, "was denied: HTTP 403"),
        (206, Retry::Never, "expected a file, found HTTP 206"),
    ] {
        let server = Server::start(move |_| plain(status, "no"));
        let stores = Stores::new(vec![store(&server.url("/"), &[])]);
        let error = read(&stores, &server.url("/a?token=secret")).expect_err("no file");
        assert_eq!(error.retry(), retry, "{error}");
        assert!(error.to_string().contains(words) && !error.to_string().contains("secret"), "{error}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let stores = Stores::new(vec![store(&format!("http://{closed}/"), &[])]);
    assert_eq!(read(&stores, &format!("http://{closed}/a")).expect_err("no server").retry(), Retry::Backoff);
}

#[test]
fn an_object_in_s3_is_read_with_a_signature_and_as_a_stream() {
    let rows = "0123456789".repeat(100_000);
    let body = rows.clone();
    let server = Server::start(move |line| match line {
        "GET /rows/churn/train%20a.csv" | "GET /rows/churn/train.csv" => {
            let headers = "ETag: \"1\"\r\nLast-Modified: Tue, 01 Dec 2026 00:00:00 GMT\r\n";
            (200, headers.to_owned(), body.as_bytes().to_vec())
        }
        "GET /rows/churn/denied" => plain(403, "<Error/>"),
        _ => plain(404, "<Error/>"),
    });
    let options = |endpoint: &str| {
        let endpoint = format!("http://{endpoint}");
        let options = [
            ("aws_endpoint", endpoint.as_str()),
            ("aws_allow_http", "true"),
            ("aws_region", "eu-west-1"),
            ("aws_access_key_id", "AKIA"),
            ("aws_secret_access_key", "very-secret"),
        ];
        store("s3://rows/churn", &options)
    };
    let stores = Stores::new(vec![options(&server.address)]);
    assert_eq!(read(&stores, "s3://rows/churn/train.csv").expect("read"), rows);
    assert_eq!(read(&stores, "s3://rows/churn/train%20a.csv").expect("read"), rows);
    let asked = server.asked();
    assert!(asked[0].starts_with("GET /rows/churn/train.csv [AWS4-HMAC-SHA256 Credential=AKIA/"), "{asked:?}");
    assert!(!asked[0].contains("very-secret"));
    let missing = read(&stores, "s3://rows/churn/none.csv").expect_err("missing");
    assert!(matches!(&missing, DataError::Missing { .. }), "{missing}");
    let denied = read(&stores, "s3://rows/churn/denied").expect_err("denied");
    assert!(denied.is_of_settings() && !denied.to_string().contains("very-secret"), "{denied}");
    assert!(read(&stores, "s3://rows/other/train.csv").expect_err("refused").to_string().contains("not allowed"));
    assert!(!format!("{stores:?}").contains("very-secret"));
}

#[test]
fn options_that_a_store_does_not_have_are_refused_by_name() {
    let refused = |prefix: &str, name: &str| {
        let options = BTreeMap::from([(name.to_owned(), "very-secret".to_owned())]);
        let error = Store::new(prefix, &options).expect_err("refused").to_string();
        assert!(!error.contains("very-secret"), "{error}");
        error
    };
    assert!(refused("s3://rows", "acces_key").contains("unknown option `acces_key`"));
    assert!(refused("https://data.example", "token").contains("expected `authorization`"));
    assert!(refused("file:///srv", "token").contains("a folder has no options"));
    for prefix in ["gs://rows", "az://rows"] {
        assert!(refused(prefix, "nothing").contains("unknown option `nothing`"));
    }
}

#[test]
fn a_folder_gives_its_regular_files_and_no_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("rows");
    std::fs::create_dir(&root).expect("a folder");
    std::fs::write(root.join("a.csv"), "rows").expect("written");
    std::fs::write(folder.path().join("secret"), "secret").expect("written");
    std::os::unix::fs::symlink("../secret", root.join("link")).expect("linked");
    std::os::unix::fs::symlink("a.csv", root.join("inside")).expect("linked");
    let url = |path: &str| format!("file://{}/{path}", folder.path().display());
    let stores = Stores::new(vec![store(&url("rows"), &[])]);
    assert_eq!(read(&stores, &url("rows/a.csv")).expect("read"), "rows");
    assert_eq!(read(&stores, &url("rows/inside")).expect("read"), "rows");
    for (path, words) in [
        ("rows/link", "leads out of"),
        ("secret", "is not allowed"),
        ("rows/none", "there is no file"),
        ("rows", "not a regular file"),
        ("rows/a.csv/x", "there is no file"),
    ] {
        let error = read(&stores, &url(path)).expect_err("refused");
        assert!(error.to_string().contains(words), "{path}: {error}");
    }
}
