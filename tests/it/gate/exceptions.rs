//! An exception lets a candidate pass, and everybody can see that it did.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::{document, is_done, is_refused, judged_by, policy};
use crate::support::{Bench, text};

#[tokio::test]
async fn an_exception_lets_pass_and_is_in_the_verdict_the_commit_the_evidence_and_the_audit_log() {
    let bench = Bench::start().await;
    let asked = policy(&["name: floor, metric: accuracy, at_least: 0.99", "metric: accuracy, at_least: 0.1"]);
    let until = TimeZone::UTC.to_datetime(Timestamp::now()).date().saturating_add(20.days());
    let excepted = format!(
        "{asked}  exceptions:\n    - {{model: digits, check: floor, reason: new camera, approver: ada, expires: {until}}}\n"
    );
    let run = judged_by(&bench, &excepted, 8).await;
    is_done(&run);
    let check = &run["verdict"]["checks"][0];
    assert_eq!((text(check, "outcome"), text(&check["exception"], "approver")), ("excepted", "ada"), "{check:#}");
    let sentence = format!("accepted until {until} by ada: new camera (policy.yaml:9)");
    let message = bench.world.environment.message("main").await.expect("a message");
    assert!(message.contains(&sentence), "{message}");
    let evidence = document(&bench, text(&run, "artifact"), &format!("evidence/{}.json", text(&run, "id")));
    assert_eq!(evidence["verdict"]["checks"][0]["exception"]["reason"], "new camera");
    let audit = bench.api().get("/api/v1/audit?limit=100").await.expect("an answer").json;
    let entries = audit["entries"].as_array().expect("entries");
    let used: Vec<_> = entries.iter().filter(|entry| entry["action"] == "gate.exception").collect();
    assert_eq!(used.len(), 1, "{audit:#}");
    assert_eq!(used[0]["target"], run["id"]);
    assert!(text(used[0], "detail").contains(&sentence), "{:#}", used[0]);

    let ended = excepted.replace(&until.to_string(), "2020-01-01");
    is_refused(&judged_by(&bench, &ended, 9).await, "the exception at policy.yaml:9 ended on 2020-01-01");
    bench.finish().await;
}
