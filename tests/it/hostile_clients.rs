//! Clients that mean ill: endless bodies, a thousand that never finish, connections hoarded. Others are served all the
//! while, and memory stays below a stated bound.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use slipway_testkit::demo::SECRET;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::support::Bench;

const HOOK: &str = "/webhooks/digits";
/// Longer than the server gives any client.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Longer than an answer takes on a busy machine, shorter than waiting for a slow client to be given up.
const AT_ONCE: Duration = Duration::from_secs(4);
const MEBIBYTE: u64 = 1024 * 1024;

/// A connection to the server from one of the loopback addresses, which are all this machine's.
async fn connect_from(source: Ipv4Addr, server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((source, 0)))?;
    socket.connect(server).await
}

/// A request on a connection of its own, and the status of its answer.
async fn ask(source: Ipv4Addr, server: SocketAddr, request: &[u8]) -> u16 {
    let mut stream = connect_from(source, server).await.expect("a connection");
    // The server may answer and close before all of it is sent.
    stream.write_all(request).await.ok();
    status_of(&mut stream).await.expect("an answer")
}

async fn status_of(stream: &mut TcpStream) -> Option<u16> {
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.ok()?;
    String::from_utf8_lossy(&answer[9..12]).parse().ok()
}

/// A signed delivery that means nothing.
fn delivery(id: &str) -> Vec<u8> {
    let signature = slipway_forge::Secret::new(SECRET).expect("a secret").sign(b"{}");
    format!(
        "POST {HOOK} HTTP/1.1\r\nhost: slipway\r\nx-slipway-event: none\r\nx-slipway-delivery: {id}\r\n\
         x-hub-signature-256: {signature}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
    )
    .into_bytes()
}

/// Delivers from an address of its own until told that it was enough, and answers the longest time one took.
async fn others_are_served(server: SocketAddr, times: usize) -> Duration {
    let mut longest = Duration::ZERO;
    for time in 0..times {
        let begun = Instant::now();
        let status =
            ask(Ipv4Addr::new(127, 9, 9, 9), server, &delivery(&format!("other-{}-{time}", server.port()))).await;
        longest = longest.max(begun.elapsed());
        assert!(status == 202, "{status}");
    }
    longest
}

fn address(bench: &Bench) -> SocketAddr {
    bench.server().address().trim_start_matches("http://").parse().expect("an address")
}

/// As many file descriptors as this process may have: a thousand clients need a thousand.
fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("a higher limit");
}

/// The value of a metric with exactly these labels.
async fn metric(bench: &Bench, name: &str) -> u64 {
    let text = bench.api().get("/metrics").await.expect("metrics").text;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0)
}

