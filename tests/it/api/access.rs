//! Who is let in: tokens, roles, scopes, and what is written down of those who are not.

use slipway_store::Role;
use slipway_testkit::Api;

use super::world::{ADMIN, ApiWorld, run};

/// Every address of the API with its method, from its own description; `{…}` filled with something of the right form.
fn addresses() -> Vec<(String, String)> {
    let description: serde_json::Value = serde_json::from_str(slipway::web::openapi()).expect("JSON");
    let mut addresses = Vec::new();
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let id = if path.contains("{source}") { "d-1" } else { "01a20cf5-81a7-743a-b9a9-2b00f57f7e69" };
            let path = path.replace("{source}", "digits").replace("{id}", id);
            addresses.push((method.to_uppercase(), path));
        }
    }
    addresses
}

async fn status(api: &Api, method: &str, path: &str) -> u16 {
    api.send(method, path, &[], Vec::new()).await.expect("an answer").status
}

#[tokio::test]
async fn without_a_token_only_webhooks_health_and_metrics_answer() {
    let world = ApiWorld::started().await;
    let addresses = addresses();
    assert!(addresses.len() >= 13, "{addresses:?}");
    for (method, path) in &addresses {
        let answer = world.unauthenticated().send(method, path, &[], Vec::new()).await.expect("an answer");
        assert_eq!(answer.status, 401, "{method} {path}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"slipway\"");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.json["status"], 401);
    }
    for path in ["/api/v1", "/api/v1/", "/api/v1/nothing"] {
        assert_ne!(status(&world.unauthenticated(), "GET", path).await, 200, "{path}");
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(status(&world.unauthenticated(), "GET", path).await, 200, "{path}");
    }
    assert_eq!(status(&world.unauthenticated(), "POST", "/webhooks/digits").await, 401, "by its signature");
    for wrong in ["Bearer wrong", "Basic abc", "Bearer", ADMIN] {
        let headers = [("authorization", wrong)];
        let answer =
            world.unauthenticated().send("GET", "/api/v1/runs", &headers, Vec::new()).await.expect("an answer");
        assert_eq!(answer.status, 401, "{wrong}");
        assert!(!answer.text.contains(ADMIN));
    }
    world.finish().await;
}

#[tokio::test]
async fn a_server_without_any_token_refuses_every_call_of_its_api() {
    let world = ApiWorld::new("").await.start().await;
    assert_eq!(status(&world.unauthenticated(), "GET", "/api/v1/runs").await, 401);
    assert_eq!(status(&world.admin(), "GET", "/api/v1/runs").await, 401);
    let made = world.with("first", Role::Viewer, &[]).await;
    assert_eq!(status(&made, "GET", "/api/v1/runs").await, 200, "a token counts as soon as it is made");
    world.store.revoke_token("first").await.expect("revoked");
    assert_eq!(status(&made, "GET", "/api/v1/runs").await, 401, "and no longer than until it is revoked");
    world.finish().await;
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let world = ApiWorld::started().await;
    let past = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(1);
    let secret = world.store.create_token("old", Role::Admin, &[], Some(past)).await.expect("a token");
    let api = world.unauthenticated().with_token(secret.reveal());
    let answer = api.get("/api/v1/runs").await.expect("an answer");
    assert_eq!(answer.status, 401);
    assert!(answer.json["detail"].as_str().is_some_and(|detail| detail.contains("expired")), "{}", answer.text);
    world.finish().await;
}

#[tokio::test]
async fn viewers_read_operators_act_and_administrators_read_audit_and_tokens() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let refused = world.record_as(run("digits", "zero", 1), &[slipway_domain::RunEvent::Refused], false).await;
    let world = world.start().await;
    let viewer = world.with("anna", Role::Viewer, &[]).await;
    let operator = world.with("ben", Role::Operator, &[]).await;
    let (runs, audit, tokens) = ("/api/v1/runs", "/api/v1/audit", "/api/v1/tokens");
    let cancel = format!("/api/v1/runs/{}/cancel", refused.id);
    for (api, answers) in [(&viewer, [200, 403, 403, 403]), (&operator, [200, 409, 403, 403])] {
        assert_eq!(status(api, "GET", runs).await, answers[0]);
        assert_eq!(status(api, "POST", &cancel).await, answers[1]);
        assert_eq!(status(api, "GET", audit).await, answers[2]);
        assert_eq!(status(api, "GET", tokens).await, answers[3]);
    }
    let answer = viewer.post(&cancel).await.expect("an answer");
    assert_eq!(answer.json["detail"], "this needs the role `operator`, the token has `viewer`");
    let admin = world.admin();
    assert_eq!(status(&admin, "GET", audit).await, 200);
    let tokens = admin.get(tokens).await.expect("an answer");
    assert_eq!(tokens.json["tokens"][0]["name"], "anna");
    assert!(!tokens.text.contains("sha256:"), "not even hashes are told: {}", tokens.text);
    let audited = world.audited().await;
    let performed = audited.iter().filter(|(actor, action, ..)| actor == "token ben" && action == "run.cancel");
    assert_eq!(performed.count(), 1, "{audited:#?}");
    let refusals = audited.iter().filter(|(actor, action, ..)| actor == "token anna" && action == "refused");
    assert_eq!(refusals.count(), 2, "once a reason: {audited:#?}");
    world.finish().await;
}

