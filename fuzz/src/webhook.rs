//! The whole way in: bytes on a connection to a real server with a source of every forge.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

/// Longer than an answer takes, also with everything instrumented.
const TIMEOUT: Duration = Duration::from_secs(8);
/// The longest input that is sent.
const MAX_BYTES: usize = 64 * 1024;
const FORGES: [&str; 6] = ["github", "gitlab", "gitea", "forgejo", "bitbucket", "plain"];

/// Input: what a client sends. The server answers only what it is meant to answer: it never fails.
pub(super) fn deliver(input: &[u8]) {
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    let server = SERVER.get_or_init(start);
    let Ok(mut stream) = TcpStream::connect(server) else { panic!("the server is gone") };
    stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
    stream.set_write_timeout(Some(TIMEOUT)).expect("a time-out");
    // The server may refuse and close before all of it is sent.
    stream.write_all(&input[..input.len().min(MAX_BYTES)]).ok();
    stream.shutdown(Shutdown::Write).ok();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
            panic!("no answer within {TIMEOUT:?}")
        }
        _ => {}
    }
    if let Some(status) = answer.strip_prefix(b"HTTP/1.1 ") {
        let status = String::from_utf8_lossy(&status[..status.len().min(3)]).into_owned();
        assert!(!status.starts_with('5'), "{}", String::from_utf8_lossy(&answer));
    }
}

/// Starts the server for the rest of the process.
fn start() -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("secret"), "s3cr3t-for-tests").expect("a secret");
        std::fs::write(folder.path().join("server.yaml"), settings()).expect("settings");
        let settings = slipway::config::load(&folder.path().join("server.yaml")).expect("settings");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let listening = move |address| sender.send(address).expect("somebody waits");
        let serve =
            slipway::app::serve(settings, Box::new(|| Err("not here".to_owned())), Arc::new(String::new), listening);
        runtime.expect("a runtime").block_on(serve).expect("the server serves");
    });
    receiver.recv_timeout(TIMEOUT).expect("the server listens")
}

fn settings() -> String {
    let mut text = "apiVersion: slipway.dev/v1alpha1\nkind: Server\nlisten: 127.0.0.1:0\nstate: ./state\n\
                    executor: {local: {trainer: ./none}}\n\
                    environments: [{name: staging, url: \"http://127.0.0.1:1/environment.git\"}]\nsources:\n"
        .to_owned();
    for forge in FORGES {
        writeln!(
            text,
            "- {{name: {forge}, forge: {forge}, url: \"http://127.0.0.1:1/{forge}.git\", secret: {{file: ./secret}}, \
             environment: staging}}"
        )
        .expect("a line");
    }
    text
}
