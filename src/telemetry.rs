//! Tracing to standard error and metrics for Prometheus. Nothing here knows what it counts.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::EnvFilter;

/// What is logged when nothing else is asked for.
const DEFAULT_FILTER: &str = "info,sqlx=warn,hyper=warn,ureq=warn";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text {
        /// With colours.
        colours: bool,
    },
    /// One JSON object a line.
    Json,
}

/// Starts logging. `filter` is a `tracing` directive such as `slipway=debug`; one that cannot be read is named.
pub fn start_logging(format: LogFormat, filter: Option<&str>) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter.unwrap_or(DEFAULT_FILTER)).map_err(|error| error.to_string())?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text { colours } => subscriber.with_ansi(colours).with_target(false).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    }
    .map_err(|error| error.to_string())
}

/// Renders all metrics in Prometheus's text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Starts counting; the answer renders what was counted. To be called once.
pub fn start_metrics() -> Result<RenderMetrics, String> {
    let handle = PrometheusBuilder::new().install_recorder().map_err(|error| error.to_string())?;
    Ok(Arc::new(move || {
        handle.run_upkeep();
        handle.render()
    }))
}
