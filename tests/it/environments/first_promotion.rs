//! An environment that is added behind a filled one: its first promotion is offered, and is taken from the run that passed.

use serde_json::Value;

use super::world::{by_hand, command, deployed_digest, digits_in, done, prepare, run_to, write_settings};
use crate::support::text;

#[tokio::test]
async fn an_environment_downstream_of_a_filled_one_shows_what_that_names_and_takes_it() {
    let mut bench = prepare(&[("staging", "")], "").await;
    bench.restart(&[]).await;
    let first = bench.promote_a_first_model().await;
    // The newest run finds its weights named already: it was judged by nobody.
    bench.world.work.write("data/notes.txt", "words").expect("written");
    let head = bench.push("the same weights").await;
    let same = bench.end_of(&head).await;
    assert_eq!((&same["artifact"], &same["verdict"]), (&first["artifact"], &Value::Null), "{same:#}");

    let clone = by_hand(&bench).await;
    let manifest = bench.world.environment.show("main", "staging/inferenceservice.yaml").await.expect("a manifest");
    let manifest = manifest.replace(text(&first, "artifact"), "none");
    clone.write("production/inferenceservice.yaml", manifest).expect("written");
    clone.commit("A production").await.expect("committed");
    assert!(clone.push("main").await.expect("pushed").success());
    write_settings(&bench, &[("staging", ""), ("production", "after: {all: [staging]}")], "");
    bench.restart(&[]).await;
    let path = "/api/v1/environments/production";
    let shows_first_promotion =
        |answer: &slipway_testkit::Answer| answer.json["models"][0]["first_promotion"].is_object();
    bench.api().wait_for("the offer", path, crate::support::DEADLINE, shows_first_promotion).await.expect("an offer");
    let first_promotion = digits_in(&bench, "production").await["first_promotion"].clone();
    assert_eq!(
        (&first_promotion["from"], &first_promotion["artifact"]),
        (&"staging".into(), &first["artifact"]),
        "{first_promotion:#}"
    );
    let staging = bench.world.environment.show("main", "staging/inferenceservice.yaml").await.expect("a manifest");
    assert!(
        first_promotion["run"] == first["id"] && !text(&first_promotion, "version").is_empty(),
        "{first_promotion:#}"
    );
    assert!(!staging.contains("digits:version") || staging.contains(text(&first_promotion, "version")), "{staging}");
    let shown = command(&bench, &["environments", "show", "production", "-o", "text"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let hint =
        format!("digits: staging names {}; slipway promote digits production", text(&first_promotion, "version"));
    assert!(shown.contains(&hint), "{shown}");
    assert_eq!(digits_in(&bench, "staging").await["first_promotion"], Value::Null);

    let begun = done(&bench, &["promote", "digits", "production"]).await;
    assert_eq!((&begun["artifact"], &begun["origin_run"]), (&first["artifact"], &first["id"]), "{begun:#}");
    run_to(&bench, "production", "it is there", |run| text(run, "state") == "done").await;
    assert_eq!(deployed_digest(&bench, "production").await, text(&first, "artifact"));
    assert_eq!(digits_in(&bench, "production").await["first_promotion"], Value::Null, "nothing is offered twice");
    bench.finish().await;
}
