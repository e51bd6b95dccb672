//! What is followed as it happens: moves of runs, lines of logs.

use std::process::Stdio;

use slipway_domain::RunEvent;
use slipway_store::Role;
use slipway_testkit::Api;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::world::{ApiWorld, run};
use crate::support::{DEADLINE, slipway};

/// A connection on which a server tells what happens.
struct Stream {
    connection: TcpStream,
    heard: String,
}

impl Stream {
    async fn open(api: &Api, token: &str, path: &str, more: &str) -> Self {
        let address = api.base().trim_start_matches("http://");
        let mut connection = TcpStream::connect(address).await.expect("a connection");
        let request = format!(
            "GET /api/v1/{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             accept: text/event-stream\r\n{more}\r\n"
        );
        connection.write_all(request.as_bytes()).await.expect("sent");
        Self { connection, heard: String::new() }
    }

    /// Listens until something is told.
    async fn hear(&mut self, expected: &str) {
        let listen = async {
            while !self.heard.contains(expected) {
                assert!(self.read().await, "the stream ended before `{expected}`: {}", self.heard);
            }
        };
        tokio::time::timeout(DEADLINE, listen).await.expect("it is told");
    }

    /// Listens until the server ends the stream.
    async fn hear_all(&mut self) {
        let listen = async { while self.read().await {} };
        tokio::time::timeout(DEADLINE, listen).await.expect("it ends");
    }

    async fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let count = self.connection.read(&mut bytes).await.unwrap_or(0);
        self.heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
        // The last chunk of a body is empty (RFC 9112, 7.1).
        count > 0 && !self.heard.ends_with("\r\n0\r\n\r\n")
    }
}

#[tokio::test]
async fn moves_of_covered_runs_are_sent_in_order_and_none_is_lost_between_connections() {
    let world = ApiWorld::started().await;
    let secret = world.store.create_token("ben", Role::Viewer, &[super::world::source("digits")], None).await;
    let secret = secret.expect("a token");
    let mut stream = Stream::open(&world.unauthenticated(), secret.reveal(), "events", "").await;
    stream.hear("event: begin").await;
    assert!(stream.heard.contains("content-type: text/event-stream"), "{}", stream.heard);
    // The store is shared with the test, as servers share PostgreSQL: the server is woken by nobody.
    let theirs = run("fashion", "coat", 1);
    let ours = run("digits", "zero", 2);
    world.record(&[theirs.clone(), ours.clone()]).await;
    stream.hear(&ours.id.to_string()).await;
    assert!(!stream.heard.contains(&theirs.id.to_string()), "{}", stream.heard);
    assert!(stream.heard.contains("\"to\":\"queued\""), "{}", stream.heard);
    let (_, after) = stream.heard.rsplit_once("\nid: ").expect("an event has an identifier");
    let last: u64 = after.lines().next().and_then(|id| id.trim().parse().ok()).expect("a number");
    drop(stream);
    let next = run("digits", "one", 3);
    world.record(std::slice::from_ref(&next)).await;
    for (path, header) in
        [("events", format!("last-event-id: {last}\r\n")), (&format!("events?after={last}"), String::new())]
    {
        let mut stream = Stream::open(&world.unauthenticated(), secret.reveal(), path, &header).await;
        stream.hear(&next.id.to_string()).await;
        assert!(!stream.heard.contains("event: begin") && !stream.heard.contains(&ours.id.to_string()));
    }
    let wrong = world.admin().send("GET", "/api/v1/events", &[("last-event-id", "x")], Vec::new()).await;
    assert_eq!(wrong.expect("an answer").status, 400);
    world.finish().await;
}

#[tokio::test]
async fn a_log_is_followed_until_its_run_has_ended() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let waiting = world.record_as(run("digits", "zero", 1), &[RunEvent::Planned], true).await;
    world.store.append_log(waiting.id, "line the first").await.expect("a line");
    let world = world.start().await;
    let path = format!("runs/{}/log", waiting.id);
    let mut stream = Stream::open(&world.admin(), super::world::ADMIN, &path, "").await;
    stream.hear("line the first").await;
    world.store.append_log(waiting.id, "line the second").await.expect("a line");
    stream.hear("line the second").await;
    let cancelled = world.admin().post(&format!("/api/v1/runs/{}/cancel", waiting.id)).await.expect("an answer");
    assert_eq!(cancelled.status, 200);
    stream.hear_all().await;
    assert!(stream.heard.contains("event: end\ndata: {\"state\":\"cancelled\"}"), "{}", stream.heard);
    assert_eq!(stream.heard.matches("line the first").count(), 1);
    world.finish().await;
}

#[tokio::test]
async fn followers_do_not_hold_up_the_end_of_the_server_and_are_limited_in_number() {
    let mut world = ApiWorld::started().await;
    let mut streams = Vec::new();
    for _ in 0..64 {
        let mut stream = Stream::open(&world.admin(), super::world::ADMIN, "events", "").await;
        stream.hear("event: begin").await;
        streams.push(stream);
    }
    let one_more = world.admin().get("/api/v1/events").await.expect("an answer");
    assert_eq!((one_more.status, &*one_more.headers["retry-after"]), (429, "10"));
    assert_eq!(world.admin().get("/api/v1/runs").await.expect("an answer").status, 200);
    let begun = std::time::Instant::now();
    world.stop().await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    for mut stream in streams {
        stream.hear_all().await;
    }
}

#[tokio::test]
async fn the_command_line_follows_a_run_to_its_end() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let waiting = world.record_as(run("digits", "zero", 1), &[RunEvent::Planned], true).await;
    let world = world.start().await;
    let id = waiting.id.to_string();
    let mut watchers = Vec::new();
    for action in ["show", "log"] {
        let mut watcher = tokio::process::Command::new(slipway())
            .args(["runs", action, &id, "--watch", "--server", world.server().address(), "--token-file"])
            .arg(world.path("token"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(watcher.stdout.take().expect("a pipe")).lines();
        if action == "log" {
            world.store.append_log(waiting.id, "a line").await.expect("a line");
        }
        let first = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("a line").expect("read");
        watchers.push((watcher, lines, vec![first.expect("a line")]));
    }
    assert_eq!(world.ask(&["runs", "cancel", &id]).await.status.code(), Some(0));
    for (watcher, lines, heard) in &mut watchers {
        let listen = async {
            while let Some(line) = lines.next_line().await.expect("read") {
                heard.push(line);
            }
        };
        tokio::time::timeout(DEADLINE, listen).await.expect("it ends");
        assert_eq!(watcher.wait().await.expect("it ends").code(), Some(1), "the run was not promoted: {heard:?}");
    }
    let [(.., shown), (.., log)] = &watchers[..] else { panic!("two watchers") };
    assert!(shown[0].contains("\"state\":\"training\"") && shown[1].contains("\"to\":\"cancelled\""), "{shown:?}");
    assert!(log.len() == 1 && log[0].contains("a line"), "{log:?}");
    world.finish().await;
}
