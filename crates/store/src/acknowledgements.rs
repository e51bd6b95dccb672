//! Acknowledgements of deliveries without further effect, and their contributors. After the deliveries themselves these are the
//! most frequent writes, so the writes of all sources share commits.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::database::{Database, in_steps, millis, places};
use super::group_commit::Write;
use super::written::text;
use super::{Store, StoreError, contributors};
use slipway_domain::{Contributor, DeliveryState, SourceName};

/// The records of one source.
pub(super) struct Acknowledgement {
    source: SourceName,
    contributors: Vec<Contributor>,
    /// Identifier, state and note of each delivery.
    deliveries: Vec<(String, DeliveryState, String)>,
}

impl Write for Acknowledgement {
    type Answer = ();

    fn rows(&self) -> usize {
        self.contributors.len() + self.deliveries.len()
    }

    async fn commit(database: &Database, together: &[Self]) -> Result<Vec<()>, StoreError> {
        let mut transaction = database.begin().await?;
        // All servers use the same order, so that two servers that acknowledge the same deliveries cannot deadlock.
        let mut in_order: Vec<&Self> = together.iter().collect();
        in_order.sort_by(|one, other| one.source.cmp(&other.source));
        for Self { source, contributors, deliveries } in in_order {
            contributors::note(&mut transaction, source, contributors).await?;
            let mut alike: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
            for (id, state, note) in deliveries {
                alike.entry((state.as_str(), note)).or_default().push(id);
            }
            for (outcome, mut ids) in alike {
                ids.sort_unstable();
                for ids in in_steps(&ids) {
                    acknowledge_alike(&mut transaction, source, outcome, ids).await?;
                }
            }
        }
        transaction.commit().await?;
        Ok(vec![(); together.len()])
    }
}

impl Store {
    /// Acknowledges deliveries of one source that have no further effect, each with its own state and note, in one step.
    /// Deliveries of equal state and note share statements; in a burst that is most of them.
    pub async fn acknowledge_without_effect(
        &self,
        source: &SourceName,
        known: &[(&str, DeliveryState, String)],
    ) -> Result<(), StoreError> {
        let deliveries = known.iter().map(|(id, state, note)| ((*id).to_owned(), *state, note.clone())).collect();
        self.acknowledgements
            .write(Acknowledgement { source: source.clone(), contributors: Vec::new(), deliveries })
            .await
    }

    /// Records contributors of revisions of a source. Existing records stay.
    pub async fn record_contributors(&self, source: &SourceName, reported: &[Contributor]) -> Result<(), StoreError> {
        let known = reported.iter().filter(|contributor| contributor.account.is_some());
        let mut contributors: Vec<Contributor> = known.cloned().collect();
        contributors.sort_by_cached_key(|reported| {
            (reported.commit.to_string(), reported.part.as_str(), reported.account.clone())
        });
        contributors.dedup();
        if contributors.is_empty() {
            return Ok(());
        }
        self.acknowledgements
            .write(Acknowledgement { source: source.clone(), contributors, deliveries: Vec::new() })
            .await
    }
}

async fn acknowledge_alike(
    connection: &mut AnyConnection,
    source: &SourceName,
    (state, note): (&str, &str),
    ids: &[&str],
) -> Result<(), StoreError> {
    let update = sqlx::AssertSqlSafe(format!(
        "UPDATE deliveries SET state = $1, note = $2, settled_at = $3
         WHERE source = $4 AND state = 'pending' AND id IN {}",
        places(5, ids.len())
    ));
    let update = sqlx::query(update)
        .bind(state.to_owned())
        .bind(text(note))
        .bind(millis(Timestamp::now()))
        .bind(source.as_str().to_owned());
    let update = ids.iter().fold(update, |update, id| update.bind(text(*id)));
    update.execute(connection).await?;
    Ok(())
}
