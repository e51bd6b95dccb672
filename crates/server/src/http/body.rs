//! Reads the body of a request within limits: its size, the time of the client, and the bytes of all bodies together.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Server, UNIT};
use crate::refusal::Refusal;

/// How soon a client may try again if bodies fill the memory.
const AGAIN: Duration = Duration::from_secs(1);
/// The largest rest of a body that is read only to keep the connection, in bytes, and how long that may take.
const MAX_REST: u64 = 64 << 10;
const REST_TIME: Duration = Duration::from_secs(1);

/// A body, and its share of the memory for bodies.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(server: &Server, body: &mut Incoming, limit: usize) -> Result<Body, Refusal> {
    let too_large = || Refusal::too_large(format!("the body has more than {limit} bytes"));
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let time = server.limits.body_time;
    let slow = |_| Refusal::slow(format!("the body did not arrive within {} s", time.as_secs()));
    timeout(time, collect(&server.traffic.room, body, limit, &too_large)).await.map_err(slow)?
}

async fn collect(
    room: &Arc<Semaphore>,
    body: &mut Incoming,
    limit: usize,
    too_large: &impl Fn() -> Refusal,
) -> Result<Body, Refusal> {
    let mut bytes = BytesMut::new();
    let mut share: Option<OwnedSemaphorePermit> = None;
    let mut held = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::invalid("the body ended before its size"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(too_large());
        }
        let needed = (bytes.len() + data.len()).div_ceil(UNIT);
        if needed > held {
            let more = u32::try_from(needed - held).unwrap_or(u32::MAX);
            let permit = room.clone().try_acquire_many_owned(more);
            let permit = permit.map_err(|_| Refusal::busy("the bodies of other requests fill the memory", AGAIN))?;
            match &mut share {
                Some(share) => share.merge(permit),
                None => share = Some(permit),
            }
            held = needed;
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Body { bytes: bytes.freeze(), _share: share })
}

/// Reads and forgets a small rest of a body. Returns whether the body is at its end.
pub(super) async fn is_drained(body: &mut Incoming) -> bool {
    if body.is_end_stream() || body.size_hint().lower() > MAX_REST {
        return body.is_end_stream();
    }
    let rest = async {
        let mut left = MAX_REST;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            match left.checked_sub(bytes) {
                Some(fewer) => left = fewer,
                None => return false,
            }
        }
        true
    };
    timeout(REST_TIME, rest).await.unwrap_or(false)
}
