//! Logs to standard error, traces to a collector, metrics for Prometheus.

mod aliases;
mod metrics;
mod traces;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

pub use aliases::{RENAMED_METRICS, RenamedMetric};
pub use metrics::{RenderMetrics, start_metrics};
pub use traces::{NotACollector, OtlpUrl, Traces};

/// Default log filter of a server.
pub const DEFAULT_FILTER: &str = "info,sqlx=warn,hyper=warn,ureq=warn";

/// Telemetry settings of the server's owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Destination of traces; if `None`, no traces are sent.
    pub otlp: Option<OtlpUrl>,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text {
        /// With colours.
        colours: bool,
    },
    /// One JSON object per line.
    Json,
}

/// Starts logging, and the export of traces if there is a collector. `filter` is a `tracing` directive such as `slipway=debug`;
/// an invalid directive is an error that names it. Traces are sent until the returned value is dropped.
pub fn start_logging(format: LogFormat, filter: &str, settings: &Settings) -> Result<Traces, String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text { colours } => lines.with_ansi(colours).with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let (traces, exported) = match &settings.otlp {
        Some(url) => traces::export(url).map(|(traces, layer)| (traces, Some(layer)))?,
        None => (Traces::default(), None),
    };
    let started = Registry::default().with(lines).with(exported).with(filter).try_init();
    started.map(|()| traces).map_err(|error| error.to_string())
}
