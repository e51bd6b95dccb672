//! Objects in S3, GCS and Azure, read as a stream.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, RetryConfig};
use tokio::runtime::{Builder, Runtime};

use super::NotAStore;
use super::address::Address;
use super::transport::Connector;
use crate::DataError;

/// Maximum number of retries within one step, and their time. Longer outages are retried with the step.
const RETRIES: usize = 3;
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// The store of a bucket with the options of the settings.
pub(super) fn connect(prefix: &Address, options: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>, NotAStore> {
    let bucket = &prefix.authority;
    match prefix.scheme.as_str() {
        "s3" => build_s3(with_all(AmazonS3Builder::new(), options, AmazonS3Builder::with_config)?, bucket),
        "gs" => build_gcs(
            with_all(GoogleCloudStorageBuilder::new(), options, GoogleCloudStorageBuilder::with_config)?,
            bucket,
        ),
        _ => build_azure(with_all(MicrosoftAzureBuilder::new(), options, MicrosoftAzureBuilder::with_config)?, bucket),
    }
}

/// The store of a bucket with the login in the environment of the user.
pub(super) fn connect_as_user(address: &Address) -> Result<Arc<dyn ObjectStore>, NotAStore> {
    let bucket = &address.authority;
    match address.scheme.as_str() {
        "s3" => build_s3(AmazonS3Builder::from_env(), bucket),
        "gs" => build_gcs(GoogleCloudStorageBuilder::from_env(), bucket),
        _ => build_azure(MicrosoftAzureBuilder::from_env(), bucket),
    }
}

/// Sets the options of a store. An error names the option, and not its value.
fn with_all<B, K: FromStr>(
    mut builder: B,
    options: &BTreeMap<String, String>,
    set: impl Fn(B, K, String) -> B,
) -> Result<B, NotAStore> {
    for (name, value) in options {
        let key =
            name.parse().map_err(|_| NotAStore::Options(format!("unknown option `{name}` of this kind of store")))?;
        builder = set(builder, key, value.clone());
    }
    Ok(builder)
}

fn build_s3(builder: AmazonS3Builder, bucket: &str) -> Result<Arc<dyn ObjectStore>, NotAStore> {
    let builder = builder.with_bucket_name(bucket).with_retry(retries()).with_http_connector(Connector);
    Ok(Arc::new(builder.build().map_err(unusable)?))
}

fn build_gcs(builder: GoogleCloudStorageBuilder, bucket: &str) -> Result<Arc<dyn ObjectStore>, NotAStore> {
    let builder = builder.with_bucket_name(bucket).with_retry(retries()).with_http_connector(Connector);
    Ok(Arc::new(builder.build().map_err(unusable)?))
}

fn build_azure(builder: MicrosoftAzureBuilder, container: &str) -> Result<Arc<dyn ObjectStore>, NotAStore> {
    let builder = builder.with_container_name(container).with_retry(retries()).with_http_connector(Connector);
    Ok(Arc::new(builder.build().map_err(unusable)?))
}

fn retries() -> RetryConfig {
    RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` needs")]
fn unusable(error: object_store::Error) -> NotAStore {
    NotAStore::Options(error.to_string())
}

/// Opens an object.
pub(super) fn open(objects: &Arc<dyn ObjectStore>, path: &str, address: &Address) -> Result<Box<dyn Read>, DataError> {
    let failed = |problem: String| DataError::unreachable(path, address, problem);
    let key = Path::from_url_path(address.key()).map_err(|error| DataError::refused(path, error.to_string()))?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(error.to_string()))?;
    let opened = runtime.block_on(objects.get(&key));
    let found = opened.map_err(|error| match error {
        object_store::Error::NotFound { .. } => DataError::missing(path, address),
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            DataError::denied(path, address, "the store refuses the login".to_owned())
        }
        error => failed(error.to_string()),
    })?;
    Ok(Box::new(Object { stream: found.into_stream(), piece: Bytes::new(), runtime }))
}

/// The bytes of an object, read in pieces by a runtime of its own.
struct Object {
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    piece: Bytes,
    /// The last field, so that the stream is dropped before.
    runtime: Runtime,
}

impl Read for Object {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.runtime.block_on(self.stream.next()) {
                None => return Ok(0),
                Some(piece) => self.piece = piece.map_err(io::Error::other)?,
            }
        }
        let length = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
