//! Retention of the logs of ended runs. The size of a log is measured once, after its run has ended, so that the total size needs
//! no sum over all lines.

use jiff::Timestamp;
use sqlx::Row as _;

use super::super::database::count_of;
use super::super::{Store, StoreError};
use super::pace::Pace;
use super::{LogRetention, Removal, Removed, oldest};

/// Number of runs per statement that measures or selects logs.
const RUNS: i64 = 100;
/// Number of lines removed in one transaction.
const LINES: i64 = 2_000;

impl Store {
    /// Removes logs of runs that ended too long ago, and then the oldest logs until the rest fits.
    pub(super) async fn remove_logs(
        &self,
        now: Timestamp,
        keep: LogRetention,
        removal: Removal,
        removed: &mut Removed,
    ) -> Result<(), StoreError> {
        self.measure_logs().await?;
        let too_old = oldest(now, keep.age);
        let sum =
            sqlx::query("SELECT CAST(COALESCE(SUM(log_bytes), 0) AS BIGINT) AS bytes FROM runs WHERE log_bytes > 0");
        let mut over = count_of(&sum.fetch_one(&self.database.pool).await?, "bytes")?.saturating_sub(keep.bytes);
        let select = "SELECT id, created_at, log_bytes,
                             COALESCE((SELECT MAX(at) FROM transitions WHERE run = runs.id), created_at) AS moved_at
                      FROM runs
                      WHERE log_bytes > 0 AND active = 0 AND (created_at, id) > ($1, $2)
                      ORDER BY created_at, id LIMIT $3";
        let mut after = (i64::MIN, String::new());
        loop {
            let page = sqlx::query(select).bind(after.0).bind(after.1.clone()).bind(RUNS);
            let page = page.fetch_all(&self.database.pool).await?;
            if page.is_empty() {
                return Ok(());
            }
            for row in &page {
                after = (row.try_get("created_at")?, row.try_get("id")?);
                if after.0 >= too_old && over == 0 {
                    return Ok(());
                }
                // The log of a run that waited for a long time is younger than the run.
                if row.try_get::<i64, _>("moved_at")? >= too_old && over == 0 {
                    continue;
                }
                over = over.saturating_sub(count_of(row, "log_bytes")?);
                let begun = Pace::begin();
                removed.log_lines += self.remove_log(&after.1, removal).await?;
                begun.rest().await;
            }
        }
    }

    /// Measures the logs of runs that have ended since the last call.
    async fn measure_logs(&self) -> Result<(), StoreError> {
        let measure = "UPDATE runs SET log_bytes = (SELECT CAST(COALESCE(SUM(OCTET_LENGTH(line)), 0) AS BIGINT)
                                                    FROM log_lines WHERE log_lines.run = runs.id)
                       WHERE id IN (SELECT id FROM runs WHERE active = 0 AND log_bytes IS NULL
                                    ORDER BY created_at, id LIMIT $1)";
        loop {
            let begun = Pace::begin();
            let mut transaction = self.database.begin().await?;
            let measured = sqlx::query(measure).bind(RUNS).execute(&mut *transaction).await?;
            transaction.commit().await?;
            if measured.rows_affected() == 0 {
                return Ok(());
            }
            begun.rest().await;
        }
    }

    /// Removes a run's log in batches of lines, and returns the number of lines.
    pub(super) async fn remove_log(&self, run: &str, removal: Removal) -> Result<u64, StoreError> {
        let lines = "SELECT COUNT(*) AS lines, COALESCE(MIN(number), 0) AS first, COALESCE(MAX(number), 0) AS last
                     FROM log_lines WHERE run = $1";
        let row = sqlx::query(lines).bind(run.to_owned()).fetch_one(&self.database.pool).await?;
        let (lines, first, last): (u64, i64, i64) =
            (count_of(&row, "lines")?, row.try_get("first")?, row.try_get("last")?);
        if removal == Removal::DryRun {
            return Ok(lines);
        }
        let mut up_to = first;
        loop {
            up_to += LINES;
            let mut transaction = self.database.begin().await?;
            let delete = sqlx::query("DELETE FROM log_lines WHERE run = $1 AND number < $2");
            delete.bind(run.to_owned()).bind(up_to).execute(&mut *transaction).await?;
            if up_to > last {
                let empty = sqlx::query("UPDATE runs SET log_bytes = 0 WHERE id = $1").bind(run.to_owned());
                empty.execute(&mut *transaction).await?;
                transaction.commit().await?;
                return Ok(lines);
            }
            transaction.commit().await?;
        }
    }
}
