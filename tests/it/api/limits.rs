//! Who asks too often, and who that is: by tokens that are guessed, by links that are guessed, and behind a proxy.

use slipway_domain::RunId;
use slipway_store::Role;
use slipway_testkit::Api;

use super::world::ApiWorld;

/// More requests than any peer may make at once without a good token.
const MANY: usize = 150;

async fn status(api: &Api, path: &str, headers: &[(&str, &str)]) -> u16 {
    api.send("GET", path, headers, Vec::new()).await.expect("an answer").status
}

/// Runs a statement beside the server.
async fn tamper(world: &ApiWorld, statement: &'static str) {
    sqlx::any::install_default_drivers();
    let address = format!("sqlite://{}", world.path("state/slipway.db").display());
    let pool = sqlx::AnyPool::connect(&address).await.expect("the store");
    sqlx::raw_sql(statement).execute(&pool).await.expect("done");
    pool.close().await;
}

#[tokio::test]
async fn tokens_that_are_guessed_are_refused_before_the_store_is_asked() {
    let world = ApiWorld::started().await;
    let good = world.with("kim", Role::Viewer, &[]).await;
    assert_eq!(status(&good, "/api/v1/runs", &[]).await, 200);
    let guess = async |number: usize| {
        let header = format!("Bearer slipway_guess-{number}");
        status(&world.unauthenticated(), "/api/v1/runs", &[("authorization", &header)]).await
    };
    assert_eq!(guess(0).await, 401);
    // Whoever asks the store now is answered that it failed.
    tamper(&world, "ALTER TABLE tokens RENAME TO hidden").await;
    assert_eq!(guess(0).await, 401, "what was refused a moment ago is refused again");
    assert_eq!(guess(1).await, 500, "the store is asked");
    let mut answers = Vec::new();
    for number in 2..MANY {
        answers.push(guess(number).await);
    }
    assert_eq!(answers.last(), Some(&429), "{answers:?}");
    tamper(&world, "ALTER TABLE hidden RENAME TO tokens").await;
    assert_eq!(status(&good, "/api/v1/runs", &[]).await, 200, "a token that was good is not held up by them");
    world.store.revoke_token("kim").await.expect("revoked");
    assert!([401, 429].contains(&status(&good, "/api/v1/runs", &[]).await), "and is asked about every time");
    world.finish().await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_a_limit_and_a_name_of_its_own() {
    let world = ApiWorld::new("api_token: {file: ./token}, trusted_proxies: [127.0.0.0/8]").await.start().await;
    let from =
        async |client: &str| status(&world.unauthenticated(), "/api/v1/runs", &[("x-forwarded-for", client)]).await;
    let mut answers = Vec::new();
    for number in 0..MANY {
        // What the client itself writes into the header stands to the left.
        answers.push(from(&format!("203.0.113.{number}, 198.51.100.1")).await);
    }
    assert!(answers.contains(&429), "{answers:?}");
    assert_eq!(from("198.51.100.2").await, 401, "another client is not held up");
    let audited = world.audited().await;
    assert!(audited.iter().any(|entry| entry.3.ends_with("from 198.51.100.1")), "{audited:#?}");
    assert!(!audited.iter().any(|entry| entry.3.contains("203.0.113.")), "{audited:#?}");
    world.finish().await;
}

#[tokio::test]
async fn without_a_trusted_proxy_nobody_says_where_a_request_is_from() {
    let world = ApiWorld::started().await;
    let mut answers = Vec::new();
    for number in 0..MANY {
        let client = format!("198.51.100.{number}");
        answers.push(status(&world.unauthenticated(), "/api/v1/runs", &[("x-forwarded-for", &client)]).await);
    }
    assert!(answers.contains(&429), "{answers:?}");
    let audited = world.audited().await;
    assert!(audited.iter().all(|entry| entry.3.ends_with("from 127.0.0.1")), "{audited:#?}");
    world.finish().await;
}

#[tokio::test]
async fn links_to_pages_cannot_be_guessed_without_end() {
    let world = ApiWorld::started().await;
    let mut answers = Vec::new();
    for number in 0..MANY {
        let path = format!("/runs/{}?key={number:064}", RunId::new());
        answers.push(status(&world.unauthenticated(), &path, &[]).await);
    }
    assert_eq!(answers[0], 404);
    assert!(answers.contains(&429), "{answers:?}");
    assert_eq!(status(&world.admin(), "/api/v1/runs", &[]).await, 200, "the API is not held up by that");
    world.finish().await;
}
