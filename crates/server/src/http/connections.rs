//! Serves connections within limits: their number, the time for a request's head, and the time for reading an answer. When the
//! server stops, requests in flight finish.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use super::{Server, handle};

/// How long a client may take to send a request's head, and how long a connection may be idle between two requests.
const SLOWEST_HEAD: Duration = Duration::from_secs(10);
/// How long a write may wait for a client that does not read the answer.
const SLOWEST_READER: Duration = Duration::from_secs(20);
/// The largest head, and the most data that is read ahead of a body, in bytes.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Pause after `accept` fails for lack of file descriptors or memory.
const PAUSE: Duration = Duration::from_millis(200);
/// Answer to a connection above the limit.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Serves until `stop`, then waits for requests in flight. Returns the number of those that did not end in time.
pub async fn serve(listener: TcpListener, server: Arc<Server>, stop: CancellationToken) -> usize {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < server.limits.connections => {
                    connections.spawn(serve_one(stream, server.clone(), stop.clone()));
                }
                Ok((stream, _)) => {
                    server.traffic.refused.fetch_add(1, Ordering::Relaxed);
                    stream.try_write(TOO_MANY).ok();
                }
                Err(error) => pause_after(&error).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let drained = timeout(server.limits.drain, async { while connections.join_next().await.is_some() {} }).await;
    let left = if drained.is_err() { connections.len() } else { 0 };
    connections.shutdown().await;
    left
}

/// Serves one connection until it ends or, once the server stops, until its request is answered.
async fn serve_one(stream: TcpStream, server: Arc<Server>, stop: CancellationToken) {
    let _counted = Counted::of(&server);
    // Answers are small and complete, so a delay to collect more data has no benefit.
    stream.set_nodelay(true).ok();
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(SLOWEST_READER));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(SLOWEST_HEAD)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_HEAD_BYTES);
    let service = service_fn(|request| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(handle(server, request).await) }
    });
    let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = std::pin::pin!(connection);
    // How a connection ends concerns only its client.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await.ok();
        }
    }
}

async fn pause_after(error: &io::Error) {
    // A client that disconnected while it waited is no reason to pause.
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tracing::error!(%error, "a connection could not be accepted: {error}");
        sleep(PAUSE).await;
    }
}

/// One of the open connections.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    fn of(server: &'a Server) -> Self {
        server.traffic.connections.fetch_add(1, Ordering::Relaxed);
        Self(&server.traffic.connections)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
