//! Files over http and https: GET requests that follow redirects only to allowed addresses.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderValue, header};

use super::address::Address;
use super::{Kind, NotAStore, Stores};
use crate::DataError;

/// Maximum number of redirects of a file.
const MAX_REDIRECTS: usize = 5;
/// Timeout of connecting, and between two parts of an answer.
const CONNECT: Duration = Duration::from_secs(10);
const READ: Duration = Duration::from_mins(1);
/// Maximum time of one file.
const OVERALL: Duration = Duration::from_hours(6);
/// The option with the value of the header `Authorization`.
const AUTHORIZATION: &str = "authorization";

/// An agent that follows no redirect and sends no credentials on its own.
pub(super) fn agent() -> Agent {
    Agent::config_builder()
        .user_agent(concat!("slipway/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_per_read(Some(READ))
        .timeout_per_write(Some(READ))
        .timeout_global(Some(OVERALL))
        .build()
        .into()
}

/// Reads the options of a store over http: `authorization`.
pub(super) fn kind(options: &BTreeMap<String, String>) -> Result<Kind, NotAStore> {
    for (name, value) in options {
        if name != AUTHORIZATION {
            return Err(NotAStore::Options(format!("unknown option `{name}`, expected `{AUTHORIZATION}`")));
        }
        if HeaderValue::from_str(value).is_err() {
            return Err(NotAStore::Options(format!("`{name}` is not the value of a header")));
        }
    }
    Ok(Kind::Http { agent: agent(), headers: options.clone() })
}

/// Opens a file. A redirect to another allowed address uses the login of that address.
pub(super) fn open(stores: &Stores, path: &str, mut address: Address) -> Result<Box<dyn Read>, DataError> {
    for _ in 0..=MAX_REDIRECTS {
        let Some(store) = stores.of(&address) else {
            return Err(stores.not_allowed(path, &address));
        };
        let Kind::Http { agent, headers } = &store.kind else { return Err(stores.not_allowed(path, &address)) };
        let mut request = agent.get(address.url());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.call().map_err(|error| DataError::unreachable(path, &address, error.to_string()))?;
        let status = answer.status().as_u16();
        match status {
            200 => {
                let body = answer.into_body().into_with_config().limit(u64::MAX).reader();
                return Ok(Box::new(body));
            }
            301 | 302 | 303 | 307 | 308 => {
                let target = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
                let target = absolute(&address, target.unwrap_or_default());
                address = Address::parse(&target).map_err(|error| DataError::refused(path, error.to_string()))?;
            }
            401 | 403 => return Err(DataError::denied(path, &address, format!("HTTP {status}"))),
            404 | 410 => return Err(DataError::missing(path, &address)),
            429 | 500..=599 => return Err(DataError::unreachable(path, &address, format!("HTTP {status}"))),
            _ => return Err(DataError::refused(path, format!("`{address}`: expected a file, found HTTP {status}"))),
        }
    }
    Err(DataError::refused(path, format!("`{address}`: more than {MAX_REDIRECTS} redirects")))
}

/// The target of a redirect, which may be a path of the same host.
fn absolute(address: &Address, target: &str) -> String {
    if target.starts_with('/') && !target.starts_with("//") {
        format!("{}://{}{target}", address.scheme, address.authority)
    } else {
        target.to_owned()
    }
}
