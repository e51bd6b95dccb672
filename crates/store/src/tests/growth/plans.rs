//! Checks of query plans on SQLite, and of the number of read rows on PostgreSQL.

use std::collections::BTreeSet;
use std::time::Instant;

use sqlx::{AssertSqlSafe, Row as _};

use super::calls;
use super::rows::fill;
use crate::tests::statements::Recording;
use crate::tests::{CLAIM_LEASE, World, name, postgres};
use crate::{Claim, PostgresUrl, Settings};
use jiff::Timestamp;
use slipway_domain::RunState;

/// Maximum number of rows that a call may read on PostgreSQL, including index entries. Pages have 50 rows.
const MAX_READ: i64 = 1_000;

/// Number of claims in sequence.
const CLAIMS: i64 = 20;
/// Maximum number of rows that a claim may read on PostgreSQL. Some of them are dead row versions.
const MAX_READ_BY_A_CLAIM: i64 = 200;

/// Indexes that contain only waiting or active rows: a scan of one of them does not grow with the table.
const OF_WHAT_WAITS: [&str; 14] = [
    "reports_behind",
    "reports_of_a_target",
    "deliveries_pending",
    "outbox_left",
    "outbox_pending",
    "outbox_turns",
    "runs_active_of_a_lane",
    "runs_ahead_in_a_lane",
    "runs_held",
    "runs_stalled",
    "runs_to_promote",
    "runs_under_way",
    "runs_waiting",
    "sqlite_autoindex_queues_1",
];
/// Indexes in the order of a list; the scan stops at the end of a page.
const ORDERS: [&str; 4] = ["deliveries_by_time", "deliveries_in_a_state", "runs_by_time", "runs_of_a_branch"];
/// Names in plans that stand for no growing table: subqueries, and tables with one row per source.
const SMALL: [&str; 18] = [
    "(subquery-",
    "waiting",
    "summed",
    "seen",
    "place",
    "with_deliveries",
    "with_reports",
    "with_outbox",
    "held",
    "named",
    "queues",
    "tokens",
    "branches",
    "run_counts",
    "environments",
    "newer",
    "newest_7",
    "newest_8",
];

/// First words of statements that have a plan.
const VERBS: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];

/// Columns of runs with few rows per value, the most selective first.
const NARROW: [&str; 4] = ["lane", "head", "change_id", "model"];

/// The table or index that a line of a plan scans completely, if it grows.
fn scanned(line: &str, plan: &[String], statement: &str) -> Option<String> {
    // An index without a condition is scanned until a row matches.
    let scan =
        line.strip_prefix("SCAN ").or_else(|| line.strip_prefix("SEARCH ").filter(|line| !line.ends_with(')')))?;
    let index = scan.rsplit_once("INDEX ").map(|(_, index)| index);
    // A list in the order of an index stops at the end of its page, if no condition filters its rows.
    let is_page = !plan.iter().any(|line| line == "USE TEMP B-TREE FOR ORDER BY")
        && !statement.contains(" = $")
        && statement.contains(" LIMIT ");
    let table = scan.split(' ').next().unwrap_or_default();
    let fine = SMALL.iter().any(|name| table == *name || name.ends_with('-') && table.starts_with(name))
        || scan.contains("CONSTANT ROW")
        || scan == "transitions"
        || scan == "audit" && is_page
        || index.is_some_and(|index| OF_WHAT_WAITS.contains(&index) || is_page && ORDERS.contains(&index));
    (!fine).then(|| scan.to_owned())
}

/// A selective column of runs in a statement whose index the plan does not use, so that it reads rows of a less selective index.
fn unused(plan: &[String], statement: &str) -> Option<String> {
    let asked = NARROW.into_iter().find(|column| statement.contains(&format!("{column} = $")))?;
    let uses =
        |line: &String| line.contains(&format!("{asked}=?")) || OF_WHAT_WAITS.iter().any(|index| line.contains(index));
    let fine = !statement.contains("FROM runs") || plan.iter().any(uses);
    (!fine).then(|| format!("no index for `{asked}`"))
}

