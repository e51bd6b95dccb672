//! Tests of downloads of Git LFS against a server of the batch API: logins, redirects, limits, outages and broken answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use slipway_domain::Retry;

use crate::{Credentials, GitError, LfsFile, LfsPointer, Mirror, Remote, SshLogin};

use super::ssh;
use super::world::World;

const REPOSITORY: &str = "/team/models.git";
/// `ann:secret`
const LOGIN: &str = "Basic YW5uOnNlY3JldA==";

/// A request: `METHOD PATH`, its `Authorization` header, and its body.
#[derive(Debug, Clone)]
struct Asked {
    line: String,
    authorization: String,
    body: String,
}

/// An answer: the status, further headers as lines, and the body.
type Answer = (u16, String, Vec<u8>);

/// A server on loopback. It ends with the test process.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    fn start(answer: impl Fn(&str, &Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, answer, own) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer), url.clone());
        let received = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (asked, answer, own) = (Arc::clone(&asked), Arc::clone(&answer), own.clone());
                thread::spawn(move || serve(stream.unwrap(), &asked, &|asked| answer(&own, asked)));
            }
        });
        Self { url, asked: received }
    }

    fn lines(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|asked| format!("{} [{}]", asked.line, asked.authorization)).collect()
    }

    fn mirror(&self, world: &World) -> Mirror {
        let login = Credentials { username: "ann".to_owned(), password: "secret".to_owned() };
        let remote = Remote::new(&format!("{}{REPOSITORY}", self.url), "main", Some(login)).unwrap();
        world.mirror_at("lfs", remote)
    }

    /// Downloads files, and returns their paths and bytes.
    fn download(&self, files: &[LfsFile]) -> Result<Vec<(String, Vec<u8>)>, GitError> {
        download(&self.mirror(&World::empty()), files)
    }
}

fn download(mirror: &Mirror, files: &[LfsFile]) -> Result<Vec<(String, Vec<u8>)>, GitError> {
    let mut kept = Vec::new();
    mirror.download_lfs(files, &mut |file, object| {
        let mut bytes = Vec::new();
        object.read_to_end(&mut bytes).unwrap();
        kept.push((file.path.clone(), bytes));
        Ok::<_, GitError>(())
    })?;
    Ok(kept)
}

fn serve(stream: TcpStream, asked: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Answer) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        let (mut length, mut authorization) = (0, String::new());
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "authorization" => value.clone_into(&mut authorization),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let request = Asked { line, authorization, body: String::from_utf8(body).unwrap() };
        asked.lock().unwrap().push(request.clone());
        let (status, headers, body) = answer(&request);
        let head = format!("HTTP/1.1 {status} Test\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        let _ = reader.get_mut().write_all(&[head.as_bytes(), &body].concat());
    }
}

fn file(path: &str, digit: char, size: u64) -> LfsFile {
    LfsFile { path: path.to_owned(), pointer: LfsPointer { oid: digit.to_string().repeat(64), size } }
}

/// An answer of the batch API that names this action for every requested object.
fn batch(asked: &Asked, action: impl Fn(&str) -> serde_json::Value) -> Answer {
    let request: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!((&request["operation"], &request["transfers"]), (&"download".into(), &serde_json::json!(["basic"])));
    let objects = request["objects"].as_array().unwrap().iter().map(|object| {
        let oid = object["oid"].as_str().unwrap();
        let mut answer = serde_json::json!({ "oid": oid, "size": object["size"] });
        answer.as_object_mut().unwrap().extend(action(oid).as_object().unwrap().clone());
        answer
    });
    let body = serde_json::json!({ "transfer": "basic", "objects": objects.collect::<Vec<_>>() });
    (200, "Content-Type: application/vnd.git-lfs+json\r\n".to_owned(), serde_json::to_vec(&body).unwrap())
}

fn at(href: &str) -> serde_json::Value {
    serde_json::json!({ "actions": { "download": { "href": href } } })
}

fn plain(status: u16, body: &str) -> Answer {
    (status, String::new(), body.as_bytes().to_vec())
}

fn is_batch(asked: &Asked) -> bool {
    asked.line == format!("POST {REPOSITORY}/info/lfs/objects/batch")
}

#[test]
fn objects_are_downloaded_once_each_with_the_login_of_the_repository() {
    let server = Server::start(|own, asked| {
        if is_batch(asked) {
            return batch(asked, |oid| at(&format!("{own}/objects/{}", &oid[..1])));
        }
        plain(200, if asked.line.ends_with("/a") { "first" } else { "second" })
    });
    let files = [file("a.csv", 'a', 5), file("b.csv", 'b', 6), file("copy.csv", 'a', 5)];
    let kept = server.download(&files).unwrap();
    assert_eq!(kept, [("a.csv".to_owned(), b"first".to_vec()), ("b.csv".to_owned(), b"second".to_vec())]);
    let batch = format!("POST {REPOSITORY}/info/lfs/objects/batch [{LOGIN}]");
    assert_eq!(server.lines(), [batch, format!("GET /objects/a [{LOGIN}]"), format!("GET /objects/b [{LOGIN}]")]);
}