/// Sends a chunked body of one gibibyte, unsigned, until the server has had enough. Answers the status, if it came
/// through, and how much was sent.
async fn send_a_gibibyte(server: SocketAddr) -> (Option<u16>, u64) {
    let mut stream = connect_from(Ipv4Addr::new(127, 1, 1, 1), server).await.expect("a connection");
    let head = format!("POST {HOOK} HTTP/1.1\r\nhost: slipway\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut chunk = b"10000\r\n".to_vec();
    chunk.resize(chunk.len() + 0x10000, b'x');
    chunk.extend_from_slice(b"\r\n");
    let (mut reader, mut writer) = stream.split();
    let writing = async {
        let mut sent = 0;
        while sent < 1024 * MEBIBYTE && writer.write_all(&chunk).await.is_ok() {
            sent += 0x10000;
        }
        sent
    };
    let reading = async {
        let mut answer = [0; 12];
        reader.read_exact(&mut answer).await.ok()?;
        String::from_utf8_lossy(&answer[9..12]).parse().ok()
    };
    let (sent, status) = timeout(TIMEOUT, async { tokio::join!(writing, reading) }).await.expect("the server ends it");
    (status, sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsigned_bodies_of_a_gibibyte_are_cut_off_while_others_are_served_in_bounded_memory() {
    let bench = Bench::start().await;
    let server = address(&bench);
    let before = bench.server().resident_bytes().expect("resident memory");
    let mut senders = JoinSet::new();
    for _ in 0..8 {
        senders.spawn(send_a_gibibyte(server));
    }
    let longest = timeout(TIMEOUT, others_are_served(server, 50)).await.expect("others are served");
    let mut sent = 0;
    while let Some(ended) = senders.join_next().await {
        let (status, bytes) = ended.expect("no panic");
        // The answer can be lost when the server closes while the client still sends.
        assert!(matches!(status, None | Some(413 | 429)), "{status:?}");
        assert!(bytes < 64 * MEBIBYTE, "{bytes} bytes of a body were taken");
        sent += bytes;
    }
    let refused = metric(&bench, "slipway_deliveries_total{outcome=\"too_large\"}").await
        + metric(&bench, "slipway_deliveries_total{outcome=\"busy\"}").await;
    assert_eq!(refused, 8);
    let peak = bench.server().peak_resident_bytes().expect("peak memory");
    let figures = format!(
        "{} MiB sent; resident {} MiB before, {} MiB at its peak; another's delivery took {longest:?} at most",
        sent / MEBIBYTE,
        before / MEBIBYTE,
        peak / MEBIBYTE
    );
    println!("{figures}");
    // One source may hold 64 MiB of bodies; a buffer that grows may be there twice for a moment: 128 MiB.
    assert!(peak < before + 128 * MEBIBYTE, "{figures}");
    assert!(longest < AT_ONCE, "{figures}");
    bench.finish().await;
}

/// Goes on as a client that never finishes, until the server ends it. Answers the status that came, if any.
async fn never_finish(mut stream: TcpStream, dribble: bool) -> std::io::Result<Option<u16>> {
    let (mut reader, mut writer) = stream.split();
    let mut pace = interval(Duration::from_secs(1));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answer = Vec::new();
    loop {
        tokio::select! {
            read = reader.read_buf(&mut answer) => {
                if read? == 0 || answer.len() >= 12 {
                    return Ok(answer.get(9..12).and_then(|digits| String::from_utf8_lossy(digits).parse().ok()));
                }
            }
            _ = pace.tick(), if dribble => {
                writer.write_all(b"x").await.ok();
            }
        }
    }
}

/// The starts of requests that never go on: in the head, and in the body, silent and a byte a second.
const SLOW: [(&str, bool); 4] = [
    ("POST /webhooks/digits HTTP/1.1\r\nhost: slipway\r\nx-slow: ", true),
    ("POST /webhooks/digits HTTP/1.1\r\n", false),
    ("POST /webhooks/digits HTTP/1.1\r\nhost: slipway\r\ncontent-length: 20000000\r\n\r\n", true),
    ("POST /webhooks/digits HTTP/1.1\r\nhost: slipway\r\ncontent-length: 20000000\r\n\r\n{", false),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_clients_are_given_up_while_others_are_served_in_bounded_memory() {
    raise_file_limit();
    let bench = Bench::start().await;
    let server = address(&bench);
    let before = bench.server().resident_bytes().expect("resident memory");
    let mut clients = JoinSet::new();
    for number in 0..1_000_u16 {
        let [high, low] = number.to_be_bytes();
        let (start, dribble) = SLOW[usize::from(number) % SLOW.len()];
        let source = Ipv4Addr::new(127, 2, high, low.max(1));
        let mut stream = connect_from(source, server).await.expect("a connection");
        stream.write_all(start.as_bytes()).await.expect("sent");
        clients.spawn(never_finish(stream, dribble));
    }
    let longest = timeout(TIMEOUT, others_are_served(server, 200)).await.expect("others are served");
    let gone = clients.try_join_next().map(|ended| ended.expect("no panic"));
    assert!(gone.is_none(), "they were to be there all the while: {gone:?}");
    let peak = bench.server().peak_resident_bytes().expect("peak memory");
    let figures = format!(
        "resident {} MiB before, {} MiB at its peak; another's delivery took {longest:?} at most",
        before / MEBIBYTE,
        peak / MEBIBYTE
    );
    println!("{figures}");
    assert!(peak < before + 48 * MEBIBYTE, "{figures}");
    assert!(longest < AT_ONCE, "{figures}");
    let mut given_up = 0;
    timeout(TIMEOUT, async {
        while let Some(ended) = clients.join_next().await {
            // Closed, with or without a word; the last bytes of one that still sends are answered by a reset.
            let ended = ended.expect("no panic");
            assert!(matches!(ended, Ok(None | Some(408)) | Err(_)), "{ended:?}");
            given_up += 1;
        }
    })
    .await
    .expect("the server gives all of them up");
    assert_eq!(given_up, 1_000);
    assert_eq!(metric(&bench, "slipway_deliveries_total{outcome=\"too_slow\"}").await, 500);
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_cannot_hoard_all_connections() {
    raise_file_limit();
    let settings =
        "executor: {local: {deadline: 5m, memory: 4GiB}}\nweb: {connections: 100, connections_of_an_address: 10}";
    let bench = Bench::start_with(settings).await;
    let server = address(&bench);
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut stream = connect_from(Ipv4Addr::new(127, 3, 3, 3), server).await.expect("a connection");
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: slipway\r\n\r\n").await.expect("sent");
        assert_eq!(status_of(&mut stream).await, Some(200));
        held.push(stream);
    }
    let mut eleventh = connect_from(Ipv4Addr::new(127, 3, 3, 3), server).await.expect("a connection");
    assert_eq!(status_of(&mut eleventh).await, Some(503), "told so without being asked");
    others_are_served(server, 3).await;
    assert_eq!(metric(&bench, "slipway_connections_refused_total{reason=\"each_address\"}").await, 1);
    drop(held);
    // Its places are given back as soon as the server sees that it has gone.
    let freed = async { while ask(Ipv4Addr::new(127, 3, 3, 3), server, &delivery("d-1")).await != 202 {} };
    timeout(TIMEOUT, freed).await.expect("a place");
    bench.finish().await;
}

#[tokio::test]
async fn a_server_that_stops_answers_what_is_under_way_and_takes_no_more() {
    let mut bench = Bench::start().await;
    let server = address(&bench);
    let request = String::from_utf8(delivery("d-1")).expect("a text");
    let (head, body) = request.split_once("\r\n\r\n").expect("a head and a body");
    let mut stream = connect_from(Ipv4Addr::LOCALHOST, server).await.expect("a connection");
    stream.write_all(format!("{head}\r\nexpect: 100-continue\r\n\r\n").as_bytes()).await.expect("sent");
    let mut go_on = *b"HTTP/1.1 100 Continue\r\n\r\n";
    stream.read_exact(&mut go_on).await.expect("an answer");
    assert!(go_on.starts_with(b"HTTP/1.1 100"), "the server waits for the body");
    // An idle connection must not hold it up.
    let mut idle = connect_from(Ipv4Addr::LOCALHOST, server).await.expect("a connection");
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: slipway\r\n\r\n").await.expect("sent");
    assert_eq!(status_of(&mut idle).await, Some(200));
    let mut stopping = JoinSet::new();
    stopping.spawn(bench.take_server().terminate());
    let mut ticks = interval(Duration::from_millis(20));
    let refused = async {
        while connect_from(Ipv4Addr::LOCALHOST, server).await.is_ok() {
            ticks.tick().await;
        }
    };
    timeout(TIMEOUT, refused).await.expect("no more connections");
    stream.write_all(body.as_bytes()).await.expect("sent");
    assert_eq!(status_of(&mut stream).await, Some(202));
    let begun = Instant::now();
    let ended = stopping.join_next().await.expect("it was started").expect("no panic");
    assert!(ended.expect("it ends").success());
    assert!(begun.elapsed() < Duration::from_secs(8), "an idle connection held it up");
    bench.world.git.stop().await;
}
