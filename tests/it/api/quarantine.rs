//! Rows that the server cannot read, as operators meet them.

use serde_json::Value;
use slipway_domain::RunEvent;
use slipway_store::Role;
use sqlx::sqlite::SqlitePool;

use super::world::{ApiWorld, delivery, output_of, run};
use crate::support::{DEADLINE, text};

/// Changes a row behind the server's back.
pub(crate) async fn tamper(world: &ApiWorld, statement: &'static str) {
    let file = world.path("state/slipway.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("a database");
    sqlx::raw_sql(statement).execute(&pool).await.expect("done");
    pool.close().await;
}

#[tokio::test]
async fn a_server_over_rows_that_it_cannot_read_starts_serves_the_rest_and_says_which_they_are() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    world.record_as(run("fashion", "coat", 1), &[RunEvent::Refused], false).await;
    let bad = run("digits", "zero", 2);
    world.record(std::slice::from_ref(&bad)).await;
    for id in ["bad", "good"] {
        world.store.record_delivery(&delivery("digits", id, b"{}")).await.expect("stored");
    }
    tamper(&world, "UPDATE runs SET document = REPLACE(document, '\"queued\"', '\"rehearsing\"') WHERE model = 'zero'")
        .await;
    tamper(&world, "UPDATE deliveries SET encoding = 'brotli' WHERE id = 'bad'").await;
    let world = world.start().await;
    let admin = world.admin();
    let both = |answer: &slipway_testkit::Answer| answer.json["rows"].as_array().is_some_and(|rows| rows.len() == 2);
    let listed = admin.wait_for("both rows", "/api/v1/quarantine", DEADLINE, both).await.expect("they are set aside");
    let rows: Vec<(&str, &str, &str)> = listed.json["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (text(row, "kind"), text(row, "key"), text(row, "source")))
        .collect();
    let id = bad.id.to_string();
    assert!(rows.contains(&("run", &id, "digits")) && rows.contains(&("delivery", "digits bad", "digits")), "{rows:?}");
    assert!(listed.text.contains("unknown variant `rehearsing`") && listed.text.contains("brotli"), "{}", listed.text);

    let runs = admin.get("/api/v1/runs").await.expect("an answer");
    assert_eq!((runs.status, runs.json["runs"].as_array().map(Vec::len)), (200, Some(1)), "{}", runs.text);
    let read = |answer: &slipway_testkit::Answer| {
        let good = |delivery: &Value| text(delivery, "id") == "good" && text(delivery, "state") != "pending";
        answer.json["deliveries"].as_array().is_some_and(|deliveries| deliveries.iter().any(good))
    };
    admin.wait_for("the good delivery", "/api/v1/deliveries", DEADLINE, read).await.expect("it is read");
    for path in ["/livez", "/readyz", "/api/v1/models", "/api/v1/environments", "/api/v1/tokens"] {
        assert_eq!(admin.get(path).await.expect("an answer").status, 200, "{path}");
    }
    let shown = admin.get(&format!("/api/v1/runs/{id}")).await.expect("an answer");
    assert!(shown.status == 500 && text(&shown.json, "detail").contains("slipway quarantine list"), "{}", shown.text);
    let metrics = admin.get("/metrics").await.expect("metrics").text;
    for expected in ["slipway_quarantined{kind=\"run\"} 1", "slipway_quarantined{kind=\"delivery\"} 1"] {
        assert!(metrics.contains(expected), "expected `{expected}` in {metrics}");
    }
    let narrow = world.with("narrow", Role::Operator, &["fashion"]).await;
    assert_eq!(narrow.get("/api/v1/quarantine").await.expect("an answer").json["rows"], serde_json::json!([]));

    let still = world.ask(&["quarantine", "retry", "run", &id]).await;
    assert!(still.status.code() == Some(1) && output_of(&still).contains("rehearsing"), "{}", output_of(&still));
    tamper(&world, "UPDATE runs SET document = REPLACE(document, '\"rehearsing\"', '\"queued\"') WHERE model = 'zero'")
        .await;
    let mended = world.ask(&["quarantine", "retry", "run", &id]).await;
    assert_eq!(mended.status.code(), Some(0), "{}", output_of(&mended));
    let left = world.ask(&["quarantine", "list"]).await;
    assert!(output_of(&left).contains("digits bad") && !output_of(&left).contains(&id), "{}", output_of(&left));
    assert_eq!(admin.get(&format!("/api/v1/runs/{id}")).await.expect("an answer").status, 200);
    let unknown = world.ask(&["quarantine", "retry", "run", &id]).await;
    assert!(
        unknown.status.code() != Some(0) && output_of(&unknown).contains("is quarantined"),
        "{}",
        output_of(&unknown)
    );
    world.finish().await;
}