#[test]
fn the_login_is_not_sent_to_another_origin_also_after_a_redirect() {
    let store = Server::start(|_, _| plain(200, "bytes"));
    let (redirected, signed) = (store.url.clone(), store.url.clone());
    let server = Server::start(move |own, asked| match asked.line.as_str() {
        "GET /redirect" => (302, format!("Location: {redirected}/1\r\n"), Vec::new()),
        _ if is_batch(asked) => batch(asked, |oid| match &oid[..1] {
            "a" => at(&format!("{own}/redirect")),
            "b" => at(&format!("{signed}/2")),
            _ => serde_json::json!({ "actions": { "download": {
                "href": format!("{signed}/3"), "header": { "Authorization": "Bearer of-the-store" }
            } } }),
        }),
        _ => plain(500, ""),
    });
    let kept = server.download(&[file("a", 'a', 5), file("b", 'b', 5), file("c", 'c', 5)]).unwrap();
    assert_eq!(kept.len(), 3);
    assert_eq!(store.lines(), ["GET /1 []", "GET /2 []", "GET /3 [Bearer of-the-store]"]);
}

#[test]
fn an_object_that_nobody_pushed_is_named_with_its_path_and_the_remedy() {
    let gone = |_: &str| serde_json::json!({ "error": { "code": 404, "message": "Not found" } });
    let server = Server::start(move |_, asked| batch(asked, gone));
    let error = server.download(&[file("data/train.csv", 'a', 5)]).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(&format!("`data/train.csv`: its Git LFS object {} is not on the server", "a".repeat(64))),
        "{text}"
    );
    assert!(text.contains("help: run `git lfs push --all origin`"), "{text}");
    assert_eq!(error.retry(), Retry::Never);
}

#[test]
fn outages_are_tried_again_and_refusals_are_not() {
    for (status, headers, retry, words) in [
        (503, "", Retry::Backoff, "HTTP 503"),
        (429, "Retry-After: 7\r\n", Retry::After(std::time::Duration::from_secs(7)), "limits requests"),
        (401, "", Retry::Never, "HTTP 401"),
        (404, "", Retry::Never, "does not offer Git LFS"),
        (301, "Location: http://127.0.0.1:1/\r\n", Retry::Never, "a redirect (HTTP 301)"),
    ] {
        let server = Server::start(move |_, _| (status, headers.to_owned(), Vec::new()));
        let error = server.download(&[file("a", 'a', 5)]).unwrap_err();
        assert_eq!(error.retry(), retry, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    for (status, retry) in [(502, Retry::Backoff), (404, Retry::Never), (403, Retry::Never)] {
        let server = Server::start(move |own, asked| {
            if is_batch(asked) { batch(asked, |_| at(&format!("{own}/1"))) } else { plain(status, "no") }
        });
        let error = server.download(&[file("a", 'a', 5)]).unwrap_err();
        assert_eq!(error.retry(), retry, "{error}");
    }
}

#[test]
fn answers_that_break_the_protocol_are_refused() {
    let oid = "a".repeat(64);
    for (body, words) in [
        ("<html>".to_owned(), "cannot be read"),
        (r#"{"objects": []}"#.to_owned(), "without the requested object"),
        (r#"{"transfer": "tus", "objects": []}"#.to_owned(), "`tus`, which is not supported"),
        (r#"{"hash_algo": "sha1", "objects": []}"#.to_owned(), "`sha1`, which is not supported"),
        (format!(r#"{{"objects": [{{"oid": "{oid}"}}]}}"#), "is not on the server"),
        (
            format!(
                r#"{{"objects": [{{"oid": "{oid}", "actions": {{"download": {{"href": "file:///etc/passwd"}}}}}}]}}"#
            ),
            "an address of a Git LFS object that is refused",
        ),
    ] {
        let server = Server::start(move |_, _| plain(200, &body));
        let error = server.download(&[file("a", 'a', 5)]).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.retry(), Retry::Never);
    }
    let server = Server::start(|own, asked| {
        if is_batch(asked) {
            batch(asked, |_| at(&format!("{own}/1")))
        } else {
            (302, format!("Location: {own}/1\r\n"), Vec::new())
        }
    });
    let error = server.download(&[file("a", 'a', 5)]).unwrap_err();
    assert!(error.to_string().contains("more than 3 redirects"), "{error}");
}

#[test]
fn an_object_that_is_longer_than_its_pointer_says_is_cut_off() {
    let server = Server::start(|own, asked| {
        if is_batch(asked) { batch(asked, |_| at(&format!("{own}/1"))) } else { plain(200, &"x".repeat(1_000_000)) }
    });
    let kept = server.download(&[file("a", 'a', 5)]).unwrap();
    assert_eq!(kept[0].1.len(), 6, "one byte more than expected shows that the object is too long");
}

#[test]
fn a_repository_over_ssh_gets_its_server_and_login_from_the_ssh_server() {
    let world = World::new();
    let server = Server::start(|own, asked| {
        if asked.line == "POST /lfs/objects/batch" {
            return batch(asked, |_| at(&format!("{own}/1")));
        }
        plain(200, "bytes")
    });
    let script = world.root.path().join("authenticate.sh");
    let login = format!(r#"{{"href": "{}/lfs", "header": {{"Authorization": "Bearer short-lived"}}}}"#, server.url);
    let expected = format!("git-lfs-authenticate '{}' download", world.repository().display());
    let text = format!("[ \"$SSH_ORIGINAL_COMMAND\" = \"{expected}\" ] || exit 1\necho '{login}'\n");
    std::fs::write(&script, text).unwrap();
    let Some(sshd) = ssh::Sshd::start(&format!("ForceCommand sh {}", script.display())) else { return };
    let login: SshLogin = sshd.login("ed25519");
    let kept = download(&sshd.mirror(&world, login), &[file("a", 'a', 5)]).unwrap();
    assert_eq!(kept, [("a".to_owned(), b"bytes".to_vec())]);
    assert_eq!(server.lines(), ["POST /lfs/objects/batch [Bearer short-lived]", "GET /1 [Bearer short-lived]"]);
}