#[tokio::test]
async fn a_token_of_one_source_sees_and_steers_nothing_of_another() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let ours = world.record_promoted(run("digits", "zero", 1)).await;
    let theirs = world.record_promoted(run("fashion", "coat", 2)).await;
    let world = world.start().await;
    let api = world.with("narrow", Role::Operator, &["digits"]).await;
    let list = |path: &'static str, key: &'static str, field: &'static str| {
        let api = api.clone();
        async move {
            let answer = api.get(path).await.expect("an answer");
            let things = answer.json[key].as_array().expect("a list").clone();
            things.iter().map(|thing| thing[field].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(list("/api/v1/runs", "runs", "source").await, ["digits"]);
    assert_eq!(list("/api/v1/runs?source=fashion", "runs", "source").await, Vec::<String>::new());
    assert_eq!(list("/api/v1/deliveries", "deliveries", "source").await, ["digits"]);
    assert_eq!(list("/api/v1/models", "models", "model").await, ["zero"]);
    assert_eq!(list("/api/v1/environments", "environments", "name").await, ["staging"]);
    for path in ["", "/log", "/explain"] {
        assert_eq!(status(&api, "GET", &format!("/api/v1/runs/{}{path}", ours.id)).await, 200, "{path}");
        assert_eq!(status(&api, "GET", &format!("/api/v1/runs/{}{path}", theirs.id)).await, 404, "{path}");
    }
    for action in ["cancel", "retry"] {
        assert_eq!(status(&api, "POST", &format!("/api/v1/runs/{}/{action}", theirs.id)).await, 404, "{action}");
    }
    let delivery = format!("/api/v1/deliveries/fashion/{}", theirs.id);
    assert_eq!(status(&api, "GET", &delivery).await, 404);
    assert_eq!(status(&api, "POST", &format!("{delivery}/replay")).await, 404);
    assert_eq!(status(&world.admin(), "GET", &delivery).await, 200, "it is there");
    let narrow_admin = world.with("narrow-admin", Role::Admin, &["digits"]).await;
    assert_eq!(status(&narrow_admin, "GET", "/api/v1/audit").await, 403, "the audit log is of all sources");
    world.finish().await;
}

#[tokio::test]
async fn hundreds_of_refused_calls_are_two_audit_entries() {
    let mut world = ApiWorld::started().await;
    let (mut refused, mut throttled) = (0, 0);
    for _ in 0..300 {
        match world.unauthenticated().get("/api/v1/runs").await.expect("an answer") {
            answer if answer.status == 401 => refused += 1,
            answer if answer.status == 429 => {
                assert!(answer.headers["retry-after"].parse::<u32>().is_ok_and(|seconds| seconds >= 1));
                throttled += 1;
            }
            answer => panic!("{}", answer.status),
        }
    }
    assert!(refused >= 100 && throttled > 0, "{refused} refused, {throttled} told to wait");
    assert_eq!(status(&world.admin(), "GET", "/api/v1/runs").await, 200, "who has a token is not held up by them");
    let written = world.audited().await;
    assert_eq!(written.len(), 1, "{written:#?}");
    assert_eq!(written[0].3, "no bearer token was sent, from 127.0.0.1");
    world.stop().await;
    let counted = world.store.audit_entries(1, 10).await.expect("entries");
    assert_eq!(counted.len(), 1, "the rest is counted when the server ends");
    assert!(counted[0].detail.starts_with("299 more times"), "{}", counted[0].detail);
    assert!(world.store.verify_audit().await.expect("read").is_ok());
}

#[tokio::test]
async fn a_token_that_asks_too_often_is_asked_to_wait() {
    let world = ApiWorld::new("api_token: {file: ./token}, requests_per_second: 1").await.start().await;
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(status(&world.admin(), "GET", "/api/v1/runs").await);
    }
    assert_eq!(answers[..4], [200; 4], "{answers:?}");
    assert!(answers.contains(&429), "{answers:?}");
    let other = world.with("other", Role::Viewer, &[]).await;
    assert_eq!(status(&other, "GET", "/api/v1/runs").await, 200, "each token has a share of its own");
    world.finish().await;
}

#[tokio::test]
async fn metrics_can_be_kept_for_those_with_a_token() {
    let world = ApiWorld::new("api_token: {file: ./token}, metrics: token").await.start().await;
    assert_eq!(status(&world.unauthenticated(), "GET", "/metrics").await, 401);
    assert_eq!(status(&world.admin(), "GET", "/metrics").await, 200);
    assert_eq!(status(&world.unauthenticated(), "GET", "/livez").await, 200);
    world.finish().await;
    // Where others reach the port, that is how it is unless the settings say otherwise.
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let settings = std::fs::read_to_string(world.config()).expect("settings");
    std::fs::write(world.config(), settings.replace("127.0.0.1:0", "0.0.0.0:0")).expect("written");
    let world = world.start().await;
    assert_eq!(status(&world.unauthenticated(), "GET", "/metrics").await, 401);
    world.finish().await;
}
