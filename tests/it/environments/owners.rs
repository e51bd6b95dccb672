//! A model's name belongs to one source in each environment: whoever promoted it first, or whom the settings name.

use serde_json::{Value, json};
use slipway_testkit::Api;

use super::teams::{OTHERS, Team, is_held_up_for_its_owner};
use super::world::{deployed_digest, digits_in, prepare};
use crate::support::{Bench, slipway, text};

/// A token for one source alone.
fn token(bench: &Bench, name: &str, source: &str) -> Api {
    let made = std::process::Command::new(slipway())
        .args(["tokens", "create", name, "--role", "operator", "--source", source, "--config"])
        .arg(bench.world.config())
        .output()
        .expect("it ran");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    bench.api().with_token(String::from_utf8_lossy(&made.stdout).trim())
}

async fn post(api: &Api, path: &str, body: &Value) -> u16 {
    api.send("POST", path, &[], body.to_string().into_bytes()).await.expect("an answer").status
}

fn states(run: &Value) -> Vec<&str> {
    run["transitions"].as_array().expect("a way").iter().map(|step| text(step, "to")).collect()
}

#[tokio::test]
async fn a_second_source_with_a_model_of_the_same_name_neither_takes_it_over_nor_steers_it() {
    const MODEL: &str = "/api/v1/environments/staging/models/digits";
    let mut bench = prepare(&[("staging", "")], "").await;
    let team = Team::beside(&bench).await;
    bench.restart(&[]).await;
    let first = bench.promote_a_first_model().await;
    assert_eq!(digits_in(&bench, "staging").await["owner"], "digits");
    let theirs = team.push(&bench, 8).await;
    let refused = bench.end_of(&theirs).await;
    assert!(is_held_up_for_its_owner(&refused, "digits"), "{refused:#}");
    assert_eq!(states(&refused), ["queued", "queued"], "nothing is trained for it");
    assert_eq!(deployed_digest(&bench, "staging").await, text(&first, "artifact"));

    // Tokens go by the owner, not by a name that anybody can give.
    let (outsiders, owners) = (token(&bench, "strangers", OTHERS), token(&bench, "owners", "digits"));
    let why = json!({"reason": "ours now"});
    for (action, body) in [
        ("hold", &why),
        ("release", &Value::Null),
        ("rollback", &why),
        ("approve", &json!({"artifact": first["artifact"]})),
        ("promote", &json!({})),
        ("promote", &json!({"run": first["id"]})),
    ] {
        assert_eq!(post(&outsiders, &format!("{MODEL}/{action}"), body).await, 404, "{action}");
    }
    assert_eq!(outsiders.get(&format!("{MODEL}/history")).await.expect("an answer").status, 404);
    let seen = outsiders.get("/api/v1/environments/staging").await.expect("an answer");
    assert_eq!(seen.json["models"], json!([]), "{}", seen.text);
    assert_eq!(digits_in(&bench, "staging").await["holds"], json!([]));
    assert_eq!(post(&owners, &format!("{MODEL}/hold"), &why).await, 200);
    assert_eq!(post(&owners, &format!("{MODEL}/release"), &Value::Null).await, 200);

    // What one team rejects of its own model says nothing of the other's.
    let rejection = json!({"artifact": first["artifact"], "reason": "not ours"});
    assert_eq!(post(&outsiders, "/api/v1/models/digits/digits/reject", &rejection).await, 404);
    assert_eq!(post(&outsiders, "/api/v1/models/others/digits/reject", &rejection).await, 200);
    let head = bench.push_with("seed: 7", "seed: 9").await;
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    let back = owners.send("POST", &format!("{MODEL}/rollback"), &[], why.to_string().into_bytes()).await;
    let back = back.expect("an answer");
    assert_eq!(back.status, 200, "{}", back.text);
    bench
        .api()
        .wait_for_run("the rollback", crate::support::DEADLINE, |run| {
            run["id"] == back.json["id"] && text(run, "state") == "done"
        })
        .await
        .expect("it ends");
    assert_eq!(deployed_digest(&bench, "staging").await, text(&first, "artifact"));
    assert_eq!(post(&owners, "/api/v1/models/digits/digits/reject", &rejection).await, 200);
    let rejected = digits_in(&bench, "staging").await;
    assert!(text(&rejected, "rejected").contains("not ours"), "{rejected:#}");
    bench.finish().await;
}

#[tokio::test]
async fn the_settings_say_whose_a_model_is_before_anybody_has_promoted_it() {
    let mut bench = prepare(&[("staging", "owners: {digits: others}")], "").await;
    let team = Team::beside(&bench).await;
    bench.restart(&[]).await;
    let head = bench.push("a first model").await;
    let refused = bench.end_of(&head).await;
    assert!(is_held_up_for_its_owner(&refused, OTHERS), "{refused:#}");
    assert!(text(&refused, "reason").contains("`owners: {digits: digits}`"), "{refused:#}");
    let theirs = team.push(&bench, 8).await;
    let promoted = bench.end_of(&theirs).await;
    assert_eq!(text(&promoted, "state"), "done", "{promoted:#}");
    assert_eq!(deployed_digest(&bench, "staging").await, text(&promoted, "artifact"));
    bench.finish().await;
}

#[tokio::test]
async fn a_server_leaves_the_runs_and_deliveries_of_sources_that_it_does_not_serve_alone() {
    let people = "people: [{name: kim, tokens: [settings], accounts: [\"plain:kim\"]},\n  {name: ada, accounts: [\"plain:ada\"], emails: [Ada@example.com]}]";
    let mut bench = prepare(&[("staging", "approvals: {number: 1}")], people).await;
    let without = std::fs::read_to_string(bench.world.config()).expect("settings");
    let team = Team::beside(&bench).await;
    let with = std::fs::read_to_string(bench.world.config()).expect("settings");
    bench.restart(&[]).await;
    let theirs = team.push(&bench, 8).await;
    let waits = |run: &Value| run["head"] == theirs.as_str() && text(run, "state") == "waiting";
    let waiting = bench.api().wait_for_run("it waits", crate::support::DEADLINE, waits).await.expect("it waits");

    // A server whose settings lack the source: it deals with its own, and with nothing else.
    std::fs::write(bench.world.config(), &without).expect("written");
    bench.restart(&[]).await;
    let ours = bench.push("a first model").await;
    let own = |run: &Value| run["head"] == ours.as_str() && text(run, "state") == "waiting";
    bench.api().wait_for_run("ours waits", crate::support::DEADLINE, own).await.expect("ours waits");
    let left = bench.api().run(text(&waiting, "id")).await.expect("a run");
    assert_eq!((text(&left, "state"), &left["stalled"]), ("waiting", &json!(false)), "{left:#}");

    std::fs::write(bench.world.config(), &with).expect("written");
    bench.restart(&[]).await;
    let approve = json!({"artifact": waiting["artifact"]}).to_string().into_bytes();
    let path = "/api/v1/environments/staging/models/digits/approve";
    assert_eq!(bench.api().send("POST", path, &[], approve).await.expect("an answer").status, 200);
    assert_eq!(text(&bench.end_of(&theirs).await, "state"), "done");
    // Ours came second, and is told so where it waits.
    let second = bench.end_of(&ours).await;
    assert!(is_held_up_for_its_owner(&second, OTHERS), "{second:#}");
    bench.finish().await;
}
