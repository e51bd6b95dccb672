//! What the API tells: lists, pages, details, and how it refuses.

use serde_json::Value;
use slipway_domain::RunEvent;
use slipway_testkit::Api;

use super::world::{ApiWorld, commit, delivery, run};

async fn get(api: &Api, path: &str) -> Value {
    let answer = api.get(path).await.expect("an answer");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json
}

fn texts(list: &Value, key: &str, field: &str) -> Vec<String> {
    let things = list[key].as_array().unwrap_or_else(|| panic!("no {key} in {list}"));
    things.iter().map(|thing| thing[field].as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn runs_are_filtered_and_paged_without_gaps_or_repetitions() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let stalled = world.record_as(run("digits", "zero", 1), &[], true).await;
    let refused = world.record_as(run("digits", "one", 2), &[RunEvent::Refused], false).await;
    world.record_promoted(run("fashion", "coat", 3)).await;
    let mut expected = vec![commit(3).to_string(), commit(2).to_string(), commit(1).to_string()];
    for number in 4..20 {
        world.record_promoted(run("fashion", "coat", number)).await;
        expected.insert(0, commit(number).to_string());
    }
    let world = world.start().await;
    let api = world.admin();
    for (query, heads) in [
        ("source=digits", vec![&expected[17], &expected[18]]),
        ("model=one", vec![&expected[17]]),
        ("state=refused", vec![&expected[17]]),
        ("stalled=true", vec![&expected[18]]),
        ("stalled=false&source=digits", vec![&expected[17]]),
        (&format!("head={}", commit(7)), vec![&expected[12]]),
        ("source=digits&state=done", vec![]),
        ("model=nobody", vec![]),
    ] {
        let list = get(&api, &format!("/api/v1/runs?{query}")).await;
        assert_eq!(texts(&list, "runs", "head").iter().collect::<Vec<_>>(), heads, "{query}");
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..7 {
        let page = get(&api, &format!("/api/v1/runs?limit=3{cursor}")).await;
        seen.extend(texts(&page, "runs", "head"));
        cursor = page["next"].as_str().map_or_else(String::new, |next| format!("&cursor={next}"));
    }
    assert_eq!(seen, expected);
    assert_eq!(cursor, "", "the last page has no next one");
    let shown = get(&api, &format!("/api/v1/runs/{}", refused.id)).await;
    assert_eq!(texts(&shown, "transitions", "to"), ["queued", "refused"]);
    assert_eq!(shown["queue"], Value::Null);
    assert_eq!(get(&api, &format!("/api/v1/runs/{}", stalled.id)).await["stalled"], true);
    world.finish().await;
}

#[tokio::test]
async fn a_run_that_waits_says_where_in_the_queue() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let world = world.start().await;
    // Nobody can be reached, so nothing that is recorded now goes on.
    world.record(&[run("digits", "zero", 1), run("digits", "one", 2)]).await;
    let list = get(&world.admin(), "/api/v1/runs?model=one").await;
    let shown = get(&world.admin(), &format!("/api/v1/runs/{}", texts(&list, "runs", "id")[0])).await;
    let queue = &shown["queue"];
    assert!(queue.is_null() || queue["position"].as_u64() <= queue["waiting"].as_u64(), "{queue}");
    world.finish().await;
}

#[tokio::test]
async fn why_a_run_trained_is_explained_part_by_part() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let first = world.record_promoted(run("digits", "zero", 1)).await;
    let second = world.record_promoted(run("digits", "zero", 2)).await;
    let world = world.start().await;
    let answer = get(&world.admin(), &format!("/api/v1/runs/{}/explain", second.id)).await;
    assert_eq!(answer["compared_with"], first.id.to_string());
    assert_eq!(answer["parts"][0]["name"], "data");
    assert_eq!(answer["parts"][0]["same"], false);
    world.finish().await;
}