#[tokio::test]
async fn no_statement_on_sqlite_goes_through_a_table_that_gathers_rows() {
    let world = World::on_sqlite().await;
    fill(&world).await;
    let mut statements = BTreeSet::new();
    for (_, call) in calls::all(&world.store) {
        let ((), recording) = Recording::of(call).await;
        statements.extend(recording.statements());
    }
    let is_explained = |statement: &&String| VERBS.iter().any(|verb| statement.starts_with(verb));
    let statements: Vec<String> = statements.iter().filter(is_explained).cloned().collect();
    assert!(statements.len() > 60, "only {} statements were noted", statements.len());
    let mut faults = Vec::new();
    for statement in statements {
        let explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
        let Ok(rows) = explain.fetch_all(&world.store.database.pool).await else { continue };
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let scans = plan.iter().filter_map(|line| scanned(line, &plan, &statement));
        for fault in scans.chain(unused(&plan, &statement)) {
            faults.push(format!("{fault}: {}", statement.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    assert!(faults.is_empty(), "these statements go through a whole table or index:\n{}", faults.join("\n"));
}

/// Number of table rows and index entries that were read in a database so far. The reads of a connection are counted once it has
/// ended.
fn read_so_far(database: &str) -> i64 {
    let server = postgres().expect("a server");
    let number =
        |statement: &str| -> i64 { server.sql(database, statement).expect("asked").trim().parse().expect("a number") };
    let others = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                  AND backend_type = 'client backend'";
    let begun = Instant::now();
    while number(others) > 0 {
        assert!(begun.elapsed() < CLAIM_LEASE, "a connection does not end");
    }
    number(
        "SELECT (SELECT COALESCE(SUM(seq_tup_read), 0) FROM pg_stat_user_tables)
              + (SELECT COALESCE(SUM(idx_tup_read), 0) FROM pg_stat_user_indexes)",
    )
}

#[tokio::test]
async fn no_call_on_postgres_reads_more_rows_because_there_are_more() {
    let Some(world) = World::on_postgres().await else { return };
    fill(&world).await;
    // Simulates a store after some time: counters are summed up and dead row versions are removed.
    world.store.runs_by_state().await.expect("counted");
    world.tamper("VACUUM ANALYZE").await;
    let count = calls::all(&world.store).len();
    let Settings::Postgres { url: PostgresUrl(url) } = &world.settings else { panic!("a store on PostgreSQL") };
    let database = url.rsplit('/').next().expect("a name");
    world.store.close().await;
    let mut faults = Vec::new();
    for number in 0..count {
        let before = read_so_far(database);
        let store = world.another().await;
        let (name, call) = calls::all(&store).swap_remove(number);
        call.await;
        store.close().await;
        let read = read_so_far(database) - before;
        if read > MAX_READ {
            faults.push(format!("{name}: {read} rows"));
        }
    }
    assert!(faults.is_empty(), "these calls read more than {MAX_READ} rows:\n{}", faults.join("\n"));
}

#[tokio::test]
async fn claims_on_postgres_read_few_rows_when_statistics_are_older_than_the_runs_that_wait() {
    let Some(world) = World::on_postgres().await else { return };
    fill(&world).await;
    world.tamper("VACUUM ANALYZE").await;
    let Settings::Postgres { url: PostgresUrl(url) } = &world.settings else { panic!("a store on PostgreSQL") };
    let database = url.rsplit('/').next().expect("a name");
    world.store.close().await;
    for waiting in [
        "UPDATE runs SET active = 1, state = 'queued' WHERE created_at % 10 = 1",
        "ANALYZE",
        "UPDATE runs SET active = 1, state = 'waiting' WHERE created_at % 10 = 3",
    ] {
        postgres().expect("a server").sql(database, waiting).expect("done");
        let before = read_so_far(database);
        let store = world.another().await;
        // From the sixth execution on, a prepared statement is planned without its values.
        for _ in 0..CLAIMS {
            let claim = Claim { now: Timestamp::now(), lease_duration: CLAIM_LEASE, max_runs_per_source: 64 };
            let (_, lease) = store.claim_run(claim).await.expect("claimed").expect("a run");
            store.release_run(&lease, Timestamp::now()).await.expect("released");
            let staging = name("staging");
            store.claim_promotions(&staging, RunState::Waiting, claim, 1).await.expect("claimed");
        }
        store.close().await;
        let read = read_so_far(database) - before;
        assert!(read < CLAIMS * MAX_READ_BY_A_CLAIM, "{read} rows for {CLAIMS} claims after {waiting}");
    }
}
