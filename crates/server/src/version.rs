//! A loaded version of a model: its threads, each with an engine of its own, behind one bounded queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ort::environment::Environment;
use slipway_contract::Signature;
use tokio::sync::oneshot;

use crate::artifact::{Artifact, Identity};
use crate::engine::{Engine, EngineError, Threads};
use crate::protocol::{self, Answer, Encoding};
use crate::queue::Queue;
use crate::refusal::Refusal;
use crate::stats::Stats;
use crate::tensor::Port;
use crate::warm_up::warm_up;

/// What a request asks of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Tensors, by the Open Inference Protocol.
    Infer,
    /// Rows by column name.
    Predict,
}

/// The body of a request, with the headers that say how to read it.
#[derive(Debug, Clone)]
pub struct Body {
    /// What is asked.
    pub call: Call,
    /// The bytes.
    pub bytes: Bytes,
    /// How they are compressed.
    pub encoding: Option<Encoding>,
    /// The size of the JSON before raw tensors.
    pub json_length: Option<usize>,
    /// How the answer may be compressed.
    pub accepted: Option<Encoding>,
}

/// A request in the queue.
struct Job {
    body: Body,
    received: Instant,
    deadline: Instant,
    reply: oneshot::Sender<Result<Answer, Refusal>>,
}

/// Limits of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest body in bytes, also once it is unpacked.
    pub body_bytes: usize,
    /// The most requests of a model that wait.
    pub queue: usize,
    /// The longest time from the arrival of a request to its answer.
    pub deadline: Duration,
    /// Requests of a model at once, and threads for each; `None` decides by the size of the model.
    pub threads: Option<Threads>,
}

/// A version of a model that answers. Once it is dropped, its threads answer what waits and end.
pub struct Version {
    name: String,
    inner: Arc<Inner>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    threads: Threads,
}

struct Inner {
    name: String,
    identity: Identity,
    signature: Option<Signature>,
    queue: Queue<Job>,
    stats: Stats,
    limits: Limits,
}

/// Why a version cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// The engine refuses the model, or the model refuses a row without values.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The machine gives no more threads.
    #[error("no thread can be started: {0}")]
    Thread(std::io::Error),
}

impl Version {
    /// Loads an artifact, runs a first row through each engine, and starts the threads.
    ///
    /// # Errors
    /// See [`VersionError`].
    pub fn load(
        environment: &Environment,
        name: &str,
        artifact: Artifact,
        limits: Limits,
    ) -> Result<Self, VersionError> {
        let Artifact { identity, graph, signature } = artifact;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = limits.threads.unwrap_or_else(|| Threads::for_model(graph.len(), processors));
        let mut engines = Vec::with_capacity(threads.instances);
        for _ in 0..threads.instances {
            let mut engine = Engine::load(environment, &graph, threads.each)?;
            warm_up(&mut engine, signature.as_ref())?;
            engines.push(engine);
        }
        let (inputs, outputs) =
            engines.first().map(|engine| (engine.inputs().to_vec(), engine.outputs().to_vec())).unwrap_or_default();
        let queue = Queue::new(limits.queue);
        let inner =
            Arc::new(Inner { name: name.to_owned(), identity, signature, queue, stats: Stats::default(), limits });
        // Made before the threads, so that those that started end if one does not start.
        let version = Self { name: name.to_owned(), inner: inner.clone(), inputs, outputs, threads };
        for engine in engines {
            let inner = inner.clone();
            let work = move || inner.work(engine);
            std::thread::Builder::new().name("inference".to_owned()).spawn(work).map_err(VersionError::Thread)?;
        }
        Ok(version)
    }

    /// The name of the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What identifies it.
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// The declared inputs.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// The declared outputs.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Counts and times.
    pub fn stats(&self) -> &Stats {
        &self.inner.stats
    }

    /// The number of waiting requests.
    pub fn waiting(&self) -> usize {
        self.inner.queue.len()
    }

    /// Puts a request into the queue. The answer comes through the receiver.
    ///
    /// # Errors
    /// The queue has no room, or the requests before this one take longer than its deadline.
    pub fn submit(&self, body: Body) -> Result<oneshot::Receiver<Result<Answer, Refusal>>, Refusal> {
        let (reply, answer) = oneshot::channel();
        let received = Instant::now();
        let deadline = self.inner.limits.deadline;
        let job = Job { body, received, deadline: received + deadline, reply };
        let wait = |before| self.inner.stats.wait(before, self.threads.instances);
        self.inner.queue.push(job, |before| wait(before) < deadline).map_err(|_| {
            self.inner.stats.shed.fetch_add(1, Ordering::Relaxed);
            let again = wait(self.waiting()).max(Duration::from_secs(1));
            Refusal::busy(format!("`{}` has too many waiting requests", self.name), again)
        })?;
        Ok(answer)
    }
}

impl Drop for Version {
    fn drop(&mut self) {
        self.inner.queue.close();
    }
}

impl Inner {
    /// Answers requests until the queue is closed and empty.
    fn work(&self, mut engine: Engine) {
        while let Some(job) = self.queue.pop() {
            let begun = Instant::now();
            if begun >= job.deadline {
                self.stats.late.fetch_add(1, Ordering::Relaxed);
                job.reply.send(Err(Refusal::late("the request waited until its deadline passed"))).ok();
                continue;
            }
            if job.reply.is_closed() {
                continue; // the client went away
            }
            let answered = catch_unwind(AssertUnwindSafe(|| self.answer(&mut engine, &job.body)));
            let answered = answered.unwrap_or_else(|_| Err(Refusal::failed("the model stopped with a defect")));
            if let Err(refusal) = &answered
                && refusal.status == 500
            {
                tracing::error!(model = %self.name, artifact = %self.identity.digest, "a request failed: {refusal}");
            }
            self.stats.handled(answered.is_ok(), begun - job.received, begun.elapsed());
            if job.reply.send(answered).is_err() && Instant::now() >= job.deadline {
                self.stats.late.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn answer(&self, engine: &mut Engine, body: &Body) -> Result<Answer, Refusal> {
        let plain;
        let bytes = match body.encoding {
            Some(encoding) => {
                plain = encoding.decode(&body.bytes, self.limits.body_bytes)?;
                &plain[..]
            }
            None => &body.bytes[..],
        };
        let mut answer = match body.call {
            Call::Infer => protocol::infer(&self.name, &self.identity, engine, bytes, body.json_length)?,
            Call::Predict => protocol::predict(&self.name, &self.identity, self.signature.as_ref(), engine, bytes)?,
        };
        if let Some((encoding, packed)) =
            body.accepted.and_then(|encoding| Some((encoding, encoding.encode(&answer.body)?)))
        {
            answer.body = packed;
            answer.encoding = Some(encoding);
        }
        Ok(answer)
    }
}
