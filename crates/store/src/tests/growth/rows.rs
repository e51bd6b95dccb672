//! Many rows, written directly into the database: ended runs of one model, with all related rows.

use sqlx::AssertSqlSafe;

use super::ROWS;
use crate::database::Dialect;
use crate::tests::{World, name, run, sha};
use slipway_domain::{DeployedArtifact, DeployedBy, DeploymentRecord, RunState};

/// The model of all runs.
pub(super) const FILE: &str = "a/slipway.yaml";
/// The identifier in the document that each row replaces by its own identifier.
const ITS_ID: &str = "ITS-ID";

pub(super) async fn fill(world: &World) {
    let mut example = run(FILE, '1', 0);
    example.status.state = RunState::Done;
    let example = document(&example).replace(&example.id.to_string(), ITS_ID);
    let deployment_record = DeploymentRecord {
        environment: name("staging"),
        model: FILE.to_owned(),
        deployed: DeployedArtifact::Nothing,
        commit: sha('1'),
        at: jiff::Timestamp::UNIX_EPOCH,
        seen_at: None,
        by: DeployedBy::Hand("kim".to_owned()),
    };
    let deployment_record = document(&deployment_record);
    let body = if world.store.database.dialect == Dialect::Sqlite { "x'7b7d'" } else { "'{}'" };
    let id = "'00000000-0000-7000-8000-' || digits";
    // Every second run belongs to a pull request.
    for statement in [
        format!(
            "INSERT INTO runs (id, source, lane, model, branch, head, change_id, state, active, run_key, artifact,
                               document, created_at, environment)
             SELECT {id}, 'models', 'models ' || CASE n % 2 WHEN 0 THEN 'refs/heads/main' ELSE 'change:' || n END
                        || ' {FILE}',
                    '{FILE}', 'main', '0000000000000000000000000000' || digits, CASE n % 2 WHEN 1 THEN n END,
                    'done', 0, 'k', 'a', replace('{example}', '{ITS_ID}', {id}), n, 'staging' FROM numbers WHERE true"
        ),
        format!(
            "INSERT INTO transitions (run, number, from_state, to_state, at, cause, actor)
             SELECT {id}, 1, NULL, 'queued', n, 'push', 'controller' FROM numbers WHERE true"
        ),
        format!(
            "INSERT INTO transitions (run, number, from_state, to_state, at, cause, actor)
             SELECT {id}, 2, 'queued', 'done', n, 'done', 'controller' FROM numbers WHERE true"
        ),
        "INSERT INTO outbox (sequence, source, target, state)
         SELECT sequence, 'models', 'models revision ' || run, 'told' FROM transitions"
            .to_owned(),
        format!(
            "INSERT INTO deliveries (source, id, event, headers, encoding, body, size, received_at, settled_at, state)
             SELECT 'models', digits, 'push', '{{}}', 'plain', {body}, 2, n, n, 'done' FROM numbers WHERE true"
        ),
        format!(
            "INSERT INTO placements (environment, model, at, document)
             SELECT 'staging', '{FILE}', n, '{deployment_record}' FROM numbers WHERE true"
        ),
        "INSERT INTO audit (number, at, actor, action, target, detail, previous, digest)
         SELECT n, n, 'controller', 'x', 'x', 'x', 'x', 'x' FROM numbers WHERE true"
            .to_owned(),
        "INSERT INTO log_lines (run, number, at, line)
         SELECT (SELECT MIN(id) FROM runs), n, n, 'epoch' FROM numbers WHERE n < 10000"
            .to_owned(),
        "INSERT INTO queues (source) VALUES ('models')".to_owned(),
    ] {
        let numbers = format!(
            "WITH RECURSIVE numbers (n, digits) AS (
                 SELECT 1, '000000000001'
                 UNION ALL
                 SELECT n + 1, substr(CAST(1000000000001 + n AS TEXT), 2) FROM numbers WHERE n < {ROWS})"
        );
        let statement = if statement.contains("numbers") { format!("{numbers} {statement}") } else { statement };
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&world.store.database.pool).await.expect("filled");
    }
}

fn document(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("a document").replace('\'', "''")
}
