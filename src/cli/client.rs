//! The HTTP client of commands that connect to a server.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde_json::Value;

use super::address::Address;
use super::exit::{self, Failure};
use super::form::{Format, Width};
use super::known::Names;
use super::output;
use super::repeat::Watch;
use crate::web;

/// How long a server may take to respond.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Maximum size of a response, in bytes. The largest response is a delivery of 25 MiB, written as JSON.
const MAX_ANSWER_BYTES: u64 = 256 << 20;
/// Path of the API.
const ROOT: &str = "/api/v1/";
/// Maximum length of a page of the API.
const MAX_PAGE_LENGTH: usize = 500;

/// Creates a client with a timeout for the whole response. It follows no redirects, because they could carry a token elsewhere,
/// and accepts every status as a response.
pub(super) fn agent(timeout: Duration) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .http_status_as_error(false)
        .build()
        .into()
}

/// The server of a command, and the output format of its responses.
#[derive(Debug, Args)]
pub(super) struct Server {
    #[command(flatten)]
    address: Address,
    /// File with a token for the server's API
    #[arg(long, global = true, env = "SLIPWAY_TOKEN_FILE", hide_env_values = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

impl Server {
    /// Prints a response in the requested format.
    pub(super) fn show(&self, answer: &Value, as_text: impl FnOnce(&Value) -> String) -> Result<(), Failure> {
        self.format.show(answer, |answer, _| as_text(answer))
    }

    /// Prints a response that has more columns in the wide format.
    pub(super) fn show_wide(
        &self,
        answer: &Value,
        as_text: impl FnOnce(&Value, Width) -> String,
    ) -> Result<(), Failure> {
        self.format.show(answer, as_text)
    }

    /// Prints one of many responses.
    pub(super) fn show_next(&self, answer: &Value, as_text: impl FnOnce(&Value) -> String) -> Result<(), Failure> {
        self.format.show_next(answer, |answer, _| as_text(answer))
    }

    /// Prints one of many responses that have more columns in the wide format.
    pub(super) fn show_next_wide(
        &self,
        answer: &Value,
        as_text: impl FnOnce(&Value, Width) -> String,
    ) -> Result<(), Failure> {
        self.format.show_next(answer, as_text)
    }

    /// Creates a request to an address below `/api/v1/`, with the token.
    pub(super) fn request(&self, method: &str, path: &str) -> Result<ureq::http::request::Builder, Failure> {
        let url = self.url(path)?;
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if let Some(file) = &self.token_file {
            let token = std::fs::read_to_string(file).map_err(|error| {
                exit::invalid(format!("the token file `{}` cannot be read: {error}", file.display()))
            })?;
            request = request.header("authorization", format!("Bearer {}", token.trim()));
        }
        Ok(request)
    }

    fn url(&self, path: &str) -> Result<String, Failure> {
        Ok(format!("{}{ROOT}{path}", self.address.url()?))
    }

    /// Sends a request and returns the response. A refusal is a failure with its reason.
    pub(super) fn call(&self, method: &str, path: &str) -> Result<Value, Failure> {
        self.answer(method, path, None)
    }

    /// Posts a document and returns the response.
    pub(super) fn send(&self, path: &str, document: &Value) -> Result<Value, Failure> {
        self.answer("POST", path, Some(document))
    }

    fn answer(&self, method: &str, path: &str, document: Option<&Value>) -> Result<Value, Failure> {
        let url = self.url(path)?;
        let mut request = self.request(method, path)?;
        if document.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = document.map(Value::to_string).unwrap_or_default();
        let request = request.body(body).map_err(|error| exit::invalid(format!("`{url}`: {error}")))?;
        let response = agent(TIMEOUT).run(request).map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        let mut body = String::new();
        let read = response.into_body().into_reader().take(MAX_ANSWER_BYTES).read_to_string(&mut body);
        read.map_err(|error| exit::unreachable(format!("{url}: {error}")))?;
        let mut answer: Value = serde_json::from_str(&body).unwrap_or_default();
        if !(200..300).contains(&status) {
            return Err(refusal(status, &answer));
        }
        // A server of the previous release sends only the old names of renamed fields.
        let path = path.split('?').next().unwrap_or_default();
        web::schemas().complete_response(method, &format!("{ROOT}{path}"), &mut answer);
        Ok(answer)
    }