#[tokio::test]
async fn models_are_shown_with_their_newest_run_and_what_was_promoted_last() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let promoted = world.record_promoted(run("digits", "zero", 1)).await;
    let newest = world.record_as(run("digits", "zero", 2), &[RunEvent::Refused], false).await;
    world.record_as(run("digits", "one", 3), &[RunEvent::Refused], false).await;
    let mut judged = run("digits", "two", 4);
    judged.cause.pull_request =
        Some(slipway_domain::PullRequestHead { number: 7, reference: "refs/pull/7/head".to_owned(), fork: false });
    world.record_as(judged, &[RunEvent::Refused], false).await;
    let world = world.start().await;
    let models = get(&world.admin(), "/api/v1/models").await;
    assert_eq!(texts(&models, "models", "model"), ["one", "zero"], "a change is no model of the branch");
    let zero = &models["models"][1];
    assert_eq!(zero["newest_run"]["id"], newest.id.to_string());
    assert_eq!(zero["promoted"]["run"], promoted.id.to_string());
    assert_eq!(zero["promoted"]["artifact"], promoted.training.artifact.expect("an artifact").to_string());
    assert_eq!(models["models"][0]["promoted"], Value::Null);
    let page = get(&world.admin(), "/api/v1/models?limit=1").await;
    let next = page["next"].as_str().expect("a next page");
    let page = get(&world.admin(), &format!("/api/v1/models?limit=1&cursor={next}")).await;
    assert_eq!(texts(&page, "models", "model"), ["zero"]);
    world.finish().await;
}

#[tokio::test]
async fn environments_are_shown_with_their_branches_and_sources() {
    let world = ApiWorld::started().await;
    let answer = get(&world.admin(), "/api/v1/environments").await;
    assert_eq!(texts(&answer, "environments", "name"), ["production", "staging"]);
    assert_eq!(texts(&answer, "environments", "branch"), ["live", "main"]);
    assert_eq!(answer["environments"][0]["sources"], serde_json::json!(["fashion"]));
    assert_eq!(answer["environments"][0]["tip"], Value::Null);
    world.finish().await;
}

