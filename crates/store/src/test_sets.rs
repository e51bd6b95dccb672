//! Uses of test sets: which rows have judged candidates of a model, how often, and which results people were shown. Uses are
//! never removed, because rows would otherwise count as fresh.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use slipway_contract::Digest;
use sqlx::{AnyConnection, Row as _};

use super::database::{AdvisoryLock, millis};
use super::test_parts::RowLookup;
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::{PartUsage, RowsEnd, RunId, SourceName, TestSetUsage};

/// A use of a test set.
#[derive(Debug, Clone, Copy)]
pub struct NewUse<'a> {
    /// The run.
    pub run: RunId,
    /// The model's source.
    pub source: &'a SourceName,
    /// The model.
    pub model: &'a str,
    /// Digest of the set's rows.
    pub set: &'a Digest,
    /// Digests of the rows, in the order of the set; empty if rows are not distinguished.
    pub rows: &'a [u64],
    /// Other digests of the same rows, in the same order, by which a row in another form is recognised: first those that are
    /// stored with new rows, then those that are only searched.
    pub alike: &'a Alike,
    /// Names of the columns of their table, in ascending order; empty if rows have no columns.
    pub columns: &'a [String],
    /// Digest of the question: the same for the same candidate, champion and policies.
    pub question: &'a Digest,
    /// Digest of the candidate's predictions for the rows: equal predictions mean the same candidate.
    pub candidate: &'a Digest,
    /// Whether authors are shown figures.
    pub figures: bool,
}

/// Digests that stay the same if only the form of a row changes; each list covers all rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alike {
    /// Stored with new rows.
    pub kept: Vec<Vec<u64>>,
    /// Only searched, computed from some columns of the rows.
    pub sought: Vec<Vec<u64>>,
}

/// Number of column lists that are stored for a model.
const MAX_COLUMN_LISTS: i64 = 8;

impl Store {
    /// Earlier columns of a model's test tables, newest first: each a list of names in ascending order.
    pub async fn test_columns(&self, source: &SourceName, model: &str) -> Result<Vec<Vec<String>>, StoreError> {
        let select = "SELECT names FROM test_set_columns WHERE source = $1 AND model = $2 ORDER BY used DESC LIMIT $3";
        let rows = sqlx::query(select).bind(source.as_str().to_owned()).bind(text(model)).bind(MAX_COLUMN_LISTS);
        let rows = rows.fetch_all(&self.database.pool).await?;
        let mut lists = Vec::with_capacity(rows.len());
        for row in rows {
            let names: String = row.try_get("names")?;
            // An unreadable list is only not searched.
            lists.extend(serde_json::from_str::<Vec<String>>(&names));
        }
        Ok(lists)
    }

    /// Records a use and returns the earlier usage of the set's rows. The same run with the same question is one use, independent
    /// of repetitions and servers.
    pub async fn record_use(&self, new: &NewUse<'_>) -> Result<TestSetUsage, StoreError> {
        // A repetition is necessary only if another server added rows, so at least one server makes progress.
        loop {
            let lookup = self.look_up_rows(new).await?;
            if let Some(usage) = self.record_use_after(lookup, new).await? {
                return Ok(usage);
            }
        }
    }

    /// Records a use of rows that were looked up; `None` if another server added rows since then.
    pub(super) async fn record_use_after(
        &self,
        lookup: RowLookup,
        new: &NewUse<'_>,
    ) -> Result<Option<TestSetUsage>, StoreError> {
        let mut transaction = self.database.begin().await?;
        self.database.acquire_lock(&mut transaction, AdvisoryLock::TestSet).await?;
        let Some(parts) = lookup.store_rows(&mut transaction, new).await? else { return Ok(None) };
        insert(&mut transaction, new).await?;
        record_columns(&mut transaction, new).await?;
        let parts = usage_of(&mut transaction, new, &parts).await?;
        transaction.commit().await?;
        Ok(Some(TestSetUsage { parts, of_row: lookup.into_of_row() }))
    }

