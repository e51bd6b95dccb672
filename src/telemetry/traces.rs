//! Export of traces to a collector: OTLP over HTTP, as protobuf.

use std::fmt;
use std::io::Read as _;
use std::str::FromStr;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::Layered;

/// Timeout for one batch.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout for the last batch when the server stops.
const LAST_BATCH: Duration = Duration::from_secs(3);
/// Maximum number of bytes that are read of a response.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// A collector's address, such as `http://localhost:4318`. It may contain a password, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct OtlpUrl(String);

/// The text is not a collector's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as `http://localhost:4318`, to which Slipway adds `/v1/traces`")]
pub struct NotACollector;

impl FromStr for OtlpUrl {
    type Err = NotACollector;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: ureq::http::Uri = text.parse().map_err(|_| NotACollector)?;
        let good = matches!(url.scheme_str(), Some("http" | "https")) && url.query().is_none();
        if good { Ok(Self(text.trim_end_matches('/').to_owned())) } else { Err(NotACollector) }
    }
}

impl fmt::Debug for OtlpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtlpUrl(hidden)")
    }
}

/// The export of traces, if there is one. Dropping it sends the remaining traces.
#[derive(Default)]
pub struct Traces(Option<SdkTracerProvider>);

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take() {
            // An unreachable collector does not stop the shutdown.
            let _ = provider.shutdown_with_timeout(LAST_BATCH);
        }
    }
}

/// The HTTP client for batches, on the exporter's own thread.
#[derive(Debug)]
struct Client(ureq::Agent);

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let response = self.0.run(request.map(|body| body.to_vec()))?;
        let (head, body) = response.into_parts();
        let mut bytes = Vec::new();
        body.into_reader().take(MAX_ANSWER_BYTES).read_to_end(&mut bytes)?;
        Ok(Response::from_parts(head, bytes.into()))
    }
}

/// The layers below the exporting layer.
type Below = Layered<Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync>, Registry>;

/// Starts the export to a collector.
pub(super) fn export(url: &OtlpUrl) -> Result<(Traces, OpenTelemetryLayer<Below, SdkTracer>), String> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .http_status_as_error(false)
        .build();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client(config.into()))
        .with_endpoint(format!("{}/v1/traces", url.0))
        .with_timeout(TIMEOUT)
        .build()
        .map_err(|error| format!("traces cannot be exported: {error}"))?;
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_service_name("slipway").with_attribute(version).build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("slipway"));
    Ok((Traces(Some(provider)), layer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_collectors_are_taken() {
        for good in ["http://localhost:4318", "https://user:password@collector.example/otlp/"] {
            let url: OtlpUrl = good.parse().expect(good);
            assert_eq!(format!("{url:?}"), "OtlpUrl(hidden)");
        }
        for wrong in ["", "localhost:4318", "grpc://localhost:4317", "http://localhost/?a=b", "not an address"] {
            assert_eq!(wrong.parse::<OtlpUrl>(), Err(NotACollector), "{wrong}");
        }
    }
}
