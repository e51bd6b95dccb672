//! The audit log, for administrators.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Json};
use super::extract::{Query, number};
use super::{cursor, page};
use crate::web::Shared;
use crate::web::access::Admin;
use crate::web::problem::AdminProblems;

/// An entry of the audit log. Each entry contains the digest of the previous one.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditEntry {
    /// Number of the entry, counted from one.
    number: u64,
    /// Time of the entry.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The actor that performed the action.
    actor: String,
    /// The action, such as `run.cancel`. A refused action ends with `.refused`.
    action: String,
    /// Whether the server refused the action.
    refused: bool,
    /// The target of the action, such as the identifier of a run.
    target: String,
    /// Further details as text, such as the reason.
    detail: String,
    /// Digest of the previous entry.
    previous: String,
    /// Digest of this entry.
    digest: String,
}

impl From<slipway_store::AuditEntry> for AuditEntry {
    fn from(entry: slipway_store::AuditEntry) -> Self {
        let refused = entry.is_refused();
        let slipway_store::AuditEntry { number, at, actor, action, target, detail, previous, digest } = entry;
        Self { number, at, actor: actor.as_str().to_owned(), action, refused, target, detail, previous, digest }
    }
}

/// A page of the audit log.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditList {
    /// The entries, oldest first.
    entries: Vec<AuditEntry>,
    /// Value of `cursor` for the next page; null on the last page.
    next: Option<String>,
}

/// Parameters of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Only entries after this number.
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    after: Option<u64>,
    /// Maximum number of entries; the default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Value of `next` on the previous page. It takes precedence over `after`.
    cursor: Option<String>,
}

/// Lists the entries of the audit log, oldest first.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "listAuditEntries",
    tag = "administration",
    params(Listing),
    responses((status = 200, description = "A page of the audit log.", body = AuditList), AdminProblems)
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Admin: Admin,
    Query(Listing { after, limit, cursor }): Query<Listing>,
) -> Answer<AuditList> {
    let limit = page(limit)?;
    let after = cursor::read(cursor.as_deref())?.or(number("after", after)?).unwrap_or(0);
    let mut entries = shared.store.audit_entries(after, limit + 1).await?;
    let next = cursor::cut(&mut entries, limit, |entry| entry.number);
    Ok(Json(AuditList { entries: entries.into_iter().map(AuditEntry::from).collect(), next }))
}
