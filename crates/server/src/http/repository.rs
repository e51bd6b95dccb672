//! The model repository extension and the statistics extension, in Triton's form.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Reply, Server, cut, json_reply};
use crate::refusal::Refusal;
use crate::registry::{LoadError, Registry, State};
use crate::version::Version;

/// The largest body of a request here, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 64 << 10;

#[derive(Deserialize, Default)]
struct IndexRequest {
    #[serde(default)]
    ready: bool,
}

/// All models with their states.
pub(super) fn index(registry: &Registry, body: &[u8]) -> Result<Value, Refusal> {
    let request: IndexRequest = if body.is_empty() {
        IndexRequest::default()
    } else {
        serde_json::from_slice(body)
            .map_err(|error| Refusal::invalid(format!("the body is no index request: {error}")))?
    };
    let states = registry.states().into_iter().filter(|state| state.artifact.is_some() || !request.ready);
    let entry = |State { name, artifact, reason }: State| match artifact {
        Some(artifact) => json!({"name": name, "version": artifact, "state": "READY", "reason": reason}),
        None => json!({"name": name, "state": "UNAVAILABLE", "reason": reason}),
    };
    Ok(Value::Array(states.map(entry).collect()))
}

fn check_control(server: &Server) -> Result<(), Refusal> {
    if server.accepts_control {
        return Ok(());
    }
    Err(Refusal::forbidden("this server loads and unloads no models by request: start it with `--repository-control`"))
}

/// Reads the folder of a model again. A client names no folder: that would open every file of the machine to it.
pub(super) async fn load(server: &Arc<Server>, name: String) -> Result<Reply, Refusal> {
    check_control(server)?;
    let registry = server.registry.clone();
    let loaded = tokio::task::spawn_blocking(move || registry.load(&name)).await;
    match loaded.map_err(|_| Refusal::failed("the load stopped with a defect"))? {
        Ok(_) => Ok(json_reply(StatusCode::OK, &json!({}))),
        Err(error) => Err(refusal(&error)),
    }
}

/// Stops answering for a model.
pub(super) async fn unload(server: &Arc<Server>, name: String) -> Result<Reply, Refusal> {
    check_control(server)?;
    let registry = server.registry.clone();
    // It waits for a load of another model.
    let unloaded = tokio::task::spawn_blocking(move || registry.unload(&name)).await;
    match unloaded.map_err(|_| Refusal::failed("the unload stopped with a defect"))? {
        Ok(()) => Ok(json_reply(StatusCode::OK, &json!({}))),
        Err(error) => Err(refusal(&error)),
    }
}

fn refusal(error: &LoadError) -> Refusal {
    match error {
        LoadError::Unknown(name) => Refusal::not_found(format!("`{}` is no model of this server", cut(name))),
        // The client may be right: the files are not.
        LoadError::Artifact(_) | LoadError::Version(_) => Refusal::invalid(error.to_string()),
    }
}

/// Counts and times of versions.
pub(super) fn statistics(versions: &[Arc<Version>]) -> Value {
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let entry = |version: &Arc<Version>| {
        let stats = version.stats();
        let (answered, failed) = (load(&stats.answered), load(&stats.failed));
        json!({
            "name": version.name(),
            "version": version.identity().digest,
            "inference_count": answered,
            "execution_count": answered,
            "inference_stats": {
                "success": {"count": answered, "ns": load(&stats.request_time)},
                "fail": {"count": failed, "ns": load(&stats.failed_time)},
                "queue": {"count": answered + failed, "ns": load(&stats.queue_time)},
                "compute_infer": {"count": answered + failed, "ns": load(&stats.compute_time)},
            },
        })
    };
    json!({"model_stats": versions.iter().map(entry).collect::<Vec<_>>()})
}
