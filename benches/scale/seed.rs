//! Fills a store with the past: runs that have ended, with all that they leave. A few statements, each of many rows.

use anyhow::Result;
use sqlx::{AnyPool, AssertSqlSafe};

use crate::Size;
use crate::document::{self, HEAD, ID, MODEL, SOURCE};

/// States that each run went through, and lines of its log.
const STATES: [&str; 8] =
    ["queued", "training", "evaluating", "gating", "publishing", "promoting", "waiting", "promoting"];
const LINES: usize = 5;
/// How far the past reaches back: nothing of it is old enough to be removed.
const PAST_MS: i64 = 60 * 24 * 3_600_000;
/// Rows of one statement.
const TOGETHER: usize = 10_000;

/// Fills the tables. `tip` is the revision at which every served branch was left.
pub(crate) async fn fill(pool: &AnyPool, size: Size, tip: &str) -> Result<()> {
    let document = document::finished()?;
    let Size { repositories, models, runs, .. } = size;
    // Run `n` is one of model `n mod models`, in repository `n mod repositories`.
    let id = "'01990000-0000-7000-8000-' || digits";
    let source = format!("'team-' || (n % {repositories})");
    let model = format!("'model-' || (n % {models})");
    let head = "'0000000000000000000000000000' || digits";
    let state = "CASE WHEN n % 100 < 80 THEN 'done' WHEN n % 100 < 90 THEN 'refused'
                      WHEN n % 100 < 95 THEN 'superseded' ELSE 'failed' END";
    let environment = "CASE n % 3 WHEN 0 THEN 'staging' WHEN 1 THEN 'canary' ELSE 'production' END";
    let now = jiff::Timestamp::now().as_millisecond();
    let at = format!("{now} - CAST({runs} - n AS BIGINT) * {}", PAST_MS / i64::try_from(runs)?);
    let mut statements = vec![format!(
        "INSERT INTO runs (id, source, lane, model, branch, head, state, active, run_key, artifact, document, created_at, environment)
         SELECT {id}, {source}, {source} || ' refs/heads/main ' || {model} || '/slipway.yaml', {model}, 'main', {head},
                {state}, 0, 'key-' || n, 'artifact-' || n,
                replace(replace(replace(replace('{document}', '{ID}', {id}), '{SOURCE}', {source}), '{MODEL}', {model}), '{HEAD}', {head}),
                {at}, {environment}
         FROM numbers"
    )];
    for (number, to) in STATES.iter().enumerate() {
        let from = number.checked_sub(1).and_then(|before| STATES.get(before));
        let from = from.map_or("NULL".to_owned(), |from| format!("'{from}'"));
        statements.push(format!(
            "INSERT INTO transitions (run, number, from_state, to_state, at, cause, actor)
             SELECT {id}, {}, {from}, '{to}', {at}, 'the step before it has ended well', 'controller' FROM numbers",
            number + 1
        ));
    }
    for line in 1..=LINES {
        statements.push(format!(
            "INSERT INTO log_lines (run, number, at, line)
             SELECT {id}, {line}, {at}, 'epoch {line} of 5: loss 0.1234, accuracy 0.9722' FROM numbers"
        ));
    }
    for statement in statements {
        for first in (0..runs).step_by(TOGETHER) {
            let last = (first + TOGETHER).min(runs) - 1;
            let numbers = format!(
                "WITH RECURSIVE numbers (n, digits) AS (
                     SELECT {first}, substr(CAST(1000000000000 + {first} AS TEXT), 2)
                     UNION ALL
                     SELECT n + 1, substr(CAST(1000000000001 + n AS TEXT), 2) FROM numbers WHERE n < {last})"
            );
            execute(pool, format!("{numbers} {statement}")).await?;
        }
    }
    execute(
        pool,
        "INSERT INTO outbox (sequence, source, target, state)
                   SELECT sequence, source, source || ' revision ' || head, 'told'
                   FROM transitions JOIN runs ON runs.id = transitions.run"
            .to_owned(),
    )
    .await?;
    execute(pool, "INSERT INTO queues (source) SELECT DISTINCT source FROM runs".to_owned()).await?;
    execute(
        pool,
        format!(
            "INSERT INTO branches (source, branch, head, adopted, at)
                           SELECT DISTINCT source, 'main', '{tip}', 0, {now} FROM runs"
        ),
    )
    .await?;
    execute(pool, "ANALYZE".to_owned()).await
}

async fn execute(pool: &AnyPool, statement: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await?;
    Ok(())
}