    /// Records the outcome of a use: whether the candidate passed, and which rows it used up.
    pub async fn record_use_outcome(&self, new: &NewUse<'_>, passed: bool, ends: &[RowsEnd]) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        let update = "UPDATE test_set_uses SET passed = $3 WHERE run = $1 AND question = $2";
        let update = sqlx::query(update).bind(new.run.to_string()).bind(new.question.to_string());
        update.bind(i64::from(passed)).execute(&mut *transaction).await?;
        for end in ends {
            // A repeated step can ask the question again: the first use counts.
            let insert = "INSERT INTO test_row_ends (source, model, part, candidate, sequence, at)
                          SELECT $1, $2, CAST($3 AS BIGINT), $4, MIN(sequence), CAST($5 AS BIGINT) FROM test_set_uses
                          WHERE source = $1 AND model = $2 AND question = $6 HAVING COUNT(*) > 0
                          ON CONFLICT (source, model, part, candidate) DO NOTHING";
            let insert = sqlx::query(insert).bind(new.source.as_str().to_owned()).bind(text(new.model)).bind(end.part);
            let candidate = if end.but_for_candidate { new.candidate.to_string() } else { String::new() };
            let insert = insert.bind(candidate).bind(millis(Timestamp::now())).bind(new.question.to_string());
            insert.execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }

    /// Whether every row of a set is used up, so that nothing is withheld from authors any more.
    pub async fn is_used_up(&self, source: &SourceName, model: &str, set: &Digest) -> Result<bool, StoreError> {
        let select = "SELECT COUNT(DISTINCT parts.part) AS parts, COUNT(DISTINCT ends.part) AS ended
                      FROM test_set_parts AS parts LEFT JOIN test_row_ends AS ends
                        ON ends.source = parts.source AND ends.model = parts.model AND ends.part = parts.part
                      WHERE parts.source = $1 AND parts.model = $2 AND parts.digest = $3";
        let row = sqlx::query(select).bind(source.as_str().to_owned()).bind(text(model)).bind(set.to_string());
        let row = row.fetch_one(&self.database.pool).await?;
        let (parts, ended): (i64, i64) = (row.try_get("parts")?, row.try_get("ended")?);
        Ok(parts > 0 && parts == ended)
    }
}

async fn insert(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<(), StoreError> {
    let insert =
        "INSERT INTO test_set_uses (run, question, source, model, digest, candidate, sequence, figures, passed, at)
                  SELECT $1, $2, $3, $4, $5, $8,
                         (SELECT COALESCE(MAX(sequence), 0) + 1 FROM test_set_uses WHERE source = $3 AND model = $4),
                         CAST($6 AS BIGINT), 0, CAST($7 AS BIGINT)
                  WHERE NOT EXISTS (SELECT 1 FROM test_set_uses WHERE run = $1 AND question = $2)";
    let insert = sqlx::query(insert).bind(new.run.to_string()).bind(new.question.to_string());
    let insert = insert.bind(new.source.as_str().to_owned()).bind(text(new.model)).bind(new.set.to_string());
    let insert = insert.bind(i64::from(new.figures)).bind(millis(Timestamp::now())).bind(new.candidate.to_string());
    insert.execute(connection).await?;
    Ok(())
}

async fn record_columns(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<(), StoreError> {
    if new.columns.is_empty() {
        return Ok(());
    }
    let names = serde_json::to_string(new.columns).map_err(|error| StoreError::Unreadable(error.to_string()))?;
    let insert = "INSERT INTO test_set_columns (source, model, digest, names, used)
                  SELECT $1, $2, $3, $4, COALESCE(MAX(used), 0) + 1 FROM test_set_columns WHERE source = $1 AND model = $2
                  ON CONFLICT (source, model, digest) DO UPDATE SET used = excluded.used";
    let insert = sqlx::query(insert).bind(new.source.as_str().to_owned()).bind(text(new.model));
    let insert = insert.bind(Digest::of(names.as_bytes()).to_string()).bind(text(&names));
    insert.execute(&mut *connection).await?;
    let delete = "DELETE FROM test_set_columns WHERE source = $1 AND model = $2 AND digest NOT IN (
                      SELECT digest FROM test_set_columns WHERE source = $1 AND model = $2
                      ORDER BY used DESC LIMIT $3)";
    let delete = sqlx::query(delete).bind(new.source.as_str().to_owned()).bind(text(new.model)).bind(MAX_COLUMN_LISTS);
    delete.execute(connection).await?;
    Ok(())
}

/// The usage of the parts before this question was first asked.
async fn usage_of(
    connection: &mut AnyConnection,
    new: &NewUse<'_>,
    parts: &[i64],
) -> Result<Vec<PartUsage>, StoreError> {
    let select = "SELECT parts.part AS part, COUNT(DISTINCT uses.question) AS uses, MAX(uses.figures) AS figures,
                         MAX(CASE WHEN uses.candidate <> $5 THEN uses.passed ELSE 0 END) AS passed
                  FROM test_set_parts AS parts JOIN test_set_uses AS uses
                    ON uses.source = parts.source AND uses.model = parts.model AND uses.digest = parts.digest
                  WHERE parts.source = $1 AND parts.model = $2 AND uses.question <> $4
                    AND parts.part IN (SELECT part FROM test_set_parts WHERE source = $1 AND model = $2 AND digest = $3)
                    AND uses.sequence < (SELECT MIN(sequence) FROM test_set_uses
                                         WHERE source = $1 AND model = $2 AND question = $4)
                  GROUP BY parts.part";
    let rows = sqlx::query(select).bind(new.source.as_str().to_owned()).bind(text(new.model));
    let rows = rows.bind(new.set.to_string()).bind(new.question.to_string()).bind(new.candidate.to_string());
    let rows = rows.fetch_all(&mut *connection).await?;
    let retired = retired_parts(connection, new).await?;
    let mut known = BTreeMap::new();
    for row in rows {
        let part: i64 = row.try_get("part")?;
        let (uses, figures, passed): (i64, i64, i64) =
            (row.try_get("uses")?, row.try_get("figures")?, row.try_get("passed")?);
        let uses = u32::try_from(uses).unwrap_or(u32::MAX);
        known.insert(part, PartUsage { part, uses, figures: figures > 0, passed: passed > 0, retired: false });
    }
    let fresh = |part: i64| PartUsage { part, uses: 0, figures: false, passed: false, retired: false };
    let of = |part: &i64| {
        let usage = known.get(part).copied().unwrap_or_else(|| fresh(*part));
        PartUsage { retired: retired.contains(part), ..usage }
    };
    Ok(parts.iter().map(of).collect())
}

/// The parts that were used up before this question was first asked, except by a pass of the same candidate.
async fn retired_parts(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<BTreeSet<i64>, StoreError> {
    let select = "SELECT DISTINCT part FROM test_row_ends
                  WHERE source = $1 AND model = $2 AND candidate <> $3
                    AND sequence < (SELECT MIN(sequence) FROM test_set_uses
                                    WHERE source = $1 AND model = $2 AND question = $4)
                    AND part IN (SELECT part FROM test_set_parts WHERE source = $1 AND model = $2 AND digest = $5)";
    let rows = sqlx::query(select).bind(new.source.as_str().to_owned()).bind(text(new.model));
    let rows = rows.bind(new.candidate.to_string()).bind(new.question.to_string()).bind(new.set.to_string());
    rows.fetch_all(connection).await?.iter().map(|row| Ok(row.try_get("part")?)).collect()
}