    /// Lists items page by page up to a limit. Returns the list under its `key`, as one page would contain it.
    pub(super) fn list(&self, path: &str, filters: &Query, key: &str, limit: usize) -> Result<Value, Failure> {
        let mut listed: Vec<Value> = Vec::new();
        let mut next = Value::Null;
        loop {
            let page = MAX_PAGE_LENGTH.min(limit - listed.len());
            let query = filters.clone().with("limit", Some(&page.to_string())).with("cursor", next.as_str());
            let mut answer = self.call("GET", &format!("{path}{query}"))?;
            if let Some(things) = answer[key].as_array_mut() {
                listed.append(things);
            }
            next = answer["next"].take();
            if next.is_null() || listed.len() >= limit {
                return Ok(serde_json::json!({ key: listed, "next": next }));
            }
        }
    }

    /// Lists items of a kind page by page up to a limit, and checks the names of the filters if there are none.
    pub(super) fn list_of(
        &self,
        kind: &str,
        filters: &Query,
        names: Names<'_>,
        limit: usize,
    ) -> Result<Value, Failure> {
        let answer = self.list(kind, filters, kind, limit)?;
        if output::things(&answer, kind).is_empty() {
            names.check(self)?;
        }
        Ok(answer)
    }

    /// Prints the newest items of a kind up to a limit, and notes if there are more.
    pub(super) fn show_list(
        &self,
        kind: &str,
        (filters, names): (&Query, Names<'_>),
        limit: u32,
        watch: Watch,
        as_text: impl Fn(&Value, Width) -> String,
    ) -> Result<(), Failure> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        self.show_or_watch(
            watch,
            || self.list_of(kind, filters, names, most),
            |answer, width| {
                if !answer["next"].is_null() {
                    output::note(&output::more_than(limit, kind));
                }
                as_text(answer, width)
            },
        )
    }

    pub(super) fn unreachable(&self, error: &ureq::Error) -> Failure {
        let help = "check that `slipway serve` runs at this address; set another with `--server`, SLIPWAY_SERVER or \
             `--config`";
        let address = self.address.url().unwrap_or_default();
        exit::unreachable(format!("{address}: {error}\n  help: {help}"))
    }
}

/// Converts a server's refusal to a failure of the command.
pub(super) fn refusal(status: u16, answer: &Value) -> Failure {
    let detail = answer["detail"].as_str().unwrap_or("the server gave no reason");
    match status {
        401 => exit::invalid(format!(
            "{detail}\n  help: set `--token-file` or SLIPWAY_TOKEN_FILE to a file with a token; create a token with \
             `slipway tokens create`"
        )),
        429 | 500.. => exit::unreachable(detail),
        _ => exit::invalid(detail),
    }
}

/// A query string.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Adds a parameter if there is a value.
    pub(super) fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.0.extend(value.map(|value| (name, encoded(value))));
        self
    }
}

impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// Every byte except the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes a text for an address: every byte except the unreserved characters becomes `%XX` (RFC 3986, section 2.1).
pub(super) fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_addresses_is_written_as_bytes() {
        assert_eq!(encoded("a-b.c_d~1"), "a-b.c_d~1");
        assert_eq!(encoded("a/../b?c&d=é%"), "a%2F..%2Fb%3Fc%26d%3D%C3%A9%25");
        let query = Query::default().with("model", Some("a b")).with("state", None).with("limit", Some("7"));
        assert_eq!(query.to_string(), "?model=a%20b&limit=7");
        assert_eq!(Query::default().to_string(), "");
    }
}
