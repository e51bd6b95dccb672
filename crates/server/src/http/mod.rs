//! HTTP: paths to answers. Nothing here reads a body's content or computes, so that health and metrics never wait for a model.

mod body;
mod connections;
mod path;
mod repository;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HeaderMap, HeaderValue, RETRY_AFTER,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::artifact::Identity;
use crate::metrics;
use crate::protocol::{Answer, Encoding, JSON_LENGTH, accepted, metadata};
use crate::refusal::Refusal;
use crate::registry::Registry;
use crate::version::{self, Call, Version};
use path::Target;

pub use connections::serve;

/// The unit in which bytes of bodies are counted.
const UNIT: usize = 1_024;

/// Limits of the traffic of all models together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// The most open connections.
    pub connections: usize,
    /// The most bytes of bodies in memory.
    pub all_body_bytes: usize,
    /// How long a client may take to send a body.
    pub body_time: Duration,
    /// How long requests in flight may take once the server stops.
    pub drain: Duration,
}

/// What is in flight.
#[derive(Debug)]
pub struct Traffic {
    /// Open connections.
    pub connections: AtomicU64,
    /// Connections above the limit.
    pub refused: AtomicU64,
    /// Units of bodies that may still be read.
    room: Arc<Semaphore>,
    all: usize,
}

impl Traffic {
    fn new(all_body_bytes: usize) -> Self {
        let all = all_body_bytes.div_ceil(UNIT);
        let room = Arc::new(Semaphore::new(all));
        Self { connections: AtomicU64::new(0), refused: AtomicU64::new(0), room, all }
    }

    /// The bytes of bodies in memory.
    pub fn bytes(&self) -> u64 {
        let used = self.all.saturating_sub(self.room.available_permits()).saturating_mul(UNIT);
        u64::try_from(used).unwrap_or(u64::MAX)
    }
}

/// The server: its models and its limits.
pub struct Server {
    /// The models.
    pub registry: Arc<Registry>,
    /// What is in flight.
    pub traffic: Traffic,
    /// Limits of the traffic.
    pub limits: HttpLimits,
    /// Whether requests may load and unload models.
    pub accepts_control: bool,
}

impl Server {
    /// A server of these models.
    pub fn new(registry: Arc<Registry>, limits: HttpLimits, accepts_control: bool) -> Self {
        Self { registry, traffic: Traffic::new(limits.all_body_bytes), limits, accepts_control }
    }
}

type Reply = Response<Full<Bytes>>;

