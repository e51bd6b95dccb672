//! The server as a process, and requests to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    /// Its folder, if it was made for it.
    pub(crate) folder: Option<TempDir>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The message of an error, which is always `{"error": TEXT}`.
    pub(crate) fn error(&self) -> String {
        let json = self.json();
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(1), "{json}");
        json["error"].as_str().expect("a message").to_owned()
    }
}

/// The command of the server with the engine of the tests; `None` if the engine is missing, and the test is ignored.
pub(crate) fn command() -> Option<Command> {
    let library = slipway_testkit::onnxruntime_library()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipway-server"));
    command.arg("--onnxruntime").arg(library).args(["--listen", "127.0.0.1:0"]);
    command.env_remove("ORT_DYLIB_PATH").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(command)
}

/// Writes graphs into folders of their own, and returns the arguments for them.
pub(crate) fn graphs(folder: &Path, graphs: &[(&str, Vec<u8>)]) -> Vec<String> {
    let argument = |(name, graph): &(&str, Vec<u8>)| {
        let place = folder.join(name);
        std::fs::create_dir_all(&place).expect("a folder");
        std::fs::write(place.join("model.onnx"), graph).expect("written");
        format!("--model={name}={}", place.display())
    };
    graphs.iter().map(argument).collect()
}

impl Server {
    /// Starts a server of graphs.
    pub(crate) fn of_graphs(models: &[(&str, Vec<u8>)], more: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut arguments = graphs(folder.path(), models);
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        let mut server = Self::start(&arguments)?;
        server.folder = Some(folder);
        Some(server)
    }

    /// Starts a server and waits until it listens.
    pub(crate) fn start(arguments: &[String]) -> Option<Self> {
        let mut child = command()?.args(arguments).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        let Some(address) = first.strip_prefix("listening on http://") else {
            let mut errors = String::new();
            child.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("text");
            panic!("the server does not listen: {errors}");
        };
        // Its log must not fill the pipe.
        let mut log = child.stderr.take().expect("a pipe");
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Some(Self { child, address: address.to_owned(), folder: None })
    }

    /// Its address, such as `127.0.0.1:40123`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.as_ref().expect("a folder").path().join(name)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, &[], body.to_string().as_bytes())
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let more: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let more = more.concat();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n"
        );
        // A server that refuses a body early may close before it is sent; its answer is read all the same.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        read_answer(&mut stream)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("an identifier")).expect("a process")
    }

    /// Waits until it has ended.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    /// Asks until the answer is as expected. Each question takes the time of a request, so that nothing else waits.
    pub(crate) fn until(&self, path: &str, is_expected: impl Fn(&Answer) -> bool) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = self.get(path);
            if is_expected(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < PATIENCE, "{path}: {answer:?}");
            std::thread::yield_now();
        }
    }

    /// The value of a metric, with its labels if it has some.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = String::from_utf8(self.get("/metrics").body).expect("text");
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} is in {text}"));
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Reads an answer up to the end of the connection.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A server that closes before it read everything resets the connection once its answer was sent.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("an answer: {}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8(bytes[..end].to_vec()).expect("ASCII");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer { status, headers: lines.filter_map(header).collect(), body: bytes[end + 4..].to_vec() }
}
