//! A load of signed deliveries over connections that stay open, each with an identifier of its own, and a record of
//! which of them were acknowledged and how long that took.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The longest head of an answer that is read.
const MAX_HEAD_LENGTH: usize = 16 << 10;

/// What is sent, and where.
#[derive(Debug, Clone)]
pub struct Load {
    target: SocketAddr,
    head: Arc<str>,
    body: Arc<[u8]>,
    sent: Arc<AtomicU64>,
    acknowledged: Arc<watch::Sender<u64>>,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Identifiers of the deliveries that were acknowledged with a status of 2xx.
    pub acknowledged: Vec<String>,
    /// Time from the first byte sent to the last byte of the acknowledgement, in the same order.
    pub latencies: Vec<Duration>,
    /// Answers with another status.
    pub refused: u64,
    /// Connections that were cut, or could not be made.
    pub cut: u64,
    /// From the start to the end.
    pub elapsed: Duration,
}

/// GitHub's signature of a body: `sha256=` and the HMAC in hexadecimal digits.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

impl Load {
    /// A load of one push event of GitHub, sent again and again.
    pub fn of_github(target: SocketAddr, path: &str, secret: &str, body: &[u8]) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {target}\r\nuser-agent: GitHub-Hookshot/slipway\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nx-github-event: push\r\n\
             x-hub-signature-256: {}\r\nx-github-delivery: ",
            body.len(),
            signature(secret, body)
        );
        Self { target, head: head.into(), body: body.into(), sent: Arc::default(), acknowledged: Arc::default() }
    }

    /// The same load at another address; identifiers go on counting.
    #[must_use]
    pub fn at(&self, target: SocketAddr) -> Self {
        Self { target, ..self.clone() }
    }

    /// Waits until so many more deliveries were acknowledged.
    pub async fn after(&self, more: u64) {
        let mut count = self.acknowledged.subscribe();
        let wanted = *count.borrow() + more;
        count.wait_for(|count| *count >= wanted).await.ok();
    }

    /// Sends over so many connections until `stop`, or until `most` were sent. A connection that is cut is not made
    /// again.
    pub async fn run(&self, connections: usize, most: Option<u64>, stop: &CancellationToken) -> Outcome {
        let begun = Instant::now();
        let left = Arc::new(AtomicU64::new(most.unwrap_or(u64::MAX)));
        let mut clients = JoinSet::new();
        for _ in 0..connections {
            let (load, stop, left) = (self.clone(), stop.clone(), Arc::clone(&left));
            clients.spawn(async move { load.client(&stop, &left).await });
        }
        let mut all = Outcome::default();
        while let Some(joined) = clients.join_next().await {
            let Ok(one) = joined else { continue };
            all.acknowledged.extend(one.acknowledged);
            all.latencies.extend(one.latencies);
            all.refused += one.refused;
            all.cut += one.cut;
        }
        all.elapsed = begun.elapsed();
        all
    }

    /// Begins to send over so many connections, beside whatever its starter does next.
    pub fn start(&self, connections: usize) -> UnderWay {
        let (load, stop, mut task) = (self.clone(), CancellationToken::new(), JoinSet::new());
        task.spawn({
            let stop = stop.clone();
            async move { load.run(connections, None, &stop).await }
        });
        UnderWay { stop, task }
    }

    async fn client(&self, stop: &CancellationToken, left: &AtomicU64) -> Outcome {
        let mut outcome = Outcome::default();
        let Ok(mut stream) = TcpStream::connect(self.target).await else {
            outcome.cut += 1;
            return outcome;
        };
        stream.set_nodelay(true).ok();
        let mut buffer = Vec::with_capacity(self.head.len() + self.body.len() + 64);
        while !stop.is_cancelled() && take_one(left) {
            let id = format!("load-{:012}", self.sent.fetch_add(1, Ordering::Relaxed));
            buffer.clear();
            buffer.extend_from_slice(self.head.as_bytes());
            buffer.extend_from_slice(id.as_bytes());
            buffer.extend_from_slice(b"\r\n\r\n");
            buffer.extend_from_slice(&self.body);
            let begun = Instant::now();
            let answered = async {
                stream.write_all(&buffer).await?;
                read_answer(&mut stream).await
            };
            match answered.await {
                Ok(status) if (200..300).contains(&status) => {
                    outcome.latencies.push(begun.elapsed());
                    outcome.acknowledged.push(id);
                    self.acknowledged.send_modify(|count| *count += 1);
                }
                Ok(_) => outcome.refused += 1,
                Err(_) => {
                    outcome.cut += 1;
                    break;
                }
            }
        }
        outcome
    }
}

fn take_one(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

/// Reads one answer to its end and answers its status.
async fn read_answer(stream: &mut TcpStream) -> Result<u16> {
    let mut read = Vec::with_capacity(512);
    let end = loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if read.len() > MAX_HEAD_LENGTH || stream.read_buf(&mut read).await? == 0 {
            bail!("the answer is cut off");
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).context("a status")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    if let Some(length) = length {
        while read.len() < end + length {
            if stream.read_buf(&mut read).await? == 0 {
                bail!("the answer is cut off");
            }
        }
    } else if head.contains("transfer-encoding: chunked") {
        while !read.ends_with(b"0\r\n\r\n") {
            if stream.read_buf(&mut read).await? == 0 {
                bail!("the answer is cut off");
            }
        }
    }
    Ok(status)
}

/// A load under way; ended when it is dropped.
#[derive(Debug)]
pub struct UnderWay {
    stop: CancellationToken,
    task: JoinSet<Outcome>,
}

impl UnderWay {
    /// Asks it to end, and waits for what became of it.
    pub async fn end(self) -> Outcome {
        self.stop.cancel();
        self.ended().await
    }

    /// Waits until it ends by itself, because the server is gone.
    pub async fn ended(mut self) -> Outcome {
        self.task.join_next().await.and_then(Result::ok).unwrap_or_default()
    }
}

impl Outcome {
    /// The latency that so many per mille of the deliveries stayed below.
    pub fn latency(&self, per_mille: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * per_mille / 1000).min(sorted.len().saturating_sub(1));
        sorted.get(place).copied().unwrap_or_default()
    }

    /// Acknowledged deliveries a second.
    #[expect(clippy::cast_precision_loss, reason = "counts of deliveries are far below 2^52")]
    pub fn rate(&self) -> f64 {
        self.acknowledged.len() as f64 / self.elapsed.as_secs_f64()
    }
}
