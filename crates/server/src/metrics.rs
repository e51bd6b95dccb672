//! Metrics in Prometheus' text format, with the names of Triton and `KServe` where these have one.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::http::Traffic;
use crate::registry::Registry;
use crate::version::Version;

/// The value of a metric of one version.
type Read = fn(&Version) -> u64;

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn microseconds(counter: &AtomicU64) -> u64 {
    load(counter) / 1_000
}

/// `(name, type, help, value)` of the metrics of a version.
const OF_VERSIONS: [(&str, &str, &str, Read); 9] = [
    ("nv_inference_request_success", "counter", "Answered requests", |it| load(&it.stats().answered)),
    ("nv_inference_request_failure", "counter", "Requests that were wrong, or for which the model failed", |it| {
        load(&it.stats().failed)
    }),
    ("nv_inference_exec_count", "counter", "Runs of the model", |it| load(&it.stats().answered)),
    ("nv_inference_pending_request_count", "gauge", "Waiting requests", |it| {
        u64::try_from(it.waiting()).unwrap_or(u64::MAX)
    }),
    ("nv_inference_request_duration_us", "counter", "Time of answered requests in microseconds", |it| {
        microseconds(&it.stats().request_time)
    }),
    ("nv_inference_queue_duration_us", "counter", "Time in the queue in microseconds", |it| {
        microseconds(&it.stats().queue_time)
    }),
    (
        "nv_inference_compute_infer_duration_us",
        "counter",
        "Time of reading, computing and writing in microseconds",
        |it| microseconds(&it.stats().compute_time),
    ),
    ("slipway_server_shed_total", "counter", "Requests that the queue had no room for", |it| load(&it.stats().shed)),
    ("slipway_server_late_total", "counter", "Requests whose deadline passed", |it| load(&it.stats().late)),
];

/// All metrics.
pub(crate) fn text(registry: &Registry, traffic: &Traffic) -> String {
    let versions = registry.versions();
    let mut text = String::new();
    for (name, kind, help, read) in OF_VERSIONS {
        head(&mut text, name, kind, help);
        for version in &versions {
            line(&mut text, name, &labels(version), read(version));
        }
    }
    predict_seconds(&mut text, &versions);
    head(&mut text, "slipway_server_model_info", "gauge", "The artifact that answers for a model");
    for version in &versions {
        let identity = version.identity();
        let (run, commit) = (identity.run.as_deref(), identity.source_commit.as_deref());
        let more = format!(",run=\"{}\",source_commit=\"{}\"", run.unwrap_or_default(), commit.unwrap_or_default());
        line(&mut text, "slipway_server_model_info", &format!("{}{more}", labels(version)), 1);
    }
    let (loaded, failed) = registry.loads();
    let totals = [
        ("slipway_server_loads_total", "counter", "Artifacts that were loaded", loaded),
        ("slipway_server_load_failures_total", "counter", "Loads that failed", failed),
        ("slipway_server_connections", "gauge", "Open connections", load(&traffic.connections)),
        ("slipway_server_refused_connections_total", "counter", "Connections above the limit", load(&traffic.refused)),
        ("slipway_server_body_bytes", "gauge", "Bytes of bodies in memory", traffic.bytes()),
    ];
    for (name, kind, help, value) in totals {
        head(&mut text, name, kind, help);
        line(&mut text, name, "", value);
    }
    text
}

/// The times of answered requests, as `KServe` names them.
fn predict_seconds(text: &mut String, versions: &[Arc<Version>]) {
    let name = "request_predict_seconds";
    head(text, name, "histogram", "Time of answered requests in seconds");
    for version in versions {
        let labels = format!("model_name=\"{}\"", escaped(version.name()));
        for (bound, count) in version.stats().buckets() {
            line(text, &format!("{name}_bucket"), &format!("{labels},le=\"{bound}\""), count);
        }
        let count = load(&version.stats().answered);
        line(text, &format!("{name}_bucket"), &format!("{labels},le=\"+Inf\""), count);
        line(text, &format!("{name}_count"), &labels, count);
        let nanoseconds = load(&version.stats().request_time);
        let sum = std::time::Duration::from_nanos(nanoseconds).as_secs_f64();
        writeln!(text, "{name}_sum{{{labels}}} {sum}").expect("writing to memory does not fail");
    }
}

fn labels(version: &Version) -> String {
    format!("model=\"{}\",version=\"{}\"", escaped(version.name()), version.identity().digest)
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("writing to memory does not fail");
}

fn line(text: &mut String, name: &str, labels: &str, value: u64) {
    let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    writeln!(text, "{name}{labels} {value}").expect("writing to memory does not fail");
}
