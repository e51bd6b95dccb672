//! Lists of deliveries, each read from the index with its order.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, Row as _};

use super::conditions::Conditions;
use super::database::{millis, stored, time_of};
use super::deliveries::{KEY, read_head};
use super::written::text;
use super::{DeliveryFilter, DeliveryHead, Store, StoreError, quarantine};
use slipway_domain::{DeliveryState, SourceName};

/// The conditions of the partial indexes, word for word.
const PENDING: &str = "state = 'pending'";
const ACKNOWLEDGED: &str = "state <> 'pending'";

impl Store {
    /// Deliveries without headers and bodies, newest first. Unreadable ones are set aside, and the list continues after them.
    pub async fn deliveries(&self, filter: &DeliveryFilter, limit: u32) -> Result<Vec<DeliveryHead>, StoreError> {
        let DeliveryFilter { scope, source, state, before: _ } = filter;
        let sources: BTreeSet<Option<&SourceName>> = match (source, scope) {
            (None, None) => [None].into(),
            (Some(source), None) => [Some(source)].into(),
            (Some(source), Some(scope)) => scope.contains(source).then_some(Some(source)).into_iter().collect(),
            (None, Some(scope)) => scope.iter().map(Some).collect(),
        };
        let mut listed = Vec::new();
        for source in sources {
            // Deliveries of one source are in two indexes.
            let parts: &[&str] = match (source, state) {
                (None, None) => &[""],
                (_, Some(DeliveryState::Pending)) => &[PENDING],
                (_, Some(_)) => &[ACKNOWLEDGED],
                (Some(_), None) => &[PENDING, ACKNOWLEDGED],
            };
            for part in parts {
                listed.append(&mut self.deliveries_in(part, source, filter, limit).await?);
            }
        }
        listed.sort_by(|a, b| (b.received_at, &b.source, &b.id).cmp(&(a.received_at, &a.source, &a.id)));
        listed.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(listed)
    }

    /// Deliveries in a part of the table with its own indexes, newest first, independent of the filter's scope.
    async fn deliveries_in(
        &self,
        part: &str,
        source: Option<&SourceName>,
        filter: &DeliveryFilter,
        limit: u32,
    ) -> Result<Vec<DeliveryHead>, StoreError> {
        let (mut before, mut found) = (filter.before.clone(), Vec::new());
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        loop {
            let missing = wanted - found.len();
            let mut conditions = Conditions::default();
            if !part.is_empty() {
                conditions.fixed(part);
            }
            conditions.equal("source", source.map(|source| source.as_str().to_owned()));
            conditions.equal("state", filter.state.map(|state| state.as_str().to_owned()));
            if let Some((at, source, id)) = &before {
                let values = [millis(*at).into(), source.as_str().to_owned().into(), text(&**id).into()];
                conditions.compare(["received_at", "source", "id"], '<', values);
            }
            let limit = conditions.place(stored(missing as u64).into());
            // Pending deliveries are found by their own index and sorted, instead of searched by time among all deliveries.
            let received_at = if part == PENDING { "+received_at" } else { "received_at" };
            let select = format!(
                "SELECT {KEY} AS key, source, id, event, size, received_at, settled_at, state, note, attempts, due_at
                 FROM deliveries {} ORDER BY {received_at} DESC, source DESC, id DESC LIMIT {limit}",
                conditions.clause()
            );
            let rows = conditions.bind_to(sqlx::query(AssertSqlSafe(select)));
            let rows = rows.fetch_all(&self.database.pool).await?;
            found.extend(self.readable_of(quarantine::DELIVERY, &rows, read_head).await?);
            let Some(last) = rows.last().filter(|_| rows.len() == missing && found.len() < wanted) else {
                return Ok(found);
            };
            let source = SourceName::try_from(last.try_get::<String, _>("source")?).map_err(StoreError::Unreadable)?;
            before = Some((time_of(last, "received_at")?, source, last.try_get("id")?));
        }
    }
}
