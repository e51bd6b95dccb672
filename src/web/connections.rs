//! Serves connections within limits: their number in total and for each address, the time for a request's head, and the time for
//! reading a response. When the server stops, requests in flight finish.
//!
//! `axum::serve` has none of these limits, so hyper serves the connections. [`MAX_HEAD_BYTES`] bounds the memory that a
//! connection uses before its body is read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use slipway_contract::counted_are;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::TrustedProxies;
use slipway_domain::spoken;

/// How long a client may take to send a request's head, and how long a connection may be idle between two requests.
const SLOWEST_HEAD: Duration = Duration::from_secs(10);
/// How long a write may wait for a client that does not read the response.
const SLOWEST_READER: Duration = Duration::from_secs(20);
/// Maximum size of a head, and of the data that is read ahead of a body, in bytes. Heads of forges are under 2 KiB.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// How long requests in flight may take once the server stops. It is less than the time that `app` grants its parts.
const DRAIN: Duration = Duration::from_secs(15);
/// Pause after `accept` fails for lack of file descriptors or memory.
const PAUSE: Duration = Duration::from_millis(200);
/// File descriptors reserved for everything except connections: database, repositories, artifacts, trainers.
const OTHER_FILES: u64 = 256;
/// Lower bound of the number of connections that file descriptors allow.
const MIN: usize = 16;

/// Response to a connection over the limit.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Maximum numbers of simultaneous connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In total.
    pub all: usize,
    /// From one address. It does not apply to trusted proxies.
    pub each_address: usize,
}

/// The router and limits of connections. They may be replaced while connections are open: the router that is current when a
/// request arrives handles it.
#[derive(Clone)]
pub struct Served {
    pub(super) router: Router,
    pub(super) limits: ConnectionLimits,
    pub(super) proxies: TrustedProxies,
}

/// Serves until `stop`, then waits for requests in flight.
pub(super) async fn serve(listener: TcpListener, served: watch::Receiver<Served>, stop: CancellationToken) {
    let room = room_for_connections();
    let counted = Arc::new(Counted::default());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let (limits, is_proxy) = {
                        let served = served.borrow();
                        (served.limits, served.proxies.contain(peer.ip()))
                    };
                    // Many clients share the connections of a proxy, so only the total limit applies to it.
                    let each_address = if is_proxy { usize::MAX } else { limits.each_address };
                    match Place::take(&counted, peer, ConnectionLimits { all: limits.all.min(room), each_address }) {
                        Ok(place) => {
                            connections.spawn(serve_one(stream, peer, served.clone(), place, stop.clone()));
                        }
                        Err(reason) => refuse(&stream, reason),
                    }
                }
                Err(error) => pause_after(&error).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let drained = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!(
            "{} cut off that did not end within {}",
            counted_are(connections.len(), "request"),
            spoken(DRAIN)
        );
        connections.shutdown().await;
    }
}

/// Serves one connection until it ends or, once the server stops, until its request is answered.
async fn serve_one(
    stream: TcpStream,
    peer: SocketAddr,
    served: watch::Receiver<Served>,
    place: Place,
    stop: CancellationToken,
) {
    // Responses are small and complete, so a delay to collect more data has no benefit.
    stream.set_nodelay(true).ok();
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(SLOWEST_READER));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(SLOWEST_HEAD)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_HEAD_BYTES);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = served.borrow().router.clone();
        router.oneshot(request)
    });
    let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = std::pin::pin!(connection);
    // How a connection ends concerns only its client. Refusals are counted where they occur.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await.ok();
        }
    }
    drop(place);
}

/// Refuses a connection over the limit, without waiting for it.
fn refuse(stream: &TcpStream, reason: &'static str) {
    metrics::counter!("slipway_connections_refused_total", "reason" => reason).increment(1);
    stream.try_write(TOO_MANY).ok();
}

async fn pause_after(error: &io::Error) {
    // A client that disconnected while it waited is no reason to pause.
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tracing::error!(%error, "a connection could not be accepted: {error}");
        sleep(PAUSE).await;
    }
}

/// Returns how many connections the process has file descriptors for, after raising its limit as far as allowed.
fn room_for_connections() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let files = if raised.is_ok() { maximum } else { current };
    let room = files.map_or(u64::MAX, |files| files.saturating_sub(OTHER_FILES));
    usize::try_from(room).unwrap_or(usize::MAX).max(MIN)
}

/// The number of connections being served.
#[derive(Debug, Default)]
struct Counted {
    now: Mutex<Now>,
}

/// Numbers of connections.
#[derive(Debug, Default)]
struct Now {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Counted {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection among those being served. Dropping it frees the place.
#[derive(Debug)]
struct Place {
    counted: Arc<Counted>,
    address: IpAddr,
}

impl Place {
    fn take(counted: &Arc<Counted>, peer: SocketAddr, limits: ConnectionLimits) -> Result<Self, &'static str> {
        let address = sender_of(peer.ip());
        let mut now = counted.now();
        if now.all >= limits.all {
            return Err("all");
        }
        let here = now.by_address.entry(address).or_default();
        if *here >= limits.each_address {
            return Err("each_address");
        }
        *here += 1;
        now.all += 1;
        drop(now);
        Ok(Self { counted: counted.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut now = self.counted.now();
        now.all -= 1;
        if let Entry::Occupied(mut here) = now.by_address.entry(self.address) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
    }
}

/// Returns the address that limits count by. For IPv6 it is the first 64 bits, because one subscriber has all addresses below
/// them.
fn sender_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().expect("an address"), 4000)
    }

    #[test]
    fn places_are_limited_in_all_and_for_each_address_and_given_back() {
        let counted = Arc::new(Counted::default());
        let limits = ConnectionLimits { all: 3, each_address: 2 };
        let first = Place::take(&counted, peer("192.0.2.1"), limits).expect("a place");
        let second = Place::take(&counted, peer("192.0.2.1"), limits).expect("a place");
        assert_eq!(Place::take(&counted, peer("192.0.2.1"), limits).expect_err("full"), "each_address");
        let third = Place::take(&counted, peer("192.0.2.2"), limits).expect("a place");
        assert_eq!(Place::take(&counted, peer("192.0.2.3"), limits).expect_err("full"), "all");
        drop(second);
        let fourth = Place::take(&counted, peer("::ffff:192.0.2.1"), limits).expect("a place");
        drop((first, third, fourth));
        assert!(counted.now().all == 0 && counted.now().by_address.is_empty());
    }

    #[test]
    fn one_subscribers_addresses_are_one() {
        assert_eq!(sender_of(peer("2001:db8::1").ip()), sender_of(peer("2001:db8:0:0:ffff::2").ip()));
        assert_ne!(sender_of(peer("2001:db8::1").ip()), sender_of(peer("2001:db8:0:1::1").ip()));
    }
}
