//! The HTTP client of the cloud stores: the one that the rest of Slipway uses, which follows no redirect.

use std::io::Read as _;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::poll_fn;
use http_body_util::{BodyExt as _, StreamBody};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use tokio::sync::mpsc;
use ureq::Agent;

use super::http;

/// Bytes of one piece of an answer, and the number of pieces that wait for their reader.
const PIECE: usize = 256 * 1024;
const WAITING: usize = 4;

/// Makes clients.
#[derive(Debug)]
pub(super) struct Connector;

impl HttpConnector for Connector {
    /// The options of object stores are those of another client, and have defaults.
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Client { agent: http::agent() }))
    }
}

#[derive(Debug)]
struct Client {
    agent: Agent,
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        let agent = self.agent.clone();
        let request = ureq::http::Request::from_parts(parts, body);
        let answered = tokio::task::spawn_blocking(move || agent.run(request)).await;
        let answer = answered.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?.map_err(failed)?;
        let (parts, body) = answer.into_parts();
        let (pieces, mut received) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || {
            let mut reader = body.into_with_config().limit(u64::MAX).reader();
            loop {
                let mut piece = vec![0; PIECE];
                let read = reader.read(&mut piece).map(|read| {
                    piece.truncate(read);
                    Bytes::from(piece)
                });
                let is_last = read.as_ref().map_or(true, Bytes::is_empty);
                let read = read.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error));
                // The end has no piece; and a reader that is gone needs no further one.
                if read.as_ref().is_ok_and(Bytes::is_empty) || pieces.blocking_send(read).is_err() || is_last {
                    break;
                }
            }
        });
        let pieces = poll_fn(move |context| received.poll_recv(context));
        let frames = futures_util::StreamExt::map(pieces, |piece| piece.map(http_body::Frame::data));
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(StreamBody::new(frames))))
    }
}

/// Tells the store whether another attempt can help.
fn failed(error: ureq::Error) -> HttpError {
    let kind = match &error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => HttpErrorKind::Connect,
        ureq::Error::Io(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
