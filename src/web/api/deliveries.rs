//! Lists, shows and replays deliveries.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Json};
use super::enums::DeliveryState;
use super::extract::{DeliveryOf, NoParameters, Query};
use super::{cursor, page};
use crate::web::Shared;
use crate::web::access::{Caller, Operator};
use crate::web::audit::Action;
use crate::web::problem::{ActionProblems, ListProblems, Problem, ReadProblems};
use slipway_domain::SourceName;
use slipway_store::{DeliveryFilter, DeliveryHead, StoreError, StoredDelivery};

/// A delivery and the state of its processing.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliverySummary {
    /// Name of the source in the server's settings.
    source: String,
    /// Identifier of the delivery, as the sender chose it. It is unique within a source.
    id: String,
    /// Name of the event, as the sender chose it, such as `push`.
    event: String,
    /// The state of the processing.
    state: DeliveryState,
    /// Explanation of the state.
    note: String,
    /// Number of failed attempts to process the delivery.
    attempts: u64,
    /// Time at which the server stored the delivery.
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// Time of the next attempt after a failed one; null if there is none.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// Time at which the processing ended; null while the delivery is pending.
    #[schema(value_type = Option<String>, format = DateTime)]
    acknowledged_at: Option<Timestamp>,
}

impl From<DeliveryHead> for DeliverySummary {
    fn from(head: DeliveryHead) -> Self {
        let DeliveryHead {
            source,
            id,
            event,
            stored_bytes: _,
            received_at,
            state,
            note,
            attempts,
            due_at,
            acknowledged_at,
        } = head;
        Self {
            source: source.into(),
            id,
            event,
            state: state.into(),
            note,
            attempts,
            received_at,
            due_at: postponed(state, attempts, due_at),
            acknowledged_at,
        }
    }
}

fn postponed(state: slipway_domain::DeliveryState, attempts: u64, due_at: Timestamp) -> Option<Timestamp> {
    (state == slipway_domain::DeliveryState::Pending && attempts > 0).then_some(due_at)
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryList {
    /// The deliveries, newest first.
    deliveries: Vec<DeliverySummary>,
    /// Value of `cursor` for the next page; null on the last page.
    next: Option<String>,
}

/// A delivery with its content.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryDetail {
    #[serde(flatten)]
    summary: DeliverySummary,
    /// The headers of the request. Values of secret headers are redacted.
    headers: BTreeMap<String, String>,
    /// Size of the body, in bytes.
    size: usize,
    /// The encoding of `body`.
    encoding: Encoding,
    /// The body of the request.
    body: String,
}

/// The encoding of a body.
#[derive(Serialize, ToSchema)]
enum Encoding {
    /// Plain text.
    #[serde(rename = "utf-8")]
    Utf8,
    /// Base64 (RFC 4648), because the body is not valid UTF-8.
    #[serde(rename = "base64")]
    Base64,
}

impl From<StoredDelivery> for DeliveryDetail {
    fn from(stored: StoredDelivery) -> Self {
        let StoredDelivery { delivery, state, note, attempts, due_at, acknowledged_at } = stored;
        let slipway_domain::Delivery { source, id, event, headers, body, received_at } = delivery;
        let size = body.len();
        let (encoding, body) = match String::from_utf8(body) {
            Ok(text) => (Encoding::Utf8, text),
            Err(bytes) => (Encoding::Base64, STANDARD.encode(bytes.as_bytes())),
        };
        let due_at = postponed(state, attempts, due_at);
        let (source, state) = (source.into(), state.into());
        let summary =
            DeliverySummary { source, id, event, state, note, attempts, received_at, due_at, acknowledged_at };
        Self { summary, headers, size, encoding, body }
    }
}

/// Parameters of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Only deliveries of this source.
    #[param(value_type = Option<String>, pattern = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
    source: Option<SourceName>,
    /// Only deliveries in this state.
    #[param(inline)]
    state: Option<DeliveryState>,
    /// Maximum number of deliveries; the default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Value of `next` on the previous page.
    cursor: Option<String>,
}

/// Lists deliveries, newest first.
#[utoipa::path(
    get,
    path = "/deliveries",
    operation_id = "listDeliveries",
    tag = "deliveries",
    params(Listing),
    responses((status = 200, description = "A page of deliveries.", body = DeliveryList), ListProblems)
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Answer<DeliveryList> {
    let Listing { source, state, limit, cursor } = listing;
    let limit = page(limit)?;
    let filter = DeliveryFilter {
        scope: caller.scope(),
        source,
        state: state.map(slipway_domain::DeliveryState::from),
        before: cursor::read(cursor.as_deref())?,
    };
    let mut heads = shared.store.deliveries(&filter, limit + 1).await?;
    let next = cursor::cut(&mut heads, limit, |head| (head.received_at, head.source.clone(), head.id.clone()));
    Ok(Json(DeliveryList { deliveries: heads.into_iter().map(DeliverySummary::from).collect(), next }))
}

impl Shared {
    /// Refuses a delivery of a source that the caller's token does not cover.
    async fn require_delivery(&self, caller: &Caller, source: &SourceName, id: &str) -> Result<(), Problem> {
        let missing = StoreError::NoSuchDelivery { source_name: source.as_str().to_owned(), id: id.to_owned() };
        self.require_source(caller, source, missing).await
    }
}

/// Shows a delivery with its headers and its body.
#[utoipa::path(
    get,
    path = "/deliveries/{source}/{id}",
    operation_id = "showDelivery",
    tag = "deliveries",
    params(
        ("source" = String, Path, description = "Name of the source.", pattern = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"),
        ("id" = String, Path, description = "Identifier of the delivery.", min_length = 1, max_length = 1024)
    ),
    responses((status = 200, description = "The delivery.", body = DeliveryDetail), ReadProblems)
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    DeliveryOf(source, id): DeliveryOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<DeliveryDetail> {
    shared.require_delivery(&caller, &source, &id).await?;
    Ok(Json(shared.store.delivery(&source, &id).await?.into()))
}

/// Processes a delivery again that is done, ignored or dead.
#[utoipa::path(
    post,
    path = "/deliveries/{source}/{id}/replay",
    operation_id = "replayDelivery",
    tag = "deliveries",
    params(
        ("source" = String, Path, description = "Name of the source.", pattern = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"),
        ("id" = String, Path, description = "Identifier of the delivery.", min_length = 1, max_length = 1024)
    ),
    responses((status = 200, description = "The delivery, pending again.", body = DeliveryDetail), ActionProblems)
)]
pub(super) async fn replay(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    DeliveryOf(source, id): DeliveryOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<DeliveryDetail> {
    shared.require_delivery(&caller, &source, &id).await?;
    shared.store.delivery(&source, &id).await?;
    let what = Action::new("delivery.replay", format!("{source} {id}"));
    Ok(Json(shared.perform(&caller, what, shared.activities.intake.replay(&source, &id)).await?.into()))
}
