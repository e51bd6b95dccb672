//! What deliveries come to from which nothing follows, and whom they name: the most frequent writes after the deliveries
//! themselves, so those of all sources share their commits.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::database::{Database, in_steps, millis, places};
use super::group_commit::Write;
use super::written::text;
use super::{Store, StoreError, contributors};
use slipway_domain::{Contributor, DeliveryState, SourceName};

/// What is noted of one source.
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
        // In one order on every server: two that settle the same deliveries wait for each other, and not both at once.
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
    /// Settles deliveries of one source from which nothing follows, each with its own state and note, in one step. Those
    /// of equal state and note, which in a burst are most of them, share their statements.
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

    /// Notes who had a hand in revisions of a source. What is known already stays.
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