#[tokio::test]
async fn deliveries_are_shown_with_headers_and_body() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    for (id, body) in [("text", &br#"{"a": "\u00e9"}"#[..]), ("bytes", &[0xff, 0x00]), ("a/b c?d", b"odd")] {
        let delivery = delivery("digits", id, body);
        world.store.record_delivery(&delivery).await.expect("stored");
        let outcome = slipway_store::DeliveryOutcome::nothing(slipway_domain::DeliveryState::Ignored, "says nothing");
        world.store.acknowledge_deliveries(&[&delivery], &outcome).await.expect("settled");
    }
    let world = world.start().await;
    let api = world.admin();
    let list = get(&api, "/api/v1/deliveries?state=ignored").await;
    assert_eq!(list["deliveries"].as_array().map(Vec::len), Some(3));
    assert!(list["deliveries"][0].get("body").is_none());
    let text = get(&api, "/api/v1/deliveries/digits/text").await;
    assert_eq!((&text["encoding"], &text["body"]), (&"utf-8".into(), &r#"{"a": "\u00e9"}"#.into()));
    assert_eq!(text["headers"]["user-agent"], "git");
    let bytes = get(&api, "/api/v1/deliveries/digits/bytes").await;
    assert_eq!((&bytes["encoding"], &bytes["body"], &bytes["size"]), (&"base64".into(), &"/wA=".into(), &2.into()));
    assert_eq!(get(&api, "/api/v1/deliveries/digits/a%2Fb%20c%3Fd").await["body"], "odd");
    let first = get(&api, "/api/v1/deliveries?limit=2").await;
    let next = first["next"].as_str().expect("a next page");
    let second = get(&api, &format!("/api/v1/deliveries?limit=2&cursor={next}")).await;
    let all = [texts(&first, "deliveries", "id"), texts(&second, "deliveries", "id")].concat();
    assert_eq!(all, texts(&list, "deliveries", "id"));
    world.finish().await;
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_problem() {
    let world = ApiWorld::started().await;
    let missing = "/api/v1/runs/01a20cf5-81a7-743a-b9a9-2b00f57f7e69";
    for (path, status, words) in [
        ("/api/v1/runs?colour=red", 400, "`colour` is no parameter of this address: expected"),
        ("/api/v1/runs?state=asleep", 400, "`state`: `asleep` is not known: expected one of `queued`"),
        ("/api/v1/runs?head=main", 400, "`main` is no commit"),
        ("/api/v1/runs?stalled=yes", 400, "`stalled`: expected `true` or `false`"),
        ("/api/v1/runs?limit=0", 400, "expected 1 to 500"),
        ("/api/v1/runs?limit=501", 400, "expected 1 to 500"),
        ("/api/v1/runs?limit=1&limit=2", 400, "`limit` is there more than once"),
        ("/api/v1/runs?model=%00", 400, "no control characters"),
        ("/api/v1/runs?cursor=nonsense", 400, "`cursor` is none"),
        ("/api/v1/runs?source=..%2F..", 400, "is not a valid name of a source"),
        ("/api/v1/runs/one", 400, "`one` names no run: expected its identifier"),
        ("/api/v1/runs/%ff", 400, "the address cannot be read"),
        ("/api/v1/models?source=digits", 400, "`source` is no parameter of this address"),
        ("/api/v1/environments?a=b", 400, "`a` is no parameter of this address"),
        ("/api/v1/openapi.json?a=b", 400, "`a` is no parameter of this address"),
        (missing, 404, "there is no run"),
        ("/api/v1/runs/01a20cf5", 404, "no run's identifier begins with `01a20cf5`"),
        (&format!("{missing}/log"), 404, "there is no run"),
        ("/api/v1/deliveries/digits/none", 404, "has no delivery `none`"),
        ("/api/v1/deliveries/nobody/none", 404, "has no delivery `none`"),
        ("/api/v1/nothing", 404, "there is nothing at"),
        ("/nothing", 404, "there is nothing at"),
    ] {
        let answer = world.admin().get(path).await.expect("an answer");
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
        assert_eq!(answer.json["status"], status, "{path}");
        assert!(answer.json["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{path}: {}", answer.text);
    }
    let answer = world.admin().send("DELETE", "/api/v1/runs", &[], Vec::new()).await.expect("an answer");
    assert_eq!((answer.status, &*answer.headers["allow"]), (405, "GET,HEAD,POST"), "{}", answer.text);
    assert_eq!(answer.json["status"], 405);
    world.finish().await;
}

#[tokio::test]
async fn the_description_that_is_served_is_the_one_in_the_repository() {
    let world = ApiWorld::started().await;
    let answer = world.admin().get("/api/v1/openapi.json").await.expect("an answer");
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    assert_eq!(answer.text, std::fs::read_to_string(file).expect("docs/openapi.json"));
    assert_eq!(answer.json["openapi"], "3.1.0");
    world.finish().await;
}

#[tokio::test]
async fn health_says_that_the_store_can_be_written_and_workers_are_alive() {
    let world = ApiWorld::started().await;
    for path in ["/livez", "/readyz"] {
        let answer = world.unauthenticated().get(path).await.expect("an answer");
        assert_eq!((answer.status, &*answer.text), (200, "ok\n"), "{path}");
    }
    // A table that is gone is a store that cannot be written.
    let url = format!("sqlite://{}", world.path("state/slipway.db").display());
    let mut connection = <sqlx::AnyConnection as sqlx::Connection>::connect(&url).await.expect("a connection");
    for (statement, status) in [("ALTER TABLE probes RENAME TO away", 503), ("ALTER TABLE away RENAME TO probes", 200)]
    {
        sqlx::query(statement).execute(&mut connection).await.expect("renamed");
        assert_eq!(world.unauthenticated().get("/readyz").await.expect("an answer").status, status, "{statement}");
        assert_eq!(world.unauthenticated().get("/livez").await.expect("an answer").status, 200, "{statement}");
    }
    world.finish().await;
}