/// Answers one request.
async fn handle(server: Arc<Server>, request: Request<Incoming>) -> Reply {
    let (head, mut body) = request.into_parts();
    let mut reply = route(&server, &head, &mut body).await.unwrap_or_else(|refusal| refused(&refusal));
    // A connection with the rest of a body in it cannot carry the next request.
    if head.headers.contains_key(EXPECT) || !body::is_drained(&mut body).await {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

async fn route(server: &Arc<Server>, head: &Parts, body: &mut Incoming) -> Result<Reply, Refusal> {
    let target = path::target(head.uri.path())?;
    target.check_method(&head.method)?;
    let registry = &server.registry;
    match target {
        Target::Server => Ok(json_reply(StatusCode::OK, &metadata::server())),
        Target::Live => Ok(json_reply(StatusCode::OK, &json!({"live": true}))),
        Target::Ready => Ok(ready(registry.is_ready())),
        Target::Metrics => Ok(text_reply(metrics::text(registry, &server.traffic))),
        Target::Model(name, version) => {
            let version = found(registry, &name, version.as_deref())?;
            let document = metadata::model(&name, version.identity(), version.inputs(), version.outputs());
            Ok(identified(json_reply(StatusCode::OK, &document), version.identity()))
        }
        Target::ModelReady(name, version) => model_ready(registry, &name, version.as_deref()),
        Target::Statistics(name, version) => {
            let versions = match name {
                Some(name) => vec![found(registry, &name, version.as_deref())?],
                None => registry.versions(),
            };
            Ok(json_reply(StatusCode::OK, &repository::statistics(&versions)))
        }
        Target::Infer(name, version) => {
            call(server, head, body, Call::Infer, found(registry, &name, version.as_deref())?).await
        }
        Target::Predict(name) => call(server, head, body, Call::Predict, found(registry, &name, None)?).await,
        Target::Names => Ok(json_reply(StatusCode::OK, &json!({"models": registry.names()}))),
        Target::Index => {
            let body = body::read(server, body, repository::MAX_BODY_BYTES).await?;
            Ok(json_reply(StatusCode::OK, &repository::index(registry, &body.bytes)?))
        }
        Target::Load(name) => repository::load(server, name).await,
        Target::Unload(name) => repository::unload(server, name).await,
    }
}

/// The version of a model that answers, which has to be the named one.
fn found(registry: &Registry, name: &str, wanted: Option<&str>) -> Result<Arc<Version>, Refusal> {
    let version = registry.version(name).map_err(|reason| match reason {
        None => Refusal::not_found(format!("`{}` is no model of this server", cut(name))),
        Some(reason) => Refusal::busy(format!("`{name}` is not ready: {reason}"), Duration::from_secs(5)),
    })?;
    let digest = version.identity().digest.clone();
    match wanted {
        Some(wanted) if wanted != digest.as_str() && wanted != digest.hex() => {
            Err(Refusal::not_found(format!("`{name}` has no version `{}`, it has {digest}", cut(wanted))))
        }
        _ => Ok(version),
    }
}

fn model_ready(registry: &Registry, name: &str, version: Option<&str>) -> Result<Reply, Refusal> {
    let reply = |is_ready| json_reply(ready_status(is_ready), &json!({"name": name, "ready": is_ready}));
    match found(registry, name, version) {
        Ok(version) => Ok(identified(reply(true), version.identity())),
        Err(refusal) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => Ok(reply(false)),
        Err(refusal) => Err(refusal),
    }
}

/// Reads the body, gives it to a thread of the model, and waits for the answer.
async fn call(
    server: &Arc<Server>,
    head: &Parts,
    body: &mut Incoming,
    call: Call,
    version: Arc<Version>,
) -> Result<Reply, Refusal> {
    let limits = server.registry.limits();
    let Described { encoding, accepted, json_length } = described(&head.headers)?;
    // The permit is held until the answer: until then the body is in memory.
    let body = body::read(server, body, limits.body_bytes).await?;
    let bytes = body.bytes.clone();
    let answer = version.submit(version::Body { call, bytes, encoding, json_length, accepted })?;
    let identity = version.identity().clone();
    // A version that is replaced meanwhile ends once its threads answered what it accepted.
    drop(version);
    let late = || Refusal::late(format!("no answer within {} ms", limits.deadline.as_millis()));
    let answer = tokio::time::timeout(limits.deadline, answer).await.map_err(|_| late())?;
    let answer = answer.map_err(|_| Refusal::failed("the thread of the model ended"))?;
    drop(body);
    match answer {
        Ok(answer) => Ok(identified(answered(answer), &identity)),
        Err(refusal) => Ok(identified(refused(&refusal), &identity)),
    }
}

/// What the headers say about a body, and about its answer.
struct Described {
    encoding: Option<Encoding>,
    accepted: Option<Encoding>,
    json_length: Option<usize>,
}

fn described(headers: &HeaderMap) -> Result<Described, Refusal> {
    let text = |name: hyper::header::HeaderName| {
        headers.get(name).map(|value| value.to_str().map_err(|_| Refusal::invalid("a header is not ASCII"))).transpose()
    };
    let encoding = text(CONTENT_ENCODING)?.map_or(Ok(None), Encoding::of_content)?;
    let accepted = text(ACCEPT_ENCODING)?.and_then(accepted);
    let length = |text: &str| {
        text.parse().map_err(|_| Refusal::invalid(format!("`{JSON_LENGTH}` is not a size in bytes: `{}`", cut(text))))
    };
    let json_length = text(hyper::header::HeaderName::from_static(JSON_LENGTH))?.map(length).transpose()?;
    Ok(Described { encoding, accepted, json_length })
}

/// The text of the protocol names the field `live`, and `KServe` names it `ready`: both are answered.
fn ready(is_ready: bool) -> Reply {
    json_reply(ready_status(is_ready), &json!({"live": true, "ready": is_ready}))
}

fn ready_status(is_ready: bool) -> StatusCode {
    if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn json_reply(status: StatusCode, document: &Value) -> Reply {
    reply(status, "application/json", Bytes::from(document.to_string()))
}

fn text_reply(text: String) -> Reply {
    reply(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", Bytes::from(text))
}

fn reply(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

fn answered(answer: Answer) -> Reply {
    let Answer { body, json_length, encoding } = answer;
    let content_type = if json_length.is_some() { "application/octet-stream" } else { "application/json" };
    let mut reply = reply(StatusCode::OK, content_type, Bytes::from(body));
    if let Some(length) = json_length {
        reply.headers_mut().insert(JSON_LENGTH, HeaderValue::from(length));
    }
    if let Some(encoding) = encoding {
        reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    reply
}

fn refused(refusal: &Refusal) -> Reply {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = json_reply(status, &json!({"error": refusal.message}));
    if let Some(after) = refusal.retry_after {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    reply
}

/// Adds the identity of the model to the headers.
fn identified(mut reply: Reply, identity: &Identity) -> Reply {
    let Identity { digest, run, source_commit } = identity;
    let headers = [
        ("slipway-artifact", Some(digest.as_str())),
        ("slipway-run", run.as_deref()),
        ("slipway-source-commit", source_commit.as_deref()),
    ];
    for (name, value) in headers {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}

/// The beginning of a client's text.
fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

/// Whether a method reads: `HEAD` is answered like `GET`.
fn is_read(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}
