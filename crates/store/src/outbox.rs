//! Outbox of earlier versions, which wrote one entry per transition and gave up some of them. Remaining entries, and entries of
//! an earlier version that still runs beside this one, become reports that are behind.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row as _};

use super::claims::latest_set;
use super::database::{in_steps, millis, places};
use super::{Store, StoreError};
use slipway_domain::SourceName;

/// Number of entries that are taken over in one transaction.
const TOGETHER: i64 = 256;

impl Store {
    /// Takes over entries of a source that an earlier version gave up or no longer holds. Returns their number.
    pub async fn take_over_outbox(&self, source: &SourceName, now: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self.database.begin().await?;
        let select = AssertSqlSafe(format!(
            "SELECT sequence FROM outbox
             WHERE source = $1 AND state IN ('pending', 'dead') AND (state = 'dead' OR due_at <= $2 OR due_set_at > $3)
             ORDER BY sequence LIMIT $4{}",
            self.database.locked_or_skipped()
        ));
        let rows = sqlx::query(select)
            .bind(source.as_str().to_owned())
            .bind(millis(now))
            .bind(latest_set(millis(now)))
            .bind(TOGETHER)
            .fetch_all(&mut *transaction)
            .await?;
        let left: Vec<i64> = rows.iter().map(|row| row.try_get("sequence")).collect::<Result<_, _>>()?;
        for sequences in in_steps(&left) {
            let places = places(1, sequences.len());
            let insert = AssertSqlSafe(format!(
                "INSERT INTO reports (id, source, target, run, revision, model, change_id, wanted, behind_from,
                                      behind_since)
                 SELECT runs.id, runs.source, MAX(outbox.target), runs.id, runs.head, runs.model, runs.change_id,
                        MAX(outbox.sequence), MIN(outbox.sequence), MIN(transitions.at)
                 FROM outbox JOIN transitions ON transitions.sequence = outbox.sequence
                             JOIN runs ON runs.id = transitions.run
                 WHERE outbox.sequence IN {places}
                 GROUP BY runs.id, runs.source, runs.head, runs.model, runs.change_id
                 ON CONFLICT (id) DO UPDATE SET state = 'behind',
                     due_at = CASE WHEN reports.holder IS NULL THEN 0 ELSE reports.due_at END,
                     wanted = CASE WHEN excluded.wanted > reports.wanted THEN excluded.wanted ELSE reports.wanted END,
                     behind_from = CASE WHEN reports.state = 'behind' THEN reports.behind_from
                                        ELSE excluded.behind_from END,
                     behind_since = CASE WHEN reports.state = 'behind' THEN reports.behind_since
                                         ELSE excluded.behind_since END
                 WHERE reports.reported < excluded.wanted"
            ));
            let insert = sequences.iter().fold(sqlx::query(insert), |insert, sequence| insert.bind(*sequence));
            insert.execute(&mut *transaction).await?;
            let update = AssertSqlSafe(format!(
                "UPDATE outbox SET state = 'skipped', note = 'reported by a newer version' WHERE sequence IN {places}"
            ));
            let update = sequences.iter().fold(sqlx::query(update), |update, sequence| update.bind(*sequence));
            update.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(left.len() as u64)
    }
}
