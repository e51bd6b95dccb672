//! Metrics in Prometheus's text format, with their descriptions.

use std::sync::Arc;

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

use super::aliases;

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
        aliases::with_deprecated_names(handle.render())
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
    describe_counter!("slipway_deliveries_total", "Received deliveries, by the outcome of their acceptance.");
    describe_counter!("slipway_deliveries_read_total", "Processed deliveries, by their final state.");
    describe_counter!("slipway_deliveries_other_repository_total", "Deliveries of another repository, by reason.");
    describe_gauge!("slipway_deliveries_pending", "Stored deliveries that are not processed yet.");
    describe_gauge!(
        "slipway_deliveries_oldest_pending_seconds",
        "Age of the oldest delivery that is not processed yet."
    );
    describe_counter!("slipway_deliveries_recovered_total", "Failed deliveries that were fetched from the forge.");
    describe_counter!("slipway_pushes_recovered_total", "Pushes without a delivery that were found on their branch.");
    describe_gauge!("slipway_runs", "Runs in the store, by state.");
    describe_gauge!("slipway_models_without_runs", "Models without a run on the branch of a source, at the last sync.");
    describe_gauge!("slipway_quarantined", "Rows that the server cannot read and skips, by kind.");
    describe_counter!("slipway_quarantined_total", "Rows and steps that were quarantined, by kind.");
    describe_counter!("slipway_store_errors_total", "Store errors after which a background task continued.");
    describe_gauge!("slipway_runs_stalled", "Runs that wait for a person.");
    describe_gauge!("slipway_runs_waiting", "Runs that are due and not claimed by a worker.");
    describe_gauge!("slipway_runs_longest_waiting_seconds", "Age of the oldest run that is due and not claimed.");
    describe_histogram!("slipway_run_state_seconds", "Time that runs spent in a state.");
    describe_counter!("slipway_environment_drift_total", "Changes of deployed artifacts that no run made.");
    describe_counter!("slipway_runs_ended_total", "Ended runs, by final state.");
    describe_counter!("slipway_leases_lost_total", "Leases that workers lost while they executed a step.");
    describe_gauge!("slipway_reports_behind", "Reports of a source that its forge does not have yet.");
    describe_gauge!("slipway_reports_behind_oldest_seconds", "Time for which the oldest report of a source is behind.");
    describe_gauge!("slipway_outbox_pending", "Reports of all sources that their forges do not have yet.");
    describe_gauge!(
        "slipway_outbox_oldest_pending_seconds",
        "Time for which the oldest report of all sources is behind."
    );
    describe_counter!(
        "slipway_forge_calls_refused_total",
        "Calls that exceeded a rate limit, by the side that refused."
    );
    describe_counter!(
        "slipway_forge_calls_unchanged_total",
        "Calls that the forge answered with 304, which cost nothing."
    );
    describe_gauge!("slipway_forge_calls_left", "Remaining calls in the current rate limit window of the forge.");
    describe_counter!("slipway_report_attempts_total", "Attempts to report to forges, by outcome.");
    describe_counter!("slipway_removed_total", "Items that retention removed, by kind.");
    describe_counter!("slipway_artifacts_healed_total", "Damaged or missing files that a good copy replaced.");
    describe_counter!("slipway_settings_reloads_total", "Reloads of the settings, by outcome.");
    describe_counter!("slipway_connections_refused_total", "Refused connections, by reason.");
    describe_counter!("slipway_panics_total", "Requests whose handler panicked, which is a defect of Slipway.");
    describe_counter!("slipway_http_requests_total", "HTTP requests, by method, route and status.");
    describe_histogram!("slipway_http_request_seconds", "Duration of HTTP requests, by route.");
    describe_counter!("slipway_http_refused_total", "API requests that were refused for lack of permission.");
}
