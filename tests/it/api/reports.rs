//! Reports to forges, listed and tried again: by whoever may, and only of sources that their token covers.

use std::time::Duration;

use jiff::Timestamp;
use slipway_store::{First, Role};
use slipway_testkit::Answer;

use super::world::{ApiWorld, run, source};
use crate::support::DEADLINE;

#[tokio::test]
async fn a_refused_report_is_shown_with_its_reason_and_retried_by_an_operator_of_its_source_alone() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let (ours, theirs) = (run("digits", "zero", 1), run("fashion", "one", 2));
    world.record(&[ours.clone(), theirs.clone()]).await;
    let hold = Duration::from_mins(1);
    let due = world.store.due_report(&source("digits"), First::Unknown, Timestamp::now(), hold).await;
    world.store.refuse_report(&due.expect("asked").expect("behind"), "422: no such commit").await.expect("refused");
    let world = world.start().await;
    let viewer = world.with("ada", Role::Viewer, &["digits"]).await;
    let listed = viewer.get("/api/v1/reports").await.expect("an answer");
    let reports = listed.json["reports"].as_array().expect("a list");
    assert_eq!(reports.len(), 1, "the other source is out of reach: {}", listed.text);
    assert_eq!(reports[0]["id"], ours.id.to_string());
    assert_eq!((&reports[0]["state"], &reports[0]["note"]), (&"refused".into(), &"422: no such commit".into()));
    assert_eq!((&reports[0]["model"], &reports[0]["revision"]), (&"zero".into(), &ours.cause.head.to_string().into()));

    let path = |id| format!("/api/v1/reports/{id}/retry");
    assert_eq!(viewer.post(&path(ours.id)).await.expect("an answer").status, 403);
    let operator = world.with("ben", Role::Operator, &["digits"]).await;
    assert_eq!(operator.post(&path(theirs.id)).await.expect("an answer").status, 404);
    assert_eq!(operator.post("/api/v1/reports/retry?source=fashion").await.expect("an answer").status, 404);
    let retried = operator.post(&path(ours.id)).await.expect("an answer");
    assert_eq!((retried.status, &retried.json["state"]), (200, &"behind".into()), "{}", retried.text);
    // Neither source has an API, so nobody wants to be told.
    let skipped = |answer: &Answer| {
        let reports = answer.json["reports"].as_array().cloned().unwrap_or_default();
        reports.len() == 2 && reports.iter().all(|report| report["state"] == "skipped")
    };
    world.admin().wait_for("two skipped", "/api/v1/reports", DEADLINE, skipped).await.expect("they are skipped");
    let again = operator.post(&path(ours.id)).await.expect("an answer");
    assert_eq!(again.status, 409, "{}", again.text);
    let all = operator.post("/api/v1/reports/retry?source=digits").await.expect("an answer");
    assert_eq!((all.status, &all.json["due"]), (200, &0.into()), "{}", all.text);
    let audited = world.audited().await;
    assert!(audited.iter().any(|entry| &*entry.1 == "report.retry" && entry.2 == ours.id.to_string()), "{audited:?}");
    world.finish().await;
}

#[tokio::test]
async fn reports_are_listed_in_pages_and_what_is_no_state_is_refused() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    world.record(&[run("digits", "zero", 1), run("digits", "one", 2), run("digits", "two", 3)]).await;
    let world = world.start().await;
    let mut models = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.admin().get(&format!("/api/v1/reports?limit=2{cursor}")).await.expect("an answer");
        let reports = page.json["reports"].as_array().cloned().expect("a list");
        models.extend(reports.iter().map(|report| report["model"].as_str().unwrap_or_default().to_owned()));
        let Some(next) = page.json["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(models, ["two", "one", "zero"]);
    for (query, part) in
        [("state=dead", "`dead` is not known"), ("limit=0", "`limit` is 0"), ("cursor=x", "`cursor` is none")]
    {
        let answer = world.admin().get(&format!("/api/v1/reports?{query}")).await.expect("an answer");
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.text.contains(part), "{}", answer.text);
    }
    world.finish().await;
}
