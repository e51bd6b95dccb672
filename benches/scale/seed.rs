//! Fills a store with the past: runs that have ended, with all that they leave. A few statements, each of many rows.

use anyhow::Result;
use sqlx::{AnyPool, AssertSqlSafe};

use crate::Size;
use crate::document::{self, HEAD, ID, MODEL, SOURCE};

/// States that each run went through, and lines of its log.
const STATES: [&str; 8] =
    ["queued", "training", "evaluating", "gating", "publishing", "promoting", "waiting", "promoting"];
const LINES: usize = 5;
/// One run in so many waits for a person, as some do in every large organisation.
const STALLED_IN: usize = 500;
/// How far the past reaches back: nothing of it is old enough to be removed.
const PAST_MS: i64 = 25 * 24 * 3_600_000;
/// Rows of one statement.
const TOGETHER: usize = 10_000;

/// Fills the tables. `tip` is the revision at which every served branch was left.
pub(crate) async fn fill(pool: &AnyPool, is_sqlite: bool, size: Size, tip: &str) -> Result<()> {
    let document = document::finished()?;
    let Size { repositories, models, runs, .. } = size;
    // Run `n` is one of model `n mod models`, in repository `n mod repositories`.
    let id = "'01990000-0000-7000-8000-' || digits";
    let source = format!("'team-' || (n % {repositories})");
    let model = format!("'model-' || (n % {models})");
    let head = "'0000000000000000000000000000' || digits";
    let stalled = format!("n % {STALLED_IN} = 0");
    let state = format!(
        "CASE WHEN {stalled} THEN 'promoting' WHEN n % 100 < 80 THEN 'done' WHEN n % 100 < 90 THEN 'refused'
              WHEN n % 100 < 95 THEN 'superseded' ELSE 'failed' END"
    );
    let digest = |first: char| format!("'sha256:{first}{}' || digits", "0".repeat(51));
    let (cache_key, artifact) = (digest('1'), digest('2'));
    let line = "'epoch 1 of 5: loss 0.1234, accuracy 0.9722'";
    let environment = "CASE n % 3 WHEN 0 THEN 'staging' WHEN 1 THEN 'canary' ELSE 'production' END";
    let now = jiff::Timestamp::now().as_millisecond();
    let at = format!("{now} - CAST({runs} - n AS BIGINT) * {}", PAST_MS / i64::try_from(runs)?);
    let mut statements = vec![format!(
        "INSERT INTO runs (id, source, lane, model, branch, head, state, active, stalled, run_key, artifact, document,
                           created_at, environment, opened, log_bytes)
         SELECT {id}, {source}, {source} || ' refs/heads/main ' || {model} || '/slipway.yaml', {model}, 'main', {head},
                {state}, CASE WHEN {stalled} THEN 1 ELSE 0 END, CASE WHEN {stalled} THEN 1 ELSE 0 END, {cache_key}, {artifact},
                replace(replace(replace(replace('{document}', '{ID}', {id}), '{SOURCE}', {source}), '{MODEL}', {model}), '{HEAD}', {head}),
                {at}, {environment}, n + 1, {LINES} * LENGTH({line})
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
    for number in 1..=LINES {
        statements.push(format!(
            "INSERT INTO log_lines (run, number, at, line)
             SELECT {id}, {number}, {at}, {line} FROM numbers"
        ));
    }
    // What was told of each run, and the delivery that began it.
    statements.push(format!(
        "INSERT INTO reports (id, source, target, run, revision, model, state, wanted, reported, behind_from, behind_since,
                              opens, reported_at)
         SELECT {id}, {source}, {source} || ' revision ' || {head}, {id}, {head}, {model}, 'reported', n + 1, n + 1, n + 1, {at},
                0, {at}
         FROM numbers"
    ));
    let body = r#"{"ref": "refs/heads/main"}"#;
    let bytes = if is_sqlite { format!("CAST('{body}' AS BLOB)") } else { format!("'{body}'::BYTEA") };
    statements.push(format!(
        "INSERT INTO deliveries (source, id, event, headers, encoding, body, size, received_at, settled_at, state, note)
         SELECT {source}, 'delivery-' || n, 'push', '{{}}', 'plain', {bytes}, {}, {at}, {at}, 'done', '1 run' FROM numbers",
        body.len()
    ));
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
