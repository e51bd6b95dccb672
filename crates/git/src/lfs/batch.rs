//! The batch API of Git LFS (git-lfs/docs/api/batch.md): asks where objects can be downloaded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::LfsFile;
use super::endpoint::Endpoint;
use crate::GitError;
use crate::http::Connection;
use crate::message::single_line;

/// The media type of requests and answers.
const MEDIA_TYPE: &str = "application/vnd.git-lfs+json";
/// Maximum size of an answer in bytes: 100 objects with long signed addresses.
const MAX_ANSWER_BYTES: u64 = 8 << 20;
/// Maximum number of headers that an answer may name for one object.
const MAX_HEADERS: usize = 32;

/// An object and where it can be downloaded.
pub(super) struct Requested<'file> {
    pub(super) file: &'file LfsFile,
    pub(super) download: Action,
}

/// A request that downloads an object.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Action {
    /// The URL of the object.
    pub(super) href: String,
    /// The headers of the request.
    #[serde(default)]
    pub(super) header: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Request<'a> {
    operation: &'static str,
    transfers: [&'static str; 1],
    objects: Vec<Object<'a>>,
    hash_algo: &'static str,
}

#[derive(Serialize)]
struct Object<'a> {
    oid: &'a str,
    size: u64,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    transfer: Option<String>,
    #[serde(default)]
    hash_algo: Option<String>,
    objects: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    oid: String,
    #[serde(default)]
    actions: Option<Actions>,
    #[serde(default)]
    error: Option<ObjectError>,
}

#[derive(Default, Deserialize)]
struct Actions {
    #[serde(default)]
    download: Option<Action>,
}

#[derive(Deserialize)]
struct ObjectError {
    code: u16,
    #[serde(default)]
    message: String,
}

/// Asks for the downloads of objects, in their order.
pub(super) fn request<'file>(
    connection: &Connection,
    endpoint: &Endpoint,
    files: &[&'file LfsFile],
) -> Result<Vec<Requested<'file>>, GitError> {
    let objects = files.iter().map(|file| Object { oid: &file.pointer.oid, size: file.pointer.size });
    let request =
        Request { operation: "download", transfers: ["basic"], objects: objects.collect(), hash_algo: "sha256" };
    let body = serde_json::to_vec(&request).expect("a request holds only texts and numbers");
    let answer = send(connection, endpoint, &body, files)?;
    let Answer { transfer, hash_algo, objects } = serde_json::from_slice(&answer)
        .map_err(|error| connection.unexpected(format!("an answer of Git LFS that cannot be read: {error}")))?;
    for (expected, found) in [("basic", transfer), ("sha256", hash_algo)] {
        if let Some(found) = found.filter(|found| found != expected) {
            let found = single_line(&found);
            return Err(connection.unexpected(format!("Git LFS with `{found}`, which is not supported")));
        }
    }
    let mut by_oid: BTreeMap<String, Found> =
        objects.into_iter().take(2 * super::MAX_OBJECTS).map(|found| (found.oid.clone(), found)).collect();
    files.iter().map(|file| of_object(connection, file, by_oid.remove(&file.pointer.oid))).collect()
}

fn send(connection: &Connection, endpoint: &Endpoint, body: &[u8], files: &[&LfsFile]) -> Result<Vec<u8>, GitError> {
    let mut request = connection.agent().post(format!("{}/objects/batch", endpoint.url));
    for (name, value) in &endpoint.headers {
        request = request.header(name, value);
    }
    let request = request.header("Content-Type", MEDIA_TYPE).header("Accept", MEDIA_TYPE);
    let mut answer = request.send(body).map_err(|error| connection.failed(error))?;
    match answer.status().as_u16() {
        200 => {}
        404 | 501 => {
            let first = files.first().map_or("", |file| &file.path);
            return Err(GitError::LfsObject {
                repository: connection.url().to_owned(),
                path: first.to_owned(),
                problem: format!("the server does not offer Git LFS (HTTP {})", answer.status().as_u16()),
                help: "enable Git LFS at the forge, and give the token of this source read access".to_owned(),
            });
        }
        _ => return Err(connection.refusal(&mut answer)),
    }
    let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
    body.map_err(|error| connection.failed(error))
}

fn of_object<'file>(
    connection: &Connection,
    file: &'file LfsFile,
    found: Option<Found>,
) -> Result<Requested<'file>, GitError> {
    let repository = connection.url().to_owned();
    let Some(Found { oid: _, actions, error }) = found else {
        let oid = &file.pointer.oid;
        return Err(connection.unexpected(format!("an answer of Git LFS without the requested object {oid}")));
    };
    if let Some(ObjectError { code, message }) = error {
        return Err(match code {
            404 | 410 => missing(repository, file),
            500..=599 => GitError::ServerFault { repository, status: code, message: single_line(&message) },
            _ => GitError::LfsObject {
                repository,
                path: file.path.clone(),
                problem: format!("the server refuses its Git LFS object ({code}): {}", single_line(&message)),
                help: "check the object at the forge".to_owned(),
            },
        });
    }
    let Some(download) = actions.unwrap_or_default().download else { return Err(missing(repository, file)) };
    if download.header.len() > MAX_HEADERS {
        return Err(connection.unexpected(format!("an answer of Git LFS with more than {MAX_HEADERS} headers")));
    }
    Ok(Requested { file, download })
}

/// The error for an object that nobody has pushed.
pub(super) fn missing(repository: String, file: &LfsFile) -> GitError {
    GitError::LfsObject {
        repository,
        path: file.path.clone(),
        problem: format!("its Git LFS object {} is not on the server", file.pointer.oid),
        help: "run `git lfs push --all origin` in a clone that has the object".to_owned(),
    }
}
