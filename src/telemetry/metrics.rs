//! Metrics in Prometheus's text format, with their descriptions.

use std::sync::Arc;

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

/// Bucket bounds for the time that a run spends in a state, in seconds: from a second to a day.
const RUN_SECONDS: [f64; 12] =
    [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0, 86_400.0];
/// Bucket bounds for the duration of a request, in seconds.
const REQUEST_SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0];

/// Renders all metrics in Prometheus's text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Starts the recording of metrics, and returns the function that renders them. Must be called once.
pub fn start_metrics() -> Result<RenderMetrics, String> {
    let handle = install().map_err(|error| error.to_string())?;
    describe();
    Ok(Arc::new(move || {
        handle.run_upkeep();
        handle.render()
    }))
}

fn install() -> Result<metrics_exporter_prometheus::PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("slipway_run_state_seconds".to_owned()), &RUN_SECONDS)?
        .set_buckets_for_metric(Matcher::Full("slipway_http_request_seconds".to_owned()), &REQUEST_SECONDS)?
        .install_recorder()
}

/// Registers the texts behind `# HELP`.
fn describe() {
    describe_counter!("slipway_deliveries_total", "Deliveries that arrived, by the outcome of their acceptance.");
    describe_counter!("slipway_deliveries_read_total", "Deliveries that were read, by their final state.");
    describe_counter!("slipway_deliveries_of_others_total", "Deliveries of another repository, by reason.");
    describe_gauge!("slipway_deliveries_pending", "Deliveries that are stored and not read yet.");
    describe_gauge!("slipway_deliveries_oldest_pending_seconds", "Age of the oldest delivery that is not read yet.");
    describe_counter!("slipway_missed_deliveries_total", "Failed deliveries that were fetched from the forge's list.");
    describe_counter!(
        "slipway_missed_pushes_total",
        "Pushes without a delivery that reconciliation found on a branch."
    );
    describe_gauge!("slipway_runs", "Runs in the store, by their state.");
    describe_gauge!("slipway_models_without_runs", "Models on a source's branch without a run, at the last sync.");
    describe_gauge!("slipway_quarantined", "Rows that cannot be read and are skipped, by kind.");
    describe_counter!("slipway_quarantined_total", "Rows and steps that were quarantined, by kind.");
    describe_counter!("slipway_store_errors_total", "Failures of the store after which a loop continued.");
    describe_gauge!("slipway_runs_stalled", "Runs that wait for a person.");
    describe_gauge!("slipway_runs_waiting", "Runs that are due and not processed by a worker.");
    describe_gauge!(
        "slipway_runs_longest_waiting_seconds",
        "Age of the oldest run that is due and not processed by a worker."
    );
    describe_histogram!("slipway_run_state_seconds", "Time that runs spent in a state.");
    describe_counter!("slipway_environment_drift_total", "Changes by hand of the artifact that an environment names.");
    describe_counter!("slipway_runs_ended_total", "Runs that ended, by their final state.");
    describe_counter!("slipway_leases_lost_total", "Leases that were lost while a worker held a run.");
    describe_gauge!("slipway_reports_behind", "Reports of a source whose reported state is behind.");
    describe_gauge!("slipway_reports_behind_oldest_seconds", "Time since the oldest of these reports is behind.");
    describe_gauge!("slipway_outbox_pending", "Reports that are behind, of all sources in the store.");
    describe_gauge!("slipway_outbox_oldest_pending_seconds", "Time since the oldest of these reports is behind.");
    describe_counter!("slipway_forge_calls_refused_total", "Calls that a limit refused, by the origin of the limit.");
    describe_counter!(
        "slipway_forge_calls_unchanged_total",
        "Calls with an unchanged response, which do not count towards the limit."
    );
    describe_gauge!("slipway_forge_calls_left", "Remaining calls to a repository's forge until its limit resets.");
    describe_counter!("slipway_reports_total", "Attempts to report to forges, by outcome.");
    describe_counter!("slipway_removed_total", "Rows and artifacts that retention removed, by kind.");
    describe_counter!(
        "slipway_artifacts_healed_total",
        "Damaged or missing files that were replaced by an intact copy."
    );
    describe_counter!("slipway_settings_reloads_total", "Reloads of the settings, by outcome.");
    describe_counter!("slipway_connections_refused_total", "Connections that were refused, by reason.");
    describe_counter!("slipway_panics_total", "Requests whose handler panicked; each one is a defect of Slipway.");
    describe_counter!("slipway_http_requests_total", "Requests, by method, route and status.");
    describe_histogram!("slipway_http_request_seconds", "Time until the response to a request, by route.");
    describe_counter!(
        "slipway_http_refused_total",
        "Calls of the API that were refused because of missing permissions."
    );
}
