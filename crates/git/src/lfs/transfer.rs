//! The transfer `basic` of Git LFS (git-lfs/docs/api/basic-transfers.md): reads one object.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use ureq::http::header;

use super::LfsFile;
use super::batch::{Action, missing};
use super::endpoint::Endpoint;
use crate::GitError;
use crate::http::{Connection, header_text};
use crate::message::single_line;

/// Maximum number of redirects of an object, for example from a forge to its object store.
const MAX_REDIRECTS: usize = 3;
/// The slowest accepted transfer in bytes per second, which bounds the time of an object.
const MIN_SPEED: u64 = 128 * 1024;

/// Opens the object of a file. Its bytes are limited to one more than its size, and they are not verified.
pub(super) fn open(
    connection: &Connection,
    endpoint: &Endpoint,
    file: &LfsFile,
    download: &Action,
) -> Result<Box<dyn Read>, GitError> {
    let mut url = download.href.clone();
    let mut headers = headers_for(endpoint, download);
    let size = file.pointer.size;
    let deadline = connection.overall() + Duration::from_secs(size / MIN_SPEED);
    for _ in 0..=MAX_REDIRECTS {
        if !endpoint.allows(&url) {
            return Err(
                connection.unexpected(format!("an address of a Git LFS object that is refused: {}", shown(&url)))
            );
        }
        let mut request = connection.agent().get(&url);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let request = request.config().timeout_global(Some(deadline)).build();
        let mut answer = request.call().map_err(|error| connection.failed(error))?;
        match answer.status().as_u16() {
            200 => {
                let body = answer.into_body().into_with_config().limit(u64::MAX).reader();
                return Ok(Box::new(body.take(size.saturating_add(1))));
            }
            404 | 410 => return Err(missing(connection.url().to_owned(), file)),
            301 | 302 | 303 | 307 | 308 => {
                let target = header_text(&answer, &header::LOCATION);
                // The login of one server is not for another one.
                if !same_origin(&url, &target) {
                    headers.clear();
                }
                url = target;
            }
            401 | 403 => {
                return Err(GitError::LfsObject {
                    repository: connection.url().to_owned(),
                    path: file.path.clone(),
                    problem: format!(
                        "access to its Git LFS object was refused (HTTP {}) by {}",
                        answer.status().as_u16(),
                        shown(&url)
                    ),
                    help: "give the token of this source read access to the repository".to_owned(),
                });
            }
            _ => return Err(connection.refusal(&mut answer)),
        }
    }
    Err(connection.unexpected(format!("more than {MAX_REDIRECTS} redirects of a Git LFS object")))
}

/// The headers of the download. The login is added only at the origin of the LFS server, and only if the server names no other.
fn headers_for(endpoint: &Endpoint, download: &Action) -> BTreeMap<String, String> {
    let mut headers = download.header.clone();
    let is_login = |name: &String| name.eq_ignore_ascii_case("authorization");
    if !headers.keys().any(is_login) && endpoint.is_at_origin(&download.href) {
        headers.extend(endpoint.headers.clone());
    }
    headers
}

fn same_origin(url: &str, other: &str) -> bool {
    Endpoint { url: url.to_owned(), headers: BTreeMap::new() }.is_at_origin(other)
}

/// An address without its query, which can contain a signature.
fn shown(url: &str) -> String {
    single_line(url.split(['?', '#']).next().unwrap_or_default().rsplit('@').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_is_sent_to_its_own_origin_alone() {
        let login: BTreeMap<_, _> = [("Authorization".to_owned(), "Basic x".to_owned())].into();
        let endpoint = Endpoint { url: "https://forge.example/m.git/info/lfs".to_owned(), headers: login.clone() };
        let at = |href: &str, header: &[(&str, &str)]| {
            let header = header.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            headers_for(&endpoint, &Action { href: href.to_owned(), header })
        };
        assert_eq!(at("https://forge.example/1", &[]), login);
        assert_eq!(at("https://store.example/1", &[]), BTreeMap::new());
        let other = at("https://forge.example/1", &[("authorization", "Bearer y")]);
        assert_eq!(other.into_values().collect::<Vec<_>>(), ["Bearer y"]);
        assert_eq!(shown("https://u:p@store.example/1?signature=secret"), "store.example/1");
    }
}
