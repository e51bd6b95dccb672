//! What the outside is to be told: one entry a transition, written in the transition's own transaction, so that
//! neither can be without the other. Entries of one target go out in order, each at least once.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::{AnyConnection, Row as _};

use super::claims::FARTHEST;
use super::database::{count_of, millis, stored};
use super::logs::{Change, read_change};
use super::runs::read_document;
use super::{Backlog, Store, StoreError};
use crate::domain::{Run, SourceName};

/// How far an entry has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxState {
    /// To be told, now or later.
    Pending,
    /// Told.
    Told,
    /// Nobody wants to be told.
    Skipped,
    /// The other side refuses it for good.
    Dead,
}

impl OutboxState {
    /// The word in the store and on the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Told => "told",
            Self::Skipped => "skipped",
            Self::Dead => "dead",
        }
    }
}

/// What an entry tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// A run that was opened: nobody knows of it yet.
    Opened,
    /// What became of a run that somebody was told of.
    Moved,
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The transition that is told of. Its sequence marks the notice: whoever is told twice can know it.
    pub change: Change,
    /// The run as it stands now.
    pub run: Run,
    /// Attempts at telling it, this one included.
    pub attempts: u32,
}

/// Adds an entry for a transition. Its target is the change, or the revision of a branch: whoever tells of it writes the
/// check and the comment that all its models share, so that nobody else may be telling of it meanwhile.
pub(super) async fn add(
    connection: &mut AnyConnection,
    sequence: i64,
    run: &Run,
    opens: bool,
) -> Result<(), StoreError> {
    let target = match &run.change {
        Some(change) => format!("{} change {}", run.source, change.number),
        None => format!("{} revision {}", run.source, run.head),
    };
    let insert = "INSERT INTO outbox (sequence, source, target, state, opens) VALUES ($1, $2, $3, 'pending', $4)";
    let insert = sqlx::query(insert).bind(sequence).bind(run.source.as_str().to_owned()).bind(target);
    insert.bind(i64::from(opens)).execute(connection).await?;
    Ok(())
}

impl Store {
    /// Takes the oldest entry of a source that is due and first of its target, with news of the wanted kind if there is one.
    /// It is not given to anybody else for `hold_for`.
    pub async fn due_notice(
        &self,
        source: &SourceName,
        first: News,
        now: Timestamp,
        hold_for: Duration,
    ) -> Result<Option<Notice>, StoreError> {
        let opens = first == News::Opened;
        for opens in [opens, !opens] {
            if let Some(notice) = self.due_of(source, opens, now, hold_for).await? {
                return Ok(Some(notice));
            }
        }
        Ok(None)
    }

    async fn due_of(
        &self,
        source: &SourceName,
        opens: bool,
        now: Timestamp,
        hold_for: Duration,
    ) -> Result<Option<Notice>, StoreError> {
        let take = sqlx::AssertSqlSafe(format!(
            "UPDATE outbox SET attempts = attempts + 1, due_at = $1 WHERE sequence = (
                 SELECT sequence FROM outbox AS due
                 WHERE source = $2 AND state = 'pending' AND opens = $5 AND (due_at <= $3 OR due_at > $4)
                   AND NOT EXISTS (SELECT 1 FROM outbox AS older WHERE older.target = due.target
                                     AND older.state = 'pending' AND older.sequence < due.sequence)
                 ORDER BY sequence LIMIT 1{})
             RETURNING sequence, attempts",
            self.database.locked_or_skipped()
        ));
        let taken = sqlx::query(take)
            .bind(millis(now + hold_for))
            .bind(source.as_str().to_owned())
            .bind(millis(now))
            .bind(millis(now) + FARTHEST)
            .bind(i64::from(opens))
            .fetch_optional(&self.database.pool)
            .await?;
        let Some(taken) = taken else { return Ok(None) };
        let select = "SELECT sequence, run, source, runs.model, from_state, to_state, at, cause, actor, document
                      FROM transitions JOIN runs ON runs.id = transitions.run WHERE sequence = $1";
        let row = sqlx::query(select).bind(taken.try_get::<i64, _>("sequence")?);
        let row = row.fetch_one(&self.database.pool).await?;
        let attempts = u32::try_from(count_of(&taken, "attempts")?).unwrap_or(u32::MAX);
        Ok(Some(Notice { change: read_change(&row)?, run: read_document(&row)?, attempts }))
    }

    /// Notes what became of an entry.
    pub async fn settle_notice(&self, sequence: u64, state: OutboxState, note: &str) -> Result<(), StoreError> {
        let update = "UPDATE outbox SET state = $1, note = $2 WHERE sequence = $3 AND state = 'pending'";
        sqlx::query(update)
            .bind(state.as_str())
            .bind(note.to_owned())
            .bind(stored(sequence))
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Leaves an entry for later.
    pub async fn postpone_notice(&self, sequence: u64, due_at: Timestamp, note: &str) -> Result<(), StoreError> {
        let update = "UPDATE outbox SET due_at = $1, note = $2 WHERE sequence = $3 AND state = 'pending'";
        sqlx::query(update)
            .bind(millis(due_at))
            .bind(note.to_owned())
            .bind(stored(sequence))
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Makes every entry due: what an earlier server was about to tell. Only for a server that knows to be the only one,
    /// when it starts.
    pub async fn release_notices(&self) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE outbox SET due_at = 0 WHERE state = 'pending' AND due_at > 0");
        update.execute(&self.database.pool).await?;
        Ok(())
    }

    /// How many entries are to be told, and since when the oldest waits.
    pub async fn outbox_backlog(&self) -> Result<Backlog, StoreError> {
        let select = "SELECT COUNT(*) AS pending, MIN(transitions.at) AS oldest
                      FROM outbox JOIN transitions ON transitions.sequence = outbox.sequence
                      WHERE outbox.state = 'pending'";
        let row = sqlx::query(select).fetch_one(&self.database.pool).await?;
        Backlog::read(&row)
    }
}
